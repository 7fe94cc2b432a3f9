//! Bytes that want to become memory: each attack sends up to 8 MiB, and the process that both ends of
//! it are in grows by less than one.

use std::time::Duration;

use super::alone::{alone, growth};
use crate::node::{EVENTS, Node, signed};
use crate::wire::{CONTINUATION, PING, TEXT, Wire, frame, handshake, masked, unfinished};

const MEBIBYTE: usize = 1024 * 1024;
const BOMB_BYTES: usize = 8 * MEBIBYTE;

/// A header that announces this many bytes.
fn announces(first: u8, length: u64) -> Vec<u8> {
    let mut bytes = vec![first, 0x80 | 127];
    bytes.extend(length.to_be_bytes());
    bytes.extend([0; 4]);
    bytes
}

/// Sends `start`, and then `more` again and again until the server has enough or all is sent.
fn throw(mut wire: Wire, start: &[u8], more: &[u8]) -> usize {
    let mut sent = 0;
    // Who does not read answers is not read either, which is as good an end as any.
    wire.set_patience(Duration::from_secs(1));
    if wire.try_send(start).is_ok() {
        while sent < BOMB_BYTES && wire.try_send(more).is_ok() {
            sent += more.len();
        }
    }
    sent
}

/// Throws every bomb once, so that what the process needs anyway is there, and then once more.
fn are_survived(node: &Node, bombs: &[(&str, Vec<u8>, Vec<u8>)], open: impl Fn(&Node) -> Wire) {
    let mut witness = node.subscriber("witness");
    for measured in [false, true] {
        for (what, start, more) in bombs {
            let mut sent = 0;
            let grown = growth(|| sent = throw(open(node), start, more));
            println!("{what}: {sent} bytes sent, {grown} bytes grown");
            assert!(
                !measured || grown < MEBIBYTE as u64,
                "{what}: {sent} bytes made it grow by {grown}"
            );
            witness.is_answered();
        }
    }
}

#[test]
fn frames_that_are_bombs_are_survived_in_little_memory() {
    alone(
        "bombs::frames_that_are_bombs_are_survived_in_little_memory",
        || {
            let node = Node::with(|config| config.outbox_bytes = MEBIBYTE / 4);
            let some = vec![b'x'; 32 * 1024];
            let bombs = [
                (
                    "a message of 2^62 bytes",
                    announces(0x81, 1 << 62),
                    some.clone(),
                ),
                (
                    "a message of 2^63 bytes",
                    announces(0x81, 1 << 63),
                    some.clone(),
                ),
                (
                    "a binary message of 1 GiB",
                    announces(0x82, 1 << 30),
                    some.clone(),
                ),
                (
                    "a message that never ends",
                    unfinished(TEXT, "x"),
                    unfinished(CONTINUATION, &some),
                ),
                (
                    "fragments of one byte",
                    unfinished(TEXT, "x"),
                    unfinished(CONTINUATION, "x").repeat(4_000),
                ),
                (
                    "fragments of nothing",
                    unfinished(TEXT, ""),
                    unfinished(CONTINUATION, "").repeat(4_000),
                ),
                (
                    "fragments with pings between",
                    unfinished(TEXT, ""),
                    [unfinished(CONTINUATION, ""), frame(PING, "")]
                        .concat()
                        .repeat(2_000),
                ),
                (
                    "pings, and nobody reads the pongs",
                    Vec::new(),
                    frame(PING, [b'x'; 125]).repeat(200),
                ),
                (
                    "questions, and nobody reads the answers",
                    Vec::new(),
                    frame(TEXT, r#"{"event":"pusher:ping"}"#).repeat(400),
                ),
                (
                    "wrong messages, and nobody reads the refusals",
                    Vec::new(),
                    frame(TEXT, format!(r#"{{"event":"{}"}}"#, "x".repeat(30_000))),
                ),
                // 1,000 zeros for each byte, if it were inflated.
                ("a compressed frame", Vec::new(), masked(0xc1, &some)),
            ];
            are_survived(&node, &bombs, Node::socket);
        },
    );
}

/// Requests, or beginnings of requests, and what is sent after them again and again.
fn request_bombs() -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
    let x = "x".repeat(32 * 1024);
    let head = |target: &str, lines: &str| {
        format!("POST {target} HTTP/1.1\r\nHost: it\r\n{lines}\r\n").into_bytes()
    };
    let chunked = "Transfer-Encoding: chunked\r\n";
    let chunk = format!("{:x}\r\n{x}\r\n", x.len()).into_bytes();
    let body = format!("{{\"name\":\"{x}");
    let ours = signed("POST", EVENTS, body.as_bytes());
    vec![
        (
            "a line that never ends",
            b"GET /".to_vec(),
            x.clone().into_bytes(),
        ),
        (
            "a header that never ends",
            b"GET / HTTP/1.1\r\nHost: ".to_vec(),
            x.clone().into_bytes(),
        ),
        (
            "headers without end",
            b"GET / HTTP/1.1\r\n".to_vec(),
            "a: b\r\n".repeat(5_000).into(),
        ),
        (
            "a body nobody signed",
            head(EVENTS, "Content-Length: 200000000\r\n"),
            x.clone().into_bytes(),
        ),
        (
            "a body of chunks nobody signed",
            head(EVENTS, chunked),
            chunk.clone(),
        ),
        (
            "a body of chunks over the limit",
            head(&ours, chunked),
            chunk,
        ),
        (
            "the length of a chunk",
            head(&ours, chunked),
            "0".repeat(32 * 1024).into(),
        ),
        (
            "an extension of a chunk",
            [head(&ours, chunked), b"1;".to_vec()].concat(),
            x.clone().into_bytes(),
        ),
        (
            "trailers",
            [head(&ours, chunked), b"0\r\n".to_vec()].concat(),
            "a: b\r\n".repeat(5_000).into(),
        ),
        (
            "handshakes in a row",
            Vec::new(),
            handshake("/nowhere", &[]).repeat(100).into(),
        ),
        (
            "requests whose answers nobody reads",
            Vec::new(),
            head(EVENTS, "Content-Length: 0\r\n").repeat(200),
        ),
    ]
}

#[test]
fn requests_that_are_bombs_are_survived_in_little_memory() {
    alone(
        "bombs::requests_that_are_bombs_are_survived_in_little_memory",
        || {
            are_survived(&Node::start(), &request_bombs(), Node::wire);
        },
    );
}

#[test]
fn json_that_is_a_bomb_is_an_error() {
    let node = Node::start();
    let mut wire = node.wire();
    let deep =
        |open: &str, close: &str, times| format!("{}{}", open.repeat(times), close.repeat(times));
    for data in [
        deep("[", "]", 100_000),
        deep(r#"{"a":"#, "}", 30_000),
        format!("[{}]", "0,".repeat(100_000)),
        "1e999999999".to_owned(),
        "9".repeat(200_000),
        format!("\"{}\"", "\\ud800".repeat(20_000)),
    ] {
        let body = format!(r#"{{"name":"e","channels":["news"],"data":{data}}}"#);
        let reply = wire.post(&body);
        assert_eq!(reply.status, 400, "{}", &body[..80]);
        assert!(
            reply.body.len() < 500,
            "a refusal does not grow with what provoked it"
        );
    }
}
