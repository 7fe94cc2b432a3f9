//! How many connections there may be: altogether, and from one address (security checklist 14).

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Instant;

use skywave_server::{AddressLimits, Config};
use socket2::{Domain, Socket, Type};

use crate::host::Host;
use crate::node::{Node, connect, until};
use crate::peer::Peer;
use crate::wire::{Wire, app_target, handshake};

const HOME: Ipv4Addr = Ipv4Addr::LOCALHOST;
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

fn node(adapt: impl FnOnce(&mut AddressLimits)) -> Node {
    Node::with(|config: &mut Config| adapt(&mut config.per_address))
}

/// Connects to the node from an address of this machine.
fn from(node: &Node, address: Ipv4Addr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let source = SocketAddr::from((address, 0));
    socket
        .bind(&source.into())
        .expect("all of 127.0.0.0/8 is here");
    socket
        .connect(&node.address.into())
        .expect("the server accepts connections");
    socket.into()
}

fn peer_from(node: &Node, address: Ipv4Addr) -> Peer {
    Peer::over(from(node, address))
}

fn is_refused_from(node: &Node, address: Ipv4Addr) {
    let mut wire = Wire::tcp(from(node, address));
    wire.send(handshake(&app_target(), &[]));
    assert_eq!(wire.reply().status, 101);
    wire.is_refused_with(4100);
}

#[test]
fn an_address_has_so_many_connections_and_others_have_theirs() {
    let node = node(|limits| limits.connections = Some(2));
    let first = peer_from(&node, HOME);
    let mut second = peer_from(&node, HOME);
    is_refused_from(&node, HOME);
    let _other = peer_from(&node, ELSEWHERE);
    second.is_answered();

    first.leaves();
    until("its place is free", || node.server.connections() == 2);
    let _third = peer_from(&node, HOME);
    is_refused_from(&node, HOME);
    // It publishes as before: the limit is for connections.
    assert_eq!(Wire::tcp(from(&node, HOME)).post("{}").status, 400);
}

#[test]
fn an_address_opens_so_many_connections_in_a_second() {
    let node = node(|limits| limits.connections_per_second = Some(3));
    let begin = Instant::now();
    let mut welcome = 0;
    loop {
        let mut wire = Wire::tcp(from(&node, HOME));
        wire.send(handshake(&app_target(), &[]));
        assert_eq!(wire.reply().status, 101);
        if wire.message()["event"] == "pusher:error" {
            wire.is_closed_with(4100);
            break;
        }
        welcome += 1;
    }
    // Three at once, and three more in each second that the test took.
    let most = 3 + 3 * (begin.elapsed().as_secs() + 1);
    assert!((3..=most).contains(&welcome), "{welcome} connections");
    peer_from(&node, ELSEWHERE).leaves();
}

#[test]
fn an_address_has_so_many_handshakes_open() {
    // One worker, so that they are accepted one after the other.
    let node = Node::with(|config| {
        config.workers = Some(1);
        config.per_address.handshakes = Some(2);
    });
    let mut half = [HOME, HOME].map(|address| Wire::tcp(from(&node, address)));
    half[0].send("GET /app/");
    let mut third = Wire::tcp(from(&node, HOME));
    third.ends();
    let metrics = node.server.metrics();
    assert!(
        metrics.contains("\nskywave_sockets_turned_away_total 1\n"),
        "{metrics}"
    );
    peer_from(&node, ELSEWHERE).leaves();

    // Who has said what it wants makes room for the next one.
    let mut peers = Vec::new();
    half[1].post("{}");
    for _ in 0..5 {
        peers.push(peer_from(&node, HOME));
    }
    drop(half);
    until("both have gone", || {
        let mut wire = Wire::tcp(from(&node, HOME));
        let _ = wire.try_send(handshake(&app_target(), &[]));
        wire.hears_something()
    });
}

#[test]
fn exempt_networks_have_no_limits() {
    let node = node(|limits| {
        limits.connections = Some(1);
        limits.connections_per_second = Some(1);
        limits.handshakes = Some(1);
        limits.exempt = vec!["127.0.0.2/31".parse().unwrap()];
    });
    let _silent = [ELSEWHERE; 3].map(|address| from(&node, address));
    let mut peers: Vec<Peer> = (0..5).map(|_| peer_from(&node, ELSEWHERE)).collect();
    peers.push(peer_from(&node, HOME));
    is_refused_from(&node, HOME);
    for peer in &mut peers {
        peer.is_answered();
    }
}

#[test]
fn the_server_has_so_many_connections_wherever_they_come_in() {
    let node = Node::with(|config| config.max_connections = Some(3));
    let host = Host::start();
    let hosted = host.axum(&node.server);
    let first = node.connect();
    let _others = [peer_from(&node, ELSEWHERE), Peer::to(hosted)];
    is_refused_from(&node, HOME);
    let mut wire = Wire::tcp(connect(hosted));
    wire.send(handshake(&app_target(), &[]));
    assert_eq!(wire.reply().status, 101);
    wire.is_refused_with(4100);
    first.leaves();
    until("a place is free", || node.server.connections() == 2);
    node.connect().leaves();
}

#[test]
fn of_many_that_come_at_once_exactly_as_many_are_let_in_as_may_be() {
    let node = Node::with(|config| config.max_connections = Some(10));
    let mut wires: Vec<Wire> = (0..50).map(|_| node.wire()).collect();
    for wire in &mut wires {
        wire.send(handshake(&app_target(), &[]));
    }
    let welcome = wires
        .iter_mut()
        .filter_map(|wire| {
            assert_eq!(wire.reply().status, 101);
            (wire.message()["event"] == "pusher:connection_established").then_some(())
        })
        .count();
    assert_eq!(welcome, 10);
}

#[test]
fn a_head_has_so_many_lines_and_bytes() {
    let node = Node::start();
    // Host, Upgrade, Connection, two of Sec-WebSocket.
    let lines = |count: usize| vec!["X: x"; count - 5];
    let long = |bytes: usize| format!("X: {}", "x".repeat(bytes));
    for (lines, status) in [
        (lines(64), 101),
        (lines(65), 431),
        (vec![long(15_000).as_str()], 101),
        (vec![long(17_000).as_str()], 431),
    ] {
        let mut wire = node.wire();
        // It may be refused before it was read whole.
        let _ = wire.try_send(handshake(&app_target(), &lines));
        assert_eq!(wire.reply().status, status, "{} lines", lines.len());
    }
}
