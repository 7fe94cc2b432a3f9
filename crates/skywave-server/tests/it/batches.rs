//! `POST /apps/ID/batch_events`: several events, all of them or none. Protocol §2.2 to §2.4.

use serde_json::{Value, json};

use crate::node::{Node, signed};
use crate::wire::Reply;

fn post(node: &Node, body: &Value) -> Reply {
    let body = body.to_string();
    let target = signed("POST", "/apps/7/batch_events", body.as_bytes());
    node.wire().request("POST", &target, body.as_bytes())
}

#[test]
fn the_events_of_a_batch_arrive_in_its_order() {
    let node = Node::start();
    let mut peer = node.subscriber("a");
    let mut other = node.subscriber("b");
    let reply = post(
        &node,
        &json!({"batch": [
            {"name": "one", "channel": "a", "data": "1"},
            {"name": "two", "channel": "b", "data": "2"},
            {"name": "three", "channel": "a", "data": "3", "socket_id": other.id.to_string()},
            {"name": "four", "channel": "b", "data": "4", "socket_id": other.id.to_string()},
        ]}),
    );
    assert_eq!((reply.status, reply.text()), (200, "{}".into()));
    assert_eq!(reply.header("content-type"), Some("application/json"));
    peer.hears("a", "one", "1");
    peer.hears("a", "three", "3");
    other.hears("b", "two", "2");
    other.hears_nothing(&node);
}

#[test]
fn a_batch_that_asks_for_info_gets_an_entry_for_each_event() {
    let node = Node::start();
    let mut peer = node.subscriber("a");
    peer.join("presence-b", "ann");
    let event = |channel: &str, info: &str| json!({"name": "e", "channel": channel, "data": "", "info": info});
    let reply = post(
        &node,
        &json!({"batch": [
            event("a", "subscription_count,user_count"),
            {"name": "e", "channel": "a", "data": ""},
            event("presence-b", "user_count"),
            event("presence-c", "subscription_count,user_count"),
        ]}),
    );
    let expected = json!({"batch": [
        {"subscription_count": 1},
        {},
        {"user_count": 1},
        {"subscription_count": 0, "user_count": 0},
    ]});
    assert_eq!(reply.json(), expected);
}

#[test]
fn one_bad_event_is_enough_for_none_to_be_sent() {
    let node = Node::start();
    let mut peer = node.subscriber("news");
    let good = || json!({"name": "leaked", "channel": "news", "data": "{}"});
    let with = |field: &str, value: Value| {
        let mut event = good();
        event[field] = value;
        event
    };
    for (last, status, text) in [
        (with("channel", json!("a b")), 400, "Invalid channel name"),
        (with("name", json!("pusher:x")), 400, "Invalid event name"),
        (with("data", json!({})), 400, "Invalid field data"),
        (
            with("socket_id", json!("x")),
            400,
            "Invalid field socket_id",
        ),
        (json!({}), 400, "Missing field: name"),
        (json!("leaked"), 400, "Invalid field batch"),
        (
            with("data", json!("x".repeat(10_241))),
            413,
            "The data content of this event",
        ),
    ] {
        let reply = post(&node, &json!({"batch": [good(), good(), last]}));
        assert_eq!(reply.status, status, "{text}");
        assert!(reply.text().starts_with(text), "{}", reply.text());
    }
    let reply = post(&node, &json!({"batch": vec![good(); 11]}));
    assert_eq!(reply.status, 400);
    assert!(reply.text().contains("Batch too large"));
    for body in [json!({}), json!({"batch": {}}), json!({"batch": null})] {
        assert_eq!(post(&node, &body).status, 400, "{body}");
    }
    peer.hears_nothing(&node);
}

#[test]
fn ten_events_of_ten_kilobytes_each_are_not_too_much() {
    let node = Node::start();
    let mut peer = node.subscriber("news");
    // Six bytes of JSON for one of data.
    let data = "\u{1}".repeat(10_240);
    let event = json!({"name": "e", "channel": "news", "data": data});
    assert_eq!(post(&node, &json!({"batch": vec![event; 10]})).text(), "{}");
    for _ in 0..10 {
        peer.hears("news", "e", &data);
    }
}
