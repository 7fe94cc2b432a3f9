//! Becoming a WebSocket, and being greeted or refused. Protocol §1.1, §1.2; RFC 6455 §4.2.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::json;

use crate::node::{KEY, Node};
use crate::wire::{PING, PONG, TEXT, app_target, frame, handshake, subscribe};

#[test]
fn official_clients_are_greeted_whatever_their_query_looks_like() {
    let node = Node::with(|config| config.activity_timeout = Duration::from_secs(77));
    for query in [
        "protocol=7&client=js&version=8.6.0&flash=false",
        "client=pusher-websocket-swift&version=10.1.10&protocol=7",
        "client=java-client&protocol=5&version=2.4.4",
        "protocol=5&client=pusher-dotnet-client&version=2.3.1",
        "client=Pysher&version=1.0.7&protocol=6",
        "protocol=7",
    ] {
        let mut wire = node.wire();
        wire.send(handshake(&format!("/app/{KEY}?{query}"), &[]));
        let reply = wire.reply();
        assert_eq!(reply.status, 101, "{query}");
        // The answer to the key of RFC 6455 §1.3.
        assert_eq!(
            reply.header("sec-websocket-accept"),
            Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        );
        assert_eq!(reply.header("sec-websocket-protocol"), None);
        assert_eq!(reply.header("sec-websocket-extensions"), None);
        assert_eq!(wire.greeting()["activity_timeout"], 77);
    }
}

#[test]
fn an_activity_timeout_of_zero_is_told_as_one_second() {
    // Trap 3: pusher-js would stay in `connecting` for ever.
    let node = Node::with(|config| config.activity_timeout = Duration::ZERO);
    assert_eq!(node.wire().open()["activity_timeout"], 1);
}

#[test]
fn socket_ids_are_two_numbers_and_no_two_are_the_same() {
    let node = Node::start();
    let mut seen = HashSet::new();
    for _ in 0..50 {
        let greeting = node.wire().open();
        let id = greeting["socket_id"].as_str().unwrap().to_owned();
        let (high, low) = id.split_once('.').unwrap();
        for part in [high, low] {
            assert!(!part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
        }
        assert!(seen.insert(id));
    }
}

#[test]
fn a_client_with_a_wrong_key_or_version_learns_why_on_the_open_websocket() {
    let node = Node::start();
    for (target, code) in [
        ("/app/nobody?protocol=7", 4001),
        ("/app/?protocol=7", 4001),
        ("/app/it-key?protocol=4", 4007),
        ("/app/it-key?protocol=8", 4007),
        ("/app/it-key?protocol=99999999999", 4006),
        ("/app/it-key?protocol=seven", 4006),
        ("/app/it-key?protocol=", 4006),
        ("/app/it-key?client=js", 4008),
        ("/app/it-key", 4008),
        ("/app/nobody", 4008),
    ] {
        let mut wire = node.wire();
        wire.send(handshake(
            target,
            &["Sec-WebSocket-Protocol: pusher-channels-protocol-7"],
        ));
        let reply = wire.reply();
        assert_eq!(reply.status, 101, "{target}");
        wire.is_refused_with(code);
        // Whoever answers the close frame waits for the server to end the connection (RFC 6455
        // §7.1.1), and shows the refusal only then.
        wire.set_patience(Duration::from_secs(3));
        wire.send(frame(crate::wire::CLOSE, u16::to_be_bytes(code)));
        wire.ends();
    }
    assert_eq!(
        node.server.connections(),
        0,
        "none of them was a connection"
    );
}

#[test]
fn a_refused_client_that_talks_on_is_refused_all_the_same() {
    let node = Node::start();
    let mut wire = node.wire();
    let mut bytes = handshake("/app/nobody?protocol=7", &[]).into_bytes();
    bytes.extend(subscribe("news"));
    wire.send(bytes);
    assert_eq!(wire.reply().status, 101);
    wire.is_refused_with(4001);
    assert_eq!(node.subscriptions("news"), 0);
}

#[test]
fn what_is_not_a_handshake_is_refused_as_http() {
    let node = Node::start();
    let target = app_target();
    let good = handshake(&target, &[]);
    let get = |lines: &str| format!("GET {target} HTTP/1.1\r\nHost: it\r\n{lines}\r\n");
    for (request, status, header) in [
        (get(""), 426, ("upgrade", "websocket")),
        (
            good.replace("Version: 13", "Version: 8"),
            426,
            ("sec-websocket-version", "13"),
        ),
        (good.replace("GET", "POST"), 405, ("allow", "GET")),
        (
            good.replace("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ="),
            400,
            ("content-type", "text/plain; charset=utf-8"),
        ),
        (
            good.replace("Connection: Upgrade", "Connection: keep-alive"),
            400,
            ("content-type", "text/plain; charset=utf-8"),
        ),
        (
            good.replace("Host: it\r\n", ""),
            400,
            ("content-type", "text/plain; charset=utf-8"),
        ),
    ] {
        let mut wire = node.wire();
        wire.send(&request);
        let reply = wire.reply();
        assert_eq!(reply.status, status, "{request}");
        assert_eq!(reply.header(header.0), Some(header.1), "{request}");
        assert!(!reply.body.is_empty(), "the reason is told");
        // It is an HTTP connection still.
        wire.open();
    }
}

#[test]
fn a_websocket_elsewhere_is_not_found() {
    let node = Node::start();
    for path in ["/", "/apps", "/app", "/app/it-key/x", "/other"] {
        let mut wire = node.wire();
        wire.send(handshake(&format!("{path}?protocol=7"), &[]));
        assert_eq!(wire.reply().status, 404, "{path}");
    }
}

#[test]
fn the_subprotocol_is_echoed_when_it_is_offered() {
    let node = Node::start();
    let ours = "pusher-channels-protocol-7";
    for (offers, expected) in [
        (
            vec!["Sec-WebSocket-Protocol: pusher-channels-protocol-7"],
            Some(ours),
        ),
        (
            vec!["Sec-WebSocket-Protocol: chat, pusher-channels-protocol-7"],
            Some(ours),
        ),
        (
            vec![
                "Sec-WebSocket-Protocol: chat",
                "Sec-WebSocket-Protocol: pusher-channels-protocol-7",
            ],
            Some(ours),
        ),
        (vec!["Sec-WebSocket-Protocol: chat"], None),
        (vec![], None),
    ] {
        let mut wire = node.wire();
        wire.send(handshake(&app_target(), &offers));
        let reply = wire.reply();
        assert_eq!(
            reply.header("sec-websocket-protocol"),
            expected,
            "{offers:?}"
        );
        wire.greeting();
    }
}

#[test]
fn extensions_are_offered_in_vain() {
    let node = Node::start();
    let mut wire = node.wire();
    let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits";
    wire.send(handshake(&app_target(), &[offer]));
    assert_eq!(wire.reply().header("sec-websocket-extensions"), None);
    wire.greeting();
}

#[test]
fn what_is_sent_right_behind_the_handshake_is_handled_after_the_greeting() {
    // Trap 15: Pysher pings before it was greeted.
    let node = Node::start();
    let mut bytes = handshake(&app_target(), &[]).into_bytes();
    bytes.extend(frame(TEXT, r#"{"event":"pusher:ping","data":""}"#));
    bytes.extend(frame(PING, "early"));
    bytes.extend(subscribe("news"));
    // The first bytes of one more, whose rest comes later.
    let last = subscribe("more-news");
    let (begin, rest) = last.split_at(9);
    bytes.extend(begin);

    for _ in 0..8 {
        let mut wire = node.wire();
        wire.send(&bytes);
        assert_eq!(wire.reply().status, 101);
        wire.greeting();
        assert_eq!(
            wire.message(),
            json!({"event": "pusher:pong", "data": "{}"})
        );
        let pong = wire.frame();
        assert_eq!((pong.opcode, &pong.payload[..]), (PONG, &b"early"[..]));
        assert_eq!(wire.message()["channel"], "news");
        wire.send(rest);
        assert_eq!(wire.message()["channel"], "more-news");
    }
}

#[test]
fn much_may_be_sent_behind_the_handshake() {
    let node = Node::start();
    let mut wire = node.wire();
    let mut bytes = handshake(&app_target(), &[]).into_bytes();
    for number in 0..500 {
        bytes.extend(subscribe(&format!("channel-{number}")));
    }
    wire.send(bytes);
    wire.reply();
    wire.greeting();
    for number in 0..500 {
        assert_eq!(wire.message()["channel"], format!("channel-{number}"));
    }
}

#[test]
fn a_client_that_breaks_the_rules_at_once_is_greeted_and_closed() {
    let node = Node::start();
    let mut wire = node.wire();
    let mut bytes = handshake(&app_target(), &[]).into_bytes();
    bytes.extend([0x81, 0x00]); // not masked
    wire.send(bytes);
    wire.reply();
    wire.greeting();
    wire.is_closed_with(1002);
}

#[test]
fn a_client_that_leaves_at_once_is_forgotten() {
    let node = Node::start();
    for _ in 0..20 {
        let mut wire = node.wire();
        let mut bytes = handshake(&app_target(), &[]).into_bytes();
        bytes.extend(subscribe("news"));
        bytes.extend(frame(crate::wire::CLOSE, ""));
        wire.send(bytes);
        wire.reply();
        wire.greeting();
        assert_eq!(wire.message()["channel"], "news");
        let close = wire.frame();
        assert_eq!((close.opcode, close.payload.len()), (crate::wire::CLOSE, 0));
        wire.ends();
    }
    crate::node::until("nobody is connected", || node.server.connections() == 0);
    assert_eq!(node.subscriptions("news"), 0);
}
