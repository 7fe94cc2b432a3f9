//! Cache channels: the last event for those who come later. Protocol §1.10.

use serde_json::{Value, json};

use crate::world::{Browser, World, channel, ignore};

const SUCCESS: &str = "pusher_internal:subscription_succeeded";

fn late_subscriber(world: &World) -> Browser {
    let browser = world.browser(0, 99);
    browser.subscribe("cache-news");
    browser
}

#[test]
fn the_last_event_follows_the_success_of_a_new_subscription() {
    let world = World::new(1);
    world.publish("cache-news", "first", None);
    world.publish("cache-news", "second", None);
    let heard = late_subscriber(&world).heard();
    assert_eq!(heard[0]["event"], SUCCESS);
    let replay = json!({"event": "second", "channel": "cache-news", "data": "{}"});
    assert_eq!(heard[1..], [replay]);
}

#[test]
fn an_empty_cache_channel_says_so_and_other_channels_say_nothing() {
    let world = World::new(1);
    let browser = late_subscriber(&world);
    let miss = json!({"event": "pusher:cache_miss", "channel": "cache-news", "data": "{}"});
    assert_eq!(browser.heard()[1], miss);
    browser.subscribe("news");
    assert_eq!(browser.events(), [SUCCESS]);
}

#[test]
fn a_new_subscriber_hears_an_event_of_the_same_tick_once() {
    let world = World::new(1);
    let early = late_subscriber(&world);
    ignore(&[&early]);
    world.publish("cache-news", "e", None);
    let late = world.browser(0, 1);
    late.subscribe("cache-news");
    world.tick();
    assert_eq!(late.events(), [SUCCESS, "e"]);
    assert_eq!(early.events(), ["e"]);
}

#[test]
fn exclusion_is_for_live_delivery_only_and_client_events_are_not_kept() {
    let world = World::new(1);
    let author = world.browser(0, 1);
    author.subscribe_signed("private-cache-a", None);
    ignore(&[&author]);
    world.publish("private-cache-a", "e", Some(author.connection.socket_id()));
    author.say(&json!({"event": "client-x", "channel": "private-cache-a", "data": {}}));
    world.tick();
    assert_eq!(author.heard(), [] as [Value; 0]);
    author.unsubscribe("private-cache-a");
    author.subscribe_signed("private-cache-a", None);
    assert_eq!(author.events(), [SUCCESS, "e"]);
}

#[test]
fn the_cached_event_ends_with_its_time() {
    let world = World::new(1);
    world.publish("cache-news", "e", None);
    let name = channel("cache-news");
    let half_an_hour = world.app().settings().limits.cache_ms;
    let cached = |now| world.engine.cached(&world.app(), &name, now);
    assert_eq!(cached(half_an_hour - 1), Some(("{}".to_owned(), 1)));
    assert_eq!(cached(half_an_hour), None);
}
