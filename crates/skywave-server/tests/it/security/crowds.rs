//! Many at once. Every limit is tried at ten times its height: memory stays bounded, and another app's
//! connections notice nothing.

use std::time::{Duration, Instant};

use serde_json::json;

use super::alone::{alone, growth};
use super::message;
use crate::node::{Node, OTHER_KEY, channel, credentials, until};
use crate::wire::{TEXT, Wire, frame, handshake, subscribe};

/// How long a neighbour may wait for an answer while others are loud, on a busy machine.
const BEARABLE: Duration = Duration::from_secs(2);

/// A connection of the other app, which must not notice anything.
struct Neighbour(Wire);

impl Neighbour {
    fn of(node: &Node) -> Self {
        let mut wire = node.wire();
        wire.open_at(&format!("/app/{OTHER_KEY}?protocol=7"));
        wire.subscribe("news");
        Self(wire)
    }

    /// Asks for an answer, and returns how long it took.
    #[track_caller]
    fn is_served(&mut self) -> Duration {
        let start = Instant::now();
        self.0.send(frame(TEXT, r#"{"event":"pusher:ping"}"#));
        assert_eq!(self.0.message()["event"], "pusher:pong", "and nothing else");
        let took = start.elapsed();
        assert!(took < BEARABLE, "{took:?}");
        took
    }
}

#[test]
fn half_open_handshakes_do_not_keep_others_out() {
    const HALVES: usize = 1_000;
    let node = Node::start();
    let mut neighbour = Neighbour::of(&node);
    let whole = handshake("/app/it-key?protocol=7", &[]);
    let mut halves = Vec::new();
    let mut slowest = Duration::ZERO;
    for number in 0..HALVES {
        let mut wire = node.wire();
        // Cut at every place, the very start included.
        wire.send(&whole[..number % (whole.len() - 1)]);
        halves.push(wire);
        if number % 20 == 0 {
            slowest = slowest.max(neighbour.is_served());
            let start = Instant::now();
            node.connect().leaves();
            slowest = slowest.max(start.elapsed());
        }
    }
    assert!(slowest < BEARABLE, "a good client waited for {slowest:?}");
    assert_eq!(node.server.connections(), 1, "none of them is a connection");
}

#[test]
fn sessions_over_http_that_nobody_goes_on_with_cost_little_and_end() {
    const SESSIONS: usize = 2_000;
    /// A WebSocket costs as much, and its sender a socket besides.
    const EACH: u64 = 8 * 1024;
    alone(
        "crowds::sessions_over_http_that_nobody_goes_on_with_cost_little_and_end",
        || {
            let node = Node::start();
            let mut neighbour = Neighbour::of(&node);
            let mut wire = node.wire();
            let grown = growth(|| {
                for number in 0..SESSIONS {
                    let target = format!("/pusher/app/it-key/1/{number:08}/xhr?protocol=7");
                    let reply = wire.request("POST", &target, b"");
                    assert_eq!(reply.status, 200);
                    assert_eq!(wire.chunk().as_deref(), Some(&b"o\n"[..]));
                    while wire.chunk().is_some() {}
                    if number % 100 == 0 {
                        neighbour.is_served();
                    }
                }
            });
            println!("{} bytes each", grown / SESSIONS as u64);
            assert!(grown < SESSIONS as u64 * EACH, "grown by {grown} bytes");
            until("they are over", || node.server.connections() == 1);
            neighbour.is_served();
        },
    );
}

#[test]
fn ten_times_the_subscriptions_are_a_thousand_and_refusals() {
    alone(
        "crowds::ten_times_the_subscriptions_are_a_thousand_and_refusals",
        || {
            let node = Node::start();
            let mut neighbour = Neighbour::of(&node);
            let mut wire = node.socket();
            let grown = growth(|| {
                for round in 0..100 {
                    let names =
                        (0..100).map(|number| format!("{}-{round}-{number}", "n".repeat(100)));
                    let frames: Vec<Vec<u8>> = names.map(|name| subscribe(&name)).collect();
                    wire.send(frames.concat());
                    for _ in 0..100 {
                        let answer = wire.message();
                        if round < 10 {
                            assert_eq!(answer["event"], "pusher_internal:subscription_succeeded");
                        } else {
                            assert_eq!(answer["event"], "pusher:subscription_error");
                            let text = answer["data"].as_str().unwrap_or_default();
                            assert!(text.contains("Too many subscriptions"), "{text}");
                            assert_eq!(wire.message()["event"], "pusher:error");
                        }
                    }
                    neighbour.is_served();
                }
            });
            // A thousand channels with long names; ten thousand would be ten times as much.
            assert!(grown < 4 * 1024 * 1024, "grown by {grown} bytes");
            drop(wire);
            until("it is forgotten", || node.server.connections() == 1);
            assert_eq!(node.subscriptions(&format!("{}-0-0", "n".repeat(100))), 0);
        },
    );
}

#[test]
fn ten_times_the_members_are_a_full_channel_and_refusals() {
    let node = Node::with(|config| {
        let mut settings = (**config.apps[0].settings()).clone();
        settings.limits.members_per_channel = 10;
        config.apps[0] = skywave_server::App::new("7", settings);
    });
    let mut neighbour = Neighbour::of(&node);
    let mut inside = Vec::new();
    for number in 0..100 {
        let mut wire = node.wire();
        let greeting = wire.open();
        let id = greeting["socket_id"].as_str().expect("a string");
        let data = json!({"user_id": format!("u{number}"), "user_info": "x".repeat(1_000)});
        let data = data.to_string();
        let room = channel("presence-room");
        let auth = credentials().sign_channel(id.parse().expect("an id"), &room, Some(&data));
        let data = json!({"channel": "presence-room", "auth": auth, "channel_data": data});
        wire.send(message("pusher:subscribe", &data));
        let event = wire.message()["event"].clone();
        if number < 10 {
            assert_eq!(event, "pusher_internal:subscription_succeeded");
        } else {
            assert_eq!(event, "pusher:subscription_error");
        }
        inside.push(wire);
        neighbour.is_served();
    }
    assert_eq!(node.subscriptions("presence-room"), 10);
}

#[test]
fn coming_and_going_without_end_leaves_nothing_behind() {
    alone(
        "crowds::coming_and_going_without_end_leaves_nothing_behind",
        || {
            let node = Node::start();
            let mut neighbour = Neighbour::of(&node);
            let mut wire = node.wire();
            let greeting = wire.open();
            let id = greeting["socket_id"].as_str().expect("a string");
            let id = id.parse().expect("an id");
            let mut round = |rounds: std::ops::Range<usize>| {
                for number in rounds {
                    let name = format!("presence-{number}");
                    let data = json!({"user_id": format!("u{number}")}).to_string();
                    let auth = credentials().sign_channel(id, &channel(&name), Some(&data));
                    let join = json!({"channel": name, "auth": auth, "channel_data": data});
                    wire.send(message("pusher:subscribe", &join));
                    wire.send(message("pusher:unsubscribe", &json!({"channel": name})));
                    let answer = wire.message();
                    assert_eq!(answer["event"], "pusher_internal:subscription_succeeded");
                    if number % 100 == 0 {
                        neighbour.is_served();
                    }
                }
            };
            // Tables have their size after the first ones.
            round(0..500);
            let grown = growth(|| round(500..5_500));
            assert!(grown < 1024 * 1024, "grown by {grown} bytes");
        },
    );
}

#[test]
fn ten_times_the_client_events_are_a_tenth_of_them() {
    let node = Node::start();
    let mut neighbour = Neighbour::of(&node);
    let mut listener = node.subscriber("private-a");
    let mut loud = node.subscriber("private-a");
    let start = Instant::now();
    for _ in 0..100 {
        loud.say_text(r#"{"event":"client-x","channel":"private-a","data":"{}"}"#);
    }
    let refused = (0..)
        .map(|_| loud.next())
        .take_while(|message| message["event"] == "pusher:error" && message["data"]["code"] == 4301)
        .take(80)
        .count();
    assert_eq!(refused, 80, "at least as many are dropped");
    neighbour.is_served();
    let seconds = start.elapsed().as_secs() + 1;
    loud.say("pusher:ping", &json!({}));
    while loud.next()["event"] == "pusher:error" {}
    node.publish("private-a", "marker", "{}");
    let heard = (0..)
        .map(|_| listener.next())
        .take_while(|message| message["event"] == "client-x")
        .count() as u64;
    assert!(
        (1..=10 * seconds).contains(&heard),
        "{heard} in {seconds} seconds"
    );
}
