//! How many are listening, told to those who listen.

use serde_json::{Value, json};
use skywave_engine::AppSettings;

use crate::world::{Browser, World, credentials, data, ignore};

const COUNT: &str = "pusher_internal:subscription_count";

fn counting(workers: usize) -> World {
    let settings = AppSettings {
        subscription_counts: true,
        ..AppSettings::new(credentials())
    };
    World::of(workers, settings)
}

/// The counts that a browser was told since the last look.
fn counts(browser: &Browser) -> Vec<u64> {
    let heard = browser.heard().into_iter();
    let told = heard.filter(|message| message["event"] == COUNT);
    told.map(|message| {
        let count = &data(&message)["subscription_count"];
        count.as_u64().expect("a count is a number")
    })
    .collect()
}

fn subscribe(name: &str) -> Value {
    json!({"event": "pusher:subscribe", "data": {"channel": name}})
}

/// This many browsers, all subscribed to `news` at time 0 and up to date.
fn crowd(world: &World, number: u64) -> Vec<Browser> {
    let browser = |id| world.browser((id % 2) as usize, id);
    let crowd: Vec<_> = (1..=number).map(browser).collect();
    for browser in &crowd {
        browser.subscribe("news");
    }
    world.tick();
    ignore(&crowd.iter().collect::<Vec<_>>());
    crowd
}

#[test]
fn every_subscriber_learns_the_count_and_the_new_one_behind_its_success() {
    let world = counting(2);
    let (ann, bob) = (world.browser(0, 1), world.browser(1, 2));
    ann.subscribe("cache-news");
    bob.subscribe("cache-news");
    world.tick();
    let count = |count: u64| {
        json!({"event": COUNT, "channel": "cache-news",
            "data": json!({"subscription_count": count}).to_string()})
    };
    assert_eq!(ann.heard()[2..], [count(1), count(2)]);
    let heard = bob.heard();
    assert_eq!(heard[0]["event"], "pusher_internal:subscription_succeeded");
    assert_eq!(heard[1]["event"], "pusher:cache_miss");
    assert_eq!(heard[2..], [count(2)]);

    bob.unsubscribe("cache-news");
    world.tick();
    assert_eq!(ann.heard(), [count(1)]);
    assert_eq!(bob.heard(), [] as [Value; 0]);
    bob.subscribe("cache-news");
    world.tick();
    ann.heard();
    bob.close();
    world.tick();
    assert_eq!(ann.heard(), [count(1)]);
}

#[test]
fn a_refused_second_subscription_changes_nothing() {
    let world = counting(1);
    let ann = world.browser(0, 1);
    ann.subscribe("news");
    ann.subscribe("news");
    world.tick();
    assert_eq!(counts(&ann), [1]);
}

#[test]
fn only_where_it_is_switched_on_and_neither_with_members_nor_with_encrypted_data() {
    let switched_off = World::new(1);
    let ann = switched_off.browser(0, 1);
    ann.subscribe("news");
    switched_off.tick();
    assert_eq!(ann.events().len(), 1);

    let world = counting(1);
    for (id, (name, told)) in [
        ("private-a", true),
        ("private-cache-a", true),
        ("private-encrypted-a", false),
        ("private-encrypted-cache-a", false),
        ("presence-a", false),
        ("presence-cache-a", false),
        ("#server-to-user-u", false),
    ]
    .into_iter()
    .enumerate()
    {
        let browser = world.browser(0, id as u64);
        browser.sign_in(&json!({"id": "u"}));
        if name.starts_with('#') {
            browser.subscribe(name);
        } else {
            let member = name
                .starts_with("presence")
                .then(|| json!({"user_id": "u"}));
            browser.subscribe_signed(name, member.as_ref());
        }
        world.tick();
        let heard = browser.events();
        assert_eq!(heard[1], "pusher_internal:subscription_succeeded", "{name}");
        assert_eq!(heard.iter().any(|event| event == COUNT), told, "{name}");
    }
}

#[test]
fn above_a_hundred_subscribers_the_last_count_is_told_after_five_seconds() {
    let world = counting(2);
    let crowd = crowd(&world, 100);
    let late: Vec<_> = (101..=103).map(|id| world.browser(0, id)).collect();
    for (browser, now) in late.iter().zip([1_000, 2_000, 3_000]) {
        browser.say_at(&subscribe("news"), now);
    }
    for shard in &world.shards {
        shard.tell_counts(4_999);
    }
    world.tick();
    assert_eq!(counts(&crowd[0]), [] as [u64; 0]);

    late[2].close_at(4_999);
    for shard in &world.shards {
        shard.tell_counts(5_000);
        shard.tell_counts(60_000);
    }
    world.tick();
    assert_eq!(counts(&crowd[0]), [102], "once, and as it is then");
    assert_eq!(counts(&late[0]), [102]);
}

#[test]
fn a_change_after_a_pause_is_told_at_once_and_what_it_tells_is_not_told_again() {
    let world = counting(2);
    let crowd = crowd(&world, 101);
    // The change from 100 to 101 is pending.
    let late = world.browser(0, 200);
    late.say_at(&subscribe("news"), 5_000);
    world.shards[0].tell_counts(10_000);
    world.shards[1].tell_counts(10_000);
    world.tick();
    assert_eq!(counts(&crowd[0]), [102]);
}

#[test]
fn a_pending_count_of_a_channel_that_everybody_left_is_forgotten() {
    let world = counting(2);
    let crowd = crowd(&world, 101);
    for browser in &crowd {
        browser.close();
    }
    let ann = world.browser(0, 200);
    ann.say_at(&subscribe("news"), 6_000);
    for shard in &world.shards {
        shard.tell_counts(12_000);
    }
    world.tick();
    assert_eq!(counts(&ann), [1]);
}
