//! Who is online, told to those who watch.

use std::rc::Rc;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use skywave_engine::{AppSettings, Connection, Shard};
use skywave_protocol::{Limits, SocketId};

use crate::world::{Browser, Recorder, World, channel, credentials, data, ignore};

fn watching(workers: usize) -> World {
    let settings = AppSettings {
        watchlists: true,
        limits: Limits {
            watchlist_users: 3,
            ..Limits::default()
        },
        ..AppSettings::new(credentials())
    };
    World::of(workers, settings)
}

fn sign_in(browser: &Browser, id: &str, watchlist: &[&str]) {
    browser.sign_in(&json!({"id": id, "watchlist": watchlist}));
}

/// What a browser was told since the last look: `+` and who is online, `-` and who is not.
fn told(browser: &Browser) -> Vec<String> {
    let heard = browser.heard().into_iter();
    let told = heard.filter(|message| message["event"] == "pusher_internal:watchlist_events");
    told.flat_map(|message| match &data(&message)["events"] {
        Value::Array(events) => events.iter().map(change).collect::<Vec<_>>(),
        other => panic!("expected a list of events, got {other}"),
    })
    .collect()
}

fn change(event: &Value) -> String {
    let sign = match event["name"].as_str() {
        Some("online") => '+',
        Some("offline") => '-',
        other => panic!("no such event: {other:?}"),
    };
    let user_ids = event["user_ids"].as_array().expect("a list of ids");
    let user_ids = user_ids.iter().map(|id| id.as_str().expect("an id"));
    format!("{sign}{}", user_ids.collect::<Vec<_>>().join(","))
}

#[test]
fn a_watcher_is_shown_the_state_behind_its_success_and_then_every_change() {
    let world = watching(2);
    let (ann, bob) = (world.browser(0, 1), world.browser(1, 2));
    sign_in(&bob, "bob", &[]);
    assert_eq!(bob.events(), ["pusher:signin_success"]);
    sign_in(&ann, "ann", &["bob", "cid", "ann"]);
    let heard = ann.heard();
    assert_eq!(heard[0]["event"], "pusher:signin_success");
    let state = json!({"events": [
        {"name": "online", "user_ids": ["bob", "ann"]},
        {"name": "offline", "user_ids": ["cid"]},
    ]});
    assert_eq!(
        heard[1],
        json!({"event": "pusher_internal:watchlist_events", "data": state.to_string()})
    );
    world.tick();
    assert_eq!(ann.heard(), [] as [Value; 0]);

    let cid = world.browser(1, 3);
    sign_in(&cid, "cid", &[]);
    bob.close();
    world.tick();
    assert_eq!(told(&ann), ["+cid", "-bob"]);
}

#[test]
fn a_user_is_online_from_the_first_connection_to_the_last() {
    let world = watching(2);
    let ann = world.browser(0, 1);
    sign_in(&ann, "ann", &["bob"]);
    ann.heard();
    let bobs = [world.browser(0, 2), world.browser(1, 3)];
    for bob in &bobs {
        // Signing in again does not count twice.
        sign_in(bob, "bob", &[]);
        sign_in(bob, "bob", &[]);
    }
    // A member of a channel has not signed in.
    let member = world.browser(0, 4);
    member.join("presence-room", "bob");
    bobs[0].close();
    bobs[0].close();
    world.tick();
    assert_eq!(told(&ann), ["+bob"]);
    bobs[1].close();
    world.tick();
    assert_eq!(told(&ann), ["-bob"]);
}

#[test]
fn a_new_watcher_is_not_told_again_what_its_state_has_shown() {
    let world = watching(1);
    let (ann, bob, cid) = (
        world.browser(0, 1),
        world.browser(0, 2),
        world.browser(0, 3),
    );
    sign_in(&ann, "ann", &["bob"]);
    sign_in(&bob, "bob", &[]);
    sign_in(&cid, "cid", &["bob"]);
    world.tick();
    assert_eq!(told(&ann), ["-bob", "+bob"]);
    assert_eq!(told(&cid), ["+bob"]);
}

#[test]
fn a_list_that_is_too_long_is_cut_and_the_sign_in_succeeds() {
    let world = watching(1);
    let (ann, dan) = (world.browser(0, 1), world.browser(0, 2));
    sign_in(&ann, "ann", &["a", "b", "a", "c", "dan"]);
    let heard = ann.heard();
    assert_eq!(heard[0]["event"], "pusher:signin_success");
    assert_eq!(change(&data(&heard[1])["events"][0]), "-a,b,c");
    assert_eq!(heard[2]["event"], "pusher:error");
    assert_eq!(heard[2]["data"]["code"], 4302);
    sign_in(&dan, "dan", &[]);
    world.tick();
    assert_eq!(ann.heard(), [] as [Value; 0]);
}

#[test]
fn the_list_of_a_further_sign_in_takes_the_place_of_the_first() {
    let world = watching(1);
    let (ann, bob, cid) = (
        world.browser(0, 1),
        world.browser(0, 2),
        world.browser(0, 3),
    );
    sign_in(&ann, "ann", &["bob"]);
    sign_in(&ann, "ann", &["cid"]);
    assert_eq!(told(&ann), ["-bob", "-cid"]);
    sign_in(&bob, "bob", &[]);
    sign_in(&cid, "cid", &[]);
    world.tick();
    assert_eq!(told(&ann), ["+cid"]);
}

#[test]
fn watchers_come_and_go_in_any_order_and_each_hears_its_own() {
    let world = watching(2);
    let watchers: Vec<_> = (0..6).map(|id| world.browser(id % 2, id as u64)).collect();
    for (number, watcher) in watchers.iter().enumerate() {
        // Channels and watches share the worker's lists.
        watcher.subscribe("news");
        sign_in(watcher, &format!("w{number}"), &["bob", "w0"]);
    }
    for leaving in [0, 3] {
        watchers[leaving].close();
    }
    sign_in(&watchers[4], "w4", &["w0"]);
    world.tick();
    ignore(&watchers.iter().collect::<Vec<_>>());
    let bob = world.browser(0, 9);
    sign_in(&bob, "bob", &[]);
    world.publish("news", "e", None);
    world.tick();
    let hears_bob = [false, true, true, false, false, true];
    for (number, watcher) in watchers.iter().enumerate() {
        let events = watcher.events();
        let told = events
            .iter()
            .any(|e| e == "pusher_internal:watchlist_events");
        assert_eq!(told, hears_bob[number], "watcher {number}");
        let subscribed = ![0, 3].contains(&number);
        assert_eq!(events.iter().any(|e| e == "e"), subscribed, "{number}");
    }
}

#[test]
fn watching_is_no_subscription() {
    let world = watching(1);
    let ann = world.browser(0, 1);
    sign_in(&ann, "ann", &["bob", "presence-room"]);
    ann.heard();
    assert!(world.engine.occupied(&world.app(), "").is_empty());
    // No name leads to a watched user.
    world.publish("presence-room", "e", None);
    world.tick();
    assert_eq!(ann.heard(), [] as [Value; 0]);
    for name in ["bob", "presence-room"] {
        ann.unsubscribe(name);
        assert_eq!(ann.events(), ["pusher:error"], "{name}");
    }
    let occupancy = world.engine.occupancy(&world.app(), &channel("bob"));
    assert_eq!(occupancy.subscriptions, 0);
}

#[test]
fn nobody_is_told_anything_where_it_is_switched_off() {
    let world = World::new(1);
    let (ann, bob) = (world.browser(0, 1), world.browser(0, 2));
    // What was no list at all was no mistake before, either.
    ann.sign_in(&json!({"id": "ann", "watchlist": ["bob", 7]}));
    sign_in(&bob, "bob", &[]);
    world.tick();
    assert_eq!(ann.events(), ["pusher:signin_success"]);
}

#[test]
fn a_list_of_something_else_refuses_the_sign_in() {
    let world = watching(1);
    let ann = world.browser(0, 1);
    ann.sign_in(&json!({"id": "ann", "watchlist": ["bob", 7]}));
    assert_eq!(ann.events(), ["pusher:error"]);
    assert!(!ann.connection.is_user("ann"));
}

#[test]
fn changes_on_many_threads_are_told_in_the_order_in_which_they_happened() {
    let world = watching(3);
    let ann = world.browser(0, 1);
    sign_in(&ann, "ann", &["bob"]);
    let threads = [1, 2].map(|worker| {
        let engine = Arc::clone(&world.engine);
        std::thread::spawn(move || {
            let shard = Shard::<Recorder>::new(Arc::clone(&engine), worker);
            let app = Arc::clone(engine.apps().by_id("1").expect("the app"));
            let user_data = r#"{"id":"bob"}"#;
            for number in 0..500 {
                let id = SocketId::new(worker as u64, number);
                let slot = app.slot().expect("there is no limit");
                let connection = Connection::new(Recorder::default(), slot, id);
                let connection = Rc::new(connection);
                let auth = credentials().sign_user(id, user_data);
                let data = json!({"auth": auth, "user_data": user_data});
                let message = json!({"event": "pusher:signin", "data": data});
                shard.receive(&connection, &message.to_string(), 0);
                shard.disconnect(&connection, 0);
            }
        })
    });
    for thread in threads {
        thread.join().expect("no panic");
    }
    world.tick();
    let told = told(&ann);
    assert!(told.len() > 1, "{told:?}");
    for (number, change) in told.iter().enumerate() {
        assert_eq!(change, ["-bob", "+bob"][number % 2], "change {number}");
    }
    assert_eq!(told.last().map(String::as_str), Some("-bob"));
}

#[derive(Debug, Clone)]
enum Step {
    /// A browser signs in as a user and watches some; further times it may watch others.
    SignIn(usize, usize, [bool; USERS]),
    /// A browser's connection ends; it opens another.
    Reconnect(usize),
    Tick(usize),
}

const BROWSERS: usize = 5;
const USERS: usize = 3;
const WORKERS: usize = 2;
const NAMES: [&str; USERS] = ["u0", "u1", "u2"];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let watched = proptest::array::uniform3(any::<bool>());
    let step = prop_oneof![
        5 => (0..BROWSERS, 0..USERS, watched).prop_map(|(b, u, w)| Step::SignIn(b, u, w)),
        3 => (0..BROWSERS).prop_map(Step::Reconnect),
        3 => (0..WORKERS).prop_map(Step::Tick),
    ];
    proptest::collection::vec(step, 0..80)
}

/// A browser, who it is, and what it believes of those it watches.
struct Watcher {
    browser: Browser,
    user: Option<usize>,
    believes: [Option<bool>; USERS],
}

impl Watcher {
    /// Takes in what it was told: of a user whom it watches, and nothing that it knew.
    fn listen(&mut self) {
        for change in told(&self.browser) {
            for user_id in change[1..].split(',') {
                let user = NAMES.iter().position(|name| *name == user_id);
                let belief = &mut self.believes[user.expect("one of the users")];
                let is_online = Some(change.starts_with('+'));
                assert_ne!(*belief, is_online, "{change} is no news");
                *belief = is_online;
            }
        }
    }
}

proptest! {
    /// Whatever happens in which order, on any worker: once all ticks have ended, watchers know who
    /// is online, and nobody was told anything twice.
    #[test]
    fn watchers_know_who_is_online(steps in steps()) {
        let world = watching(WORKERS);
        let mut next_id = 0;
        let mut connect = |number: usize| {
            next_id += 1;
            let browser = world.browser(number % WORKERS, next_id);
            Watcher { browser, user: None, believes: [None; USERS] }
        };
        let mut watchers: Vec<_> = (0..BROWSERS).map(&mut connect).collect();
        for step in steps {
            match step {
                Step::SignIn(number, user, watched) => {
                    let watcher = &mut watchers[number];
                    watcher.listen();
                    if *watcher.user.get_or_insert(user) == user {
                        // A list takes the place of the one before, and begins with the state.
                        watcher.believes = [None; USERS];
                    }
                    let list: Vec<_> =
                        (0..USERS).filter(|user| watched[*user]).map(|user| NAMES[user]).collect();
                    sign_in(&watcher.browser, NAMES[user], &list);
                    watcher.listen();
                    if watcher.user == Some(user) {
                        let shown = watcher.believes.map(|belief| belief.is_some());
                        prop_assert_eq!(shown, watched);
                    }
                }
                Step::Reconnect(number) => {
                    watchers[number].browser.close();
                    watchers[number] = connect(number);
                }
                Step::Tick(worker) => world.shards[worker].flush(),
            }
        }
        world.tick();
        for number in 0..BROWSERS {
            watchers[number].listen();
            for user in 0..USERS {
                let is_online = watchers.iter().any(|watcher| watcher.user == Some(user));
                if let Some(belief) = watchers[number].believes[user] {
                    prop_assert_eq!(belief, is_online, "browser {} of user {}", number, user);
                }
            }
        }
    }
}
