//! How many are listening, as clients see it. Protocol §1.12.

use serde_json::{Value, json};
use skywave_server::{App, AppSettings};

use crate::node::{APP_ID, Node, credentials};
use crate::peer::Peer;

fn counting() -> Node {
    let settings = AppSettings {
        subscription_counts: true,
        ..AppSettings::new(credentials())
    };
    Node::with(|config| config.apps = vec![App::new(APP_ID, settings)])
}

#[track_caller]
fn hears_count(peer: &mut Peer, count: usize) {
    let data = json!({"subscription_count": count}).to_string();
    peer.hears("news", "pusher_internal:subscription_count", &data);
}

#[test]
fn subscribers_on_all_workers_learn_who_comes_and_who_hangs_up() {
    let node = counting();
    let mut ann = node.connect();
    ann.subscribe("news");
    hears_count(&mut ann, 1);
    let mut others: Vec<Peer> = (0..3).map(|_| node.connect()).collect();
    for (number, other) in others.iter_mut().enumerate() {
        other.subscribe("news");
        hears_count(other, number + 2);
        hears_count(&mut ann, number + 2);
    }
    drop(others.pop());
    hears_count(&mut ann, 3);
    ann.say("pusher:unsubscribe", &json!({"channel": "news"}));
    let told = |peer: &mut Peer| -> Value { peer.next()["data"].clone() };
    let last = json!({"subscription_count": 2}).to_string();
    while told(&mut others[0]) != last {}
}

#[test]
fn the_count_of_a_crowd_follows_after_a_pause() {
    let node = counting();
    let mut crowd: Vec<Peer> = (0..102).map(|_| node.connect()).collect();
    for peer in &mut crowd {
        peer.subscribe("news");
    }
    // Nothing happens any more when the pause ends. The 101st change may fall into a new pause on a
    // slow machine, the last one is told in any case, and only once.
    for count in 1..=100 {
        hears_count(&mut crowd[0], count);
    }
    let rest = [101, 102].map(|count| json!({"subscription_count": count}).to_string());
    let mut told = crowd[0].next()["data"].clone();
    if told == rest[0] {
        told = crowd[0].next()["data"].clone();
    }
    assert_eq!(told, rest[1]);
}
