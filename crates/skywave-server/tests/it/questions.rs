//! `GET /apps/ID/channels` and below: who listens where. Protocol §2.2, §2.3.

use serde_json::{Value, json};

use crate::node::{Node, credentials, now};
use crate::peer::Peer;
use crate::wire::Reply;

fn ask(node: &Node, path: &str, parameters: &[(&str, &str)]) -> Reply {
    let path = format!("/apps/7{path}");
    let query = credentials().sign_request("GET", &path, parameters, b"", now());
    node.wire().request("GET", &format!("{path}?{query}"), b"")
}

fn answer(node: &Node, path: &str, parameters: &[(&str, &str)]) -> Value {
    let reply = ask(node, path, parameters);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    reply.json()
}

/// Two subscribers of `news`, and two users in a room, one of them twice.
fn audience(node: &Node) -> Vec<Peer> {
    let mut peers = vec![
        node.subscriber("news"),
        node.subscriber("news"),
        node.connect(),
    ];
    peers[0].join("presence-room", "ann");
    peers[1].join("presence-room", "10");
    peers[2].join("presence-room", "ann");
    peers
}

#[test]
fn occupied_channels_are_listed_with_what_was_asked_for() {
    let node = Node::start();
    assert_eq!(answer(&node, "/channels", &[]), json!({"channels": {}}));
    let peers = audience(&node);
    for (parameters, expected) in [
        (vec![], json!({"news": {}, "presence-room": {}})),
        (
            vec![("filter_by_prefix", "presence-")],
            json!({"presence-room": {}}),
        ),
        (vec![("filter_by_prefix", "private-")], json!({})),
        (
            vec![("info", "subscription_count")],
            json!({"news": {"subscription_count": 2}, "presence-room": {"subscription_count": 3}}),
        ),
        (
            vec![
                ("filter_by_prefix", "presence-"),
                ("info", "user_count,subscription_count"),
            ],
            json!({"presence-room": {"user_count": 2, "subscription_count": 3}}),
        ),
    ] {
        let expected = json!({"channels": expected});
        assert_eq!(
            answer(&node, "/channels", &parameters),
            expected,
            "{parameters:?}"
        );
    }
    drop(peers);
    crate::node::until("the list is empty", || {
        answer(&node, "/channels", &[]) == json!({"channels": {}})
    });
}

#[test]
fn one_channel_is_described_whether_it_is_occupied_or_not() {
    let node = Node::start();
    let _peers = audience(&node);
    for (path, info, expected) in [
        ("/channels/news", "", json!({"occupied": true})),
        (
            "/channels/news",
            "subscription_count",
            json!({"occupied": true, "subscription_count": 2}),
        ),
        (
            "/channels/presence-room",
            "user_count,subscription_count",
            json!({"occupied": true, "user_count": 2, "subscription_count": 3}),
        ),
        (
            "/channels/nobody",
            "subscription_count",
            json!({"occupied": false}),
        ),
    ] {
        assert_eq!(
            answer(&node, path, &[("info", info)]),
            expected,
            "{path} {info}"
        );
    }
}

#[test]
fn the_users_of_a_presence_channel_are_listed_once_each() {
    let node = Node::start();
    let _peers = audience(&node);
    let users = answer(&node, "/channels/presence-room/users", &[]);
    assert_eq!(users, json!({"users": [{"id": "10"}, {"id": "ann"}]}));
    let nobody = answer(&node, "/channels/presence-empty/users", &[]);
    assert_eq!(nobody, json!({"users": []}));
}

#[test]
fn a_cache_channel_shows_and_replays_its_last_event() {
    let node = Node::start();
    let mut early = node.subscriber("cache-a");
    let miss = early.next();
    assert_eq!(miss["event"], "pusher:cache_miss");
    let empty = answer(&node, "/channels/cache-a", &[("info", "cache")]);
    assert_eq!(empty, json!({"occupied": true, "cache": null}));

    let body = json!({"name": "e", "channel": "cache-a", "data": "{\"a\":1}"});
    assert_eq!(node.post(&body).text(), "{}");
    early.hears("cache-a", "e", "{\"a\":1}");
    let mut late = node.subscriber("cache-a");
    late.hears("cache-a", "e", "{\"a\":1}");
    let cache = &answer(&node, "/channels/cache-a", &[("info", "cache")])["cache"];
    assert_eq!(cache["data"], "{\"a\":1}");
    assert!(
        (1..=1800).contains(&cache["ttl"].as_u64().unwrap()),
        "{cache}"
    );
}

#[test]
fn a_question_that_makes_no_sense_is_refused_with_400() {
    let node = Node::start();
    for (path, info, text) in [
        (
            "/channels",
            "x",
            "info should be a comma separated list of attributes",
        ),
        (
            "/channels",
            "user_count",
            "user_count may only be requested for presence channels",
        ),
        (
            "/channels/news",
            "user_count",
            "user_count may only be requested for presence channels",
        ),
        (
            "/channels/news/users",
            "",
            "Users can only be retrieved for presence channels",
        ),
        ("/channels/a%20b", "", "Invalid channel name"),
    ] {
        let reply = ask(&node, path, &[("info", info)]);
        assert_eq!(reply.status, 400, "{path} {info}: {}", reply.text());
        assert!(reply.text().starts_with(text), "{}", reply.text());
    }
}

#[test]
fn a_question_has_to_be_signed_and_may_carry_the_md5_of_nothing() {
    let node = Node::start();
    let path = "/apps/7/channels";
    assert_eq!(node.wire().request("GET", path, b"").status, 401);
    // A signature for one path does not open another.
    let query = credentials().sign_request("GET", path, &[], b"", now());
    let target = format!("{path}/news?{query}");
    assert_eq!(node.wire().request("GET", &target, b"").status, 401);
    // Trap 8: the Python library sends it with every GET.
    let md5 = [("body_md5", "d41d8cd98f00b204e9800998ecf8427e")];
    let reply = ask(&node, "/channels", &md5);
    assert_eq!(reply.json(), json!({"channels": {}}));
    let wrong = [("body_md5", "d41d8cd98f00b204e9800998ecf8427f")];
    assert_eq!(ask(&node, "/channels", &wrong).status, 401);
    // A target that was signed for GET is not one for POST.
    let reply = node.wire().request("POST", &format!("{path}?{query}"), b"");
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET")));
}
