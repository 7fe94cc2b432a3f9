//! Connections made of requests: `xhr_streaming` and `xhr_polling`. Protocol §4.2.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::host::Host;
use crate::node::{KEY, Node, OTHER_KEY, until};
use crate::xhr::{Client, VERSION};

fn both(mut scenario: impl FnMut(&Node, Client)) {
    let node = Node::start();
    scenario(&node, Client::streaming(&node));
    scenario(&node, Client::polling(&node));
}

#[test]
fn a_session_hears_and_says_what_a_websocket_does() {
    both(|node, mut client| {
        let mut peer = node.subscriber("private-room");
        client.subscribe("private-room");
        client.subscribe("news");
        let data = "{\"text\":\"ü😀\\n\"}";
        node.publish("news", "e", data);
        client.hears("news", "e", data);
        peer.say_text(
            json!({"event": "client-a", "channel": "private-room", "data": "1"}).to_string(),
        );
        client.hears("private-room", "client-a", "1");
        client.say(&json!({"event": "client-b", "channel": "private-room", "data": {"x": 2}}));
        peer.hears("private-room", "client-b", "{\"x\":2}");
        client.say(&json!({"event": "pusher:ping", "data": {}}));
        assert_eq!(client.message()["event"], "pusher:pong");
    });
}

#[test]
fn under_an_application_it_works_the_same() {
    let node = Node::start();
    let host = Host::start();
    for address in [host.axum(&node.server), host.hyper(&node.server)] {
        for transport in ["xhr_streaming", "xhr"] {
            let mut client = Client::connect(address, transport);
            client.subscribe("news");
            node.publish("news", "e", "1");
            client.hears("news", "e", "1");
        }
    }
}

#[test]
fn the_prefix_may_be_missing() {
    let node = Node::start();
    let target = format!("/app/{KEY}/1/prefixless/xhr?{VERSION}");
    let mut wire = node.wire();
    assert_eq!(wire.request("POST", &target, b"").status, 200);
    assert_eq!(wire.chunk().unwrap(), b"o\n");
}

#[test]
fn it_is_served_below_a_path_prefix() {
    let node = Node::with(|config| config.path_prefix = "/ws".into());
    for (prefix, status) in [("/ws", 200), ("", 404)] {
        let target = format!("{prefix}/pusher/app/{KEY}/1/prefixed/xhr?{VERSION}");
        assert_eq!(node.wire().request("POST", &target, b"").status, status);
    }
}

#[test]
fn trap_16_an_empty_post_is_answered_with_a_line_of_no_messages() {
    both(|_, mut client| {
        for _ in 0..3 {
            assert_eq!(client.post(b"[]").status, 204);
            assert_eq!(client.line(), "a[]");
        }
    });
}

#[test]
fn responses_may_be_read_by_every_page_and_kept_by_nobody() {
    let node = Node::start();
    let mut client = Client::streaming(&node);
    for reply in [
        client.receive(VERSION),
        client.post(b"[]"),
        client.post(b"nonsense"),
    ] {
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    }
    let reply = client.receive(VERSION);
    assert_eq!(
        reply.header("cache-control"),
        Some("no-store, no-transform")
    );
    assert_eq!(reply.header("x-accel-buffering"), Some("no"));

    let target = client.target("xhr_send", "");
    let reply = node.wire().request("OPTIONS", &target, b"");
    assert_eq!(reply.status, 204);
    for (header, value) in [
        ("access-control-allow-origin", "*"),
        ("access-control-allow-methods", "POST, OPTIONS"),
        ("access-control-allow-headers", "Content-Type"),
    ] {
        assert_eq!(reply.header(header), Some(value));
    }
    let reply = node.wire().request("GET", &target, b"");
    assert_eq!(
        (reply.status, reply.header("allow")),
        (405, Some("POST, OPTIONS"))
    );
}

#[test]
fn a_refused_client_is_told_why() {
    let node = Node::start();
    for transport in ["xhr_streaming", "xhr"] {
        for (key, query, code) in [
            ("no-such-key", VERSION, 4001),
            (KEY, "client=js", 4008),
            (KEY, "protocol=3", 4007),
            (KEY, "protocol=x", 4006),
        ] {
            let mut client = Client::open(node.address, transport, key, query);
            assert_eq!(client.line(), "o");
            client.is_refused_with(code);
        }
    }
    until("they are forgotten", || node.server.connections() == 0);
}

#[test]
fn a_host_name_is_told_to_clients() {
    let node = Node::with(|config| config.hostname = Some("node7.example.com".into()));
    let mut client = Client::open(node.address, "xhr_streaming", KEY, VERSION);
    assert_eq!(client.line(), "o{\"hostname\":\"node7.example.com\"}");
}

#[test]
fn what_a_client_was_not_told_waits_for_its_next_request() {
    let node = Node::start();
    let mut client = Client::streaming(&node);
    client.subscribe("news");
    // The client aborts its request; the server need not have noticed when the next one comes.
    for round in ["1", "2", "3"] {
        client.receive(VERSION);
        node.publish("news", "e", round);
        client.hears("news", "e", round);
    }
    let mut polling = Client::polling(&node);
    polling.subscribe("news");
    assert_eq!(polling.stream.chunk(), None, "the end of a poll");
    for data in ["4", "5", "6"] {
        node.publish("news", "e", data);
        client.hears("news", "e", data);
    }
    polling.receive(VERSION);
    for data in ["4", "5", "6"] {
        polling.hears("news", "e", data);
    }
}

#[test]
fn a_new_request_ends_the_one_before() {
    let node = Node::start();
    let mut client = Client::streaming(&node);
    let mut before = std::mem::replace(&mut client.stream, node.wire());
    client.receive(VERSION);
    assert_eq!(before.chunk(), None);
    client.subscribe("news");
}

#[test]
fn a_full_response_waits_for_the_clients_new_one_and_nothing_is_lost() {
    const ROTATION: usize = 256 * 1024;
    let node = Node::start();
    let mut client = Client::streaming(&node);
    client.subscribe("news");
    let mut rotations = 0;
    let padding = "ü😀x".repeat(500);
    for number in 0..400 {
        node.publish("news", "e", &format!("{number} {padding}"));
        if number % 40 != 39 {
            continue;
        }
        for number in number - 39..=number {
            // Exactly what pusher-js does, at the very moment at which it does it.
            if client.length > ROTATION && client.lines.is_empty() {
                assert_eq!(client.partial, "", "bytes that the client would drop");
                client.receive(VERSION);
                rotations += 1;
            }
            client.hears("news", "e", &format!("{number} {padding}"));
        }
    }
    assert!(rotations >= 2, "{rotations}");
}

#[test]
fn nothing_follows_the_line_that_makes_a_response_full() {
    let node = Node::start();
    let mut client = Client::streaming(&node);
    client.subscribe("news");
    let padding = "x".repeat(10_000);
    let mut number = 0;
    while client.length <= 256 * 1024 {
        node.publish("news", "e", &padding);
        client.hears("news", "e", &padding);
        number += 1;
    }
    assert!(number > 20);
    node.publish("news", "e", "the next");
    client.stream.set_patience(Duration::from_millis(300));
    assert!(!client.stream.is_over(), "it is the client who rotates");
    client.receive(VERSION);
    client.hears("news", "e", "the next");
}

#[test]
fn a_session_without_a_request_ends_after_five_seconds() {
    let node = Node::start();
    let mut client = Client::streaming(&node);
    client.subscribe("news");
    let mut polling = Client::polling(&node);
    polling.subscribe("news");
    assert_eq!(node.server.connections(), 2);
    let begin = Instant::now();
    client.stream = node.wire();
    polling.stream = node.wire();
    until("they are given up", || node.server.connections() == 0);
    assert!(
        begin.elapsed() >= Duration::from_secs(4),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(node.subscriptions("news"), 0);
    assert_eq!(client.post(b"[]").status, 404);
    // What pusher-js takes for "server lost session", rightly.
    client.receive(VERSION);
    assert_eq!(client.line(), "o");
}

#[test]
fn a_session_belongs_to_the_key_that_opened_it() {
    let node = Node::start();
    let mut client = Client::streaming(&node);
    client.subscribe("news");
    let name = client
        .base
        .strip_prefix(&format!("/pusher/app/{KEY}"))
        .unwrap()
        .to_owned();
    let other = format!("/pusher/app/{OTHER_KEY}{name}");
    let post = |target: &str| node.wire().request("POST", target, b"[]").status;
    assert_eq!(post(&format!("{other}/xhr_send")), 404);
    let mut wire = node.wire();
    let target = format!("{other}/xhr_streaming?{VERSION}");
    assert_eq!(wire.request("POST", &target, b"").status, 200);
    assert_eq!(wire.chunk().unwrap(), b"o\n", "another session");
    node.publish("news", "e", "1");
    client.hears("news", "e", "1");
}

#[test]
fn nonsense_is_refused_and_the_session_goes_on() {
    let node = Node::start();
    let mut client = Client::streaming(&node);
    for body in [
        &b""[..],
        b"{}",
        b"null",
        b"[1]",
        b"[\"a\"",
        b"\xff\xfe",
        b"[[]]",
    ] {
        assert_eq!(client.post(body).status, 400, "{body:?}");
    }
    let large = format!("[\"{}\"]", "x".repeat(4 * 64 * 1024));
    assert_eq!(client.post(large.as_bytes()).status, 413);
    for message in ["", "x", "{\"event\":5}", "{\"event\":\"no-such-event\"}"] {
        let body = json!([message]).to_string();
        assert_eq!(client.post(body.as_bytes()).status, 204);
        assert_eq!(client.message()["event"], "pusher:error", "{message}");
    }
    client.subscribe("news");
    for path in [
        "/pusher/app/it-key/1/short/xhr",
        "/pusher/app/it-key/1/..%2f..%2fetc/xhr",
        "/pusher/app/it-key/-1/abcdefgh/xhr",
        "/pusher/app/it-key/1/abcdefgh/websocket",
        "/pusher/info",
    ] {
        assert_eq!(node.wire().request("POST", path, b"").status, 404, "{path}");
    }
}

#[test]
fn too_large_a_message_ends_the_session_as_it_ends_a_websocket() {
    let node = Node::start();
    let mut client = Client::streaming(&node);
    let body = json!(["x".repeat(64 * 1024 + 1)]).to_string();
    assert_eq!(client.post(body.as_bytes()).status, 204);
    assert_eq!(client.closed().0, 1009);
    until("it is gone", || node.server.connections() == 0);
}

#[test]
fn posts_that_overtake_each_other_are_put_in_order() {
    let node = Node::start();
    let mut client = Client::streaming(&node);
    let pong =
        |id: u32| json!({"event": "pusher:subscribe", "data": {"channel": format!("c{id}")}});
    let targets: Vec<_> = (0..8).map(|_| client.target("xhr_send", "")).collect();
    let mut posts = Vec::new();
    for (id, target) in targets.iter().enumerate().rev() {
        let body = json!([pong(id as u32).to_string()]).to_string();
        let mut wire = node.wire();
        wire.send(crate::wire::request("POST", target, body.as_bytes()));
        posts.push(wire);
    }
    for id in 0..8 {
        assert_eq!(client.message()["channel"], format!("c{id}"));
    }
    for mut post in posts {
        assert_eq!(post.reply().status, 204);
    }
}

#[test]
fn a_silent_client_is_asked_and_one_that_answers_stays() {
    let node = Node::impatient();
    let mut client = Client::streaming(&node);
    for _ in 0..2 {
        assert_eq!(client.line(), "h");
        assert_eq!(client.post(b"[]").status, 204);
        assert_eq!(client.line(), "a[]");
    }
    assert_eq!(client.line(), "h");
    client.is_refused_with(4201);
    until("it is gone", || node.server.connections() == 0);

    let mut polling = Client::polling(&node);
    for _ in 0..3 {
        // Its next poll is its answer.
        assert_eq!(polling.line(), "h");
    }
}

#[test]
fn a_client_that_receives_too_slowly_is_closed_with_4100_and_told_so() {
    let node = Node::with(|config| {
        config.outbox_bytes = 100_000;
        config.workers = Some(1);
    });
    let mut peer = node.subscriber("news");
    let mut client = Client::polling(&node);
    client.subscribe("news");
    assert_eq!(client.stream.chunk(), None, "the end of a poll");
    let data = "x".repeat(10_000);
    for _ in 0..40 {
        node.publish("news", "e", &data);
        peer.hears("news", "e", &data);
    }
    client.receive(VERSION);
    loop {
        let message = client.message();
        if message["event"] == "e" {
            continue;
        }
        assert_eq!(message["data"]["code"], 4100, "{message}");
        break;
    }
    assert_eq!(client.closed().0, 4100);
}

#[test]
fn a_server_that_stops_says_so() {
    let node = Node::start();
    let mut client = Client::streaming(&node);
    let server = node.server.clone();
    let stopping = std::thread::spawn(move || server.shutdown());
    assert_eq!(client.closed(), (1001, "server shutting down".into()));
    stopping.join().unwrap();
}

#[test]
fn a_session_is_moved_away_before_the_server_ends_as_a_websocket_is() {
    for connect in [Client::streaming, Client::polling] {
        let node = Node::start();
        let mut client = connect(&node);
        client.subscribe("news");
        node.publish("news", "e", "1");
        let server = node.server.clone();
        let drain = skywave_server::Drain {
            over: Duration::from_millis(100),
            ..skywave_server::Drain::default()
        };
        let drained = std::thread::spawn(move || server.drain(drain));
        client.hears("news", "e", "1");
        assert_eq!(
            client.closed(),
            (1001, "server restarting, please reconnect".to_owned())
        );
        drained.join().expect("it ends");
        assert_eq!(node.server.connections(), 0);
    }
}
