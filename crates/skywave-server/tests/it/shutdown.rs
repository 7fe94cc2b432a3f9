//! The end of a server: asked for, or because nobody holds it any more.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use skywave_server::{App, Config, Server};

use crate::host::Host;
use crate::node::{APP_ID, Node, config, until};
use crate::peer::Peer;
use crate::wire::Wire;

/// Upgradable for as long as a worker thread or a handle exists.
fn life(server: &Server) -> Weak<App> {
    Arc::downgrade(&server.app(APP_ID).expect("the app of the tests"))
}

#[test]
fn every_connection_is_told_and_the_threads_end() {
    let node = Node::with(|config| config.workers = Some(4));
    let host = Host::start();
    let address = host.axum(&node.server);
    let life = life(&node.server);
    let mut peers: Vec<Peer> = (0..20).map(|_| node.subscriber("news")).collect();
    peers.push(Peer::to(address));
    peers.push(Peer::over(host.foreign(&node.server, |stream| stream)));
    // Neither a request that is not finished nor a connection without one holds it up.
    let mut idle = node.wire();
    idle.post("{}");
    let mut unfinished = node.wire();
    unfinished.send("POST /apps");

    let server = node.server.clone();
    let begin = Instant::now();
    let shutdown = thread::spawn(move || server.shutdown());
    for peer in &mut peers {
        peer.is_closed_with(1001);
    }
    shutdown.join().unwrap();
    assert!(begin.elapsed() < BOUND, "{:?}", begin.elapsed());
    assert_eq!(node.server.connections(), 0);
    idle.ends();
    unfinished.ends();

    drop((node, host));
    until("no thread holds the engine", || life.strong_count() == 0);
}

/// Two seconds, as documented, and time for a busy machine.
const BOUND: Duration = Duration::from_secs(4);

#[test]
fn a_peer_that_does_not_answer_holds_it_up_for_two_seconds_at_most() {
    let node = Node::start();
    let mut silent = node.socket();
    let mut stuck = node.socket();
    stuck.subscribe("news");
    let data = "x".repeat(100_000);
    for _ in 0..100 {
        node.publish("news", "e", &data);
    }
    let mut peer = node.connect();

    let server = node.server.clone();
    let begin = Instant::now();
    let shutdown = thread::spawn(move || server.shutdown());
    peer.is_closed_with(1001);
    silent.is_closed_with(1001);
    // Whoever comes now comes too late, but learns it.
    let late = TcpStream::connect(node.address);
    shutdown.join().unwrap();
    assert!(begin.elapsed() < BOUND, "{:?}", begin.elapsed());
    if let Ok(late) = late {
        Wire::tcp(late).ends();
    }
    silent.ends();
    stuck.drain();
    assert_eq!(node.server.connections(), 0);
}

#[test]
fn a_server_that_shuts_down_accepts_nobody() {
    let node = Node::start();
    // Keeps the shutdown going for its two seconds.
    let mut silent = node.socket();
    let mut early = node.wire();
    early.post("{}");
    let server = node.server.clone();
    let shutdown = thread::spawn(move || server.shutdown());
    silent.is_closed_with(1001);

    let _ = early.try_send(crate::wire::handshake(&crate::wire::app_target(), &[]));
    until("nobody listens", || {
        TcpStream::connect(node.address).is_err()
    });
    assert!(!shutdown.is_finished(), "that was before the end");
    // A connection that was there already, as HTTP, is told the same as all others. It may well be
    // open until the end, since this peer does not answer either.
    let told = early.drain();
    assert!(
        told.is_empty() || told.ends_with(b"\x03\xe9server shutting down"),
        "{:?}",
        String::from_utf8_lossy(&told)
    );
    shutdown.join().unwrap();
}

#[test]
fn dropping_the_last_handle_ends_the_server() {
    let node = Node::start();
    let life = life(&node.server);
    let address = node.address;
    let mut peer = node.subscriber("news");
    let second = node.server.clone();

    drop(node);
    peer.is_answered();
    Peer::to(address).leaves();

    drop(second);
    peer.is_closed_with(1001);
    until("no thread holds the engine", || life.strong_count() == 0);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn shutting_down_twice_does_nothing_more() {
    let node = Node::start();
    node.server.shutdown();
    node.server.clone().shutdown();
    node.publish("news", "e", "{}");
    assert_eq!(node.server.connections(), 0);
}

#[test]
fn nobody_can_connect_through_an_application_whose_server_is_shut_down() {
    let node = Node::start();
    let host = Host::start();
    let address = host.axum(&node.server);
    node.server.shutdown();
    let mut wire = Wire::tcp(TcpStream::connect(address).unwrap());
    wire.send(crate::wire::handshake(&crate::wire::app_target(), &[]));
    assert_eq!(wire.reply().status, 101);
    wire.ends();
}

#[test]
fn a_port_in_use_is_an_error_and_a_port_that_was_left_is_not() {
    let first = Node::start();
    let second = Server::start(config()).unwrap();
    let refused = second.listen(first.address).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::AddrInUse);

    let mut peer = first.connect();
    peer.is_answered();
    let server = first.server.clone();
    let shutdown = thread::spawn(move || server.shutdown());
    peer.is_closed_with(1001);
    shutdown.join().unwrap();
    assert_eq!(second.listen(first.address).unwrap(), first.address);
    Peer::to(first.address).leaves();
}

#[test]
fn a_server_that_was_shut_down_does_not_listen() {
    let node = Node::start();
    node.server.shutdown();
    assert!(node.server.listen(crate::node::LOOPBACK).is_err());
}

#[test]
fn a_server_listens_on_several_ports_at_once() {
    let node = Node::start();
    let second = node.server.listen(crate::node::LOOPBACK).unwrap();
    assert_ne!(node.address.port(), second.port());
    let mut peer = Peer::to(second);
    peer.subscribe("news");
    node.publish("news", "e", "{}");
    peer.hears("news", "e", "{}");
}

#[test]
fn two_apps_with_one_key_do_not_start() {
    let app = || App::new(APP_ID, crate::node::credentials());
    let error = Server::start(Config::new([app(), app()])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "two apps have the id \"7\"; ids must differ"
    );
}
