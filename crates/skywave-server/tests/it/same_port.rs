//! The server's routes on an application's own port, and on streams that are no TCP sockets.

use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::host::{Host, Spied, on_a_worker, wrapped};
use crate::node::{EVENTS, Node, connect, signed, until};
use crate::peer::Peer;
use crate::wire::{BINARY, PING, PONG, TEXT, Wire, app_target, frame, handshake, subscribe};

/// What a connection can do, whatever is below it.
fn works_both_ways(node: &Node, mut connect: impl FnMut() -> Peer) {
    let (mut one, mut two) = (connect(), connect());
    one.subscribe("private-room");
    two.subscribe("private-room");
    let large: String = ('a'..='z').cycle().take(900_000).collect();
    for size in [0, 10, 1_000, 100_000, 900_000] {
        node.publish("private-room", "e", &large[..size]);
        one.hears("private-room", "e", &large[..size]);
        two.hears("private-room", "e", &large[..size]);
    }
    let data = &large[..10_000];
    let message = json!({"event": "client-large", "channel": "private-room", "data": data});
    one.say_text(message.to_string());
    two.hears("private-room", "client-large", data);
    one.hears_nothing(node);
    one.leaves();
    two.leaves();
    until("nobody is connected", || node.server.connections() == 0);
    assert_eq!(node.subscriptions("private-room"), 0);
}

/// What comes in one piece with the handshake is not lost on the way to the worker.
fn keeps_what_was_read_ahead(mut wire: Wire) {
    let mut bytes = handshake(&app_target(), &[]).into_bytes();
    bytes.extend(subscribe("news"));
    bytes.extend(frame(PING, "early"));
    let last = subscribe("more-news");
    let (begin, rest) = last.split_at(9);
    bytes.extend(begin);
    wire.send(bytes);
    assert_eq!(wire.reply().status, 101);
    wire.greeting();
    assert_eq!(wire.message()["channel"], "news");
    let pong = wire.frame();
    assert_eq!((pong.opcode, &pong.payload[..]), (PONG, &b"early"[..]));
    wire.send(rest);
    assert_eq!(wire.message()["channel"], "more-news");
}

#[test]
fn under_axum_everything_works_beside_the_application() {
    let node = Node::start();
    let host = Host::start();
    let address = host.axum(&node.server);
    let wire = || Wire::tcp(connect(address));

    works_both_ways(&node, || Peer::to(address));
    keeps_what_was_read_ahead(wire());

    let mut peer = Peer::to(address);
    peer.subscribe("news");
    let mut publisher = wire();
    assert_eq!(
        publisher.request("GET", "/page", b"").text(),
        "the application's page"
    );
    let body = json!({"name": "e", "channel": "news", "data": "{}"}).to_string();
    assert_eq!(publisher.post(&body).text(), "{}");
    peer.hears("news", "e", "{}");
    assert_eq!(
        publisher.request("POST", EVENTS, body.as_bytes()).status,
        401
    );
    assert_eq!(publisher.request("GET", "/nothing", b"").status, 404);
    peer.hears_nothing(&node);

    let mut refused = wire();
    refused.send(handshake("/app/nobody?protocol=7", &[]));
    assert_eq!(refused.reply().status, 101);
    refused.is_refused_with(4001);
}

#[test]
fn a_socket_taken_from_the_application_sends_small_frames_at_once() {
    let node = Node::start();
    let host = Host::start();
    let (address, sockets) = host.axum_watched(&node.server);
    let _peer = Peer::to(address);
    let socket = sockets.recv().unwrap();
    // With Nagle's algorithm a second event would wait for the first one's acknowledgement.
    assert!(socket.tcp_nodelay().unwrap(), "TCP_NODELAY is set");
}

#[test]
fn under_plain_hyper_everything_works() {
    let node = Node::start();
    let host = Host::start();
    let address = host.hyper(&node.server);
    works_both_ways(&node, || Peer::to(address));
    keeps_what_was_read_ahead(Wire::tcp(connect(address)));
}

#[test]
fn over_a_unix_socket_everything_works() {
    let node = Node::start();
    let host = Host::start();
    let connect = || host.foreign(&node.server, |stream| stream);
    works_both_ways(&node, || Peer::over(connect()));
    keeps_what_was_read_ahead(Wire::over(connect()));
    let mut survivor = Peer::over(connect());
    drop(host);
    survivor.is_answered();
}

#[test]
fn over_a_foreign_stream_everything_works() {
    let node = Node::start();
    let host = Host::start();
    works_both_ways(&node, || Peer::over(host.foreign(&node.server, wrapped)));
    keeps_what_was_read_ahead(Wire::over(host.foreign(&node.server, wrapped)));
}

#[test]
fn over_a_stream_that_keeps_bytes_back_until_it_is_flushed_everything_works() {
    let node = Node::start();
    let host = Host::start();
    let connect = || host.foreign(&node.server, tokio::io::BufStream::new);
    works_both_ways(&node, || Peer::over(connect()));
    keeps_what_was_read_ahead(Wire::over(connect()));

    let mut refused = Wire::over(connect());
    refused.send(handshake("/app/nobody?protocol=7", &[]));
    assert_eq!(refused.reply().status, 101);
    refused.is_refused_with(4001);
    refused.set_patience(std::time::Duration::from_secs(3));
    refused.ends();
}

#[test]
fn a_foreign_stream_lives_on_a_worker() {
    let node = Node::start();
    let host = Host::start();
    let places = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&places);
    let stream = host.foreign(&node.server, |stream| {
        Spied::new(stream, move || seen.lock().unwrap().push(on_a_worker()))
    });
    let mut peer = Peer::over(stream);
    peer.is_answered();
    assert_eq!(places.lock().unwrap().last(), Some(&true));
}

#[test]
fn a_foreign_stream_that_breaks_the_rules_is_closed() {
    let node = Node::start();
    let host = Host::start();
    let mut wire = Wire::over(host.foreign(&node.server, wrapped));
    wire.open();
    wire.send(frame(BINARY, "x"));
    assert_eq!(wire.message()["event"], "pusher:error");
    wire.send(frame(TEXT, b"\xff"));
    wire.is_closed_with(1007);
    wire.set_patience(std::time::Duration::from_secs(3));
    wire.ends();
}

#[test]
fn when_the_application_ends_its_foreign_streams_end_and_the_server_goes_on() {
    let node = Node::start();
    let host = Host::start();
    let stream = host.foreign(&node.server, wrapped);
    let _orphan = Peer::over(stream);
    let mut peer = node.subscriber("news");
    drop(host);
    until("the foreign connection is gone", || {
        node.server.connections() == 1
    });
    node.publish("news", "e", "{}");
    peer.hears("news", "e", "{}");
}

#[test]
fn a_request_that_cannot_be_upgraded_harms_nobody() {
    let node = Node::start();
    let host = Host::start();
    let mut peer = node.subscriber("news");
    let request = http::Request::get(app_target())
        .header("host", "it")
        .header("upgrade", "websocket")
        .header("connection", "upgrade")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .body(String::new())
        .unwrap();
    host.handle(&node.server, request);

    let body = json!({"name": "e", "channel": "news", "data": "{}"}).to_string();
    let request = http::Request::post(signed("POST", EVENTS, body.as_bytes())).body(body);
    let response = host.handle(&node.server, request.unwrap());
    assert_eq!(response.status(), 200);
    peer.hears("news", "e", "{}");
    assert_eq!(node.server.connections(), 1);
}

#[test]
fn a_handshake_whose_peer_is_gone_leaves_nothing_behind() {
    let node = Node::start();
    let host = Host::start();
    let address = host.axum(&node.server);
    for _ in 0..50 {
        let mut wire = Wire::tcp(connect(address));
        wire.send(handshake(&app_target(), &[]));
        wire.reset();
    }
    let mut peer = Peer::to(address);
    peer.is_answered();
    until("only one is left", || node.server.connections() == 1);
}
