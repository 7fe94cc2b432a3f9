//! Events whose parameters stand in the query, and the two deprecated calls. Protocol §2.2.

use serde_json::json;

use crate::node::{EVENTS, Node, credentials, now};
use crate::wire::Reply;

/// Sends a request that is signed with these parameters and this body.
fn send(node: &Node, method: &str, path: &str, query: &[(&str, &str)], body: &[u8]) -> Reply {
    let query = credentials().sign_request(method, path, query, body, now());
    node.wire()
        .request(method, &format!("{path}?{query}"), body)
}

#[test]
fn all_of_an_event_may_stand_in_the_query() {
    let node = Node::start();
    let mut peer = node.subscriber("news");
    let mut left_out = node.subscriber("news");
    let id = left_out.id.to_string();

    let event = [
        ("name", "e"),
        ("data", "1 + 1 = 2 & é"),
        ("channel", "news"),
    ];
    let reply = send(&node, "POST", EVENTS, &event, b"");
    assert_eq!((reply.status, reply.text()), (200, "{}".into()));
    peer.hears("news", "e", "1 + 1 = 2 & é");
    left_out.hears("news", "e", "1 + 1 = 2 & é");

    let event = [
        ("name", "e"),
        ("data", "2"),
        ("channels[]", "news"),
        ("channels[]", "presence-b"),
        ("socket_id", &id),
        ("info", "user_count,subscription_count"),
    ];
    let expected = json!({"channels": {
        "news": {"subscription_count": 2},
        "presence-b": {"subscription_count": 0, "user_count": 0},
    }});
    for body in [&b""[..], b"{}"] {
        assert_eq!(send(&node, "POST", EVENTS, &event, body).json(), expected);
        peer.hears("news", "e", "2");
    }
    left_out.hears_nothing(&node);
}

#[test]
fn what_the_body_says_counts() {
    let node = Node::start();
    let mut peer = node.subscriber("news");
    let body = json!({"name": "e", "data": "body", "channels": ["news"], "socket_id": null});
    let query = [
        ("name", "leaked"),
        ("data", "leaked"),
        ("channel", "leaked"),
        ("info", "subscription_count"),
    ];
    let reply = send(&node, "POST", EVENTS, &query, body.to_string().as_bytes());
    assert_eq!(
        reply.json(),
        json!({"channels": {"news": {"subscription_count": 1}}})
    );
    peer.hears("news", "e", "body");
}

#[test]
fn parameters_that_are_wrong_are_refused_by_name() {
    let node = Node::start();
    let mut peer = node.subscriber("news");
    let event = [("name", "leaked"), ("data", ""), ("channel", "news")];
    let long = "x".repeat(10_241);
    for (change, status, text) in [
        (("name", ""), 400, "Invalid event name: "),
        (("name", "pusher:x"), 400, "Invalid event name: "),
        (("channel", "a b"), 400, "Invalid channel name 'a b': "),
        (("channels", "news"), 400, "Invalid field channels: "),
        (("socket_id", "1"), 400, "Invalid field socket_id: "),
        (
            ("socket_id", "1.1:private-b"),
            400,
            "Invalid field socket_id: ",
        ),
        (("data", &long), 413, "The data content of this event"),
    ] {
        let mut query = event.to_vec();
        query.retain(|(name, _)| *name != change.0);
        query.push(change);
        let reply = send(&node, "POST", EVENTS, &query, b"");
        assert_eq!(reply.status, status, "{change:?}: {}", reply.text());
        assert!(reply.text().starts_with(text), "{}", reply.text());
    }
    for missing in 0..event.len() {
        let mut query = event.to_vec();
        let (name, _) = query.remove(missing);
        let reply = send(&node, "POST", EVENTS, &query, b"");
        assert_eq!(reply.status, 400);
        assert!(reply.text().starts_with(&format!("Missing field: {name}")));
    }
    peer.hears_nothing(&node);
}

#[test]
fn the_deprecated_call_publishes_its_whole_body_and_answers_202_with_nothing() {
    let node = Node::start();
    let mut peer = node.subscriber("news");
    let mut left_out = node.subscriber("news");
    let path = "/apps/7/channels/news/events";
    for body in ["{\"a\": 1}", "not json é", ""] {
        let reply = send(&node, "POST", path, &[("name", "e")], body.as_bytes());
        assert_eq!((reply.status, reply.text()), (202, String::new()));
        peer.hears("news", "e", body);
        left_out.hears("news", "e", body);
    }
    let id = left_out.id.to_string();
    // Neither channel nor data is taken from the query.
    let query = [
        ("name", "e"),
        ("socket_id", id.as_str()),
        ("data", "leaked"),
        ("channels[]", "leaked"),
    ];
    assert_eq!(send(&node, "POST", path, &query, b"x").status, 202);
    peer.hears("news", "e", "x");

    for (path, query, body, status, text) in [
        (path, vec![], &b"x"[..], 400, "Missing field: name"),
        (
            path,
            vec![("name", "pusher:x")],
            b"x",
            400,
            "Invalid event name: ",
        ),
        (
            path,
            vec![("name", "e"), ("socket_id", "1")],
            b"x",
            400,
            "Invalid field socket_id",
        ),
        (
            path,
            vec![("name", "e")],
            b"\xff",
            400,
            "Invalid body: expected UTF-8",
        ),
        (
            path,
            vec![("name", "e")],
            &[b'x'; 10_241],
            413,
            "The data content of this event",
        ),
        (
            "/apps/7/channels/a%20b/events",
            vec![("name", "e")],
            b"x",
            400,
            "Invalid channel name 'a b'",
        ),
        (
            "/apps/404/channels/news/events",
            vec![("name", "e")],
            b"x",
            404,
            "Application does not exist",
        ),
    ] {
        let reply = send(&node, "POST", path, &query, body);
        assert_eq!(reply.status, status, "{path} {query:?}: {}", reply.text());
        assert!(reply.text().starts_with(text), "{}", reply.text());
    }
    peer.hears_nothing(&node);
    left_out.hears_nothing(&node);
}

#[test]
fn the_deprecated_statistics_tell_what_there_is() {
    let node = Node::start();
    let mut peer = node.subscriber("news");
    peer.join("presence-room", "ann");
    for (channel, expected) in [
        ("news", json!({"occupied": true})),
        ("nobody", json!({"occupied": false})),
        ("presence-room", json!({"occupied": true, "user_count": 1})),
        (
            "presence-empty",
            json!({"occupied": false, "user_count": 0}),
        ),
    ] {
        let path = format!("/apps/7/channels/{channel}/stats");
        let reply = send(&node, "GET", &path, &[], b"");
        assert_eq!(reply.header("content-type"), Some("application/json"));
        assert_eq!(reply.json(), expected, "{channel}");
    }
    let reply = send(&node, "POST", "/apps/7/channels/news/stats", &[], b"");
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET")));
}
