//! What the front answers by itself, and how it hands over what it does not know.

use skywave_protocol::Limits;
use skywave_server::{App, AppSettings};

use crate::node::{APP_ID, EVENTS, Node, credentials, signed};
use crate::wire::{TEXT, app_target, frame, handshake};

fn event(name: &str) -> String {
    format!(r#"{{"name":"{name}","channels":["news"],"data":"d"}}"#)
}

/// A signed request that publishes, with fields added to its head.
fn post(name: &str, fields: &str) -> String {
    let body = event(name);
    let target = signed("POST", EVENTS, body.as_bytes());
    let length = body.len();
    format!("POST {target} HTTP/1.1\r\nHost: it\r\nContent-Length: {length}\r\n{fields}\r\n{body}")
}

#[test]
fn requests_in_one_piece_are_answered_one_by_one() {
    let node = Node::start();
    let mut peer = node.subscriber("news");
    let mut wire = node.wire();
    let refused = post("x", "").replace("auth_signature=", "auth_signature=0");
    let health = "GET /healthz HTTP/1.1\r\nHost: it\r\n\r\n";
    // From the question about its health on, the connection is hyper's.
    wire.send(post("a", "") + &refused + &post("b", "") + health + &post("c", ""));
    for status in [200, 401, 200, 200, 200] {
        let reply = wire.reply();
        assert_eq!(reply.status, status);
        let is_json = reply.header("content-type") == Some("application/json");
        assert_eq!(is_json, reply.text() == "{}");
        assert!(reply.header("date").is_some());
    }
    for name in ["a", "b", "c"] {
        peer.hears("news", name, "d");
    }
    peer.hears_nothing(&node);
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let node = Node::start();
    let mut peer = node.subscriber("news");
    for pieces in [1, 7, 400] {
        let mut wire = node.wire();
        for name in ["a", "b"] {
            for piece in post(name, "").as_bytes().chunks(pieces) {
                wire.send(piece);
            }
            assert_eq!(wire.reply().status, 200);
            peer.hears("news", name, "d");
        }
    }
    peer.hears_nothing(&node);
}

#[test]
fn a_body_that_comes_late_is_waited_for() {
    let node = Node::start();
    let mut peer = node.subscriber("news");
    let mut wire = node.wire();
    let request = post("a", "");
    let (head, body) = request.split_at(request.len() - 10);
    // The beginning of the next request comes with the end of this one.
    let next = post("b", "");
    wire.send(head);
    wire.send(body.to_owned() + &next[..next.len() - 1]);
    assert_eq!(wire.reply().status, 200);
    peer.hears("news", "a", "d");
    wire.send(&next[next.len() - 1..]);
    assert_eq!(wire.reply().status, 200);
    peer.hears("news", "b", "d");
}

#[test]
fn a_body_that_breaks_off_is_answered_and_publishes_nothing() {
    let node = Node::start();
    let mut peer = node.subscriber("news");
    let request = post("a", "");
    let unsigned = request.replace("auth_signature=", "auth_signature=0");
    for (request, status) in [(request, 400), (unsigned, 401)] {
        let mut wire = node.wire();
        wire.send(&request[..request.len() - 1]);
        wire.half_close();
        assert_eq!(wire.reply().status, status);
        wire.ends();
    }
    peer.hears_nothing(&node);
}

#[test]
fn a_body_larger_than_the_buffer_is_taken_as_well() {
    let node = Node::with(|config| {
        let limits = Limits {
            event_bytes: 200_000,
            ..Limits::default()
        };
        let settings = AppSettings {
            limits,
            ..AppSettings::new(credentials())
        };
        config.apps = vec![App::new(APP_ID, settings)];
    });
    let mut peer = node.subscriber("news");
    let data = "x".repeat(150_000);
    let body = format!(r#"{{"name":"large","channels":["news"],"data":"{data}"}}"#);
    let mut wire = node.wire();
    assert_eq!(wire.post(&event("a")).status, 200);
    assert_eq!(wire.post(&body).status, 200);
    assert_eq!(wire.post(&event("b")).status, 200);
    peer.hears("news", "a", "d");
    peer.hears("news", "large", &data);
    peer.hears("news", "b", "d");
}

#[test]
fn who_says_close_gets_an_answer_and_the_end() {
    let node = Node::start();
    let mut peer = node.subscriber("news");
    let mut wire = node.wire();
    wire.send(post("a", "Connection: keep-alive\r\n"));
    assert_eq!(wire.reply().header("connection"), None);
    wire.send(post("b", "Connection: close\r\n") + &post("c", ""));
    let reply = wire.reply();
    assert_eq!(
        (reply.status, reply.header("connection")),
        (200, Some("close"))
    );
    wire.ends();
    for name in ["a", "b"] {
        peer.hears("news", name, "d");
    }
    peer.hears_nothing(&node);
}

#[test]
fn who_expects_to_be_asked_is_asked() {
    let node = Node::start();
    let mut wire = node.wire();
    let request = post("a", "Expect: 100-continue\r\n");
    let head = request.len() - event("a").len();
    wire.send(&request[..head]);
    assert_eq!(wire.reply().status, 100);
    wire.send(&request[head..]);
    assert_eq!(wire.reply().status, 200);
}

#[test]
fn a_connection_that_published_may_become_a_websocket() {
    let node = Node::start();
    for early in [false, true] {
        let mut wire = node.wire();
        let ping = frame(TEXT, r#"{"event":"pusher:ping","data":{}}"#);
        let opening = post("a", "") + &handshake(&app_target(), &[]);
        if early {
            wire.send([opening.as_bytes(), &ping].concat());
        } else {
            wire.send(opening);
        }
        assert_eq!(wire.reply().status, 200);
        assert_eq!(wire.reply().status, 101);
        wire.greeting();
        if !early {
            wire.send(ping);
        }
        assert_eq!(wire.message()["event"], "pusher:pong");
    }
}

#[test]
fn a_handshake_in_pieces_is_one_as_well() {
    let node = Node::start();
    for pieces in [1, 50] {
        let mut wire = node.wire();
        for piece in handshake(&app_target(), &[]).as_bytes().chunks(pieces) {
            wire.send(piece);
        }
        assert_eq!(wire.reply().status, 101);
        wire.greeting();
    }
}
