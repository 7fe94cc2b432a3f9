//! Peers that take their time over a request, so as to occupy the server (security checklist 14).

use std::thread;
use std::time::Duration;

use crate::node::{EVENTS, Node, signed};
use crate::wire::{Wire, handshake};

const BODY: &str = r#"{"name":"leaked","channels":["news"],"data":"{}"}"#;

#[test]
fn a_request_that_does_not_arrive_in_time_is_cut_and_a_websocket_is_not() {
    let node = Node::with(|config| config.request_timeout = Duration::from_secs(1));
    let mut peer = node.subscriber("news");
    let target = signed("POST", EVENTS, BODY.as_bytes());
    let head = format!("POST {target} HTTP/1.1\r\nHost: it\r\nContent-Length: 1000\r\n\r\n");
    let upgrade = handshake("/app/it-key?protocol=7", &[]);

    let rows = [
        ("nothing", String::new()),
        ("half a line", "POST /apps".into()),
        ("half a head", upgrade[..upgrade.len() - 2].into()),
        ("a head without its body", head.clone()),
        ("half a body", format!("{head}{BODY}")),
    ];
    let slow: Vec<(&str, Wire)> = rows
        .map(|(what, bytes)| {
            let mut wire = node.wire();
            wire.send(bytes);
            (what, wire)
        })
        .into();
    // A connection that had a request answered is idle then, and cut as well.
    let mut idle = node.wire();
    idle.post("{}");

    for (what, mut wire) in slow {
        assert_eq!(wire.drain(), b"", "after {what}");
    }
    idle.ends();
    peer.hears_nothing(&node);
}

#[test]
fn a_head_has_its_time_and_so_has_its_body() {
    let node = Node::with(|config| config.request_timeout = Duration::from_secs(3));
    let mut peer = node.subscriber("news");
    let target = signed("POST", EVENTS, BODY.as_bytes());
    let length = BODY.len();
    // The front's, and hyper's.
    let rows = ["keep-alive", "keep-alive, x"].map(|said| {
        let head = format!(
            "POST {target} HTTP/1.1\r\nHost: it\r\nConnection: {said}\r\nContent-Length: {length}\r\n\r\n"
        );
        (head, node.wire())
    });
    // Longer together than one of them may take.
    thread::sleep(Duration::from_secs(2));
    let rows = rows.map(|(head, mut wire)| {
        wire.send(&head);
        (head, wire)
    });
    thread::sleep(Duration::from_secs(2));
    for (head, mut wire) in rows {
        wire.send(BODY);
        assert_eq!(wire.reply().status, 200, "{head}");
        peer.hears("news", "leaked", "{}");
    }
}

#[test]
fn a_peer_that_sends_a_byte_now_and_then_is_cut_as_well() {
    let node = Node::with(|config| config.request_timeout = Duration::from_secs(1));
    let mut wire = node.wire();
    wire.set_patience(Duration::from_millis(100));
    wire.send("GET / HTTP/1.1\r\n");
    // Far more bytes than the server should wait for.
    let endured = (0..150)
        .take_while(|_| wire.try_send("X: x\r\n").is_ok() && !wire.is_over())
        .count();
    assert!(
        endured < 100,
        "{endured} lines in as many tenths of a second"
    );
}
