//! Connections that are moved away before the server ends, while events go on.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use skywave_server::Drain;

use crate::host::Host;
use crate::node::{EVENTS, Node, signed, until};
use crate::wire::{CLOSE, TEXT, Wire, frame, request};

/// How a subscriber's connection went.
struct Told {
    /// The numbers of the events it got, as they came.
    events: Vec<usize>,
    /// Its close code.
    code: u16,
    /// When it was closed.
    at: Instant,
    /// The last number published when it was told.
    published: usize,
}

/// A subscriber that reads until it is closed, on a thread of its own.
fn subscriber(node: &Node, published: &Arc<AtomicUsize>) -> JoinHandle<Told> {
    let mut wire = node.socket();
    wire.subscribe("news");
    let published = Arc::clone(published);
    thread::spawn(move || {
        let mut events = Vec::new();
        loop {
            let frame = wire.frame();
            if frame.opcode == CLOSE {
                let told = Told {
                    events,
                    code: u16::from_be_bytes([frame.payload[0], frame.payload[1]]),
                    at: Instant::now(),
                    published: published.load(Ordering::SeqCst),
                };
                wire.send(self::frame(CLOSE, &frame.payload[..2]));
                wire.ends();
                return told;
            }
            assert_eq!(frame.opcode, TEXT);
            let message: serde_json::Value =
                serde_json::from_slice(&frame.payload).expect("a message");
            if message["event"] == "e" {
                let data = message["data"].as_str().expect("an event");
                events.push(data.parse().expect("a number"));
            }
        }
    })
}

/// Posts numbered events, of which each has to be accepted for as long as anybody is connected.
fn publisher(node: &Node, published: &Arc<AtomicUsize>, until: &Arc<AtomicBool>) -> JoinHandle<()> {
    let (address, server) = (node.address, node.server.clone());
    let (published, until) = (Arc::clone(published), Arc::clone(until));
    thread::spawn(move || {
        let mut wire = Wire::tcp(crate::node::connect(address));
        for number in 1.. {
            if until.load(Ordering::SeqCst) {
                return;
            }
            let body = format!(r#"{{"name":"e","channel":"news","data":"{number}"}}"#);
            let target = signed("POST", EVENTS, body.as_bytes());
            let sent = wire.try_send(request("POST", &target, body.as_bytes()));
            let Some(reply) = sent.ok().and_then(|()| wire.reply_or_end()) else {
                assert_eq!(server.connections(), 0, "it ended too early");
                return;
            };
            assert_eq!(reply.status, 200, "{}", reply.text());
            published.store(number, Ordering::SeqCst);
            if reply.header("connection") == Some("close") {
                let Ok(stream) = TcpStream::connect(address) else {
                    return;
                };
                wire = Wire::tcp(stream);
            }
            thread::sleep(Duration::from_millis(1));
        }
    })
}

#[test]
fn connections_are_moved_one_by_one_and_miss_nothing_before_their_turn() {
    const CONNECTIONS: usize = 120;
    const OVER: Duration = Duration::from_secs(3);
    let node = Node::start();
    let published = Arc::new(AtomicUsize::new(0));
    let enough = Arc::new(AtomicBool::new(false));
    let subscribers: Vec<_> = (0..CONNECTIONS)
        .map(|_| subscriber(&node, &published))
        .collect();
    let publisher = publisher(&node, &published, &enough);
    until("events flow", || published.load(Ordering::SeqCst) > 10);

    let begin = Instant::now();
    let drain = Drain {
        over: OVER,
        ..Drain::default()
    };
    let server = node.server.clone();
    let drained = thread::spawn(move || server.drain(drain));
    let mut told: Vec<Told> = subscribers
        .into_iter()
        .map(|subscriber| subscriber.join().expect("it was told"))
        .collect();
    // The last of them is told at the end: until then events are accepted.
    enough.store(true, Ordering::SeqCst);
    publisher.join().expect("events were accepted to the end");
    drained.join().expect("it ends");
    assert_eq!(node.server.connections(), 0);

    told.sort_by_key(|told| told.at);
    for told in &told {
        assert_eq!(told.code, 1001);
        let dense: Vec<usize> = (1..=told.events.len()).collect();
        assert_eq!(told.events, dense, "each event once, in order");
        // What was published after its turn is not its business; there was not much of that.
        assert!(told.events.len() + 1000 >= told.published, "all up to then");
    }
    // A steady pace: after half of the time, half of them are left, give or take a quarter.
    let early = told
        .iter()
        .filter(|told| told.at - begin < OVER / 2)
        .count();
    let quarter = CONNECTIONS / 4;
    assert!(
        (quarter..=3 * quarter).contains(&early),
        "{early} of {CONNECTIONS} in the first half"
    );
}

#[test]
fn who_connects_during_a_drain_is_told_to_try_again_and_publishers_to_go_elsewhere() {
    let node = Node::start();
    let host = Host::start();
    let hosted = host.axum(&node.server);
    let mut staying = [node.subscriber("news"), node.subscriber("news")];
    let server = node.server.clone();
    // With a minute's time, one of two is told at once per worker; these are on different workers
    // or not, so at least the second is told late.
    let drain = Drain {
        notice: Duration::from_millis(300),
        over: Duration::from_secs(60),
        ..Drain::default()
    };
    assert!(node.server.is_ready());
    let drained = thread::spawn(move || server.drain(drain));
    until("it is not ready any more", || !node.server.is_ready());
    // During the notice it goes on as before.
    node.connect().is_answered();
    let reply = node.post(&serde_json::json!({"name": "e", "channel": "news", "data": "1"}));
    assert_eq!(
        (reply.status, reply.header("connection")),
        (200, Some("close"))
    );
    for peer in &mut staying {
        peer.hears("news", "e", "1");
    }

    until("newcomers are refused", || {
        let mut wire = node.wire();
        wire.open_or_refused() == Some(4100)
    });
    let mut wire = Wire::tcp(crate::node::connect(hosted));
    assert_eq!(wire.open_or_refused(), Some(4100));
    let reply = node.post(&serde_json::json!({"name": "e", "channel": "news", "data": "2"}));
    assert_eq!(reply.status, 200, "events are accepted");

    // A second call ends it at once.
    let begin = Instant::now();
    node.server.drain(Drain::default());
    drained.join().expect("it ends");
    assert!(
        begin.elapsed() < Duration::from_secs(10),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(node.server.connections(), 0);
    assert!(TcpStream::connect(node.address).is_err());
}

#[test]
fn a_reader_that_is_stuck_holds_up_nobody_and_is_cut_in_the_end() {
    let node = Node::with(|config| config.workers = Some(1));
    let mut stuck = node.socket();
    stuck.subscribe("news");
    let data = "x".repeat(100_000);
    for _ in 0..100 {
        node.publish("news", "e", &data);
    }
    let mut peers: Vec<_> = (0..10).map(|_| node.connect()).collect();
    let begin = Instant::now();
    let server = node.server.clone();
    let drain = Drain {
        over: Duration::from_millis(200),
        ..Drain::default()
    };
    let drained = thread::spawn(move || server.drain(drain));
    for peer in &mut peers {
        peer.is_closed_with(1001);
    }
    drained.join().expect("it ends");
    // Five seconds to linger, and time for a busy machine.
    assert!(
        begin.elapsed() < Duration::from_secs(12),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(node.server.connections(), 0);
}

#[test]
fn who_takes_over_the_socket_gets_everybody_who_connects_and_4200_sends_the_others_there() {
    let listener = std::net::TcpListener::bind(crate::node::LOOPBACK).expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let shared = listener.try_clone().expect("a descriptor is left");
    let old = Node::start();
    old.server.listen_at(listener.into()).expect("it listens");
    let mut peers: Vec<_> = (0..20).map(|_| crate::peer::Peer::to(address)).collect();
    assert_eq!(old.server.connections(), 20);

    let new = Node::start();
    new.server.listen_at(shared.into()).expect("it listens");
    let server = old.server.clone();
    let drain = Drain {
        over: Duration::from_secs(1),
        handed_over: true,
        ..Drain::default()
    };
    let drained = thread::spawn(move || server.drain(drain));
    until("the old one is not ready", || !old.server.is_ready());
    for (number, peer) in peers.iter_mut().enumerate() {
        let error = peer.next();
        assert_eq!(error["data"]["code"], 4200, "{error}");
        peer.is_closed_with(4200);
        // It comes back at once, and is nobody's but the new one's.
        *peer = crate::peer::Peer::to(address);
        assert_eq!(new.server.connections(), number + 1);
    }
    drained.join().expect("it ends");
    assert_eq!(old.server.connections(), 0);
    for peer in &mut peers {
        peer.is_answered();
    }
}

#[test]
fn a_server_without_connections_is_drained_at_once() {
    let node = Node::start();
    let begin = Instant::now();
    node.server.drain(Drain::default());
    assert!(
        begin.elapsed() < Duration::from_secs(10),
        "{:?}",
        begin.elapsed()
    );
    assert!(!node.server.is_ready());
    assert!(node.server.listen(crate::node::LOOPBACK).is_err());
}
