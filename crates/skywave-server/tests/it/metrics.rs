//! What is counted, and the text in which it is told.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::health::{get, operator};
use crate::node::{Node, until};
use crate::peer::Peer;

/// The samples of a text: name and labels as they are written, and the value.
pub(crate) type Samples = BTreeMap<String, f64>;

/// Reads the text format of Prometheus (0.0.4), and fails where a scraper might.
#[track_caller]
fn read(text: &str) -> Samples {
    let mut samples = Samples::new();
    let mut families = BTreeSet::new();
    let (mut family, mut kind) = ("", "");
    assert!(text.ends_with('\n'));
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').expect("a help text");
            assert!(help.ends_with('.'), "{help}");
            let typed = lines.next().and_then(|l| l.strip_prefix("# TYPE "));
            let (typed, is) = typed.and_then(|l| l.split_once(' ')).expect("a type");
            assert_eq!(typed, name);
            assert!(families.insert(name), "{name} comes twice");
            (family, kind) = (name, is);
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{kind}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
            continue;
        }
        let (sample, value) = line.rsplit_once(' ').expect("a value");
        let name = sample.split('{').next().expect("a name");
        let suffix = name.strip_prefix(family).expect("a sample of its family");
        match kind {
            "histogram" => assert!(["_bucket", "_sum", "_count"].contains(&suffix), "{line}"),
            _ => assert_eq!(suffix, "", "{line}"),
        }
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(name.starts_with("skywave_") && name.chars().all(legal));
        let value = value.parse().expect("a number");
        assert!(
            samples.insert(sample.to_owned(), value).is_none(),
            "{sample} comes twice"
        );
    }
    samples
}

#[track_caller]
pub(crate) fn metrics(node: &Node) -> Samples {
    read(&node.server.metrics())
}

#[test]
fn connections_and_requests_are_counted_by_what_became_of_them() {
    let node = Node::with(|config| config.workers = Some(1));
    let peers: Vec<Peer> = (0..3).map(|_| node.subscriber("news")).collect();
    let mut refused = node.wire();
    refused.send(crate::wire::handshake("/app/nobody?protocol=7", &[]));
    refused.reply();
    refused.is_refused_with(4001);
    let body = json!({"name": "e", "channel": "others", "data": ""});
    for _ in 0..5 {
        assert_eq!(node.post(&body).status, 200);
    }
    assert_eq!(
        node.wire().request("POST", "/apps/7/events", b"{}").status,
        401
    );
    assert_eq!(node.wire().request("GET", "/nowhere", b"").status, 404);
    let mut peers = peers.into_iter();
    peers.next().expect("one of three").leaves();
    // Its place is given back last of all.
    until("it is counted", || {
        metrics(&node)["skywave_app_connections{app=\"7\"}"] == 2.0
    });

    let samples = metrics(&node);
    for (sample, value) in [
        ("skywave_connections{worker=\"0\"}", 2.0),
        ("skywave_app_connections{app=\"7\"}", 2.0),
        ("skywave_app_connections{app=\"8\"}", 0.0),
        ("skywave_connections_opened_total", 3.0),
        ("skywave_connections_ended_total{reason=\"client\"}", 1.0),
        ("skywave_connections_ended_total{reason=\"lost\"}", 0.0),
        (
            "skywave_connections_refused_total{reason=\"UnknownApp\"}",
            1.0,
        ),
        (
            "skywave_http_requests_total{endpoint=\"connect\",status=\"101\"}",
            4.0,
        ),
        (
            "skywave_http_requests_total{endpoint=\"events\",status=\"200\"}",
            5.0,
        ),
        (
            "skywave_http_requests_total{endpoint=\"events\",status=\"401\"}",
            1.0,
        ),
        (
            "skywave_http_requests_total{endpoint=\"unknown\",status=\"404\"}",
            1.0,
        ),
        ("skywave_publish_seconds_count", 6.0),
        ("skywave_events_published_total", 5.0),
        ("skywave_deliveries_total", 0.0),
        ("skywave_subscriptions_total", 3.0),
        ("skywave_messages_received_total", 3.0),
        ("skywave_publish_seconds_bucket{le=\"+Inf\"}", 6.0),
        ("skywave_sockets_accepted_total", 11.0),
        ("skywave_apps", 2.0),
        ("skywave_ready", 1.0),
        ("skywave_draining", 0.0),
        ("skywave_inbox_bytes{worker=\"0\"}", 0.0),
        ("skywave_outbox_bytes{worker=\"0\"}", 0.0),
    ] {
        assert_eq!(samples.get(sample), Some(&value), "{sample}\n{samples:#?}");
    }
}

#[test]
fn each_way_to_end_is_counted_as_what_it_is() {
    let node = Node::start();
    let lost = node.socket();
    lost.reset();
    let mut rude = node.socket();
    rude.send([0xff; 16]);
    rude.is_closed_with(1002);
    let mut peer = node.connect();
    let other = crate::node::credentials();
    node.server
        .replace_apps([("9".to_owned(), other.into())])
        .expect("one app");
    assert_eq!(peer.next()["data"]["code"], 4003);
    peer.is_closed_with(4003);
    until("all are counted", || {
        let samples = metrics(&node);
        ["lost", "bad_frames", "app_disabled"].iter().all(|reason| {
            let sample = format!("skywave_connections_ended_total{{reason=\"{reason}\"}}");
            samples[&sample] == 1.0
        })
    });
}

#[test]
fn the_log_tells_the_beginning_and_the_end_of_a_connection_and_why() {
    let node = Node::start();
    let peer = node.connect();
    let id = peer.id.to_string();
    peer.leaves();
    until("it is forgotten", || node.server.connections() == 0);
    until("the log tells it", || {
        let logged = crate::log::written();
        let lines: Vec<_> = logged.lines().filter(|line| line.contains(&id)).collect();
        let has = |text: &str| lines.iter().any(|line| line.contains(text));
        has("a connection was opened") && has("reason=\"client\"")
    });
}

#[test]
fn a_histogram_is_cumulative() {
    let node = Node::start();
    for _ in 0..20 {
        node.post(&json!({"name": "e", "channel": "news", "data": ""}));
    }
    let text = node.server.metrics();
    let buckets = text.lines().filter_map(|line| {
        let rest = line.strip_prefix("skywave_publish_seconds_bucket{le=\"")?;
        let (bound, count) = rest.split_once("\"} ")?;
        let bound = bound.replace("+Inf", "inf");
        Some((bound.parse().ok()?, count.parse().ok()?))
    });
    let buckets: Vec<(f64, u64)> = buckets.collect();
    assert_eq!(buckets.len(), 13);
    assert!(buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1));
    assert_eq!(buckets[12], (f64::INFINITY, 20));
}

#[test]
fn operators_read_the_same_text_with_its_media_type() {
    let node = Node::start();
    let reply = get(operator(&node), "/metrics");
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    let (there, here) = (read(&reply.text()), metrics(&node));
    assert!(there.keys().eq(here.keys()));
}

#[test]
fn the_page_about_metrics_names_all_of_them_and_no_others() {
    let page = include_str!("../../../../docs/metrics.md");
    let documented: BTreeSet<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `skywave_")?.split('`').next())
        .filter(|name| cfg!(feature = "webhooks") || !name.starts_with("webhook"))
        .collect();
    let text = Node::start().server.metrics();
    let told: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE skywave_")?.split(' ').next())
        .collect();
    assert_eq!(documented, told);
}

#[test]
fn nothing_is_told_about_channels_users_and_secrets() {
    let node = Node::start();
    let mut peer = node.subscriber("a-channel");
    peer.join("presence-room", "a-user");
    let text = node.server.metrics();
    for secret in ["a-channel", "presence-room", "a-user", crate::node::SECRET] {
        assert!(!text.contains(secret), "{secret}");
    }
}
