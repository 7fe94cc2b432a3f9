//! Webhooks, received on real sockets. Protocol §3.4, §3.5, trap 18.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use skywave_protocol::{Credentials, Secret, WebhookKind};
use skywave_server::{
    App, AppSettings, Config, WebhookCounters, WebhookEndpoint, WebhookSettings, Webhooks,
};

use crate::node::{APP_ID, Node, OTHER_APP_ID, OTHER_KEY, PATIENCE, connect, credentials, until};
use crate::peer::Peer;
use crate::receiver::{Answer, Receiver};

/// Long enough for a reload, short enough for a test.
const GRACE: Duration = Duration::from_millis(300);

/// Longer than anything takes that should not happen.
const LATE: Duration = Duration::from_millis(700);

/// A server whose app tells `endpoints`, quickly and to this machine.
fn node(endpoints: Vec<WebhookEndpoint>) -> Node {
    node_with(endpoints, |_, _| {})
}

fn node_with(
    endpoints: Vec<WebhookEndpoint>,
    adapt: impl FnOnce(&mut Config, &mut Webhooks),
) -> Node {
    Node::with(|config| {
        config.webhooks = WebhookSettings {
            allow_private: true,
            timeout: Duration::from_millis(400),
            grace: GRACE,
            pause: Duration::from_millis(20),
            flush: Duration::from_secs(1),
            ..WebhookSettings::default()
        };
        let mut webhooks = Webhooks {
            endpoints,
            batch_interval: Duration::from_millis(50),
            ..Webhooks::default()
        };
        adapt(config, &mut webhooks);
        let settings = AppSettings {
            webhooks,
            subscription_counts: true,
            ..AppSettings::new(credentials())
        };
        config.apps[0] = App::new(APP_ID, settings);
    })
}

/// An endpoint at this receiver that wants everything.
fn all_for(receiver: &Receiver) -> WebhookEndpoint {
    WebhookEndpoint {
        events: WebhookKind::ALL.into(),
        ..WebhookEndpoint::new(receiver.url())
    }
}

/// An endpoint at this receiver that wants events of these kinds.
fn some_for(receiver: &Receiver, events: &[WebhookKind]) -> WebhookEndpoint {
    WebhookEndpoint {
        events: events.into(),
        ..WebhookEndpoint::new(receiver.url())
    }
}

fn counters(node: &Node, holds: impl Fn(&WebhookCounters) -> bool) {
    let read = || node.server.webhooks();
    until(&format!("counters are right, now {:?}", read()), || {
        holds(&read())
    });
}

fn name_of(event: &Value) -> &str {
    event["name"].as_str().expect("an event has a name")
}

/// The channel of an event.
fn channel_of(event: &Value) -> &str {
    event["channel"].as_str().expect("a channel")
}

/// The channels of these events.
fn channels(events: &[Value]) -> Vec<&str> {
    events.iter().map(channel_of).collect()
}

#[test]
fn every_kind_of_event_is_told_with_its_fields() {
    let receiver = Receiver::start();
    let node = node(vec![all_for(&receiver)]);
    let mut ann = node.connect();
    ann.subscribe("private-cache-a");
    assert_eq!(ann.next()["event"], "pusher:cache_miss");
    takes_count(&mut ann, "private-cache-a");
    let say = json!({"event": "client-hi", "channel": "private-cache-a", "data": {"x": [1]}});
    ann.say_text(say.to_string());
    ann.is_answered();
    let socket_id = ann.id.to_string();
    drop(ann);
    let mut told = receiver.events(5);
    told.sort_by_key(Value::to_string);
    let channel = "private-cache-a";
    let mut expected = vec![
        json!({"name": "channel_occupied", "channel": channel}),
        json!({"name": "cache_miss", "channel": channel}),
        json!({"name": "subscription_count", "channel": channel, "subscription_count": 1}),
        json!({
            "name": "client_event", "channel": channel, "event": "client-hi",
            "data": "{\"x\":[1]}", "socket_id": socket_id,
        }),
        json!({"name": "channel_vacated", "channel": channel}),
    ];
    expected.sort_by_key(Value::to_string);
    assert_eq!(told, expected);

    let mut bob = node.connect();
    bob.join("presence-b", "7");
    let say = json!({"event": "client-hi", "channel": "presence-b", "data": "text"});
    bob.say_text(say.to_string());
    bob.is_answered();
    let socket_id = bob.id.to_string();
    bob.leaves();
    assert_eq!(
        receiver.events(5),
        [
            json!({"name": "channel_occupied", "channel": "presence-b"}),
            json!({"name": "member_added", "channel": "presence-b", "user_id": "7"}),
            json!({
                "name": "client_event", "channel": "presence-b", "event": "client-hi",
                "data": "text", "socket_id": socket_id, "user_id": "7",
            }),
            json!({"name": "member_removed", "channel": "presence-b", "user_id": "7"}),
            json!({"name": "channel_vacated", "channel": "presence-b"}),
        ]
    );
    counters(&node, |now| {
        (now.queued, now.sent, now.waiting) == (10, 10, 0)
    });
}

#[test]
fn the_time_is_that_of_the_event_in_milliseconds() {
    let receiver = Receiver::answering(&[Answer::Status(500), Answer::Status(200)]);
    let node = node_with(vec![all_for(&receiver)], |config, _| {
        config.webhooks.pause = Duration::from_millis(200);
    });
    let clock = || {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_millis()
    };
    let before = clock();
    let _ann = node.subscriber("a");
    let after = clock();
    for _attempt in 0..2 {
        let time = receiver.next().json()["time_ms"].as_u64().map(u128::from);
        let time = time.expect("a time");
        assert!((before..=after).contains(&time), "{before} {time} {after}");
    }
}

#[test]
fn channels_of_single_users_and_what_nobody_wants_are_not_told() {
    let receiver = Receiver::start();
    let endpoint = WebhookEndpoint {
        channel_prefix: "private-".to_owned(),
        channel_suffix: "-open".to_owned(),
        ..WebhookEndpoint::new(receiver.url())
    };
    let everything = Receiver::start();
    let node = node(vec![endpoint, all_for(&everything)]);
    let mut ann = node.connect();
    let user_data = json!({"id": "7"}).to_string();
    let auth = credentials().sign_user(ann.id, &user_data);
    ann.say(
        "pusher:signin",
        &json!({"auth": auth, "user_data": user_data}),
    );
    assert_eq!(ann.next()["event"], "pusher:signin_success");
    for channel in ["#server-to-user-7", "private-a", "open", "private-open"] {
        ann.subscribe(channel);
        takes_count(&mut ann, channel);
    }
    let events = receiver.events(2);
    assert_eq!(channels(&events), ["private-open", "private-open"]);
    let mut names: Vec<&str> = events.iter().map(name_of).collect();
    names.sort_unstable();
    assert_eq!(names, ["channel_occupied", "subscription_count"]);
    let all = everything.events(6);
    assert!(!channels(&all).contains(&"#server-to-user-7"), "{all:?}");

    let say = json!({"event": "client-hi", "channel": "private-open", "data": ""});
    ann.say_text(say.to_string());
    assert_eq!(name_of(&everything.events(1)[0]), "client_event");
    assert!(receiver.next_within(LATE).is_none(), "unless it is wanted");
}

/// Takes the count that follows a subscription, but to channels of users.
#[track_caller]
fn takes_count(peer: &mut Peer, channel: &str) {
    if !channel.starts_with('#') {
        let count = peer.next();
        assert_eq!(count["event"], "pusher_internal:subscription_count");
    }
}

#[test]
fn headers_of_an_endpoint_are_sent() {
    let receiver = Receiver::start();
    let node = node(vec![WebhookEndpoint {
        headers: vec![("X-Gateway".to_owned(), Secret::new("it-secret-gateway"))],
        ..WebhookEndpoint::new(receiver.url())
    }]);
    let _ann = node.subscriber("a");
    let webhook = receiver.next();
    assert_eq!(webhook.header("x-gateway"), Some("it-secret-gateway"));
    let printed = format!("{:?}", node.server);
    assert!(!printed.contains("it-secret-gateway"), "{printed}");
    assert!(!crate::log::written().contains("it-secret-gateway"));
}

#[test]
fn who_returns_within_the_grace_has_never_left() {
    let receiver = Receiver::start();
    let kinds = [
        WebhookKind::ChannelOccupied,
        WebhookKind::ChannelVacated,
        WebhookKind::MemberAdded,
        WebhookKind::MemberRemoved,
    ];
    let node = node_with(vec![some_for(&receiver, &kinds)], |config, _| {
        config.webhooks.grace = Duration::from_secs(2);
    });
    let mut ann = node.connect();
    ann.join("presence-a", "7");
    assert_eq!(receiver.events(2).len(), 2);
    ann.leaves();
    let mut again = node.connect();
    again.join("presence-a", "7");
    again.leaves();
    let left = Instant::now();
    let events = receiver.events(2);
    let names: Vec<&str> = events.iter().map(name_of).collect();
    assert_eq!(names, ["member_removed", "channel_vacated"]);
    assert!(
        left.elapsed() > Duration::from_millis(1_800),
        "the grace begins anew"
    );

    // And who returns after it is new.
    let mut ann = node.connect();
    ann.join("presence-a", "7");
    let events = receiver.events(2);
    let names: Vec<&str> = events.iter().map(name_of).collect();
    assert_eq!(names, ["channel_occupied", "member_added"]);
}

#[test]
fn the_grace_does_not_delay_what_browsers_are_told() {
    let receiver = Receiver::start();
    let node = node_with(vec![all_for(&receiver)], |config, _| {
        config.webhooks.grace = PATIENCE;
    });
    let mut ann = node.connect();
    ann.join("presence-a", "7");
    let mut bob = node.connect();
    bob.join("presence-a", "8");
    assert_eq!(ann.next()["event"], "pusher_internal:member_added");
    let start = Instant::now();
    ann.leaves();
    assert_eq!(bob.next()["event"], "pusher_internal:member_removed");
    assert!(start.elapsed() < PATIENCE / 3);
}

#[test]
fn a_cache_miss_is_told_once_in_a_while_however_many_miss() {
    for (quiet, told) in [
        (PATIENCE, vec!["cache-a", "cache-b"]),
        (
            Duration::ZERO,
            vec!["cache-a", "cache-a", "cache-a", "cache-b"],
        ),
    ] {
        let receiver = Receiver::start();
        let misses = some_for(&receiver, &[WebhookKind::CacheMiss]);
        let node = node_with(vec![misses], |config, _| {
            config.webhooks.quiet_misses = quiet;
        });
        let _peers: Vec<_> = (0..3).map(|_| node.subscriber("cache-a")).collect();
        let _other = node.subscriber("cache-b");
        assert_eq!(channels(&receiver.events(told.len())), told);
    }
}

#[test]
fn events_are_batched_and_batching_can_be_switched_off() {
    let (batched, single) = (Receiver::start(), Receiver::start());
    let occupied = [WebhookKind::ChannelOccupied];
    let names: Vec<String> = (0..25).map(|number| format!("room-{number}")).collect();
    for (receiver, batch_events, sizes) in
        [(&batched, 10, vec![10, 10, 5]), (&single, 1, vec![1; 25])]
    {
        let node = node_with(vec![some_for(receiver, &occupied)], |_, webhooks| {
            webhooks.batch_events = batch_events;
            webhooks.batch_interval = PATIENCE;
        });
        let mut ann = node.connect();
        for name in &names {
            ann.subscribe(name);
            takes_count(&mut ann, name);
        }
        // The last batch does not become full.
        node.server.shutdown();
        let requests: Vec<_> = sizes.iter().map(|_| receiver.next()).collect();
        let told: Vec<Vec<Value>> = requests.iter().map(|request| request.verified()).collect();
        assert_eq!(told.iter().map(Vec::len).collect::<Vec<_>>(), sizes);
        let told = told.concat();
        assert_eq!(channels(&told), names, "in their order");
    }
}

#[test]
fn what_is_not_acknowledged_is_repeated_unchanged_and_in_order() {
    let failures = [
        Answer::Status(500),
        Answer::Status(302),
        Answer::Status(404),
        Answer::Bytes("HTTP/1.1 20"),
        Answer::Bytes(""),
        Answer::Bytes("no HTTP at all"),
        Answer::Silence,
    ];
    // A 2xx with half a body acknowledges.
    let content = Answer::Bytes("HTTP/1.1 202 x\r\ncontent-length: 9\r\n\r\nhal");
    let receiver = Receiver::answering(&[&failures[..], &[content]].concat());
    let occupied = [WebhookKind::ChannelOccupied];
    let node = node_with(vec![some_for(&receiver, &occupied)], |_, webhooks| {
        webhooks.batch_events = 1;
    });
    let (_ann, _bob) = (node.subscriber("a"), node.subscriber("b"));
    let first = receiver.next();
    assert_eq!(channels(&first.verified()), ["a"]);
    for attempt in 1..=failures.len() {
        let again = receiver.next();
        assert_eq!(again.body, first.body, "attempt {attempt}");
        again.verified();
    }
    assert_eq!(channels(&receiver.next().verified()), ["b"]);
    assert!(
        receiver.next_within(LATE).is_none(),
        "both are acknowledged"
    );
    let failed = failures.len() as u64;
    counters(&node, |now| (now.sent, now.attempts_failed) == (2, failed));
}

#[test]
fn pauses_grow_and_what_is_too_old_is_given_up() {
    let receiver = Receiver::answering(&[Answer::Status(503)]);
    let node = node_with(vec![all_for(&receiver)], |config, _| {
        config.webhooks.pause = Duration::from_millis(100);
        config.webhooks.give_up = Duration::from_secs(1);
    });
    let start = Instant::now();
    let ann = node.subscriber("a");
    let mut times = Vec::new();
    counters(&node, |now| now.failed == 2);
    while let Some(webhook) = receiver.next_within(Duration::ZERO) {
        times.push(webhook.at);
    }
    let took = start.elapsed();
    assert!(took < PATIENCE / 2, "{took:?}");
    // After 50 ms and then up to 100, 200, 400 ms, half of it at least.
    assert!((3..=5).contains(&times.len()), "{} attempts", times.len());
    for (number, pair) in (0_u32..).zip(times.windows(2)) {
        let pause = pair[1] - pair[0];
        let least = Duration::from_millis(50) * 2_u32.pow(number);
        assert!(pause >= least, "pause {number} was {pause:?}");
    }
    // What comes later goes its way as soon as somebody listens.
    receiver.answers(Answer::Status(200));
    drop(ann);
    counters(&node, |now| now.sent > 0);
}

#[test]
fn at_the_bound_the_oldest_gives_way_and_the_others_get_all() {
    let (dead, well) = (Receiver::answering(&[Answer::Silence]), Receiver::start());
    let occupied = [WebhookKind::ChannelOccupied];
    let endpoints = vec![some_for(&dead, &occupied), some_for(&well, &occupied)];
    let node = node_with(endpoints, |config, webhooks| {
        config.webhooks.timeout = PATIENCE;
        config.webhooks.grace = Duration::from_secs(60);
        webhooks.batch_events = 5;
        webhooks.queue_events = 20;
    });
    let mut ann = node.connect();
    let names: Vec<String> = (0..100).map(|number| format!("room-{number}")).collect();
    for name in &names {
        ann.subscribe(name);
        takes_count(&mut ann, name);
    }
    assert_eq!(channels(&well.events(100)), names);
    // Five are being sent to the one that is stuck, and twenty wait.
    counters(&node, |now| {
        (now.queued, now.sent, now.dropped, now.waiting) == (200, 100, 75, 25)
    });
    let start = Instant::now();
    node.server.shutdown();
    let took = start.elapsed();
    assert!(
        took < Duration::from_secs(5),
        "it ends all the same: {took:?}"
    );
}

#[test]
fn a_stuck_receiver_delays_no_broadcast() {
    let stuck = Receiver::answering(&[Answer::Silence]);
    let node = node_with(vec![all_for(&stuck)], |config, webhooks| {
        config.webhooks.timeout = PATIENCE;
        webhooks.queue_events = 10;
    });
    let mut ann = node.subscriber("private-a");
    let mut bob = node.connect();
    bob.subscribe("private-a");
    while ann.next()["event"] != "pusher_internal:subscription_count" {}
    stuck.next();
    let start = Instant::now();
    let mut slowest = Duration::ZERO;
    for number in 0..500 {
        let sent = Instant::now();
        let data = number.to_string();
        node.publish("private-a", "e", &data);
        // Every tenth is a client event, which would be told.
        if number % 10 == 0 && number < 90 {
            let say = json!({"event": "client-e", "channel": "private-a", "data": data});
            ann.say_text(say.to_string());
        }
        loop {
            let heard = bob.next();
            if heard["event"] == "e" {
                assert_eq!(heard["data"], data.as_str());
                break;
            }
        }
        slowest = slowest.max(sent.elapsed());
    }
    assert!(slowest < PATIENCE / 3, "{slowest:?}");
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
}

#[test]
fn addresses_of_ones_own_network_get_nothing() {
    let receiver = Receiver::start();
    let port = receiver.address.port();
    let hosts = ["127.0.0.1", "localhost", "0x7f000001", "[::ffff:127.0.0.1]"];
    let endpoints = hosts.map(|host| WebhookEndpoint::new(format!("http://{host}:{port}/")));
    let node = node_with(endpoints.into(), |config, _| {
        config.webhooks.allow_private = false;
        config.webhooks.give_up = Duration::from_secs(1);
    });
    let _ann = node.subscriber("a");
    counters(&node, |now| now.failed == 8 && now.attempts_failed >= 4);
    assert!(receiver.next_within(Duration::ZERO).is_none());
}

#[test]
fn what_is_waiting_is_told_before_the_server_ends() {
    let receiver = Receiver::start();
    let node = node_with(vec![all_for(&receiver)], |config, webhooks| {
        config.webhooks.grace = Duration::from_secs(60);
        webhooks.batch_interval = Duration::from_secs(60);
    });
    let mut ann = node.connect();
    ann.join("presence-a", "7");
    assert!(receiver.next_within(LATE).is_none(), "it waits for others");
    let start = Instant::now();
    node.server.shutdown();
    let events = receiver.events(4);
    let names: Vec<&str> = events.iter().map(name_of).collect();
    // Who goes with the server is gone, grace or not.
    assert_eq!(
        names,
        [
            "channel_occupied",
            "member_added",
            "member_removed",
            "channel_vacated"
        ]
    );
    assert!(start.elapsed() < PATIENCE / 3);
}

#[test]
fn a_server_that_ends_asks_a_receiver_that_is_down_once_more() {
    for asked_to_end in [true, false] {
        let receiver = Receiver::answering(&[Answer::Status(503)]);
        let node = node_with(vec![all_for(&receiver)], |config, webhooks| {
            config.webhooks.pause = Duration::from_secs(60);
            webhooks.batch_events = 1;
        });
        let mut ann = node.subscriber("a");
        takes_count(&mut ann, "a");
        receiver.next();
        counters(&node, |now| now.attempts_failed == 1);
        let start = Instant::now();
        if asked_to_end {
            node.server.shutdown();
            let counters = node.server.webhooks();
            assert_eq!((counters.sent, counters.waiting), (0, 0), "{counters:?}");
        }
        drop(node);
        assert!(start.elapsed() < Duration::from_secs(5));
        receiver.next();
        assert!(receiver.next_within(LATE).is_none());
    }
}

#[test]
fn what_is_decided_anew_holds_for_what_is_waiting() {
    let (kept, removed) = (
        Receiver::answering(&[Answer::Status(503)]),
        Receiver::answering(&[Answer::Status(503)]),
    );
    let endpoints = vec![all_for(&kept), all_for(&removed)];
    let node = node_with(endpoints, |config, _| {
        config.webhooks.pause = Duration::from_millis(200);
    });
    let _ann = node.subscriber("a");
    let (first, _) = (kept.next(), removed.next());
    first.verified();
    let app = node.server.app(APP_ID).expect("an app");
    let mut settings = AppSettings::clone(&app.settings());
    settings.webhooks.endpoints.pop();
    settings.credentials = Credentials::new("it-key", &Secret::new("it-secret-new-9a1b"));
    let replaced = node.server.replace_apps([(APP_ID.to_owned(), settings)]);
    replaced.expect("one app differs from itself");
    counters(&node, |now| now.dropped == 2);
    while removed.next_within(Duration::ZERO).is_some() {}
    kept.answers(Answer::Status(200));
    counters(&node, |now| (now.sent, now.waiting) == (2, 0));
    let mut last = kept.next();
    while let Some(later) = kept.next_within(Duration::ZERO) {
        last = later;
    }
    assert_eq!(last.body, first.body);
    let signature = last.header("x-pusher-signature").expect("a signature");
    let new = Credentials::new("it-key", &Secret::new("it-secret-new-9a1b"));
    assert!(
        new.verify_webhook(signature, &last.body),
        "by the new secret"
    );
    assert!(removed.next_within(LATE).is_none(), "it is asked no more");
}

#[test]
fn another_apps_events_are_its_own() {
    let receiver = Receiver::start();
    let node = node(vec![all_for(&receiver)]);
    let other = node.server.app(OTHER_APP_ID).expect("an app");
    assert!(other.settings().webhooks.endpoints.is_empty());
    let target = format!("/app/{OTHER_KEY}?protocol=7");
    let mut peer = Peer::over_at(connect(node.address), &target);
    peer.say("pusher:subscribe", &json!({"channel": "a"}));
    assert_eq!(peer.next()["channel"], "a");
    let _ann = node.subscriber("b");
    assert!(
        channels(&receiver.events(2))
            .iter()
            .all(|name| *name == "b")
    );
}
