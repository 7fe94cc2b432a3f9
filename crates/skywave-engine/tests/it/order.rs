//! One channel has one order, whoever publishes and wherever the subscribers are.

use std::collections::BTreeSet;
use std::sync::{Arc, Barrier};

use proptest::prelude::*;
use skywave_engine::Publication;

use crate::world::{Browser, World, channel};

#[test]
fn concurrent_publishers_are_heard_in_the_same_order_on_every_worker() {
    let world = World::new(2);
    let browsers = [world.browser(0, 1), world.browser(1, 2)];
    for browser in &browsers {
        browser.subscribe("news");
        browser.heard();
    }
    let start = Arc::new(Barrier::new(4));
    let publishers = (0..4).map(|publisher| {
        let (engine, start) = (Arc::clone(&world.engine), Arc::clone(&start));
        std::thread::spawn(move || {
            let (apps, channels) = (engine.apps(), [channel("news")]);
            let app = apps.by_id("1").expect("the app");
            start.wait();
            for number in 0..500 {
                let event = format!("{publisher}:{number}");
                let publication = Publication {
                    channels: &channels,
                    event: &event,
                    data: "{}",
                    except: None,
                };
                engine
                    .publish(app, [publication], 0)
                    .expect("there is room");
            }
        })
    });
    let publishers: Vec<_> = publishers.collect();
    while !publishers.iter().all(std::thread::JoinHandle::is_finished) {
        world.tick();
    }
    for publisher in publishers {
        publisher.join().expect("a publisher does not panic");
    }
    world.tick();
    let (one, two) = (browsers[0].events(), browsers[1].events());
    assert_eq!(one.len(), 2000);
    assert_eq!(one, two);
}

#[derive(Debug, Clone)]
enum Step {
    Subscribe(usize, u8),
    Unsubscribe(usize, u8),
    Publish(u8, Option<usize>),
    Close(usize),
    Tick(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let browser = 0..BROWSERS;
    let name = 0..3u8;
    let step = prop_oneof![
        3 => (browser.clone(), name.clone()).prop_map(|(b, n)| Step::Subscribe(b, n)),
        2 => (browser.clone(), name.clone()).prop_map(|(b, n)| Step::Unsubscribe(b, n)),
        5 => (name, proptest::option::of(browser.clone())).prop_map(|(n, b)| Step::Publish(n, b)),
        1 => browser.clone().prop_map(Step::Close),
        3 => (0..WORKERS).prop_map(Step::Tick),
    ];
    proptest::collection::vec(step, 0..120)
}

const BROWSERS: usize = 5;
const WORKERS: usize = 2;

/// What a browser should hear of application events, worked out without the engine.
#[derive(Default)]
struct Model {
    subscribed: BTreeSet<u8>,
    /// Per channel, what it must hear; what is not flushed yet is lost by leaving.
    heard: [Vec<String>; 3],
    pending: [Vec<String>; 3],
}

fn application_events(browser: &Browser) -> [Vec<String>; 3] {
    let mut heard: [Vec<String>; 3] = Default::default();
    for message in browser.heard() {
        let event = message["event"].as_str().expect("an event name");
        if let Some(number) = event.strip_prefix("e") {
            let name = message["channel"].as_str().expect("a channel");
            let index = usize::from(name.as_bytes()[1] - b'0');
            heard[index].push(number.to_owned());
        }
    }
    heard
}

proptest! {
    /// Everything published between a subscription and its end arrives once and in order, save
    /// what was still in the tick when the subscription ended.
    #[test]
    fn subscribers_hear_exactly_what_they_should(steps in steps()) {
        let world = World::new(WORKERS);
        let browsers: Vec<_> =
            (0..BROWSERS).map(|b| world.browser(b % WORKERS, b as u64 + 1)).collect();
        let mut models: Vec<Model> = (0..BROWSERS).map(|_| Model::default()).collect();
        let mut number = 0;
        for step in steps {
            match step {
                Step::Subscribe(b, n) => {
                    browsers[b].subscribe(&format!("c{n}"));
                    if !models[b].subscribed.insert(n) {
                        continue;
                    }
                    // A join flushes the channel on that worker.
                    for (other, model) in models.iter_mut().enumerate() {
                        if other % WORKERS == b % WORKERS {
                            let pending = std::mem::take(&mut model.pending[usize::from(n)]);
                            model.heard[usize::from(n)].extend(pending);
                        }
                    }
                }
                Step::Unsubscribe(b, n) => {
                    browsers[b].unsubscribe(&format!("c{n}"));
                    models[b].subscribed.remove(&n);
                    models[b].pending[usize::from(n)].clear();
                }
                Step::Publish(n, except) => {
                    number += 1;
                    let except_id = except.map(|b| browsers[b].connection.socket_id());
                    world.publish(&format!("c{n}"), &format!("e{number}"), except_id);
                    for (b, model) in models.iter_mut().enumerate() {
                        if model.subscribed.contains(&n) && except != Some(b) {
                            model.pending[usize::from(n)].push(number.to_string());
                        }
                    }
                }
                Step::Close(b) => {
                    browsers[b].close();
                    models[b].subscribed.clear();
                    models[b].pending = Default::default();
                }
                Step::Tick(worker) => {
                    world.shards[worker].flush();
                    for (b, model) in models.iter_mut().enumerate() {
                        if b % WORKERS == worker {
                            for n in 0..3 {
                                let pending = std::mem::take(&mut model.pending[n]);
                                model.heard[n].extend(pending);
                            }
                        }
                    }
                }
            }
        }
        for (b, browser) in browsers.iter().enumerate() {
            let heard = application_events(browser);
            for (n, heard) in heard.iter().enumerate() {
                prop_assert_eq!(heard, &models[b].heard[n], "browser {} channel {}", b, n);
            }
        }
    }
}
