//! The line between the engine and a simulated browser: finished WebSocket frames in, messages out.

use std::cell::RefCell;

use serde::Deserialize;
use serde_json::Value;
use skywave_engine::Link;

/// Keeps the frames until the browser looks.
#[derive(Debug, Default)]
pub(super) struct Line {
    bytes: RefCell<Vec<u8>>,
}

/// One message of the server (Channels protocol, "Channels events").
#[derive(Debug, Deserialize)]
pub(super) struct Message {
    pub(super) event: String,
    #[serde(default)]
    pub(super) channel: String,
    #[serde(default)]
    pub(super) data: Value,
    pub(super) user_id: Option<String>,
}

impl Link for Line {
    fn send(&self, frames: &[u8]) {
        self.bytes.borrow_mut().extend_from_slice(frames);
    }
}

impl Line {
    /// The messages that came in since the last time.
    pub(super) fn messages(&self) -> Vec<Message> {
        let bytes = self.bytes.take();
        let mut rest = bytes.as_slice();
        let mut messages = Vec::new();
        while let Some((payload, after)) = split(rest) {
            let message = serde_json::from_slice(payload);
            messages.push(message.expect("the engine writes JSON objects"));
            rest = after;
        }
        messages
    }
}

/// The payload of the first frame, and what follows it. The engine writes whole, unmasked frames
/// (RFC 6455 §5.2).
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (header, length) = match *bytes {
        [_, 126, high, low, ..] => (4, usize::from(u16::from_be_bytes([high, low]))),
        [_, 127, ..] => {
            let length = bytes.get(2..10)?.try_into().ok()?;
            (10, usize::try_from(u64::from_be_bytes(length)).ok()?)
        }
        [_, length, ..] => (2, usize::from(length)),
        _ => return None,
    };
    Some((
        bytes.get(header..header + length)?,
        &bytes[header + length..],
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_length_are_told_apart() {
        let line = Line::default();
        let mut sent = Vec::new();
        for length in [1, 100, 126, 5_000, 70_000] {
            let event = "x".repeat(length);
            let mut frame = Vec::new();
            let message = skywave_protocol::ServerMessage::Event {
                channel: &skywave_protocol::ChannelName::parse("c").unwrap(),
                event: &event,
                data: "{}",
                user_id: None,
            };
            skywave_engine::encode_frame(&message, &mut frame);
            line.send(&frame);
            sent.push(event);
        }
        let events: Vec<_> = line.messages().into_iter().map(|m| m.event).collect();
        assert_eq!(events, sent);
        assert!(line.messages().is_empty(), "each is given once");
    }
}
