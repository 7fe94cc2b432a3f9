//! The decoder of RFC 6455: what it says does not depend on where the bytes are cut, and no message is
//! larger than its limit.

use skywave_websocket::{DecodeError, Decoder, Limits, Message};

use crate::Target;

pub(crate) const TARGET: Target = Target {
    name: "frames",
    run,
    seeds,
    longest: 4_096,
};

/// What a decoder said.
#[derive(Debug, PartialEq)]
enum Said {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<(u16, String)>),
    Error(DecodeError),
}

const LIMITS: Limits = Limits {
    message_bytes: 300,
    fragments: 8,
};

/// The first byte says how long the pieces are.
fn run(input: &[u8]) {
    let Some((&length, stream)) = input.split_first() else {
        return;
    };
    let whole = decode(stream, stream.len().max(1));
    assert_eq!(decode(stream, usize::from(length).max(1)), whole);
    assert_eq!(decode(stream, 1), whole);
    for said in &whole {
        match said {
            Said::Text(text) => assert!(text.len() <= LIMITS.message_bytes),
            Said::Binary(bytes) => assert!(bytes.len() <= LIMITS.message_bytes),
            Said::Ping(payload) | Said::Pong(payload) => assert!(payload.len() <= 125),
            Said::Close(reason) => {
                assert!(reason.as_ref().is_none_or(|(_, text)| text.len() <= 123));
            }
            Said::Error(error) => assert!((1002..=1009).contains(&error.close_code())),
        }
    }
}

fn decode(stream: &[u8], piece: usize) -> Vec<Said> {
    let mut decoder = Decoder::new(LIMITS);
    let mut said = Vec::new();
    for piece in stream.chunks(piece) {
        let mut piece = piece.to_vec();
        let mut messages = decoder.decode(&mut piece);
        while let Some(message) = messages.next() {
            let message = match message {
                Ok(Message::Text(text)) => Said::Text(text.to_owned()),
                Ok(Message::Binary(bytes)) => Said::Binary(bytes.to_vec()),
                Ok(Message::Ping(payload)) => Said::Ping(payload.to_vec()),
                Ok(Message::Pong(payload)) => Said::Pong(payload.to_vec()),
                Ok(Message::Close(reason)) => {
                    Said::Close(reason.map(|reason| (reason.code, reason.reason.to_owned())))
                }
                Err(error) => Said::Error(error),
            };
            let last = matches!(message, Said::Close(_) | Said::Error(_));
            said.push(message);
            if last {
                return said;
            }
        }
    }
    said
}

/// A frame of a client, masked with zeros so that variations keep their meaning.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match u8::try_from(payload.len()) {
        Ok(length @ 0..126) => frame.push(0x80 | length),
        _ => {
            frame.push(0x80 | 126);
            frame.extend((payload.len() as u16).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

fn seeds() -> Vec<Vec<u8>> {
    let ping = frame(0x89, b"ping");
    let begun = frame(0x01, "gr\u{fc}".as_bytes());
    let ended = frame(0x80, "n \u{1f600}".as_bytes());
    let streams = [
        frame(0x81, br#"{"event":"pusher:ping"}"#),
        frame(0x82, &[0xff; 200]),
        [begun.clone(), ping.clone(), ended].concat(),
        [begun, frame(0x80, b"\xff")].concat(),
        [ping, frame(0x8a, b"")].concat(),
        frame(0x88, b"\x03\xe8bye"),
        frame(0x81, &[b'x'; 301]),
        frame(0xc1, b"x"),
    ];
    streams
        .iter()
        .enumerate()
        .map(|(length, stream)| [&[length as u8 + 1], &stream[..]].concat())
        .collect()
}
