//! What an app may use of a node.

use serde_json::{Value, json};
use skywave_protocol::{Credentials, Limits, Secret};
use skywave_server::{App, AppSettings};

use crate::node::{APP_ID, Node, OTHER_APP_ID, OTHER_KEY, SECRET, credentials, now, signed, until};
use crate::peer::Peer;
use crate::wire::Reply;

fn settings(limits: Limits) -> AppSettings {
    AppSettings {
        limits,
        ..AppSettings::new(credentials())
    }
}

/// An app with these limits, and another without.
fn limited(limits: Limits) -> Node {
    let other = Credentials::new(OTHER_KEY, &Secret::new(SECRET));
    Node::with(|config| {
        config.apps = vec![
            App::new(APP_ID, settings(limits)),
            App::new(OTHER_APP_ID, other),
        ];
    })
}

#[test]
fn an_app_has_as_many_connections_as_it_may_have_and_no_other_app_is_touched() {
    let node = limited(Limits {
        connections: Some(3),
        ..Limits::default()
    });
    let mut peers: Vec<Peer> = (0..3).map(|_| node.connect()).collect();
    for _ in 0..5 {
        assert_eq!(node.wire().open_or_refused(), Some(4004));
    }
    let target = format!("/app/{OTHER_KEY}?protocol=7");
    let _other = Peer::over_at(crate::node::connect(node.address), &target);
    // A place is free again as soon as its connection has ended, however it ends.
    peers.pop().expect("one of three").leaves();
    drop(peers.pop());
    until("places are free", || node.app().connections() == 1);
    let _again = [node.connect(), node.connect()];
    assert_eq!(node.app().connections(), 3);
}

#[test]
fn a_lower_limit_ends_no_connection_and_lets_no_new_one_in() {
    let node = limited(Limits::default());
    let mut peers = [node.connect(), node.connect()];
    let limits = Limits {
        connections: Some(1),
        ..Limits::default()
    };
    let apps = [(APP_ID.to_owned(), settings(limits))];
    node.server.replace_apps(apps).expect("one app");
    for peer in &mut peers {
        peer.is_answered();
    }
    assert_eq!(node.wire().open_or_refused(), Some(4004));
}

fn batch(node: &Node, events: usize) -> Reply {
    let event = json!({"name": "e", "channel": "news", "data": "{}"});
    let body = json!({"batch": vec![event; events]}).to_string();
    let target = signed("POST", "/apps/7/batch_events", body.as_bytes());
    node.wire().request("POST", &target, body.as_bytes())
}

fn one(node: &Node) -> Reply {
    let body: Value = json!({"name": "e", "channels": ["news", "sports"], "data": "{}"});
    node.post(&body)
}

#[test]
fn an_app_publishes_so_many_events_in_a_second_and_what_is_refused_is_not_sent() {
    let node = limited(Limits {
        events_per_second: Some(5),
        ..Limits::default()
    });
    let mut peer = node.subscriber("news");
    // A batch counts as its events, and goes out as a whole or not at all.
    let mut accepted = 0;
    until("a batch is too much", || match batch(&node, 3).status {
        200 => {
            accepted += 3;
            false
        }
        status => status == 429,
    });
    for _ in 0..accepted {
        peer.hears("news", "e", "{}");
    }
    peer.hears_nothing(&node);
    // An event counts once, whatever the number of its channels.
    until("the next second", || one(&node).status == 200);
    peer.hears("news", "e", "{}");
    // More than a second's worth is never accepted.
    assert_eq!(batch(&node, 6).status, 429);
}

#[test]
fn every_way_to_publish_over_http_is_counted() {
    let node = limited(Limits {
        events_per_second: Some(0),
        ..Limits::default()
    });
    let path = "/apps/7/channels/news/events";
    let query = credentials().sign_request("POST", path, &[("name", "e")], b"{}", now());
    let target = format!("{path}?{query}");
    let deprecated = node.wire().request("POST", &target, b"{}");
    for reply in [one(&node), batch(&node, 1), deprecated] {
        assert_eq!(reply.status, 429);
        let text = "Too many events: the application publishes at most 0 in a second";
        assert_eq!(reply.text(), text);
    }
    // Nobody else is.
    node.publish("news", "e", "{}");
}

#[test]
fn an_app_with_larger_events_may_send_larger_bodies() {
    let node = limited(Limits {
        event_bytes: 400_000,
        ..Limits::default()
    });
    // Six bytes of JSON for one of data.
    let data = "\u{1}".repeat(400_000);
    let event = json!({"name": "e", "channel": "large", "data": data});
    let mut peer = node.subscriber("large");
    assert_eq!(node.post(&event).text(), "{}");
    peer.hears("large", "e", &data);
    let body = json!({"batch": [event, event]}).to_string();
    let target = signed("POST", "/apps/7/batch_events", body.as_bytes());
    let reply = node.wire().request("POST", &target, body.as_bytes());
    assert_eq!(reply.text(), "{}");
    peer.hears("large", "e", &data);
    peer.hears("large", "e", &data);
}
