//! Who is still there: pings, answers, and what becomes of the silent. Protocol §1.6.
//!
//! The server's clock ticks in seconds, so these tests take some.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::node::{Node, until};
use crate::wire::{PING, PONG, TEXT, frame};

#[test]
fn a_silent_peer_is_pinged_and_closed_with_4201_and_cut_when_it_ignores_that() {
    let node = Node::impatient();
    let mut wire = node.socket();
    wire.subscribe("news");
    let begin = Instant::now();

    // A control frame, which every client answers (trap 14).
    let ping = wire.frame();
    assert_eq!((ping.opcode, &ping.payload[..]), (PING, &b""[..]));
    assert!(
        begin.elapsed() >= Duration::from_secs(1),
        "the client's turn"
    );

    wire.is_refused_with(4201);
    // It neither answers the close frame nor closes its socket.
    wire.ends();
    until("it is forgotten", || node.server.connections() == 0);
    assert_eq!(node.subscriptions("news"), 0);
    assert!(begin.elapsed() < Duration::from_secs(14), "in time");
}

#[test]
fn a_peer_that_answers_pings_stays() {
    let node = Node::impatient();
    let mut wire = node.socket();
    wire.subscribe("news");
    for answer in [
        frame(PONG, ""),
        // Any frame is a sign of life.
        frame(TEXT, r#"{"event":"pusher:pong","data":{}}"#),
    ] {
        assert_eq!(wire.frame().opcode, PING);
        wire.send(answer);
    }
    assert_eq!(wire.frame().opcode, PING);
    wire.send(frame(PONG, ""));
    node.publish("news", "e", "{}");
    assert_eq!(wire.message()["event"], "e");
}

#[test]
fn a_peer_that_talks_is_not_pinged() {
    let node = Node::impatient();
    let mut wire = node.socket();
    let end = Instant::now() + Duration::from_secs(4);
    while Instant::now() < end {
        wire.send(frame(TEXT, r#"{"event":"pusher:ping","data":{}}"#));
        // Anything else, a ping for instance, would fail here.
        assert_eq!(
            wire.message(),
            json!({"event": "pusher:pong", "data": "{}"})
        );
        // Silence, as a part of the scenario.
        thread::sleep(Duration::from_millis(400));
    }
}

#[test]
fn what_the_server_says_is_no_sign_of_life_of_the_peer() {
    let node = Node::impatient();
    let mut wire = node.socket();
    wire.subscribe("news");
    let mut pinged = false;
    loop {
        node.publish("news", "e", "{}");
        let frame = wire.frame();
        match frame.opcode {
            PING => pinged = true,
            _ if frame.payload.starts_with(br#"{"event":"pusher:error""#) => break,
            _ => thread::sleep(Duration::from_millis(50)),
        }
    }
    assert!(pinged);
    wire.is_closed_with(4201);
}

#[test]
fn a_connection_that_never_says_anything_is_closed_where_that_is_wanted() {
    let node = Node::with(|config| {
        config.first_message_timeout = Some(Duration::from_secs(1));
    });
    let mut mute = node.socket();
    let mut peer = node.subscriber("news");
    mute.is_refused_with(4202);
    // As silent for as long, but it has said something before.
    peer.hears_nothing(&node);
}
