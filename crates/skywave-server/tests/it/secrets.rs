//! Secrets and signatures stay out of logs and debug output. Invariant 12, security checklist 17.

use serde_json::json;

use crate::host::Host;
use crate::log;
use crate::node::{EVENTS, Node, SECRET, config, signed};
use crate::peer::Peer;
use crate::wire::{TEXT, frame, handshake};

#[test]
fn neither_the_secret_nor_a_signature_is_logged() {
    let node = Node::start();
    let host = Host::start();
    let address = host.axum(&node.server);

    // Every place where a signature comes in, right and wrong, and every way to fail.
    for mut peer in [node.connect(), Peer::to(address)] {
        peer.subscribe("private-a");
        peer.join("presence-a", "ann");
        let forged = "it-key:".to_owned() + &"ab".repeat(32);
        log::note_signature(&"ab".repeat(32));
        peer.say(
            "pusher:subscribe",
            &json!({"channel": "private-b", "auth": forged}),
        );
        peer.say(
            "pusher:signin",
            &json!({"user_data": "{\"id\":\"1\"}", "auth": forged}),
        );
        node.post(&json!({"name": "e", "channel": "private-a", "data": "{}"}));
    }
    let mut wire = node.wire();
    wire.post("not json");
    wire.request("POST", &signed("POST", EVENTS, b"{}"), b"[]");
    wire.request("GET", &signed("GET", EVENTS, b""), b"");
    wire.request("POST", &signed("POST", "/apps/404/events", b"{}"), b"{}");
    wire.send(format!(
        "POST {} HTTP/1.1\r\nHost: \0\r\n\r\n",
        signed("POST", EVENTS, b"{}")
    ));
    wire.drain();
    let mut wire = node.wire();
    wire.send(handshake(&signed("GET", "/app/nobody", b""), &[]));
    wire.reply();
    let mut wire = node.socket();
    wire.send(frame(TEXT, b"\xff"));
    wire.is_closed_with(1007);
    drop(wire);
    node.server.shutdown();

    let logged = log::written();
    assert!(
        !logged.is_empty(),
        "something is logged, or this test sees nothing"
    );
    assert!(!logged.contains(SECRET), "the secret is logged");
    let signatures = log::signatures();
    assert!(signatures.len() > 10);
    for signature in signatures {
        assert!(
            !logged.contains(&signature),
            "signature {signature} is logged"
        );
    }
}

#[test]
fn what_looks_like_a_signature_is_found_in_a_log() {
    let signature = "0123456789abcdef".repeat(4);
    let line = format!("POST /apps/7/events?auth_signature={signature} 200");
    assert_eq!(log::digest(&line), Some(signature.as_str()));
    assert_eq!(log::digest(&line.replace("abc", "xyz")), None);
}

#[test]
fn the_secret_is_not_in_debug_output() {
    let node = Node::start();
    for printed in [format!("{:?}", node.server), format!("{:?}", config())] {
        assert!(printed.contains("it-key"), "{printed}");
        assert!(!printed.contains(SECRET), "{printed}");
    }
}
