//! Events on their way to subscribers.

use std::task::{Context, Poll, Waker};

use serde_json::json;
use skywave_engine::{App, Apps, DuplicateApp, Engine, Except, Inbox, Publication};
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
fn an_excluded_user_misses_an_event_on_every_connection_that_is_known_to_be_the_users() {
    let world = World::new(2);
    let signed_in = [world.browser(0, 1), world.browser(1, 2)];
    for browser in &signed_in {
        browser.sign_in(&json!({"id": "ann"}));
        browser.subscribe("news");
    }
    let (stranger, bob) = (world.browser(0, 3), world.browser(1, 4));
    stranger.subscribe("news");
    bob.sign_in(&json!({"id": "bob"}));
    bob.subscribe("news");
    let [here, there] = &signed_in;
    ignore(&[here, there, &stranger, &bob]);

    for except in [
        None,
        Some(Except::User("ann")),
        Some(Except::User("nobody")),
    ] {
        let event = except.map_or("all".to_owned(), |except| format!("{except:?}"));
        world.publish_except("news", &event, except);
    }
    world.tick();

    let (all, others, anybody) = ("all", "User(\"ann\")", "User(\"nobody\")");
    for browser in &signed_in {
        assert_eq!(browser.events(), [all, anybody]);
    }
    for browser in [&stranger, &bob] {
        assert_eq!(browser.events(), [all, others, anybody]);
    }
}

#[test]
fn an_excluded_user_is_also_known_as_the_member_of_a_presence_channel_but_only_there() {
    let world = World::new(1);
    let (ann, bob) = (world.browser(0, 1), world.browser(0, 2));
    ann.join("presence-room", "ann");
    bob.join("presence-room", "bob");
    ann.subscribe("news");
    world.tick();
    ignore(&[&ann, &bob]);

    for name in ["presence-room", "news"] {
        world.publish_except(name, name, Some(Except::User("ann")));
    }
    world.tick();
    assert_eq!(ann.events(), ["news"]);
    assert_eq!(bob.events(), ["presence-room"]);
}

#[test]
fn an_excluded_users_connection_is_named_beside_the_user_where_it_has_not_signed_in() {
    let world = World::new(1);
    let (page, tab, other) = (
        world.browser(0, 1),
        world.browser(0, 2),
        world.browser(0, 3),
    );
    tab.sign_in(&json!({"id": "ann"}));
    for browser in [&page, &tab, &other] {
        browser.subscribe("news");
    }
    ignore(&[&page, &tab, &other]);
    let ann_here = Except::UserAt("ann", page.connection.socket_id());
    world.publish_except("news", "a", Some(ann_here));
    world.publish_except("news", "b", None);
    world.tick();
    assert_eq!(page.events(), ["b"]);
    assert_eq!(tab.events(), ["b"]);
    assert_eq!(other.events(), ["a", "b"]);
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
fn small_events_are_bounded_by_their_number() {
    let world = World::new(1);
    let browser = world.browser(0, 1);
    browser.subscribe("news");
    browser.heard();
    let channels = [channel("news")];
    let publication = Publication {
        channels: &channels,
        event: "e",
        data: "",
        except: None,
    };
    let publish = || world.engine.publish(&world.app(), [publication], 0);
    let accepted = (0..=Inbox::FRAMES)
        .take_while(|_| publish().is_ok())
        .count();
    assert_eq!(accepted, Inbox::FRAMES);
    assert!(world.engine.is_behind());
    assert!(world.engine.waiting_bytes(0) < Inbox::BYTES);
    // What is left is counted whichever way it is taken.
    world.shards[0].flush_at_most(1);
    assert_eq!(world.engine.waiting_frames(0), Inbox::FRAMES - 1);
    assert_eq!(publish(), Ok(()));
    assert_eq!(publish(), Err(Rejection::OverCapacity));
    world.browser(0, 2).subscribe("news");
    assert_eq!(world.engine.waiting_frames(0), 0);
    assert_eq!(publish(), Ok(()));
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

/// Events that are more than a worker takes from its inbox while somebody joins.
const BURST: usize = 6_000;

#[test]
fn a_burst_is_written_in_pieces_of_whole_frames_and_in_order() {
    let world = World::new(1);
    let browser = world.browser(0, 1);
    browser.subscribe("news");
    ignore(&[&browser]);
    for number in 0..BURST {
        world.publish("news", &number.to_string(), None);
    }
    let shard = &world.shards[0];
    let (mut heard, mut before) = (0, shard.waiting_bytes());
    while shard.waiting_bytes() > 0 {
        shard.flush_at_most(10_000);
        let after = shard.waiting_bytes();
        assert!((1..=10_100).contains(&(before - after)), "{before} {after}");
        before = after;
        for event in browser.events() {
            assert_eq!(event, heard.to_string());
            heard += 1;
        }
    }
    assert_eq!(heard, BURST);

    // However little is allowed, something is written.
    world.publish("news", "last", None);
    shard.flush_at_most(0);
    assert_eq!(browser.events(), ["last"]);
}

#[test]
fn who_joins_in_the_middle_of_a_burst_hears_nothing_of_it_and_the_others_all() {
    let world = World::new(1);
    let (early, late) = (world.browser(0, 1), world.browser(0, 2));
    early.subscribe("news");
    early.subscribe("weather");
    ignore(&[&early]);
    for number in 0..BURST {
        world.publish(
            if number % 2 == 0 { "news" } else { "weather" },
            &number.to_string(),
            None,
        );
    }
    late.subscribe("news");
    assert_eq!(
        late.events(),
        ["pusher_internal:subscription_succeeded"],
        "nothing from before"
    );
    let mut heard = early.events();
    assert_eq!(heard.len(), BURST / 2, "the channel's part of the burst");
    assert!(world.shards[0].waiting_bytes() > 0);
    world.publish("news", "after", None);
    world.tick();
    assert_eq!(late.events(), ["after"]);
    heard.extend(early.events());
    let number_of = |event: &String| event.parse::<usize>().unwrap_or(BURST);
    for parity in [0, 1] {
        let of_one = heard.iter().map(number_of).filter(|n| n % 2 == parity);
        assert!(of_one.is_sorted(), "one order");
    }
    assert_eq!(heard.len(), BURST + 1);
}

#[test]
fn an_event_that_waits_while_somebody_joins_another_channel_is_not_forgotten() {
    let world = World::new(1);
    let (one, other) = (world.browser(0, 1), world.browser(0, 2));
    one.subscribe("news");
    ignore(&[&one]);
    let mut cx = Context::from_waker(Waker::noop());
    assert_eq!(world.shards[0].poll_inbox(&mut cx), Poll::Pending);

    world.publish("news", "Headline", None);
    // Takes what waits, lest somebody who joins gets what came before.
    other.subscribe("sports");
    assert_eq!(world.shards[0].poll_inbox(&mut cx), Poll::Ready(()));
    world.tick();
    assert_eq!(one.heard()[0]["event"], "Headline");
    assert_eq!(world.shards[0].poll_inbox(&mut cx), Poll::Pending);
}
