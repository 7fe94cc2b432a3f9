//! Coming and going.

use serde_json::{Value, json};
use skywave_engine::{AppSettings, Occupancy};
use skywave_protocol::{Limits, SocketId};

use crate::world::{World, channel, credentials, ignore};

/// The errors in what a browser heard: their messages.
fn errors(heard: &[Value]) -> Vec<&str> {
    heard
        .iter()
        .filter(|message| message["event"] == "pusher:error")
        .map(|message| message["data"]["message"].as_str().expect("a message"))
        .collect()
}

#[test]
fn a_subscriber_hears_what_is_published_after_its_success_and_nothing_from_before() {
    let world = World::new(1);
    let (early, late) = (world.browser(0, 1), world.browser(0, 2));
    early.subscribe("news");
    world.publish("news", "before", None);
    late.subscribe("news");
    world.publish("news", "after", None);
    world.tick();
    let success = "pusher_internal:subscription_succeeded";
    assert_eq!(early.events(), [success, "before", "after"]);
    assert_eq!(late.events(), [success, "after"]);
}

#[test]
fn a_second_subscription_is_refused_and_not_counted() {
    let world = World::new(1);
    let browser = world.browser(0, 1);
    browser.subscribe("news");
    browser.heard();
    browser.subscribe("news");
    let heard = browser.heard();
    assert_eq!(errors(&heard), ["Existing subscription to channel news"]);
    assert_eq!(
        heard.len(),
        1,
        "the subscription that exists has not failed: {heard:?}"
    );
    let occupancy = world.engine.occupancy(&world.app(), &channel("news"));
    assert_eq!(
        occupancy,
        Occupancy {
            subscriptions: 1,
            users: None
        }
    );
}

#[test]
fn unsubscribing_ends_the_events_and_a_second_time_is_harmless() {
    let world = World::new(1);
    let (leaver, stayer) = (world.browser(0, 1), world.browser(0, 2));
    leaver.subscribe("news");
    stayer.subscribe("news");
    ignore(&[&leaver, &stayer]);
    leaver.unsubscribe("news");
    leaver.unsubscribe("news");
    world.publish("news", "a", None);
    world.tick();
    let heard = leaver.heard();
    assert_eq!(
        errors(&heard),
        ["No current subscription to channel news, or subscription in progress"]
    );
    assert_eq!(heard.len(), 1);
    assert_eq!(stayer.events(), ["a"]);
}

#[test]
fn a_closed_connection_leaves_every_channel_and_no_trace() {
    let world = World::new(2);
    let browser = world.browser(1, 1);
    for number in 0..50 {
        browser.subscribe(&format!("c{number}"));
    }
    browser.close();
    browser.close();
    for number in 0..50 {
        let occupancy = world
            .engine
            .occupancy(&world.app(), &channel(&format!("c{number}")));
        assert_eq!(occupancy.subscriptions, 0);
    }
    browser.heard();
    world.publish("c7", "a", None);
    world.tick();
    assert_eq!(browser.writes().len(), 0);
}

#[test]
fn a_channel_left_and_joined_within_a_tick_forgets_the_frames_of_its_former_life() {
    let world = World::new(1);
    let (first, second) = (world.browser(0, 1), world.browser(0, 2));
    first.subscribe("news");
    world.publish("news", "old", None);
    first.unsubscribe("news");
    second.subscribe("news");
    world.tick();
    assert_eq!(second.events(), ["pusher_internal:subscription_succeeded"]);
}

#[test]
fn wrong_signatures_keys_and_names_are_refused_on_the_channel_and_on_the_connection() {
    let world = World::new(1);
    let browser = world.browser(0, 1);
    let elsewhere = SocketId::new(9, 9);
    let foreign = credentials().sign_channel(elsewhere, &channel("private-a"), None);
    for (data, reason) in [
        (json!({"channel": "private-a"}), "Invalid signature"),
        (
            json!({"channel": "private-a", "auth": foreign}),
            "Invalid signature",
        ),
        (
            json!({"channel": "private-a", "auth": "other:00"}),
            "Invalid key",
        ),
        (json!({"channel": "no spaces"}), "Invalid channel name"),
        (json!({"channel": "#news"}), "Invalid channel name"),
        (json!({"channel": "x".repeat(165)}), "Invalid channel name"),
        (
            json!({"channel": "#server-to-user-7"}),
            "Connection is not signed in",
        ),
    ] {
        browser.say(&json!({"event": "pusher:subscribe", "data": data}));
        let heard = browser.heard();
        assert_eq!(heard[0]["event"], "pusher:subscription_error", "{data}");
        assert_eq!(heard[0]["channel"], data["channel"]);
        assert!(heard[0]["data"].is_string());
        assert!(errors(&heard)[0].starts_with(reason), "{data}: {heard:?}");
        assert_eq!(heard[1]["data"]["code"], Value::Null);
    }
}

#[test]
fn trap_04_channel_data_is_part_of_the_signed_text_on_private_channels_too() {
    let world = World::new(1);
    let browser = world.browser(0, 1);
    browser.subscribe_signed("private-a", Some(&json!({"user_id": "1"})));
    assert_eq!(browser.events(), ["pusher_internal:subscription_succeeded"]);
}

#[test]
fn a_connection_has_at_most_as_many_subscriptions_as_the_app_allows() {
    let limits = Limits {
        subscriptions_per_connection: 2,
        ..Limits::default()
    };
    let settings = AppSettings {
        limits,
        ..AppSettings::new(credentials())
    };
    let world = World::of(1, settings);
    let browser = world.browser(0, 1);
    for name in ["a", "b", "c"] {
        browser.subscribe(name);
    }
    assert_eq!(
        errors(&browser.heard()),
        ["Too many subscriptions: a connection has at most 2"]
    );
}

#[test]
fn what_is_not_a_message_is_answered_with_what_is_wrong() {
    let world = World::new(1);
    let browser = world.browser(0, 1);
    let shard = &world.shards[0];
    for text in [
        "",
        "{",
        "[]",
        "1",
        r#"{"event":1}"#,
        r#"{"event":"nonsense"}"#,
        "\u{0}",
    ] {
        shard.receive(&browser.connection, text, 0);
        let heard = browser.heard();
        assert_eq!(errors(&heard).len(), 1, "{text:?}: {heard:?}");
        assert_eq!(
            heard[0]["data"]["code"],
            Value::Null,
            "the connection stays"
        );
    }
}
