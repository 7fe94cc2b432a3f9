//! Server-sent events: clients without a library.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use crate::host::Host;
use crate::log;
use crate::node::{KEY, Node, OTHER_KEY, connect, credentials, now, until};
use crate::peer::inner;
use crate::wire::{Reply, Wire};

/// A client that reads as browsers do.
struct Source {
    wire: Wire,
    unread: String,
}

/// An event: its name, and the message in its data.
#[derive(Debug, PartialEq)]
struct Event {
    name: String,
    data: Value,
}

impl Source {
    /// Asks for a target and expects the stream.
    #[track_caller]
    fn open(address: SocketAddr, target: &str) -> Self {
        let mut wire = Wire::tcp(connect(address));
        let reply = wire.request("GET", target, b"");
        assert_eq!(reply.status, 200);
        for (header, value) in [
            ("content-type", "text/event-stream; charset=utf-8"),
            ("cache-control", "no-store, no-transform"),
            ("access-control-allow-origin", "*"),
            ("x-accel-buffering", "no"),
        ] {
            assert_eq!(reply.header(header), Some(value));
        }
        let unread = String::new();
        Self { wire, unread }
    }

    /// Listens to channels, and expects that it may.
    #[track_caller]
    fn listen(address: SocketAddr, target: &str, channels: &[&str]) -> Self {
        let mut source = Self::open(address, target);
        source.greeting();
        for channel in channels {
            source.subscribed(channel);
        }
        source
    }

    /// The lines up to the next empty one.
    #[track_caller]
    fn block(&mut self) -> String {
        loop {
            if let Some(end) = self.unread.find("\n\n") {
                return self.unread.drain(..end + 2).collect();
            }
            let chunk = self.wire.chunk().expect("the response goes on");
            self.unread += str::from_utf8(&chunk).expect("events are text");
        }
    }

    /// The next event; comments are ignored, as browsers do.
    #[track_caller]
    fn event(&mut self) -> Event {
        let mut block = self.block();
        while block.starts_with(':') {
            block = self.block();
        }
        let mut event = Event {
            name: "message".into(),
            data: Value::Null,
        };
        for line in block.lines().filter(|line| !line.is_empty()) {
            match line.split_once(": ").expect("a field") {
                ("event", name) => event.name = name.into(),
                ("data", data) => event.data = serde_json::from_str(data).expect("JSON"),
                field => panic!("unknown field {field:?}"),
            }
        }
        event
    }

    /// The first of all: when to come back, and the connection's socket id.
    #[track_caller]
    fn greeting(&mut self) -> Value {
        let retry = self.block();
        let retry: u32 = retry
            .strip_prefix("retry: ")
            .and_then(|retry| retry.trim_end().parse().ok())
            .expect("milliseconds");
        assert!((1_000..3_000).contains(&retry));
        let event = self.event();
        assert_eq!(event.name, "pusher:connection_established");
        inner(&event.data)
    }

    #[track_caller]
    fn subscribed(&mut self, channel: &str) -> Value {
        let event = self.event();
        assert_eq!(event.name, "pusher_internal:subscription_succeeded");
        assert_eq!(event.data["channel"], channel);
        inner(&event.data)
    }

    #[track_caller]
    fn hears(&mut self, channel: &str, event: &str, data: &str) {
        let expected = Event {
            name: event.into(),
            data: json!({"event": event, "channel": channel, "data": data}),
        };
        assert_eq!(self.event(), expected);
    }
}

fn target(channels: &str) -> String {
    format!("/apps/{KEY}/sse?channels={channels}")
}

fn signed_at(seconds: u64, parameters: &[(&str, &str)]) -> String {
    let path = format!("/apps/{KEY}/sse");
    let query = credentials().sign_request("GET", &path, parameters, b"", seconds);
    let (_, signature) = query.split_once("auth_signature=").expect("a signature");
    log::note_signature(signature);
    format!("{path}?{query}")
}

fn signed(parameters: &[(&str, &str)]) -> String {
    signed_at(now(), parameters)
}

fn get(node: &Node, target: &str) -> Reply {
    node.wire().request("GET", target, b"")
}

#[test]
fn public_channels_are_there_for_everybody() {
    let node = Node::start();
    let channels = ["news", "cache-weather"];
    node.publish("cache-weather", "sun", "{\"t\":20}");
    let mut source = Source::open(node.address, &target("news,cache-weather"));
    source.greeting();
    for channel in channels {
        source.subscribed(channel);
    }
    source.hears("cache-weather", "sun", "{\"t\":20}");
    let data = "{\"text\":\"ü😀\\n\"}\r\n";
    node.publish("news", "App\\Events\\New", data);
    source.hears("news", "App\\Events\\New", data);
    node.publish("news", "two\nlines", "1");
    let event = source.event();
    assert_eq!(event.name, "message", "the name would break its line");
    assert_eq!(event.data["event"], "two\nlines");
}

#[test]
fn under_an_application_it_works_the_same() {
    let node = Node::start();
    let host = Host::start();
    for address in [host.axum(&node.server), host.hyper(&node.server)] {
        let mut source = Source::listen(address, &target("news"), &["news"]);
        node.publish("news", "e", "1");
        source.hears("news", "e", "1");
    }
}

#[test]
fn private_channels_are_there_for_those_with_a_signed_url() {
    let node = Node::start();
    let names = ["private-a", "private-encrypted-b", "news"];
    let url = signed(&[("channels", &names.join(","))]);
    let mut source = Source::listen(node.address, &url, &names);
    node.publish("private-a", "e", "1");
    source.hears("private-a", "e", "1");
    let mut peer = node.subscriber("private-a");
    peer.say_text(json!({"event": "client-e", "channel": "private-a", "data": "2"}).to_string());
    source.hears("private-a", "client-e", "2");
}

#[test]
fn below_a_path_prefix_the_path_is_signed_without_it() {
    let node = Node::with(|config| config.path_prefix = "/ws".into());
    let url = signed(&[("channels", "private-a")]);
    let mut source = Source::listen(node.address, &format!("/ws{url}"), &["private-a"]);
    node.publish("private-a", "e", "1");
    source.hears("private-a", "e", "1");
    assert_eq!(get(&node, &url).status, 404, "clients are told the prefix");
}

#[test]
fn a_signed_user_is_signed_in_and_a_member() {
    let node = Node::start();
    let mut anna = node.connect();
    anna.join("presence-room", "anna");
    let user = json!({"id": "ben", "user_info": {"name": "Ben"}}).to_string();
    let url = signed(&[
        ("channels", "presence-room,#server-to-user-ben"),
        ("user_data", &user),
    ]);
    let mut source = Source::open(node.address, &url);
    source.greeting();
    assert_eq!(source.event().name, "pusher:signin_success");
    let members = source.subscribed("presence-room");
    assert_eq!(members["presence"]["ids"], json!(["anna", "ben"]));
    assert_eq!(anna.next()["event"], "pusher_internal:member_added");
    source.subscribed("#server-to-user-ben");
    node.publish("#server-to-user-ben", "dm", "1");
    source.hears("#server-to-user-ben", "dm", "1");
    drop(source);
    assert_eq!(anna.next()["event"], "pusher_internal:member_removed");
}

#[test]
fn refusals_are_plain_answers_before_the_stream_begins() {
    let node = Node::start();
    let other = format!("/apps/{OTHER_KEY}/sse?channels=news");
    assert_eq!(
        Source::open(node.address, &other).greeting()["activity_timeout"],
        120
    );
    let forged = signed(&[("channels", "private-a")]).replace("private-a", "private-b");
    let of_the_other = signed(&[("channels", "private-a")])
        .replace(&format!("/apps/{KEY}/"), &format!("/apps/{OTHER_KEY}/"));
    for (target, status, text) in [
        (
            "/apps/no-such-key/sse?channels=a".into(),
            404,
            "Application does not exist",
        ),
        (format!("/apps/{KEY}/sse"), 400, "Missing field: channels"),
        (target(""), 400, "Missing field: channels"),
        (target("a,b!"), 400, ""),
        (target("a&channels=b"), 401, "Duplicate parameter: channels"),
        (target("private-a"), 401, "Channel private-a is not public"),
        (
            target("presence-a"),
            401,
            "Channel presence-a is not public",
        ),
        (
            target("%23server-to-user-7"),
            401,
            "Channel #server-to-user-7 is not public",
        ),
        (
            signed(&[("channels", "presence-a")]),
            401,
            "Channel presence-a is for users",
        ),
        (
            signed_at(now() - 601, &[("channels", "a")]),
            401,
            "Timestamp expired",
        ),
        (target("a&auth_key=it-key"), 401, "Version required"),
        (forged, 401, "Invalid signature"),
        (of_the_other, 401, "Unknown auth_key"),
    ] {
        let reply = get(&node, &target);
        assert_eq!(reply.status, status, "{target}: {}", reply.text());
        assert!(reply.text().starts_with(text), "{target}: {}", reply.text());
        assert_eq!(
            reply.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    }
    let reply = node.wire().request("POST", &target("a"), b"");
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET")));
    until("nobody is connected", || node.server.connections() == 0);
}

#[test]
fn a_refused_subscription_is_an_event_and_the_others_go_on() {
    let node = Node::start();
    let url = signed(&[
        ("channels", "#server-to-user-other,news"),
        ("user_data", "{\"id\":\"me\"}"),
    ]);
    let mut source = Source::open(node.address, &url);
    source.greeting();
    assert_eq!(source.event().name, "pusher:signin_success");
    let refused = source.event();
    assert_eq!(refused.name, "pusher:subscription_error");
    assert_eq!(refused.data["channel"], "#server-to-user-other");
    assert_eq!(source.event().name, "pusher:error");
    source.subscribed("news");
}

#[test]
fn who_leaves_is_gone_at_once() {
    let node = Node::start();
    let source = Source::listen(node.address, &target("news"), &["news"]);
    assert_eq!(node.server.connections(), 1);
    drop(source);
    until("it is gone", || node.server.connections() == 0);
    assert_eq!(node.subscriptions("news"), 0);
}

#[test]
fn a_client_that_takes_what_it_is_sent_counts_as_alive() {
    let node = Node::impatient();
    let mut source = Source::listen(node.address, &target("news"), &["news"]);
    // Each comment is a ping of the server's, three seconds apart at most.
    for _ in 0..3 {
        assert_eq!(source.block(), ":\n\n");
    }
    node.publish("news", "e", "1");
    source.hears("news", "e", "1");
}

#[test]
fn a_client_that_does_not_read_is_cut_and_nobody_waits_for_it() {
    let node = Node::with(|config| config.outbox_bytes = 200_000);
    let source = Source::listen(node.address, &target("news"), &["news"]);
    let mut peer = node.subscriber("news");
    let data = "x".repeat(10_000);
    let mut sent = 0;
    until("the slow one is cut", || {
        node.publish("news", "e", &data);
        peer.hears("news", "e", &data);
        sent += 1;
        node.server.connections() == 1
    });
    assert!(sent > 20, "{sent}");
    source.wire.set_patience(Duration::from_millis(10));
}

#[test]
fn the_end_of_the_connection_is_the_end_of_the_response() {
    let node = Node::start();
    let user = "{\"id\":\"7\"}";
    let url = signed(&[("channels", "news"), ("user_data", user)]);
    let mut source = Source::open(node.address, &url);
    source.greeting();
    assert_eq!(source.event().name, "pusher:signin_success");
    source.subscribed("news");
    let path = "/apps/7/users/7/terminate_connections";
    let reply = node
        .wire()
        .request("POST", &crate::node::signed("POST", path, b""), b"");
    assert_eq!(reply.status, 200, "{}", reply.text());
    let error = source.event();
    assert_eq!(
        (error.name.as_str(), &error.data["data"]["code"]),
        ("pusher:error", &json!(4009))
    );
    assert_eq!(source.wire.chunk(), None);
}
