//! What a node has done so far.

use serde_json::json;
use skywave_engine::{Counters, Except};

use crate::world::{Browser, World, ignore};

fn bytes(browsers: &[&Browser]) -> u64 {
    let writes = browsers.iter().flat_map(|browser| browser.writes());
    writes.map(|write| write.len() as u64).sum()
}

#[test]
fn everything_is_counted_once_and_every_byte() {
    let world = World::new(2);
    assert_eq!(world.engine.counters(), Counters::default());
    let (ann, bob, cid) = (
        world.browser(0, 1),
        world.browser(0, 2),
        world.browser(1, 3),
    );
    let all = [&ann, &bob, &cid];
    for browser in all {
        browser.subscribe("news");
    }
    ann.sign_in(&json!({"id": "ann"}));
    let mut total = bytes(&all);
    let expected = Counters {
        bytes_out: total,
        messages_in: 4,
        subscriptions: 3,
        sign_ins: 1,
        ..Counters::default()
    };
    assert_eq!(world.engine.counters(), expected);

    let bob_id = Some(Except::Connection(bob.connection.socket_id()));
    for except in [None, bob_id, Some(Except::User("ann")), None] {
        world.publish_except("news", "e", except);
    }
    world.publish("nobody-listens", "e", None);
    world.tick();
    total += bytes(&all);
    let expected = Counters {
        events: 5,
        deliveries: 3 + 2 + 2 + 3,
        bytes_out: total,
        ..expected
    };
    assert_eq!(world.engine.counters(), expected);
}

#[test]
fn client_events_are_passed_on_or_refused() {
    let world = World::new(1);
    let (ann, bob) = (world.browser(0, 1), world.browser(0, 2));
    for browser in [&ann, &bob] {
        browser.subscribe_signed("private-a", None);
    }
    ignore(&[&ann, &bob]);
    let before = world.engine.counters();
    for channel in ["private-a", "private-a", "private-b"] {
        ann.say(&json!({"event": "client-x", "channel": channel, "data": {}}));
    }
    ann.say(&json!("no message"));
    world.tick();
    let counters = world.engine.counters();
    assert_eq!(counters.client_events, 2);
    assert_eq!(counters.refused_messages, 2);
    assert_eq!(counters.messages_in - before.messages_in, 4);
    assert_eq!(counters.deliveries - before.deliveries, 2);
    assert_eq!(counters.events, 0);
}

#[test]
fn what_a_newcomer_makes_go_out_early_is_counted_with_its_tick() {
    let world = World::new(1);
    let (ann, bob) = (world.browser(0, 1), world.browser(0, 2));
    ann.subscribe("news");
    world.publish("news", "e", None);
    bob.subscribe("news");
    world.publish("news", "e", None);
    world.tick();
    let counters = world.engine.counters();
    assert_eq!(counters.deliveries, 3);
    assert_eq!(counters.bytes_out, bytes(&[&ann, &bob]));
}
