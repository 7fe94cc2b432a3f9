//! Requests to the HTTP API that somebody made up, kept, changed or doubled, to every call there is.

use std::fmt::Write as _;

use super::{Call, calls};
use crate::node::{APP_ID, KEY, Node, credentials, now};
use crate::peer::Peer;
use crate::wire::Wire;

/// Sends what `forge` makes of each call's good query and body, and expects that the answer is 401
/// with one of the texts, and that nothing comes of it.
#[track_caller]
fn all_are_refused(forge: impl Fn(&Call, &str) -> Vec<(String, Vec<u8>, &'static str)>) {
    let node = Node::start();
    let mut peer = audience(&node);
    let mut wire = node.wire();
    for call in calls() {
        let path = format!("/apps/{APP_ID}{}", call.path);
        let query = sign(&call, &path, now());
        for (query, body, text) in forge(&call, &query) {
            let reply = wire.request(call.method, &format!("{path}?{query}"), &body);
            let what = format!("{} {path}?{query}", call.method);
            assert_eq!(reply.status, 401, "{what}: {}", reply.text());
            assert!(reply.text().starts_with(text), "{what}: {}", reply.text());
        }
        // What all of them were made from is good, but would be heard.
        if call.method == "GET" {
            let reply = wire.request(call.method, &format!("{path}?{query}"), b"");
            assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        }
    }
    peer.hears_nothing(&node);
    peer.is_answered();
}

/// Somebody whom every call of the table would reach.
fn audience(node: &Node) -> Peer {
    let mut peer = node.subscriber("news");
    peer.join("presence-room", "ann");
    peer.sign_in("ann");
    peer
}

fn sign(call: &Call, path: &str, now: u64) -> String {
    let body = call.body.as_bytes();
    credentials().sign_request(call.method, path, &call.parameters(), body, now)
}

#[test]
fn a_body_that_differs_in_one_bit_is_refused_by_every_call() {
    all_are_refused(|call, query| {
        let mut forged = Vec::new();
        for at in 0..call.body.len() {
            let mut body = call.body.as_bytes().to_vec();
            body[at] ^= 1;
            forged.push((query.to_owned(), body, "Invalid body_md5"));
        }
        if call.body.is_empty() {
            // A body that nobody vouched for, where there should be none.
            forged.push((
                query.to_owned(),
                b"{}".into(),
                "Missing parameter: body_md5",
            ));
        } else {
            forged.push((query.to_owned(), Vec::new(), "Invalid body_md5"));
            let more = [call.body.as_bytes(), b" "].concat();
            forged.push((query.to_owned(), more, "Invalid body_md5"));
        }
        forged
    });
}

#[test]
fn a_request_that_is_old_or_early_or_has_no_time_is_refused_by_every_call() {
    let path = |call: &Call| format!("/apps/{APP_ID}{}", call.path);
    all_are_refused(|call, query| {
        let body = || call.body.clone().into_bytes();
        // One minute of leeway, for a machine that is slow to run this.
        let mut forged: Vec<_> = [now() - 601, now() + 660, 0, u64::MAX]
            .into_iter()
            .map(|time| (sign(call, &path(call), time), body(), "Timestamp expired"))
            .collect();
        let time = now().to_string();
        for odd in ["1e9", "", "%201", "+1", "-1", "0x5f", "1.0", "1_0", "१"] {
            let query = query.replace(
                &format!("auth_timestamp={time}"),
                &format!("auth_timestamp={odd}"),
            );
            forged.push((query, body(), "Timestamp required"));
        }
        forged
    });
}

#[test]
fn a_parameter_that_comes_twice_is_refused_by_every_call() {
    all_are_refused(|call, query| {
        let mut forged = Vec::new();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').expect("a name and a value");
            let mut escaped = String::new();
            for byte in name.bytes() {
                let _ = write!(escaped, "%{byte:02x}");
            }
            for twin in [
                pair.to_owned(),
                name.to_owned(),
                format!("{name}="),
                format!("{name}=other"),
                format!("{}={value}", name.to_uppercase()),
                format!("{escaped}=other"),
                format!("{name}[]=other"),
            ] {
                for query in [format!("{query}&{twin}"), format!("{twin}&{query}")] {
                    forged.push((query, call.body.clone().into(), "Duplicate parameter: "));
                }
            }
        }
        forged
    });
}

#[test]
fn what_was_not_signed_is_refused_by_every_call() {
    const INVALID: &str = "Invalid signature: you should have sent";
    all_are_refused(|call, query| {
        let (unsigned, signature) = query.split_once("&auth_signature=").expect("signed");
        let elsewhere = credentials().sign_request(
            call.method,
            "/apps/7/elsewhere",
            &call.parameters(),
            call.body.as_bytes(),
            now(),
        );
        let other_method = if call.method == "GET" { "POST" } else { "GET" };
        let path = format!("/apps/{APP_ID}{}", call.path);
        let of_other_method = credentials().sign_request(
            other_method,
            &path,
            &call.parameters(),
            call.body.as_bytes(),
            now(),
        );
        let forged = [
            (String::new(), "Missing parameter: auth_key"),
            (format!("auth_key={KEY}"), "Version required"),
            (query.replace(KEY, "other-key"), "Unknown auth_key"),
            (unsigned.to_owned(), INVALID),
            (format!("{unsigned}&auth_signature="), INVALID),
            (
                format!("{unsigned}&auth_signature={}", &signature[..62]),
                INVALID,
            ),
            (format!("{query}00"), INVALID),
            (format!("{query}&socket_id=1.1"), INVALID),
            (format!("{query}&channels[]=news"), INVALID),
            (query.replace("auth_version=1.0&", ""), "Version required"),
            (elsewhere, INVALID),
            (of_other_method, INVALID),
        ];
        forged
            .into_iter()
            .map(|(query, text)| (query, call.body.clone().into(), text))
            .collect()
    });
}

#[test]
fn a_refusal_costs_neither_the_connection_nor_the_server() {
    let node = Node::start();
    let mut wire: Wire = node.wire();
    for _ in 0..500 {
        let reply = wire.request("POST", "/apps/7/events?auth_key=it-key", b"{}");
        assert_eq!(reply.status, 401);
    }
    assert_eq!(
        wire.post(r#"{"name":"e","channel":"a","data":""}"#).text(),
        "{}"
    );
}
