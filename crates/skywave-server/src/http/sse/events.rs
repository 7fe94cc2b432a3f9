//! The response: each message as an event of the event stream format.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, Sleep, sleep};

use crate::http::body::Stream;
use crate::http::fallback::Receiver;
use crate::http::fallback::frames::ServerFrame;

/// The events of one connection.
pub(super) struct Events {
    receiver: Receiver,
    /// What to begin with.
    first: Vec<u8>,
    quiet: Pin<Box<Sleep>>,
}

impl Events {
    /// The events that `receiver` receives behind the connection's greeting.
    pub(super) fn new(receiver: Receiver, greeting: &str) -> Self {
        let mut first = format!("retry: {}\n\n", retry()).into_bytes();
        encode(greeting, &mut first);
        Self {
            receiver,
            first,
            quiet: Box::pin(sleep(QUIET)),
        }
    }

    /// Appends events until nothing waits or there are enough; false at the end of the session.
    fn collect(&mut self, chunk: &mut Vec<u8>, cx: &mut Context<'_>) -> bool {
        while chunk.len() < CHUNK_BYTES {
            match self.receiver.poll_next(cx) {
                Poll::Pending => break,
                Poll::Ready(Some(ServerFrame::Text(message))) => encode(&message, chunk),
                Poll::Ready(Some(ServerFrame::Ping)) => {
                    // Who takes this is there, as far as anybody can tell: it cannot answer.
                    chunk.extend_from_slice(COMMENT);
                    self.receiver.is_alive();
                }
                Poll::Ready(Some(ServerFrame::Pong)) => {}
                Poll::Ready(Some(ServerFrame::Close { .. }) | None) => return false,
            }
        }
        true
    }
}

impl Stream for Events {
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut chunk = std::mem::take(&mut self.first);
        if chunk.is_empty() {
            let goes_on = self.collect(&mut chunk, cx);
            if chunk.is_empty() {
                if !goes_on {
                    return Poll::Ready(None);
                }
                ready!(self.quiet.as_mut().poll(cx));
                chunk.extend_from_slice(COMMENT);
            }
        }
        self.quiet.as_mut().reset(Instant::now() + QUIET);
        Poll::Ready(Some(chunk.into()))
    }
}

/// Appends a message as an event of its own name; its data is the whole message, which is one line.
fn encode(message: &str, out: &mut Vec<u8>) {
    if let Some(name) = event_name(message) {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name.as_bytes());
        out.push(b'\n');
    }
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(message.as_bytes());
    out.extend_from_slice(b"\n\n");
}

/// The name of a message's event, with which each of the server's messages begins. `None` when it
/// would break the line it is to stand in: then the event is a `message`.
fn event_name(message: &str) -> Option<String> {
    let name = message.strip_prefix("{\"event\":")?;
    let mut escaped = false;
    let end = name.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })?;
    let name: String = serde_json::from_str(name.get(..end + 2)?).ok()?;
    (!name.contains(['\r', '\n'])).then_some(name)
}

/// After how many milliseconds a client comes back: not all of them at once.
fn retry() -> u32 {
    1_000 + getrandom::u32().map_or(0, |random| random % 2_000)
}

/// A line that a client ignores, and the end of an event that has nothing in it.
const COMMENT: &[u8] = b":\n\n";

/// After so much silence there is a comment, so that nothing on the way gives the response up.
const QUIET: Duration = Duration::from_secs(25);

/// What is handed over at a time, in bytes; one event may come on top.
const CHUNK_BYTES: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use skywave_protocol::{ChannelName, ServerMessage};

    use super::*;

    #[test]
    fn an_event_has_the_name_of_its_message() {
        let channel = ChannelName::parse("news").unwrap();
        for (event, line) in [
            ("NewRelease", "event: NewRelease\n"),
            ("App\\Events\\Foo", "event: App\\Events\\Foo\n"),
            ("say \"ü\" \\\"", "event: say \"ü\" \\\"\n"),
            ("two\nlines", ""),
            ("two\rlines", ""),
        ] {
            let mut message = Vec::new();
            ServerMessage::Event {
                channel: &channel,
                event,
                data: "a\r\nb",
                user_id: None,
            }
            .encode(&mut message);
            let message = String::from_utf8(message).unwrap();
            let mut out = Vec::new();
            encode(&message, &mut out);
            let expected = format!("{line}data: {message}\n\n");
            assert_eq!(String::from_utf8(out).unwrap(), expected);
            assert!(!message.contains(['\r', '\n']), "data is one line");
        }
    }

    #[test]
    fn what_has_no_name_is_still_an_event() {
        for message in [
            "",
            "{}",
            "{\"event\":",
            "{\"event\":\"",
            "{\"event\":\"a",
            "{\"event\":5}",
        ] {
            assert_eq!(event_name(message), None, "{message}");
        }
    }
}
