//! Several workers: even loads, one order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::json;

use crate::host::Host;
use crate::node::{Node, until};
use crate::peer::Peer;

/// A server with this many workers.
pub(crate) fn node_with(workers: usize) -> Node {
    Node::with(|config| config.workers = Some(workers))
}

/// Connections per worker. Only the debug output tells.
pub(crate) fn loads(node: &Node) -> Vec<usize> {
    let printed = format!("{:?}", node.server);
    printed
        .split(", load: ")
        .skip(1)
        .map(|rest| {
            let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
            digits
                .and_then(|digits| digits.parse().ok())
                .expect("a number")
        })
        .collect()
}

#[test]
fn connections_to_the_own_port_spread_over_the_workers() {
    let node = node_with(4);
    let peers: Vec<Peer> = (0..160).map(|_| node.connect()).collect();
    let loads = loads(&node);
    assert_eq!(loads.len(), 4);
    assert_eq!(loads.iter().sum::<usize>(), peers.len());
    let (least, most) = (loads.iter().min().unwrap(), loads.iter().max().unwrap());
    assert!(most - least <= 20, "{loads:?}");
}

#[test]
fn connections_to_another_port_go_to_the_least_busy_worker() {
    let node = node_with(4);
    let host = Host::start();
    let address = host.axum(&node.server);
    let _peers: Vec<Peer> = (0..40).map(|_| Peer::to(address)).collect();
    assert_eq!(loads(&node), [10; 4]);
}

#[test]
fn an_event_reaches_subscribers_on_all_workers_wherever_it_was_posted() {
    let node = node_with(4);
    let mut peers: Vec<Peer> = (0..40).map(|_| node.subscriber("news")).collect();
    // Each on a connection of its own, so on any worker.
    for number in 0..20 {
        let name = format!("e{number}");
        let reply = node.post(&json!({"name": name, "channel": "news", "data": "{}"}));
        assert_eq!(reply.text(), "{}");
        for peer in &mut peers {
            peer.hears("news", &name, "{}");
        }
    }
}

#[test]
fn all_subscribers_see_the_events_of_many_publishers_in_the_same_order() {
    const PUBLISHERS: usize = 4;
    const EVENTS: usize = 250;
    let node = Arc::new(node_with(4));
    let mut peers: Vec<Peer> = (0..8).map(|_| node.subscriber("news")).collect();
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|publisher| {
            let node = Arc::clone(&node);
            thread::spawn(move || {
                let mut wire = node.wire();
                for number in 0..EVENTS {
                    let data = format!("{publisher} {number}");
                    if number % 10 == 0 {
                        let body = json!({"name": "e", "channel": "news", "data": data});
                        assert_eq!(wire.post(&body.to_string()).text(), "{}");
                    } else {
                        node.publish("news", "e", &data);
                    }
                }
            })
        })
        .collect();

    let seen: Vec<Vec<String>> = peers
        .iter_mut()
        .map(|peer| (0..PUBLISHERS * EVENTS).map(|_| peer.next_text()).collect())
        .collect();
    for publisher in publishers {
        publisher.join().unwrap();
    }
    for other in &seen[1..] {
        assert!(*other == seen[0], "two subscribers saw different orders");
    }
    for publisher in 0..PUBLISHERS {
        let mine: Vec<&String> = seen[0]
            .iter()
            .filter(|text| text.contains(&format!("\"{publisher} ")))
            .collect();
        let sent = (0..EVENTS).map(|number| {
            format!(r#"{{"event":"e","channel":"news","data":"{publisher} {number}"}}"#)
        });
        assert!(
            mine.into_iter().eq(&sent.collect::<Vec<_>>()),
            "a publisher's own order"
        );
    }
}

#[test]
fn members_on_different_workers_meet() {
    let node = node_with(4);
    let mut peers: Vec<Peer> = (0..12).map(|_| node.connect()).collect();
    for (number, peer) in peers.iter_mut().enumerate() {
        peer.join("presence-room", &format!("user-{number}"));
    }
    // Each is told of those who came later.
    for (number, peer) in peers.iter_mut().enumerate() {
        for later in number + 1..12 {
            let added = peer.next();
            assert_eq!(added["event"], "pusher_internal:member_added");
            assert_eq!(
                crate::peer::inner(&added)["user_id"],
                format!("user-{later}")
            );
        }
    }
    let gone = peers.remove(0);
    drop(gone);
    for peer in &mut peers {
        let removed = peer.next();
        assert_eq!(removed["event"], "pusher_internal:member_removed");
        assert_eq!(crate::peer::inner(&removed)["user_id"], "user-0");
    }
}

#[test]
fn an_event_waits_for_nobody_who_comes_or_goes() {
    // One worker, so that all of them meet in its inbox.
    let node = Arc::new(node_with(1));
    let stop = Arc::new(AtomicBool::new(false));
    let restless: Vec<_> = (0..3)
        .map(|number| {
            let (node, stop) = (Arc::clone(&node), Arc::clone(&stop));
            thread::spawn(move || {
                let mut peer = node.connect();
                while !stop.load(Ordering::Relaxed) {
                    peer.subscribe(&format!("corner-{number}"));
                    peer.say_text(format!(
                        r#"{{"event":"pusher:unsubscribe","data":{{"channel":"corner-{number}"}}}}"#
                    ));
                }
            })
        })
        .collect();
    let mut peer = node.subscriber("news");
    for number in 0..3_000 {
        let data = number.to_string();
        node.publish("news", "e", &data);
        // What was forgotten would be heard with the next one, which comes after this.
        peer.hears("news", "e", &data);
    }
    stop.store(true, Ordering::Relaxed);
    for peer in restless {
        peer.join().unwrap();
    }
}

#[test]
fn a_client_event_reaches_the_others_and_not_its_sender() {
    let node = node_with(4);
    let mut peers: Vec<Peer> = (0..12).map(|_| node.subscriber("private-room")).collect();
    peers[0].say_text(
        json!({"event": "client-typing", "channel": "private-room", "data": {"a": 1}}).to_string(),
    );
    for peer in &mut peers[1..] {
        peer.hears("private-room", "client-typing", r#"{"a":1}"#);
    }
    peers[0].hears_nothing(&node);
}

#[test]
fn at_least_one_worker_works() {
    let node = node_with(0);
    node.subscriber("news").leaves();
    until("nobody is connected", || node.server.connections() == 0);
}
