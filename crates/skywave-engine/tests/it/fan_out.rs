//! Events on their way to subscribers.

use skywave_engine::{App, Apps, DuplicateApp, Engine, Inbox, Publication};
use skywave_protocol::{Credentials, Rejection, Secret};

use crate::world::{World, channel, credentials, ignore};

#[test]
fn an_event_reaches_the_subscribers_on_every_worker_and_nobody_else() {
    let world = World::new(2);
    let (here, there, elsewhere) = (
        world.browser(0, 1),
        world.browser(1, 2),
        world.browser(1, 3),
    );
    here.subscribe("news");
    there.subscribe("news");
    elsewhere.subscribe("sports");
    ignore(&[&here, &there, &elsewhere]);

    world.publish("news", "Headline", None);
    world.tick();

    let expected = serde_json::json!({"event": "Headline", "channel": "news", "data": "{}"});
    assert_eq!(
        [here.heard(), there.heard()].concat(),
        [expected.clone(), expected]
    );
    assert_eq!(elsewhere.heard(), [] as [serde_json::Value; 0]);
}

#[test]
fn the_events_of_a_tick_are_one_write() {
    let world = World::new(1);
    let browser = world.browser(0, 1);
    browser.subscribe("news");
    browser.heard();
    for event in ["a", "b", "c"] {
        world.publish("news", event, None);
    }
    world.tick();
    assert_eq!(browser.writes().len(), 1);
}

#[test]
fn an_excluded_connection_misses_only_what_excludes_it() {
    let world = World::new(1);
    let (author, other) = (world.browser(0, 1), world.browser(0, 2));
    author.subscribe("news");
    other.subscribe("news");
    ignore(&[&author, &other]);

    let author_id = Some(author.connection.socket_id());
    for (event, except) in [("a", None), ("b", author_id), ("c", None), ("d", author_id)] {
        world.publish("news", event, except);
    }
    world.tick();

    assert_eq!(author.events(), ["a", "c"]);
    assert_eq!(other.events(), ["a", "b", "c", "d"]);
}

#[test]
fn an_excluded_connection_alone_in_its_tick_gets_no_write_at_all() {
    let world = World::new(1);
    let author = world.browser(0, 1);
    author.subscribe("news");
    author.heard();
    world.publish("news", "a", Some(author.connection.socket_id()));
    world.tick();
    assert_eq!(author.writes().len(), 0);
}

#[test]
fn publishing_is_refused_while_a_worker_is_too_far_behind_and_nothing_is_sent_then() {
    let world = World::new(1);
    let browser = world.browser(0, 1);
    browser.subscribe("news");
    browser.heard();

    let (channels, data) = ([channel("news")], "x".repeat(1024 * 1024));
    let publication = Publication {
        channels: &channels,
        event: "big",
        data: &data,
        except: None,
    };
    let mut accepted = 0;
    let refusal = loop {
        match world.engine.publish(&world.app(), [publication], 0) {
            Ok(()) => accepted += 1,
            Err(rejection) => break rejection,
        }
        assert!(
            accepted * data.len() <= Inbox::BYTES,
            "the inbox has no bound"
        );
    };
    assert_eq!(refusal, Rejection::OverCapacity);

    world.tick();
    let delivered: usize = browser.writes().iter().map(Vec::len).sum();
    assert!(
        delivered / data.len() == accepted,
        "{accepted} accepted, {delivered} bytes written"
    );
    assert_eq!(
        world.engine.publish(&world.app(), [publication], 0),
        Ok(()),
        "recovers by itself"
    );
}

#[test]
fn apps_with_equal_channel_names_do_not_hear_each_other() {
    let other = App::new("2", Credentials::new("other", &Secret::new("other")));
    let apps = Apps::new([App::new("1", credentials()), other]).expect("different apps");
    let mut world = World::new(1);
    world.engine = Engine::new(apps, 1, None);
    let shard = skywave_engine::Shard::new(std::sync::Arc::clone(&world.engine), 0);
    world.shards = vec![std::rc::Rc::new(shard)];
    let browser = world.browser(0, 1);
    browser.subscribe("news");
    browser.heard();

    let channels = [channel("news")];
    let publication = Publication {
        channels: &channels,
        event: "a",
        data: "{}",
        except: None,
    };
    let apps = world.engine.apps();
    let stranger = apps.by_key("other").expect("the other app");
    world
        .engine
        .publish(stranger, [publication], 0)
        .expect("there is room");
    world.tick();
    assert_eq!(browser.writes().len(), 0);
}

#[test]
fn two_apps_must_differ_in_id_and_key() {
    let app = |id: &str, key: &str| App::new(id, Credentials::new(key, &Secret::new("s")));
    let same_id = Apps::new([app("1", "a"), app("1", "b")]).map(drop);
    assert_eq!(same_id, Err(DuplicateApp::Id("1".into())));
    let same_key = Apps::new([app("1", "a"), app("2", "a")]).map(drop);
    assert_eq!(same_key, Err(DuplicateApp::Key("a".into())));
}
