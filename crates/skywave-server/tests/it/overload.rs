//! A server at the end of its means: queues and memory. Descriptors are told in `descriptors`.

use std::os::unix::net::UnixStream;

use serde_json::json;
use skywave_protocol::{Limits, Rejection};
use skywave_server::{App, AppSettings};

use crate::health::get;
use crate::host::Host;
use crate::log;
use crate::metrics::metrics;
use crate::node::{APP_ID, EVENTS, KEY, Node, connect, credentials, now, signed, until};
use crate::peer::Peer;
use crate::security::apart;
use crate::wire::{CLOSE, Reply, Wire, frame};
use crate::xhr::{Client, VERSION};

/// How often a text was logged.
fn logged(text: &str) -> usize {
    log::written().matches(text).count()
}

/// A publisher's requests, each on a connection of its own: one event, several, and the old way.
fn publish_in_every_way(node: &Node, channels: [&str; 2]) -> [Reply; 3] {
    let post = |path: &str, body: &str| {
        let target = signed("POST", path, body.as_bytes());
        node.wire().request("POST", &target, body.as_bytes())
    };
    let event = |channel: &str| json!({"name": "e", "channel": channel, "data": "{}"});
    let one = json!({"name": "e", "channels": channels, "data": "{}"});
    let several = json!({"batch": channels.map(event)});
    let old = format!("/apps/{APP_ID}/channels/{}/events", channels[0]);
    let query = credentials().sign_request("POST", &old, &[("name", "e")], b"{}", now());
    [
        post(EVENTS, &one.to_string()),
        post("/apps/7/batch_events", &several.to_string()),
        node.wire()
            .request("POST", &format!("{old}?{query}"), b"{}"),
    ]
}

#[track_caller]
fn are_refused(replies: [Reply; 3]) {
    for reply in replies {
        assert_eq!(reply.status, 503, "{}", reply.text());
        assert_eq!(reply.text(), "Over capacity");
    }
}

#[test]
fn events_are_refused_as_a_whole_while_a_worker_is_far_behind_and_accepted_again() {
    let name =
        "overload::events_are_refused_as_a_whole_while_a_worker_is_far_behind_and_accepted_again";
    apart(name, || {
        let node = Node::with(|config| {
            // More than is published here, and less than is refused: that does not count.
            let limits = Limits {
                events_per_second: Some(6),
                ..Limits::default()
            };
            let settings = AppSettings {
                limits,
                ..AppSettings::new(credentials())
            };
            config.apps = vec![App::new(APP_ID, settings)];
        });
        let host = Host::start();
        // The application's port deals connections out: the first to the worker that is held up.
        let own_port = host.hyper(&node.server);
        let mut behind = Peer::to(own_port);
        behind.subscribe("behind");
        let mut other = Peer::to(own_port);
        other.subscribe("other");
        let held = host.hold_worker(&node.server);
        let large = "x".repeat(4 * 1024 * 1024);
        let accepted = (0..100)
            .take_while(|_| node.try_publish("behind", "e", &large, None).is_ok())
            .count();
        assert_eq!(accepted, 16, "64 MiB");

        // On the worker that goes on. One of the two channels has room, and gets nothing all the same.
        for _ in 0..5 {
            are_refused(publish_in_every_way(&node, ["other", "behind"]));
        }
        let refused = node.try_publish("other", "e", "{}", None);
        assert_eq!(refused, Err(Rejection::OverCapacity));
        other.is_answered();
        let samples = metrics(&node);
        let refused = samples["skywave_publishes_refused_total{reason=\"inbox\"}"];
        assert_eq!(refused, 1.0 + 15.0 + 1.0);
        assert_eq!(samples["skywave_inbox_bytes{worker=\"1\"}"], 0.0);
        assert!(samples["skywave_inbox_bytes{worker=\"0\"}"] >= 64.0 * 1024.0 * 1024.0);
        let told = "events are refused: a worker is too far behind worker=0 waiting_bytes=671";
        assert!((1..=3).contains(&logged(told)), "{} times", logged(told));

        drop(held);
        until("there is room again", || {
            node.try_publish("other", "again", "{}", None).is_ok()
        });
        other.hears("other", "again", "{}");
        for reply in publish_in_every_way(&node, ["other", "behind"]) {
            assert!(matches!(reply.status, 200 | 202), "{}", reply.text());
            other.hears("other", "e", "{}");
        }
        until("the end is told", || {
            logged("events are accepted again") == 1
        });
    });
}

/// Reads what was kept for a reader that did not read; how many events, and what the refusal says.
#[track_caller]
fn kept(wire: &mut Wire) -> (usize, String) {
    for number in 0.. {
        let message = wire.message();
        if message["event"] == "pusher:error" {
            assert_eq!(message["data"]["code"], 4100, "{message}");
            wire.is_closed_with(4100);
            wire.send(frame(CLOSE, 4100_u16.to_be_bytes()));
            let text = message["data"]["message"].as_str().expect("a text");
            return (number, text.to_owned());
        }
        assert_eq!(message["event"], "e", "{message}");
    }
    unreachable!("a loop without end")
}

#[test]
fn all_slow_readers_together_hold_so_much_and_the_others_notice_nothing() {
    const EACH: usize = 8 * 1024 * 1024;
    const ALL: usize = 16 * 1024 * 1024;
    const READERS: usize = 12;
    const SIZE: usize = 100_000;
    let node = Node::with(|config| {
        config.workers = Some(1);
        config.outbox_bytes = EACH;
        config.outbox_total_bytes = Some(ALL);
    });
    let host = Host::start();
    // On Unix sockets, since the kernel keeps little of their bytes.
    let slow = || {
        let stream: UnixStream = host.foreign(&node.server, |stream| stream);
        let mut wire = Wire::over(stream);
        wire.open();
        wire.subscribe("news");
        wire
    };
    let mut readers: Vec<_> = (0..READERS).map(|_| slow()).collect();
    let mut keeps_up = node.subscriber("news");
    let data = "x".repeat(SIZE);
    for _ in 0..30 {
        node.publish("news", "e", &data);
        assert_eq!(keeps_up.next()["event"], "e");
    }
    let kept: Vec<_> = readers.iter_mut().map(kept).collect();
    let bytes: usize = kept.iter().map(|(events, _)| events * SIZE).sum();
    // The kernel keeps about 200 KiB for each, and a frame that has begun is sent to its end.
    let most = ALL + READERS * 400_000;
    assert!(bytes < most, "{bytes} bytes were kept: {kept:?}");
    // They are equals: each holds a quarter of what all of them leave.
    for (events, text) in &kept {
        assert!((8..=16).contains(events), "{kept:?}");
        assert!(
            text.starts_with("Connection too slow: more than "),
            "{text}"
        );
        assert!(!text.contains("8388608"), "{text}");
    }
    drop(readers);
    until("they are forgotten", || node.server.connections() == 1);
    let samples = metrics(&node);
    let ended =
        |reason| samples[&format!("skywave_connections_ended_total{{reason=\"{reason}\"}}")];
    assert_eq!(ended("crowded_out"), READERS as f64);
    assert_eq!(ended("too_slow"), 0.0);
    assert_eq!(
        samples["skywave_outbox_limit_bytes{worker=\"0\"}"],
        ALL as f64
    );

    // Whoever is slow alone may hold more than that.
    let mut alone = slow();
    for _ in 0..30 {
        node.publish("news", "e", &data);
        assert_eq!(keeps_up.next()["event"], "e");
    }
    for _ in 0..30 {
        assert_eq!(alone.message()["event"], "e");
    }
}

/// Twice what is needed to be over the limit of the test, in the process that is measured.
#[cfg(target_os = "linux")]
fn ballast() -> Vec<u8> {
    vec![1; 2 * ROOM]
}

/// What the process may use beyond what it does at first.
#[cfg(target_os = "linux")]
const ROOM: usize = 64 * 1024 * 1024;

#[cfg(target_os = "linux")]
#[test]
fn above_its_memory_a_server_refuses_newcomers_and_events_and_serves_the_others() {
    let name =
        "overload::above_its_memory_a_server_refuses_newcomers_and_events_and_serves_the_others";
    apart(name, || {
        let used = usize::try_from(crate::security::status("VmRSS:")).expect("less than all");
        let node = Node::with(|config| config.memory_bytes = Some(used + ROOM));
        let operators = crate::health::operator(&node);
        let mut peer = node.subscriber("private-room");
        let mut other = node.subscriber("private-room");
        let mut session = Client::streaming(&node);
        session.subscribe("private-room");
        assert_eq!(get(node.address, "/readyz").status, 200);
        assert_eq!(
            metrics(&node)["skywave_memory_limit_bytes"],
            (used + ROOM) as f64
        );

        let ballast = ballast();
        until("it is over", || !node.server.is_ready());
        newcomers_are_refused(&node);
        are_refused(publish_in_every_way(&node, ["private-room", "news"]));
        let refused = node.try_publish("private-room", "e", "{}", None);
        assert_eq!(refused, Err(Rejection::OverCapacity));
        for address in [node.address, operators] {
            let reply = get(address, "/readyz");
            assert_eq!(reply.status, 503);
            let text = reply.text();
            let may = format!("bytes of memory are used, {} may be\n", used + ROOM);
            assert!(text.ends_with(&may), "{text}");
            assert_eq!(get(address, "/healthz").status, 200, "it is not ill");
        }
        let samples = metrics(&node);
        assert_eq!(samples["skywave_memory_over"], 1.0);
        assert_eq!(samples["skywave_ready"], 0.0);
        assert_eq!(
            samples["skywave_publishes_refused_total{reason=\"memory\"}"],
            4.0
        );
        let refused = samples["skywave_connections_refused_total{reason=\"OverCapacity\"}"];
        assert_eq!(refused, 2.0, "a WebSocket, and a session over HTTP");
        // Whoever is connected is served.
        peer.is_answered();
        let event = json!({"event": "client-e", "channel": "private-room", "data": "1"});
        peer.say_text(event.to_string());
        other.hears("private-room", "client-e", "1");
        session.hears("private-room", "client-e", "1");
        let told = "more memory is used than may be: new connections and events are refused";
        let lines = logged(told);
        assert!((1..=3).contains(&lines), "{lines} times");

        drop(ballast);
        until("it is ready again", || node.server.is_ready());
        assert_eq!(get(operators, "/readyz").status, 200);
        let mut late = node.subscriber("private-room");
        Client::polling(&node);
        for reply in publish_in_every_way(&node, ["private-room", "news"]) {
            assert!(matches!(reply.status, 200 | 202), "{}", reply.text());
            // The first that they hear since: what was refused reached nobody.
            for peer in [&mut peer, &mut other, &mut late] {
                peer.hears("private-room", "e", "{}");
            }
        }
        until("the end is told", || logged("there is memory again") >= 1);
        assert!(logged(told) - lines <= 2, "it is told now and then");
    });
}

/// By whatever transport they come.
#[cfg(target_os = "linux")]
#[track_caller]
fn newcomers_are_refused(node: &Node) {
    assert_eq!(node.wire().open_or_refused(), Some(4100));
    let mut session = Client::open(node.address, "xhr", KEY, VERSION);
    assert_eq!(session.line(), "o");
    let refused = session.message();
    assert_eq!(refused["data"]["code"], 4100, "{refused}");
    let target = format!("/apps/{KEY}/sse?channels=news");
    let reply = Wire::tcp(connect(node.address)).request("GET", &target, b"");
    assert_eq!((reply.status, reply.text()), (503, "Over capacity".into()));
}
