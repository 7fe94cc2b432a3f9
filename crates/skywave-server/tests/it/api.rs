//! `POST /apps/ID/events`, as the official libraries use it. Protocol §2.

use serde_json::{Value, json};
use skywave_protocol::{Credentials, Secret};

use crate::node::{
    EVENTS, KEY, Node, OTHER_APP_ID, OTHER_KEY, SECRET, channel, credentials, now, signed,
};
use crate::peer::Peer;
use crate::wire::{Wire, request};

fn event(name: &str, channels: &[&str]) -> Value {
    json!({"name": name, "channels": channels, "data": "{}"})
}

#[test]
fn an_event_reaches_the_subscriber_and_the_publisher_gets_an_empty_object() {
    let node = Node::start();
    let mut peer = node.subscriber("news");

    let data = r#"{"version":"4.0.0","é":"\u2028 \"quoted\" \\ 😀"}"#;
    let reply =
        node.post(&json!({"name": "App\\Events\\Released", "channels": ["news"], "data": data}));

    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.text(), "{}");
    let message = peer.next();
    assert_eq!(
        message,
        json!({"event": "App\\Events\\Released", "channel": "news", "data": data})
    );
}

#[test]
fn a_message_has_its_fields_in_the_documented_order() {
    let node = Node::start();
    let mut peer = node.subscriber("news");
    node.post(&json!({"name": "update", "channel": "news", "data": "42"}));
    assert_eq!(
        peer.next_text(),
        r#"{"event":"update","channel":"news","data":"42"}"#
    );
}

#[test]
fn data_is_delivered_as_it_was_sent() {
    let node = Node::start();
    let mut peer = node.subscriber("news");
    let most = "\u{1}".repeat(10_240);
    for data in [
        "",
        "plain text",
        "42",
        "null",
        "[1, 2]",
        "\0\u{7f}\"\\/\n",
        &most,
    ] {
        assert_eq!(
            node.post(&json!({"name": "e", "channel": "news", "data": data}))
                .text(),
            "{}"
        );
        peer.hears("news", "e", data);
    }
}

#[test]
fn the_connection_named_as_socket_id_is_left_out_on_all_channels() {
    let node = Node::start();
    let mut peers: Vec<Peer> = (0..4).map(|_| node.subscriber("news")).collect();
    peers[0].subscribe("sport");
    let body = json!({
        "name": "e", "channels": ["news", "sport"], "data": "{}",
        "socket_id": peers[0].id.to_string(),
    });
    assert_eq!(node.post(&body).text(), "{}");
    for peer in &mut peers[1..] {
        peer.hears("news", "e", "{}");
    }
    peers[0].hears_nothing(&node);
}

#[test]
fn a_socket_id_that_nobody_has_is_fine() {
    let node = Node::start();
    let mut peer = node.subscriber("news");
    let body = json!({"name": "e", "channel": "news", "data": "{}", "socket_id": "1.1"});
    assert_eq!(node.post(&body).text(), "{}");
    peer.hears("news", "e", "{}");
}

#[test]
fn one_event_goes_to_several_channels_and_to_each_subscription_once() {
    let node = Node::start();
    let mut both = node.subscriber("a");
    both.subscribe("b");
    let mut one = node.subscriber("b");

    assert_eq!(
        node.post(&event("e", &["a", "b", "nobody-there"])).text(),
        "{}"
    );

    let mut channels = [both.next(), both.next()].map(|message| message["channel"].clone());
    channels.sort_by_key(Value::to_string);
    assert_eq!(channels, ["a", "b"]);
    one.hears("b", "e", "{}");
    both.hears_nothing(&node);
    one.hears_nothing(&node);
}

#[test]
fn info_tells_what_was_asked_for_as_far_as_it_applies() {
    let node = Node::start();
    let mut peers: Vec<Peer> = (0..3).map(|_| node.subscriber("news")).collect();
    peers[0].join("presence-room", "ann");
    peers[1].join("presence-room", "ann");
    peers[2].join("presence-room", "bob");

    for (info, expected) in [
        (
            "user_count,subscription_count",
            json!({
                "news": {"subscription_count": 3},
                "presence-room": {"subscription_count": 3, "user_count": 2},
                "presence-empty": {"subscription_count": 0, "user_count": 0},
            }),
        ),
        (
            "user_count",
            json!({"news": {}, "presence-room": {"user_count": 2}, "presence-empty": {"user_count": 0}}),
        ),
        (
            "subscription_count",
            json!({
                "news": {"subscription_count": 3},
                "presence-room": {"subscription_count": 3},
                "presence-empty": {"subscription_count": 0},
            }),
        ),
    ] {
        let mut body = event("e", &["news", "presence-room", "presence-empty"]);
        body["info"] = info.into();
        let reply = node.post(&body);
        assert_eq!(reply.header("content-type"), Some("application/json"));
        assert_eq!(reply.json(), json!({"channels": expected}), "{info}");
    }
}

#[test]
fn many_requests_go_over_one_connection() {
    let node = Node::start();
    let mut peer = node.subscriber("news");
    let mut wire = node.wire();
    for number in 0..200 {
        let name = format!("e{number}");
        let reply = wire.post(&event(&name, &["news"]).to_string());
        assert_eq!(reply.text(), "{}");
        peer.hears("news", &name, "{}");
    }
}

#[test]
fn requests_sent_without_waiting_are_answered_in_order() {
    let node = Node::start();
    let mut peer = node.subscriber("news");
    let mut wire = node.wire();
    let body = event("e", &["news"]).to_string();
    let good = request(
        "POST",
        &signed("POST", EVENTS, body.as_bytes()),
        body.as_bytes(),
    );
    let bad = request("POST", EVENTS, body.as_bytes());
    wire.send([&good[..], &bad, &good].concat());
    let statuses = [(); 3].map(|()| wire.reply().status);
    assert_eq!(statuses, [200, 401, 200]);
    peer.hears("news", "e", "{}");
    peer.hears("news", "e", "{}");
    peer.hears_nothing(&node);
}

#[test]
fn a_connection_publishes_first_and_becomes_a_websocket_then() {
    let node = Node::start();
    let mut wire = node.wire();
    assert_eq!(wire.post(&event("e", &["news"]).to_string()).text(), "{}");
    wire.open();
    wire.subscribe("news");
    node.publish("news", "e", "{}");
    assert_eq!(wire.message()["channel"], "news");
}

#[test]
fn a_body_may_come_in_chunks() {
    let node = Node::start();
    let mut peer = node.subscriber("news");
    let body = event("e", &["news"]).to_string();
    let mut wire = node.wire();
    wire.send(chunked(&signed("POST", EVENTS, body.as_bytes()), &body));
    assert_eq!(wire.reply().text(), "{}");
    peer.hears("news", "e", "{}");
}

/// A request whose body comes in chunks of seven bytes, each announced by its length.
fn chunked(target: &str, body: &str) -> String {
    let mut bytes =
        format!("POST {target} HTTP/1.1\r\nHost: it\r\nTransfer-Encoding: chunked\r\n\r\n");
    for chunk in body.as_bytes().chunks(7) {
        let chunk = str::from_utf8(chunk).expect("ASCII");
        bytes += &format!("{:x}\r\n{chunk}\r\n", chunk.len());
    }
    bytes + "0\r\n\r\n"
}

#[test]
fn a_publisher_with_an_old_http_version_or_an_absolute_target_is_served() {
    let node = Node::start();
    let mut peer = node.subscriber("news");
    let body = event("e", &["news"]).to_string();
    let target = signed("POST", EVENTS, body.as_bytes());
    for head in [
        format!("POST {target} HTTP/1.0\r\n"),
        format!("POST http://it{target} HTTP/1.1\r\nHost: it\r\n"),
    ] {
        let mut wire = node.wire();
        wire.send(format!(
            "{head}Content-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        assert_eq!(wire.reply().text(), "{}", "{head}");
        peer.hears("news", "e", "{}");
    }
}

#[test]
fn a_publisher_may_wait_for_leave_to_send_its_body() {
    let node = Node::start();
    let mut wire = node.wire();
    let body = event("e", &["news"]).to_string();
    wire.send(format!(
        "POST {} HTTP/1.1\r\nHost: it\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        signed("POST", EVENTS, body.as_bytes()),
        body.len()
    ));
    assert_eq!(wire.reply().status, 100);
    wire.send(body);
    assert_eq!(wire.reply().text(), "{}");
}

#[test]
fn the_channels_of_two_apps_are_different_channels() {
    let node = Node::start();
    let mut ours = node.subscriber("news");
    let mut theirs = other_subscriber(&node, "news");
    let body = event("e", &["news"]).to_string();
    let path = format!("/apps/{OTHER_APP_ID}/events");
    let other = Credentials::new(OTHER_KEY, &Secret::new(SECRET));

    let query = other.sign_request("POST", &path, &[], body.as_bytes(), now());
    let reply = node
        .wire()
        .request("POST", &format!("{path}?{query}"), body.as_bytes());
    assert_eq!(reply.text(), "{}");
    assert_eq!(theirs.message()["event"], "e");
    ours.hears_nothing(&node);

    // The key of one app on the path of the other is refused, in both directions.
    for (key, path) in [(&other, EVENTS), (&credentials(), path.as_str())] {
        let query = key.sign_request("POST", path, &[], body.as_bytes(), now());
        let target = format!("{path}?{query}");
        let reply = node.wire().request("POST", &target, body.as_bytes());
        assert_eq!(
            (reply.status, reply.text()),
            (401, "Unknown auth_key".into())
        );
    }
    ours.hears_nothing(&node);
}

fn other_subscriber(node: &Node, channel: &str) -> Wire {
    let mut wire = node.wire();
    wire.open_at(&format!("/app/{OTHER_KEY}?protocol=7"));
    wire.subscribe(channel);
    wire
}

#[test]
fn a_signature_for_one_app_does_not_open_the_channel_of_another() {
    let node = Node::start();
    let mut wire = node.wire();
    let greeting = wire.open_at(&format!("/app/{OTHER_KEY}?protocol=7"));
    let id = greeting["socket_id"].as_str().unwrap().parse().unwrap();
    let auth = credentials().sign_channel(id, &channel("private-a"), None);
    assert!(auth.starts_with(KEY));
    let data = json!({"channel": "private-a", "auth": auth});
    let message = json!({"event": "pusher:subscribe", "data": data}).to_string();
    wire.send(crate::wire::frame(crate::wire::TEXT, message));
    assert_ne!(
        wire.message()["event"],
        "pusher_internal:subscription_succeeded"
    );
}
