//! What the HTTP API refuses: as plain text, and with nothing published. Protocol §2.1 to §2.4.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::node::{EVENTS, KEY, Node, OTHER_KEY, SECRET, credentials, now, signed};
use crate::wire::Reply;

/// A good body, whose event must never arrive.
const BODY: &str = r#"{"name":"leaked","channels":["news"],"data":"{}"}"#;
const MD5_OF_NOTHING: &str = "d41d8cd98f00b204e9800998ecf8427e";

/// The query with these parameters, signed as they stand.
fn query(parameters: &[(&str, &str)]) -> String {
    let mut sorted = parameters.to_vec();
    sorted.sort_unstable();
    let mut query = String::new();
    for (name, value) in &sorted {
        let _ = write!(query, "{name}={value}&");
    }
    let text = format!("POST\n{EVENTS}\n{}", query.trim_end_matches('&'));
    // A webhook's signature is that of any text.
    let signature = credentials().sign_webhook(text.as_bytes());
    format!("{query}auth_signature={signature}")
}

#[track_caller]
fn is_plain_refusal(reply: &Reply, status: u16, text: &str) {
    assert_eq!(reply.status, status, "{}", reply.text());
    assert_eq!(
        reply.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert!(
        reply.text().starts_with(text),
        "expected {text:?}, got {:?}",
        reply.text()
    );
}

/// Queries in which something is missing or wrong, made from a `good` one, and their refusals.
fn bad_queries(good: &str) -> Vec<(String, &'static str)> {
    const SIGNATURE: &str = "Invalid signature: you should have sent";
    const EXPIRED: &str = "Timestamp expired: Given timestamp (";
    let value = |name: &str| {
        let values = good.split('&').filter_map(|pair| pair.split_once('='));
        let mut values = values.filter(|(known, _)| *known == name);
        values.next().expect("a parameter of every request").1
    };
    let (past, future) = ((now() - 660).to_string(), (now() + 660).to_string());
    let key = ("auth_key", KEY);
    let version = ("auth_version", "1.0");
    let time = ("auth_timestamp", value("auth_timestamp"));
    let md5 = ("body_md5", value("body_md5"));
    let (unsigned, _) = good
        .split_once("&auth_signature=")
        .expect("it is signed, at its end");
    let info = "auth_version=1.0&info=user_count";

    vec![
        (String::new(), "Missing parameter: auth_key"),
        (query(&[version, time, md5]), "Missing parameter: auth_key"),
        (
            query(&[("auth_key", "nobody"), version, time, md5]),
            "Unknown auth_key",
        ),
        (
            query(&[("auth_key", OTHER_KEY), version, time, md5]),
            "Unknown auth_key",
        ),
        (query(&[key, time, md5]), "Version required"),
        (
            query(&[key, ("auth_version", "2.0"), time, md5]),
            "Version not supported",
        ),
        (query(&[key, version, md5]), "Timestamp required"),
        (
            query(&[key, version, ("auth_timestamp", "1e9"), md5]),
            "Timestamp required",
        ),
        (
            query(&[key, version, ("auth_timestamp", &past), md5]),
            EXPIRED,
        ),
        (
            query(&[key, version, ("auth_timestamp", &future), md5]),
            EXPIRED,
        ),
        (unsigned.to_owned(), SIGNATURE),
        (
            format!("{unsigned}&auth_signature={}", "0".repeat(64)),
            SIGNATURE,
        ),
        (format!("{unsigned}&auth_signature=00"), SIGNATURE),
        (good.replace("auth_version=1.0", info), SIGNATURE),
        (query(&[key, version, time]), "Missing parameter: body_md5"),
        (
            query(&[key, version, time, ("body_md5", MD5_OF_NOTHING)]),
            "Invalid body_md5",
        ),
        (
            format!("{good}&auth_key={KEY}"),
            "Duplicate parameter: auth_key",
        ),
        (
            format!("{good}&AUTH_KEY={KEY}"),
            "Duplicate parameter: auth_key",
        ),
        (
            format!("{good}&%61uth_key={KEY}"),
            "Duplicate parameter: auth_key",
        ),
    ]
}

#[test]
fn a_request_that_is_not_signed_properly_is_refused_with_401() {
    let node = Node::start();
    let mut peer = node.subscriber("news");
    let good = signed("POST", EVENTS, BODY.as_bytes());
    let (_, good_query) = good.split_once('?').unwrap();
    let (_, right) = good_query.rsplit_once('=').unwrap();
    // One connection for all: a refusal does not end it.
    let mut wire = node.wire();
    for (query, text) in bad_queries(good_query) {
        let reply = wire.request("POST", &format!("{EVENTS}?{query}"), BODY.as_bytes());
        is_plain_refusal(&reply, 401, text);
        assert!(!reply.text().contains(SECRET), "{text}");
        let told = reply.text().contains(right) && !query.contains(right);
        assert!(!told, "the right digest is not told");
    }
    peer.hears_nothing(&node);

    // What all of them are made from is good.
    assert_eq!(wire.request("POST", &good, BODY.as_bytes()).text(), "{}");
    peer.hears("news", "leaked", "{}");
}

#[test]
fn a_body_that_was_changed_on_its_way_is_refused() {
    let node = Node::start();
    let mut peer = node.subscriber("news");
    let target = signed("POST", EVENTS, BODY.as_bytes());
    for at in 0..BODY.len() {
        let mut body = BODY.as_bytes().to_vec();
        body[at] ^= 1;
        let reply = node.wire().request("POST", &target, &body);
        is_plain_refusal(&reply, 401, "Invalid body_md5");
    }
    peer.hears_nothing(&node);
}

/// Expects that each of these bodies is refused with 400 and a text that begins like that.
fn are_refused<'a>(rows: impl IntoIterator<Item = (String, &'a str)>) {
    let node = Node::start();
    let mut peer = node.subscriber("news");
    for (body, text) in rows {
        is_plain_refusal(&node.wire().post(&body), 400, text);
    }
    peer.hears_nothing(&node);
}

/// The good body with another value in one place.
fn with(field: &str, value: impl Into<Value>) -> String {
    let mut body: Value = serde_json::from_str(BODY).expect("it is good");
    body[field] = value.into();
    body.to_string()
}

#[test]
fn a_body_without_the_fields_of_an_event_is_refused_with_400() {
    let without = |field: &str| {
        let mut body: Value = serde_json::from_str(BODY).unwrap();
        body.as_object_mut().unwrap().remove(field);
        body.to_string()
    };
    are_refused([
        (String::new(), "Missing field: name"),
        ("leaked".into(), "Invalid body: "),
        ("[]".into(), "Invalid body: "),
        ("null".into(), "Invalid body: "),
        (BODY[..BODY.len() - 1].into(), "Invalid body: "),
        (format!("{BODY}{BODY}"), "Invalid body: "),
        ("{}".into(), "Missing field: name"),
        (without("name"), "Missing field: name"),
        (without("channels"), "Missing field: channels"),
        (without("data"), "Missing field: data"),
        (with("name", 5), "Invalid field name: "),
        (with("channels", "news"), "Invalid field channels: "),
        (with("channels", json!([])), "Invalid field channels: "),
        (
            with("channels", json!(["news", 5])),
            "Invalid field channels: ",
        ),
        (with("data", json!({"a": 1})), "Invalid field data: "),
        (with("socket_id", "1"), "Invalid field socket_id: "),
        (
            with("socket_id", "1.1:private-b"),
            "Invalid field socket_id: ",
        ),
        (with("socket_id", 1.5), "Invalid field socket_id: "),
        (with("info", json!(["user_count"])), "Invalid field info: "),
    ]);
}

#[test]
fn an_event_with_a_bad_name_or_channel_is_refused_with_400() {
    let crowd: Vec<String> = (0..101).map(|number| format!("news-{number}")).collect();
    // One bad channel is enough for none to get it.
    let to = |channel: &str| with("channels", json!(["news", channel]));
    are_refused([
        (with("name", ""), "Invalid event name: "),
        (with("name", "n".repeat(201)), "Invalid event name: "),
        (with("name", "pusher:error"), "Invalid event name: "),
        (with("name", "pusher_internal:x"), "Invalid event name: "),
        (to("a b"), "Invalid channel name 'a b': "),
        (to(""), "Invalid channel name '': "),
        (to(&"c".repeat(165)), "Invalid channel name "),
        (to("#x"), "Invalid channel name '#x': "),
        (with("channels", json!(crowd)), "Too many channels: "),
    ]);
}

#[test]
fn a_body_that_is_not_text_is_refused_with_400() {
    let node = Node::start();
    let mut peer = node.subscriber("news");
    let body = b"{\"name\":\"leaked\",\"channels\":[\"news\"],\"data\":\"\xff\"}";
    let reply = node
        .wire()
        .request("POST", &signed("POST", EVENTS, body), body);
    is_plain_refusal(&reply, 400, "Invalid body: ");
    peer.hears_nothing(&node);
}

#[test]
fn too_much_data_is_refused_with_413() {
    let node = Node::start();
    let mut peer = node.subscriber("news");
    let body = json!({"name": "leaked", "channel": "news", "data": "x".repeat(10_241)});
    let reply = node.post(&body);
    is_plain_refusal(
        &reply,
        413,
        "The data content of this event exceeds the allowed maximum (10240 bytes)",
    );
    peer.hears_nothing(&node);
}

/// More than the server reads.
fn large_body() -> String {
    let padding = " ".repeat(256 * 1024);
    format!("{BODY}{padding}")
}

#[test]
fn a_body_over_the_limit_is_refused_with_413() {
    let node = Node::start();
    let mut peer = node.subscriber("news");
    let body = large_body();
    let target = signed("POST", EVENTS, body.as_bytes());

    let mut wire = node.wire();
    let _ = wire.try_send(crate::wire::request("POST", &target, body.as_bytes()));
    is_plain_refusal(&wire.reply(), 413, "Body too large: ");

    // The same without a length that would have given it away.
    let mut wire = node.wire();
    let chunk = format!("{:x}\r\n{body}\r\n", body.len());
    let _ = wire.try_send(format!(
        "POST {target} HTTP/1.1\r\nHost: it\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}0\r\n\r\n"
    ));
    is_plain_refusal(&wire.reply(), 413, "Body too large: ");
    peer.hears_nothing(&node);
}

#[test]
fn a_body_announced_as_too_large_is_refused_before_it_is_sent() {
    let node = Node::start();
    let mut wire = node.wire();
    let target = signed("POST", EVENTS, BODY.as_bytes());
    wire.send(format!(
        "POST {target} HTTP/1.1\r\nHost: it\r\nExpect: 100-continue\r\n\
         Content-Length: 1000000000000\r\n\r\n"
    ));
    is_plain_refusal(&wire.reply(), 413, "Body too large: ");
}

#[test]
fn a_body_that_nobody_signed_is_refused_before_anything_else() {
    let node = Node::start();
    let mut wire = node.wire();
    // Too large, not JSON, and for a channel that cannot be: what counts is the signature.
    for (target, length) in [
        (EVENTS, 1_000_000_000),
        (EVENTS, 1),
        ("/apps/7/channels/a%20b/events", 1),
    ] {
        let head = format!("POST {target}?auth_key={KEY} HTTP/1.1\r\nHost: it\r\n");
        wire.send(format!("{head}Content-Length: {length}\r\n\r\nx"));
        is_plain_refusal(&wire.reply(), 401, "Version required");
        wire = node.wire();
    }
    // A client that has sent all of it can go on with the connection.
    let body = " ".repeat(200 * 1024);
    let reply = wire.request("POST", &format!("{EVENTS}?auth_key={KEY}"), body.as_bytes());
    is_plain_refusal(&reply, 401, "Version required");
    assert_eq!(wire.post(BODY).text(), "{}");
}

#[test]
fn a_body_that_breaks_off_publishes_nothing() {
    let node = Node::start();
    let mut peer = node.subscriber("news");
    let target = signed("POST", EVENTS, BODY.as_bytes());
    // Announced longer than the whole event, so that all of the event is there.
    let head = format!("POST {target} HTTP/1.1\r\nHost: it\r\nContent-Length: 1000\r\n\r\n");

    let mut wire = node.wire();
    wire.send(format!("{head}{BODY}"));
    wire.half_close();
    let answer = String::from_utf8(wire.drain()).unwrap();
    assert!(!answer.contains("200 OK"), "{answer}");

    let mut wire = node.wire();
    wire.send(format!("{head}{BODY}"));
    wire.reset();

    peer.hears_nothing(&node);
}

#[test]
fn what_is_not_there_is_refused_with_404() {
    let node = Node::start();
    let mut peer = node.subscriber("news");
    for (path, text) in [
        ("/apps/404/events", "Application does not exist"),
        ("/apps/7", "Path not found"),
        ("/apps/7/events/", "Path not found"),
        ("/apps/7/nothing", "Path not found"),
        ("/apps//events", "Application does not exist"),
        ("/", "Path not found"),
        ("//", "Path not found"),
    ] {
        let target = signed("POST", path, BODY.as_bytes());
        let reply = node.wire().request("POST", &target, BODY.as_bytes());
        is_plain_refusal(&reply, 404, text);
    }
    peer.hears_nothing(&node);
}

#[test]
fn other_methods_are_refused_with_405_and_the_one_to_use() {
    let node = Node::start();
    let mut peer = node.subscriber("news");
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "post"] {
        let target = signed(method, EVENTS, BODY.as_bytes());
        let reply = node.wire().request(method, &target, BODY.as_bytes());
        is_plain_refusal(&reply, 405, "Method not allowed");
        assert_eq!(reply.header("allow"), Some("POST"), "{method}");
    }
    peer.hears_nothing(&node);
}

#[test]
fn what_is_not_http_is_refused_and_harms_nobody() {
    let node = Node::start();
    let mut peer = node.subscriber("news");
    let many_headers: String = (0..200).map(|n| format!("X-{n}: x\r\n")).collect();
    let long_header = "x".repeat(1024 * 1024);
    for (bytes, status) in [
        ("\0\0\0\0\r\n\r\n".to_owned(), "400"),
        ("\x16\x03\x01\x02\0\x01\0\x01\r\n\r\n".to_owned(), "400"),
        ("GET / HTTP/9.9\r\n\r\n".to_owned(), "400"),
        (
            format!("GET / HTTP/1.1\r\nHost: it\r\n{many_headers}\r\n"),
            "431",
        ),
        (
            format!("GET / HTTP/1.1\r\nHost: {long_header}\r\n\r\n"),
            "431",
        ),
        (
            "POST /apps/7/events HTTP/1.1\r\nHost: it\r\nContent-Length: -1\r\n\r\n".to_owned(),
            "400",
        ),
    ] {
        let mut wire = node.wire();
        let _ = wire.try_send(&bytes);
        let answer = String::from_utf8(wire.drain()).unwrap();
        let start = &bytes[..bytes.len().min(40)];
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{start:?}: {answer}"
        );
    }
    peer.hears_nothing(&node);
}
