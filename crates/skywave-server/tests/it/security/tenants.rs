//! Two apps on one server: what is in one changes nothing in the other.

use serde_json::{Value, json};
use skywave_protocol::SocketId;

use super::{Call, calls, message};
use crate::node::{
    APP_ID, EVENTS, KEY, Node, OTHER_APP_ID, OTHER_KEY, channel, credentials, now,
    other_credentials,
};
use crate::peer::Peer;
use crate::wire::{Reply, Wire};

/// Subscribers, members, a cached event and a signed-in user of the first app.
fn audience(node: &Node) -> Vec<Peer> {
    let mut peers = vec![node.subscriber("news"), node.subscriber("news")];
    peers[0].join("presence-room", "ann");
    peers[0].sign_in("ann");
    peers[0].subscribe("#server-to-user-ann");
    peers[1].subscribe("private-b");
    node.publish("cache-a", "leaked", "{}");
    peers[1].subscribe("cache-a");
    peers[1].hears("cache-a", "leaked", "{}");
    peers
}

/// A connection of the second app, and its id.
fn stranger(node: &Node) -> (Wire, SocketId) {
    let mut wire = node.wire();
    let greeting = wire.open_at(&format!("/app/{OTHER_KEY}?protocol=7"));
    let id = greeting["socket_id"].as_str().expect("a string");
    let id = id.parse().expect("a socket id");
    (wire, id)
}

/// A call to the second app, signed by it.
fn ask(wire: &mut Wire, call: &Call) -> Reply {
    let path = format!("/apps/{OTHER_APP_ID}{}", call.path);
    let body = call.body.as_bytes();
    let query =
        other_credentials().sign_request(call.method, &path, &call.parameters(), body, now());
    wire.request(call.method, &format!("{path}?{query}"), body)
}

#[test]
fn every_call_answers_one_app_as_if_there_were_no_other() {
    let (crowded, empty) = (Node::start(), Node::start());
    let mut peers = audience(&crowded);
    for call in calls() {
        let (mut here, mut there) = (crowded.wire(), empty.wire());
        let (here, there) = (ask(&mut here, &call), ask(&mut there, &call));
        let what = format!("{} {}", call.method, call.path);
        assert!(
            matches!(there.status, 200 | 202),
            "{what}: {}",
            there.text()
        );
        assert_eq!(
            (here.status, here.text()),
            (there.status, there.text()),
            "{what}"
        );
    }
    // Neither an event nor the end of a connection.
    for peer in &mut peers {
        peer.hears_nothing(&crowded);
        peer.is_answered();
    }
    // The first app itself is answered otherwise, or the above would show nothing.
    let path = format!("/apps/{APP_ID}/channels");
    let query = credentials().sign_request("GET", &path, &[], b"", now());
    let reply = crowded
        .wire()
        .request("GET", &format!("{path}?{query}"), b"");
    let channels = reply.json()["channels"]
        .as_object()
        .map(serde_json::Map::len);
    assert!(
        channels.is_some_and(|channels| channels >= 4),
        "{channels:?}"
    );
}

#[test]
fn every_call_refuses_the_key_of_one_app_on_the_path_of_the_other() {
    let node = Node::start();
    let mut peers = audience(&node);
    let mut wire = node.wire();
    for call in calls() {
        let body = call.body.as_bytes();
        for (id, key) in [(APP_ID, other_credentials()), (OTHER_APP_ID, credentials())] {
            let path = format!("/apps/{id}{}", call.path);
            let query = key.sign_request(call.method, &path, &call.parameters(), body, now());
            let reply = wire.request(call.method, &format!("{path}?{query}"), body);
            let told = (reply.status, reply.text());
            assert_eq!(
                told,
                (401, "Unknown auth_key".into()),
                "{} {path}",
                call.method
            );
        }
        // Paths that read like the other app's once they are taken apart otherwise.
        for id in [
            "7/../8",
            "8%2F..%2F7",
            "7%00",
            "07",
            "7/",
            " 7",
            "%37",
            "7;8",
        ] {
            let path = format!("/apps/{}{}", id.replace(' ', "%20"), call.path);
            let query =
                credentials().sign_request(call.method, &path, &call.parameters(), body, now());
            let reply = wire.request(call.method, &format!("{path}?{query}"), body);
            assert!(
                matches!(reply.status, 404 | 405),
                "{} {path}: {} {}",
                call.method,
                reply.status,
                reply.text()
            );
        }
    }
    for peer in &mut peers {
        peer.hears_nothing(&node);
        peer.is_answered();
    }
}

#[test]
fn the_permissions_of_one_app_open_nothing_in_the_other() {
    let node = Node::start();
    let _peers = audience(&node);
    let (mut wire, id) = stranger(&node);
    let member = r#"{"user_id":"eve"}"#;
    let user_data = r#"{"id":"ann"}"#;
    for (event, data) in [
        (
            "pusher:subscribe",
            json!({"channel": "private-b", "auth": credentials().sign_channel(id, &channel("private-b"), None)}),
        ),
        (
            "pusher:subscribe",
            json!({"channel": "presence-room", "channel_data": member,
                "auth": credentials().sign_channel(id, &channel("presence-room"), Some(member))}),
        ),
        (
            "pusher:signin",
            json!({"user_data": user_data, "auth": credentials().sign_user(id, user_data)}),
        ),
    ] {
        wire.send(message(event, &data));
        let mut answer = wire.message();
        if answer["event"] == "pusher:subscription_error" {
            answer = wire.message();
        }
        let text = answer["data"]["message"].as_str().unwrap_or_default();
        assert_eq!(
            text,
            format!("Invalid key in subscription auth data: '{KEY}'")
        );
    }
}

#[test]
fn channels_and_users_of_the_same_names_are_others() {
    let node = Node::start();
    let mut peers = audience(&node);
    let (mut wire, id) = stranger(&node);
    let member = r#"{"user_id":"eve"}"#;
    let user_data = r#"{"id":"ann"}"#;
    let auth = other_credentials().sign_channel(id, &channel("presence-room"), Some(member));
    let data = json!({"channel": "presence-room", "auth": auth, "channel_data": member});
    wire.send(message("pusher:subscribe", &data));
    let success = wire.message();
    let presence: Value =
        serde_json::from_str(success["data"].as_str().expect("a string")).expect("JSON");
    assert_eq!(presence["presence"]["ids"], json!(["eve"]));
    wire.send(crate::wire::subscribe("cache-a"));
    assert_eq!(
        wire.message()["event"],
        "pusher_internal:subscription_succeeded"
    );
    assert_eq!(wire.message()["event"], "pusher:cache_miss");
    let auth = other_credentials().sign_user(id, user_data);
    wire.send(message(
        "pusher:signin",
        &json!({"auth": auth, "user_data": user_data}),
    ));
    assert_eq!(wire.message()["event"], "pusher:signin_success");
    wire.subscribe("#server-to-user-ann");
    wire.subscribe("news");
    for (channel, event) in [
        ("news", "leaked"),
        ("presence-room", "leaked"),
        ("cache-a", "leaked"),
        ("#server-to-user-ann", "leaked"),
    ] {
        node.publish(channel, event, "{}");
    }
    // A client event goes to its own app's members alone, and so does leaving.
    let shout = json!({"event": "client-x", "channel": "presence-room", "data": {}}).to_string();
    wire.send(crate::wire::frame(crate::wire::TEXT, shout));
    wire.send(crate::wire::frame(
        crate::wire::TEXT,
        r#"{"event":"pusher:ping"}"#,
    ));
    assert_eq!(wire.message()["event"], "pusher:pong", "it hears nothing");
    drop(wire);
    for heard in ["news", "presence-room", "#server-to-user-ann"] {
        peers[0].hears(heard, "leaked", "{}");
    }
    peers[0].hears_nothing(&node);
}

#[test]
fn terminating_by_key_alone_ends_users_of_that_app_only() {
    let node = Node::start();
    let mut peers = audience(&node);
    let path = "/users/ann/terminate_connections";
    let query = other_credentials().sign_request("POST", path, &[], b"{}", now());
    let reply = node
        .wire()
        .request("POST", &format!("{path}?{query}"), b"{}");
    assert_eq!(reply.status, 200);
    peers[0].is_answered();
    // Excluding a connection of the other app leaves nobody out there.
    let body =
        json!({"name": "e", "channel": "news", "data": "", "socket_id": peers[0].id.to_string()});
    let body = body.to_string();
    let path = EVENTS.replace(APP_ID, OTHER_APP_ID);
    let query = other_credentials().sign_request("POST", &path, &[], body.as_bytes(), now());
    let reply = node
        .wire()
        .request("POST", &format!("{path}?{query}"), body.as_bytes());
    assert_eq!(reply.status, 200);
    peers[0].hears_nothing(&node);
}
