//! Two workers under the load of many: spread evenly, every delivery once, each channel in one order.

use std::collections::BTreeMap;
use std::thread;

use serde_json::json;

use crate::node::Node;
use crate::peer::{Peer, inner};
use crate::workers::{loads, node_with};

#[test]
fn every_delivery_of_many_publishers_is_made_once_and_in_the_order_of_its_channel() {
    let node = node_with(2);
    let mut peers: Vec<Peer> = (0..SUBSCRIBERS)
        .map(|number| node.subscriber(&channel(number % CHANNELS)))
        .collect();
    are_spread(&node);

    // More publishers than workers, so that requests are read by both. Each keeps its connection.
    let wires: Vec<_> = (0..PUBLISHERS).map(|_| node.wire()).collect();
    thread::scope(|scope| {
        for (publisher, mut wire) in wires.into_iter().enumerate() {
            scope.spawn(move || {
                for number in 0..EVENTS {
                    let data = json!({"publisher": publisher, "number": number}).to_string();
                    let body = json!({"name": "e", "channels": channels(number), "data": data});
                    assert_eq!(wire.post(&body.to_string()).text(), "{}");
                }
            });
        }
        let mut first = BTreeMap::new();
        for (number, peer) in peers.iter_mut().enumerate() {
            let place = number % CHANNELS;
            let heard: Vec<_> = (0..PUBLISHERS * count(place))
                .map(|_| mark(peer, &channel(place)))
                .collect();
            let first = first.entry(place).or_insert_with(|| {
                every_publisher_is_in_order(place, &heard);
                heard.clone()
            });
            assert!(heard == *first, "two subscribers saw different orders");
        }
    });
    // Nothing came twice.
    for peer in &mut peers {
        peer.hears_nothing(&node);
    }
    are_spread(&node);
}

/// Both workers carry half of the subscribers, but for what one may have more before it hands on.
fn are_spread(node: &Node) {
    let loads = loads(node);
    assert_eq!(loads.len(), 2);
    assert_eq!(loads.iter().sum::<usize>(), SUBSCRIBERS, "{loads:?}");
    assert!(loads[0].abs_diff(loads[1]) <= 20, "{loads:?}");
}

fn channel(place: usize) -> String {
    format!("room-{place}")
}

/// Where event `number` of every publisher goes: to one channel in turn, and now and then to all.
fn channels(number: usize) -> Vec<String> {
    let places = 0..CHANNELS;
    let goes_to = |place: &usize| number.is_multiple_of(10) || number % CHANNELS == *place;
    places.filter(goes_to).map(channel).collect()
}

/// Events of one publisher in the channel at this place.
fn count(place: usize) -> usize {
    let name = channel(place);
    (0..EVENTS)
        .filter(|&number| channels(number).contains(&name))
        .count()
}

/// The publisher and the number of the next event, which must be the channel's.
fn mark(peer: &mut Peer, channel: &str) -> (u64, u64) {
    let message = peer.next();
    assert_eq!(message["channel"], channel);
    let data = inner(&message);
    let of = |field: &str| data[field].as_u64().expect("a number");
    (of("publisher"), of("number"))
}

fn every_publisher_is_in_order(place: usize, heard: &[(u64, u64)]) {
    let name = channel(place);
    for publisher in 0..PUBLISHERS as u64 {
        let numbers = heard.iter().filter(|mark| mark.0 == publisher);
        let numbers: Vec<_> = numbers.map(|mark| mark.1).collect();
        let sent = (0..EVENTS).filter(|&number| channels(number).contains(&name));
        let sent: Vec<_> = sent.map(|number| number as u64).collect();
        assert_eq!(numbers, sent, "events of publisher {publisher} on {name}");
    }
}

const SUBSCRIBERS: usize = 200;
const CHANNELS: usize = 4;
const PUBLISHERS: usize = 6;
/// Of each publisher.
const EVENTS: usize = 100;
