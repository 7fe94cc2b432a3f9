//! Events that subscribers send to each other.

use serde_json::{Value, json};
use skywave_engine::AppSettings;

use crate::world::{Browser, World, credentials, ignore};

fn typing(name: &str) -> Value {
    json!({"event": "client-typing", "channel": name, "data": {"on": true}})
}

fn refusal(browser: &Browser) -> Value {
    let heard = browser.heard();
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert_eq!(heard[0]["event"], "pusher:error");
    heard[0]["data"].clone()
}

#[test]
fn a_client_event_reaches_the_others_with_the_senders_user_id() {
    let world = World::new(2);
    let (ann, bob) = (world.browser(0, 1), world.browser(1, 2));
    ann.join("presence-room", "ann");
    bob.join("presence-room", "bob");
    world.tick();
    ignore(&[&ann, &bob]);

    ann.say(&typing("presence-room"));
    world.tick();
    assert_eq!(ann.heard(), [] as [Value; 0], "never to the sender");
    let expected = json!({"event": "client-typing", "channel": "presence-room",
        "data": "{\"on\":true}", "user_id": "ann"});
    assert_eq!(bob.heard(), [expected]);
}

#[test]
fn on_a_private_channel_nobody_is_named_and_a_string_passes_unchanged() {
    let world = World::new(1);
    let (ann, bob) = (world.browser(0, 1), world.browser(0, 2));
    ann.subscribe_signed("private-a", None);
    bob.subscribe_signed("private-a", None);
    ignore(&[&ann, &bob]);
    ann.say(&json!({"event": "client-x", "channel": "private-a", "data": "plain text"}));
    world.tick();
    let expected = json!({"event": "client-x", "channel": "private-a", "data": "plain text"});
    assert_eq!(bob.heard(), [expected]);
}

#[test]
fn client_events_that_break_a_rule_are_refused_and_the_connection_stays() {
    let world = World::new(1);
    let ann = world.browser(0, 1);
    ann.subscribe("public");
    ann.subscribe_signed("private-a", None);
    ann.heard();
    let large = json!({"event": "client-x", "channel": "private-a", "data": "x".repeat(10_241)});
    for (message, reason) in [
        (
            typing("private-b"),
            "connection not subscribed to channel private-b",
        ),
        (typing("public"), "not a private or presence channel"),
        (
            json!({"event": "client-x", "data": {}}),
            "must contain channel and data",
        ),
        (
            json!({"event": "client-x", "channel": "private-a"}),
            "must contain channel and data",
        ),
        (large, "exceeds the allowed maximum (10240 bytes)"),
    ] {
        ann.say(&message);
        let error = refusal(&ann);
        assert!(
            error["message"]
                .as_str()
                .is_some_and(|m| m.contains(reason)),
            "{error}"
        );
        assert_eq!(error["code"], Value::Null);
    }
}

#[test]
fn the_eleventh_client_event_of_a_second_is_dropped_with_4301() {
    let world = World::new(1);
    let (ann, bob) = (world.browser(0, 1), world.browser(0, 2));
    ann.subscribe_signed("private-a", None);
    bob.subscribe_signed("private-a", None);
    ignore(&[&ann, &bob]);
    for sent in 0..11 {
        ann.say_at(&typing("private-a"), 5_000 + sent);
    }
    assert_eq!(refusal(&ann)["code"], 4301);
    ann.say_at(&typing("private-a"), 6_000);
    world.tick();
    assert_eq!(
        bob.heard().len(),
        11,
        "ten of the first second, one of the next"
    );
    assert_eq!(ann.heard(), [] as [Value; 0]);
}

#[test]
fn a_client_event_is_dropped_with_a_word_while_a_worker_is_too_far_behind() {
    let world = World::new(1);
    let (ann, bob) = (world.browser(0, 1), world.browser(0, 2));
    ann.subscribe_signed("private-a", None);
    bob.subscribe_signed("private-a", None);
    bob.subscribe("news");
    ignore(&[&ann, &bob]);
    while !world.engine.is_behind() {
        world.publish("news", "e", None);
    }
    ann.say(&typing("private-a"));
    let refused = refusal(&ann);
    assert_eq!(refused["code"], 4301);
    assert_eq!(
        refused["message"],
        "Client event dropped: the server is over capacity"
    );
    world.tick();
    let heard = bob.heard();
    assert!(heard.iter().all(|message| message["event"] == "e"));
    ann.say(&typing("private-a"));
    world.tick();
    assert_eq!(bob.heard().len(), 1, "it goes on by itself");
}

#[test]
fn an_app_can_switch_client_events_off() {
    let settings = AppSettings {
        client_events: false,
        ..AppSettings::new(credentials())
    };
    let world = World::of(1, settings);
    let ann = world.browser(0, 1);
    ann.subscribe_signed("private-a", None);
    ann.heard();
    ann.say(&typing("private-a"));
    let message = refusal(&ann)["message"].clone();
    assert!(
        message
            .as_str()
            .is_some_and(|m| m.contains("you must enable this feature"))
    );
}
