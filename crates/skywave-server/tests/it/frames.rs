//! Frames as they come: cut, mixed, oversized, broken. RFC 6455 §5, §7.

use std::time::Duration;

use serde_json::json;

use crate::node::Node;
use crate::wire::{
    BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Wire, frame, masked, subscribe, unfinished,
};

const SUBSCRIBE: &str = r#"{"event":"pusher:subscribe","data":{"channel":"news"}}"#;

/// Expects an answer, so that the connection is known to go on.
#[track_caller]
fn goes_on(wire: &mut Wire) {
    wire.send(frame(TEXT, r#"{"event":"pusher:ping","data":{}}"#));
    assert_eq!(
        wire.message(),
        json!({"event": "pusher:pong", "data": "{}"})
    );
}

#[test]
fn a_message_may_come_in_fragments_with_control_frames_between() {
    let node = Node::start();
    let mut wire = node.socket();
    let (first, rest) = SUBSCRIBE.split_at(10);
    let (second, third) = rest.split_at(20);
    wire.send(unfinished(TEXT, first));
    wire.send(frame(PING, "one"));
    assert_eq!(wire.frame().payload, b"one");
    wire.send(
        [
            unfinished(CONTINUATION, second),
            unfinished(CONTINUATION, ""),
        ]
        .concat(),
    );
    wire.send(frame(PONG, "unasked"));
    wire.send(frame(PING, "two"));
    assert_eq!(wire.frame().payload, b"two");
    assert_eq!(node.subscriptions("news"), 0);
    wire.send(frame(CONTINUATION, third));
    assert_eq!(wire.message()["channel"], "news");
    node.publish("news", "e", "{}");
    assert_eq!(wire.message()["event"], "e");
}

#[test]
fn a_message_may_come_byte_by_byte() {
    let node = Node::start();
    let mut wire = node.socket();
    for byte in subscribe("news") {
        wire.send([byte]);
    }
    assert_eq!(wire.message()["channel"], "news");
}

#[test]
fn many_messages_may_come_at_once() {
    let node = Node::start();
    let mut wire = node.socket();
    let ping = frame(TEXT, r#"{"event":"pusher:ping"}"#);
    wire.send(ping.repeat(5_000));
    for _ in 0..5_000 {
        assert_eq!(wire.message()["event"], "pusher:pong");
    }
}

#[test]
fn a_binary_message_is_an_error_that_the_connection_survives() {
    let node = Node::start();
    let mut wire = node.socket();
    wire.send(frame(BINARY, SUBSCRIBE));
    let error = wire.message();
    assert_eq!(error["event"], "pusher:error");
    assert_eq!(error["data"]["code"], json!(null));
    assert_eq!(node.subscriptions("news"), 0);
    goes_on(&mut wire);
}

#[test]
fn a_message_that_is_none_of_the_protocol_is_an_error_that_the_connection_survives() {
    let node = Node::start();
    let mut wire = node.socket();
    let deep = "[".repeat(60_000);
    for text in [
        "",
        " ",
        "{",
        "null",
        "[]",
        "42",
        r#""pusher:ping""#,
        "{}",
        r#"{"event":5}"#,
        r#"{"event":null}"#,
        r#"{"event":"pusher:subscribe"}"#,
        r#"{"event":"pusher:subscribe","data":{}}"#,
        r#"{"event":"pusher:subscribe","data":{"channel":5}}"#,
        r#"{"event":"pusher:subscribe","data":{"channel":""}}"#,
        r#"{"event":"pusher:subscribe","data":{"channel":"a b"}}"#,
        r#"{"event":"pusher:unsubscribe","data":{"channel":"news"}}"#,
        r#"{"event":"pusher:signin","data":{"auth":"x"}}"#,
        r#"{"event":"client-x","data":{}}"#,
        r#"{"event":"client-x","channel":"private-a","data":{}}"#,
        r#"{"event":"e","channel":"news","data":{}}"#,
        r#"{"event":"pusher:connection_established","data":"{}"}"#,
        r#"{"event":"pusher:ping"}{"event":"pusher:ping"}"#,
        &deep,
    ] {
        wire.send(frame(TEXT, text));
        let message = wire.message();
        // A refused subscription may be told on its channel first.
        let error = match message["event"].as_str() {
            Some("pusher:subscription_error") => wire.message(),
            _ => message,
        };
        assert_eq!(error["event"], "pusher:error", "{text:.60}");
        assert_eq!(error["data"]["code"], json!(null), "{text:.60}");
        assert!(error["data"]["message"].is_string(), "{text:.60}");
        goes_on(&mut wire);
    }
}

#[test]
fn a_message_at_the_limit_is_read_and_one_above_is_closed_with_1009() {
    let node = Node::with(|config| config.message_bytes = 1_000);
    let padded = |length: usize| format!("{SUBSCRIBE}{}", " ".repeat(length - SUBSCRIBE.len()));

    let mut wire = node.socket();
    wire.send(frame(TEXT, padded(1_000)));
    assert_eq!(wire.message()["channel"], "news");

    let header_alone = {
        let mut bytes = vec![0x81, 0x80 | 127];
        bytes.extend((1_u64 << 62).to_be_bytes());
        bytes.extend([0; 4]);
        bytes
    };
    let mut in_fragments = unfinished(TEXT, [b'x'; 600]);
    in_fragments.extend(frame(CONTINUATION, [b'x'; 401]));
    for bytes in [frame(TEXT, padded(1_001)), header_alone, in_fragments] {
        let mut wire = node.socket();
        wire.send(bytes);
        wire.is_closed_with(1009);
        wire.set_patience(SOON);
        wire.ends();
    }
    assert_eq!(node.subscriptions("news"), 1);
}

/// A client whose frame was refused should learn the end of the connection long before the server
/// loses its patience with peers that do not go (RFC 6455 §7.1.7).
const SOON: Duration = Duration::from_secs(3);

#[test]
fn a_frame_that_breaks_the_rules_closes_its_connection_and_no_other() {
    let node = Node::start();
    let mut bystander = node.subscriber("news");
    let unmasked = b"\x81\x02{}".to_vec();
    let long_form = b"\x81\xfe\x00\x02\0\0\0\0{}".to_vec();
    let negative = b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0".to_vec();
    let mut interrupted = unfinished(TEXT, "{");
    interrupted.extend(frame(TEXT, "}"));
    let mut endless = unfinished(TEXT, "");
    endless.extend(unfinished(CONTINUATION, "").repeat(2_000));
    for (what, bytes, code) in [
        ("not masked", unmasked, 1002),
        ("reserved bit", masked(0xc1, b"{}"), 1002),
        ("reserved data opcode", frame(0x3, "{}"), 1002),
        ("reserved control opcode", frame(0xb, ""), 1002),
        ("long control frame", frame(PING, [b'x'; 126]), 1002),
        ("fragmented control frame", unfinished(PING, "x"), 1002),
        ("length in a longer form", long_form, 1002),
        ("length beyond 2^63", negative, 1002),
        ("continuation of nothing", frame(CONTINUATION, "x"), 1002),
        ("message inside a message", interrupted, 1002),
        ("half a close code", frame(CLOSE, [3]), 1002),
        (
            "close code of no frame",
            frame(CLOSE, 1005_u16.to_be_bytes()),
            1002,
        ),
        ("text that is not UTF-8", frame(TEXT, b"{\"\xff\"}"), 1007),
        (
            "close reason not UTF-8",
            frame(CLOSE, b"\x03\xe8\xff"),
            1007,
        ),
        ("endless fragments", endless, 1008),
    ] {
        let mut wire = node.socket();
        wire.subscribe("news");
        wire.send(bytes);
        // Nothing behind the violation is looked at.
        let _ = wire.try_send(subscribe("too-late"));
        node.publish("news", "e", "{}");
        bystander.hears("news", "e", "{}");
        // The event may have come before the violation, or not.
        let frame = wire.frame();
        let close = if frame.opcode == TEXT {
            wire.frame()
        } else {
            frame
        };
        assert_eq!(close.opcode, CLOSE, "{what}");
        assert_eq!(close.payload[..2], u16::to_be_bytes(code), "{what}");
        wire.set_patience(SOON);
        wire.ends();
    }
    assert_eq!(node.subscriptions("too-late"), 0);
    crate::node::until("only the bystander is left", || {
        node.subscriptions("news") == 1
    });
}

#[test]
fn a_ping_is_answered_with_its_payload() {
    let node = Node::start();
    let mut wire = node.socket();
    for payload in [&b""[..], b"are you there?", &[0xff; 125]] {
        wire.send(frame(PING, payload));
        let pong = wire.frame();
        assert_eq!((pong.opcode, &pong.payload[..]), (PONG, payload));
    }
}

#[test]
fn a_pong_nobody_asked_for_is_ignored() {
    let node = Node::start();
    let mut wire = node.socket();
    wire.send(frame(PONG, "here I am"));
    goes_on(&mut wire);
}

#[test]
fn a_close_frame_is_echoed_and_nothing_after_it_counts() {
    let node = Node::start();
    for (payload, echo) in [
        (&b""[..], &b""[..]),
        (b"\x03\xe8", b"\x03\xe8"),
        (b"\x03\xe9going away", b"\x03\xe9"),
        (b"\x0f\xa0mine", b"\x0f\xa0"),
    ] {
        let mut wire = node.socket();
        wire.send([frame(CLOSE, payload), subscribe("news")].concat());
        let close = wire.frame();
        assert_eq!((close.opcode, &close.payload[..]), (CLOSE, echo));
        wire.ends();
    }
    crate::node::until("nobody is connected", || node.server.connections() == 0);
    assert_eq!(node.subscriptions("news"), 0);
}

#[test]
fn events_of_every_size_arrive_whole() {
    let node = Node::start();
    let mut peer = node.subscriber("news");
    // Around the places where the length of a frame changes its form, and far beyond.
    for size in [
        0, 1, 70, 80, 126, 1_000, 65_400, 65_480, 65_535, 65_536, 3_000_000,
    ] {
        let data: String = ('a'..='z').cycle().take(size).collect();
        node.publish("news", "e", &data);
        peer.hears("news", "e", &data);
    }
}
