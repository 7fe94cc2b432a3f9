//! What an observer is told, and in which order.

use std::sync::{Arc, Mutex};

use serde_json::json;
use skywave_engine::{App, AppSettings, Apps, Engine, Observer, Occurrence};
use skywave_protocol::ChannelName;

use crate::world::{World, credentials};

#[derive(Debug, Default)]
struct Diary(Mutex<Vec<String>>);

impl Diary {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().expect("no test panics under it"))
    }
}

impl Observer for Diary {
    fn observe(&self, app: &App, channel: &ChannelName, occurrence: &Occurrence<'_>) {
        let entry = match occurrence {
            Occurrence::Occupied => "occupied".to_owned(),
            Occurrence::Vacated => "vacated".to_owned(),
            Occurrence::MemberAdded { user_id } => format!("added {user_id}"),
            Occurrence::MemberRemoved { user_id } => format!("removed {user_id}"),
            Occurrence::ClientEvent {
                event,
                data,
                socket_id,
                user_id,
            } => format!("{event} {data} {socket_id} {user_id:?}"),
            Occurrence::CacheMiss => "cache miss".to_owned(),
            Occurrence::SubscriptionCount { count } => format!("count {count}"),
        };
        let entry = format!("{}/{channel}: {entry}", app.id());
        self.0.lock().expect("no test panics under it").push(entry);
    }
}

fn observed() -> (World, Arc<Diary>) {
    observed_with(AppSettings::new(credentials()))
}

fn observed_with(settings: AppSettings) -> (World, Arc<Diary>) {
    let diary = Arc::<Diary>::default();
    let apps = Apps::new([App::new("1", settings)]).expect("one app");
    let observer: Arc<dyn Observer> = Arc::clone(&diary) as _;
    (World::with(Engine::new(apps, 2, Some(observer)), 2), diary)
}

#[test]
fn a_presence_channel_is_told_from_its_first_member_to_its_last() {
    let (world, diary) = observed();
    let (ann, bob) = (world.browser(0, 1), world.browser(1, 2));
    for browser in [&ann, &bob] {
        browser.join("presence-room", "u");
    }
    assert_eq!(
        diary.take(),
        ["1/presence-room: occupied", "1/presence-room: added u"]
    );
    ann.say(&json!({"event": "client-x", "channel": "presence-room", "data": {"a": 1}}));
    assert_eq!(
        diary.take(),
        [r#"1/presence-room: client-x {"a":1} 1.1 Some("u")"#]
    );
    ann.unsubscribe("presence-room");
    assert!(diary.take().is_empty());
    bob.close();
    assert_eq!(
        diary.take(),
        ["1/presence-room: removed u", "1/presence-room: vacated"]
    );
}

#[test]
fn a_cache_channel_that_holds_nothing_is_told_for_each_who_asks() {
    let (world, diary) = observed();
    let (ann, bob) = (world.browser(0, 1), world.browser(1, 2));
    ann.subscribe("cache-a");
    world.publish("cache-a", "e", None);
    bob.subscribe("cache-a");
    assert_eq!(
        diary.take(),
        ["1/cache-a: occupied", "1/cache-a: cache miss"]
    );
}

#[test]
fn the_channel_of_a_single_user_is_nobody_elses_business() {
    let (world, diary) = observed();
    let ann = world.browser(0, 1);
    ann.sign_in(&json!({"id": "u"}));
    ann.subscribe("#server-to-user-u");
    ann.close();
    assert!(diary.take().is_empty());
}

#[test]
fn counts_are_told_as_subscribers_are_told_them() {
    let (world, diary) = observed_with(AppSettings {
        subscription_counts: true,
        ..AppSettings::new(credentials())
    });
    let crowd: Vec<_> = (1..=102).map(|id| world.browser(0, id)).collect();
    for browser in &crowd {
        browser.subscribe("a");
    }
    let told = diary.take();
    assert_eq!(told[..2], ["1/a: occupied", "1/a: count 1"]);
    assert_eq!(told.last().map(String::as_str), Some("1/a: count 100"));
    world.shards[0].tell_counts(5_000);
    assert_eq!(diary.take(), ["1/a: count 102"]);
    for browser in &crowd {
        browser.close_at(5_000);
    }
    let told = diary.take();
    // The last one to go leaves nobody to count.
    let end = ["1/a: count 1", "1/a: vacated"];
    assert_eq!(told[told.len() - 2..], end);
}
