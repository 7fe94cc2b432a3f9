//! What one connection does is no other's business. Invariant 10.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::host::{Host, Spied, on_a_worker};
use crate::log;
use crate::node::{Node, until};
use crate::wire::{CLOSE, PONG, Wire, frame, subscribe, unfinished};

#[test]
fn a_panic_in_one_connection_closes_that_connection_only() {
    let node = Node::with(|config| config.workers = Some(1));
    let host = Host::start();
    let mut neighbour = node.subscriber("news");

    let armed = Arc::new(AtomicBool::new(false));
    let trap = Arc::clone(&armed);
    let stream = host.foreign(&node.server, |stream| {
        Spied::new(stream, move || {
            if on_a_worker() && trap.load(Ordering::SeqCst) {
                // A panic, without its message in the tests' output.
                std::panic::resume_unwind(Box::new("a bug below this connection"));
            }
        })
    });
    let mut unlucky = Wire::over(stream);
    let id = unlucky.open()["socket_id"].as_str().unwrap().to_owned();
    unlucky.subscribe("news");
    armed.store(true, Ordering::SeqCst);
    unlucky.send(subscribe("more-news"));

    unlucky.ends();
    until("it is forgotten", || node.server.connections() == 1);
    assert_eq!(node.subscriptions("news"), 1);
    neighbour.hears("news", "count", "");
    // The worker is alive and takes new connections.
    node.subscriber("news").leaves();
    neighbour.hears_nothing(&node);
    let logged = log::written();
    let lines: Vec<_> = logged.lines().filter(|line| line.contains(&id)).collect();
    assert!(lines.iter().any(|line| line.contains("ERROR")), "{lines:?}");
}

#[test]
fn thousands_of_connections_come_and_go_and_leave_nothing_behind() {
    const THREADS: usize = 4;
    const EACH: usize = 500;
    let node = Arc::new(Node::start());
    let mut witness = node.subscriber("witness");
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let node = Arc::clone(&node);
            thread::spawn(move || {
                for number in 0..EACH {
                    let mut wire = node.socket();
                    wire.subscribe(&format!("own-{thread}-{number}"));
                    wire.subscribe("crowd");
                    match number % 5 {
                        0 => {
                            wire.send(frame(CLOSE, ""));
                            while wire.frame().opcode != CLOSE {}
                            wire.ends();
                        }
                        1 => wire.reset(),
                        2 => {
                            wire.half_close();
                            wire.drain();
                        }
                        // In the middle of a frame.
                        3 => wire.send(&unfinished(1, "half")[..5]),
                        _ => drop(wire),
                    }
                    if number % 50 == 0 {
                        node.publish("crowd", "e", "{}");
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    until("one is left", || node.server.connections() == 1);
    assert_eq!(node.subscriptions("crowd"), 0);
    for number in 0..5 {
        assert_eq!(node.subscriptions(&format!("own-0-{number}")), 0);
    }
    witness.hears_nothing(&node);
    assert_eq!(node.subscriptions("witness"), 1);
}

#[test]
fn a_peer_that_closes_its_half_is_done() {
    let node = Node::start();
    let mut wire = node.socket();
    wire.subscribe("news");
    wire.half_close();
    wire.ends();
    until("it is forgotten", || node.server.connections() == 0);
    assert_eq!(node.subscriptions("news"), 0);
}

#[test]
fn a_reset_in_the_middle_of_a_delivery_is_survived() {
    let node = Node::with(|config| {
        config.workers = Some(1);
        config.outbox_bytes = 64 * 1024 * 1024;
    });
    let mut neighbour = node.subscriber("news");
    let data = "x".repeat(200_000);
    for _ in 0..10 {
        let mut wire = node.socket();
        wire.subscribe("loud");
        for _ in 0..50 {
            node.publish("loud", "e", &data);
        }
        wire.frame();
        wire.reset();
        node.publish("news", "e", "{}");
        neighbour.hears("news", "e", "{}");
    }
    until("one is left", || node.server.connections() == 1);
    assert_eq!(node.subscriptions("loud"), 0);
}

/// Has the talkers stop, also when something is wrong.
struct Silence<'a>(&'a AtomicBool);

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_client_that_never_stops_talking_holds_up_nobody() {
    let node = Node::with(|config| config.workers = Some(1));
    let host = Host::start();
    let mut neighbour = node.subscriber("news");
    // On a raw socket, and on one that is told of by a waker.
    let mut raw = node.socket();
    let mut boxed = Wire::over(host.foreign(&node.server, |stream| stream));
    boxed.open();
    // Nobody answers a pong.
    let words = frame(PONG, [b'x'; 125]).repeat(10_000);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for talker in [&mut raw, &mut boxed] {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    talker.send(&words);
                }
            });
        }
        let _silence = Silence(&stop);
        for _ in 0..10 {
            neighbour.is_answered();
            node.publish("news", "e", "{}");
            neighbour.hears("news", "e", "{}");
        }
    });
    for mut talker in [raw, boxed] {
        talker.subscribe("news");
    }
}

#[test]
fn more_streams_may_be_ready_at_once_than_tokio_lets_a_task_serve() {
    const STREAMS: usize = 200;
    let node = Node::with(|config| config.workers = Some(1));
    let host = Host::start();
    let mut streams: Vec<Wire> = (0..STREAMS)
        .map(|_| {
            let mut wire = Wire::over(host.foreign(&node.server, |stream| stream));
            wire.open();
            wire
        })
        .collect();
    let held = host.hold_worker(&node.server);
    for wire in &mut streams {
        wire.send(subscribe("crowd"));
    }
    drop(held);
    for wire in &mut streams {
        let answer = wire.message();
        assert_eq!(answer["event"], "pusher_internal:subscription_succeeded");
    }
    node.publish("crowd", "e", "{}");
    for wire in &mut streams {
        assert_eq!(wire.message()["event"], "e");
    }
}

#[test]
fn a_connection_may_subscribe_and_leave_a_thousand_times() {
    let node = Node::start();
    let mut peer = node.subscriber("news");
    for _ in 0..1_000 {
        peer.subscribe("fickle");
        peer.say_text(r#"{"event":"pusher:unsubscribe","data":{"channel":"fickle"}}"#);
    }
    peer.is_answered();
    assert_eq!(node.subscriptions("fickle"), 0);
    peer.hears_nothing(&node);
}
