//! Subscribers that read slowly, or not at all. Reliability §5e.

use std::net::TcpStream;
use std::thread::JoinHandle;

use serde_json::{Value, json};
use skywave_protocol::Rejection;
use socket2::{Domain, Socket, Type};
use tokio::io::BufStream;

use crate::host::Host;
use crate::node::{EVENTS, Node, signed, until};
use crate::wire::{CLOSE, PING, PONG, TEXT, Wire, frame};

/// Bytes of an event's data; the frame around it has some more.
const SIZE: usize = 100_000;

/// Data that tells its number.
fn numbered(number: usize) -> String {
    let digits = number.to_string();
    " ".repeat(SIZE - digits.len()) + &digits
}

/// A node with one worker that queues little.
fn strict_node() -> Node {
    Node::with(|config| {
        config.workers = Some(1);
        config.outbox_bytes = OUTBOX;
    })
}

const OUTBOX: usize = 300_000;

/// A subscriber whose own machine buffers next to nothing.
fn narrow_subscriber(node: &Node, channel: &str) -> Wire {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("descriptors are left");
    socket.set_recv_buffer_size(4096).expect("a TCP socket");
    let address = node.address.into();
    socket.connect(&address).expect("the server accepts");
    let mut wire = Wire::tcp(TcpStream::from(socket));
    wire.open();
    wire.subscribe(channel);
    wire
}

/// Reads events until the refusal of a slow reader, and returns how many there were.
#[track_caller]
fn events_before_the_refusal(wire: &mut Wire) -> usize {
    for number in 0.. {
        let message = wire.message();
        if message["event"] == "pusher:error" {
            assert_eq!(message["data"]["code"], 4100, "{message}");
            wire.is_closed_with(4100);
            wire.send(frame(CLOSE, 4100_u16.to_be_bytes()));
            wire.ends();
            return number;
        }
        assert_eq!(number_of(&message), number, "whole and in order");
    }
    unreachable!("a loop without end")
}

/// The number in an event's data, which is whole.
#[track_caller]
fn number_of(message: &Value) -> usize {
    let data = message["data"].as_str().expect("an event");
    assert_eq!(data.len(), SIZE);
    data.trim_start().parse().expect("a number")
}

/// As many events are more than the kernel keeps for a connection, which is 4 MiB at most.
const ENOUGH: usize = 60;
/// As many are more by far.
const MANY: usize = 200;

#[test]
fn a_reader_that_stops_holds_up_nobody_and_is_closed_with_4100() {
    let node = strict_node();
    let mut stuck = narrow_subscriber(&node, "news");
    let mut reader = node.subscriber("news");
    for number in 0..ENOUGH {
        node.publish("news", "e", &numbered(number));
        assert_eq!(number_of(&reader.next()), number);
    }
    // It has five seconds from its refusal on; most of the events came before that.
    let got = events_before_the_refusal(&mut stuck);
    assert!(got < ENOUGH, "all {ENOUGH} events were kept for it");
    until("it is forgotten", || node.server.connections() == 1);
    reader.hears_nothing(&node);
}

#[test]
fn a_reader_that_stays_stuck_is_cut_in_the_end_whatever_its_stream() {
    // With short timeouts, where the wheel of deadlines is shorter than the time to linger.
    let node = Node::impatient();
    let host = Host::start();
    let _stuck = narrow_subscriber(&node, "news");
    // A stream that keeps bytes back (as TLS does) cannot be flushed when nobody reads.
    let room = 4 * 1024 * 1024;
    let stream = host.foreign(&node.server, |stream| {
        BufStream::with_capacity(room, room, stream)
    });
    let mut foreign = Wire::over(stream);
    foreign.open();
    foreign.subscribe("news");
    for number in 0..MANY {
        node.publish("news", "e", &numbered(number));
    }
    until("both are cut", || node.server.connections() == 0);
    assert_eq!(node.subscriptions("news"), 0);
}

#[test]
fn a_burst_is_queued_up_to_the_bound_and_one_event() {
    let host = Host::start();
    let node = strict_node();
    let mut stuck = Wire::over(host.foreign(&node.server, |stream| stream));
    stuck.open();
    stuck.subscribe("news");
    let mut other = node.subscriber("others");

    let held = host.hold_worker(&node.server);
    for number in 0..MANY {
        node.publish("news", "e", &numbered(number));
    }
    node.publish("others", "last", "{}");
    drop(held);
    // It reads nothing until the burst is over.
    other.hears("others", "last", "{}");

    let got = events_before_the_refusal(&mut stuck);
    // A Unix socket keeps about 200 KiB on its way, whatever happens.
    let most = (OUTBOX + 400_000) / SIZE + 1;
    assert!((1..=most).contains(&got), "{got} events were kept");
}

#[test]
fn a_burst_to_a_tcp_socket_is_cut_at_a_whole_frame() {
    let host = Host::start();
    let node = strict_node();
    let mut stuck = narrow_subscriber(&node, "news");
    let held = host.hold_worker(&node.server);
    for number in 0..MANY {
        node.publish("news", "e", &numbered(number));
    }
    drop(held);
    let got = events_before_the_refusal(&mut stuck);
    assert!((1..MANY).contains(&got), "{got} events were kept");
}

#[test]
fn a_burst_far_above_the_bound_cuts_only_the_reader_that_is_stuck() {
    let host = Host::start();
    let node = Node::with(|config| config.workers = Some(1));
    let mut stuck = narrow_subscriber(&node, "news");
    let readers: Vec<_> = (0..3).map(|_| raw_reader(&node, "news", BURST)).collect();

    let held = host.hold_worker(&node.server);
    for number in 0..BURST {
        node.publish("news", "e", &numbered(number));
    }
    drop(held);
    for reader in readers {
        reader.join().expect("it gets the whole burst, in order");
    }
    let got = events_before_the_refusal(&mut stuck);
    assert!(got < BURST, "all {BURST} events were kept for it");
}

/// More than 8 MiB.
const BURST: usize = 90;

/// Reads so many events as fast as it can, on a thread of its own.
fn raw_reader(node: &Node, channel: &str, events: usize) -> JoinHandle<()> {
    let mut wire = node.socket();
    wire.subscribe(channel);
    std::thread::spawn(move || {
        for number in 0..events {
            let payload = wire.frame().payload;
            let expected = format!(" {number}\"}}");
            assert!(
                payload.ends_with(expected.as_bytes()),
                "event {number}: {:?}",
                String::from_utf8_lossy(&payload[payload.len().saturating_sub(200)..])
            );
        }
    })
}

#[test]
fn a_reader_that_is_merely_slow_gets_every_event_in_order() {
    let node = Node::with(|config| config.outbox_bytes = 64 * 1024 * 1024);
    let mut slow = narrow_subscriber(&node, "news");
    for number in 0..MANY {
        node.publish("news", "e", &numbered(number));
    }
    // What it says is heard although its outbox is full, and answered in its turn.
    let nonsense = frame(TEXT, r#"{"event":"nonsense"}"#);
    let (mut events, mut errors) = (0, 0);
    while events < MANY || errors < MANY {
        let message = slow.message();
        if message["event"] == "pusher:error" {
            errors += 1;
        } else {
            assert_eq!(number_of(&message), events);
            events += 1;
            slow.send(&nonsense);
        }
    }
    node.publish("news", "last", "{}");
    assert_eq!(slow.message()["event"], "last");
}

#[test]
fn a_peer_that_sends_pings_and_reads_no_pongs_is_closed_with_4100() {
    let node = strict_node();
    let mut flooding = narrow_subscriber(&node, "news");
    let pings = frame(PING, [b'x'; 125]).repeat(1_000);
    // The pongs are more than the kernel keeps.
    for _ in 0..100 {
        flooding.send(&pings);
    }
    let mut pongs = 0;
    let mut next = flooding.frame();
    while next.opcode == PONG {
        pongs += 1;
        next = flooding.frame();
    }
    assert!((1..100_000).contains(&pongs), "{pongs} pongs were kept");
    assert!(next.payload.starts_with(br#"{"event":"pusher:error""#));
    flooding.is_closed_with(4100);
}

#[test]
fn a_publisher_never_waits_and_is_refused_when_a_worker_is_far_behind() {
    let host = Host::start();
    let node = strict_node();
    let mut quiet = node.subscriber("quiet");
    let _loud = node.subscriber("loud");
    let held = host.hold_worker(&node.server);

    // The worker does nothing at all, and publishing goes on until the bound.
    let large = "x".repeat(4 * 1024 * 1024);
    let accepted = (0..100)
        .take_while(|_| node.try_publish("loud", "e", &large, None).is_ok())
        .count();
    assert_eq!(accepted, 16, "64 MiB");
    assert_eq!(
        node.try_publish("quiet", "e", "{}", None),
        Err(Rejection::OverCapacity)
    );
    let body = json!({"name": "e", "channels": ["quiet", "loud"], "data": "{}"}).to_string();
    let request = http::Request::post(signed("POST", EVENTS, body.as_bytes())).body(body);
    let response = host.handle(&node.server, request.unwrap());
    assert_eq!(response.status(), 503);
    assert_eq!(
        response.headers()["content-type"],
        "text/plain; charset=utf-8"
    );

    drop(held);
    until("there is room again", || {
        node.try_publish("nobody", "e", "{}", None).is_ok()
    });
    quiet.hears_nothing(&node);
}
