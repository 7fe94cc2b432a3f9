//! The response to a receive request: lines, for as long as the transport wants them.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use skywave_protocol::FallbackLine;
use tokio::time::{Instant, Sleep, sleep};

use super::frames::ServerFrame;
use super::session::Receiver;
use crate::http::body::Stream;

/// How a client receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Mode {
    /// One response that does not end.
    Streaming,
    /// A response per answer.
    Polling,
}

/// The lines of one response.
pub(super) struct Lines {
    receiver: Receiver,
    mode: Mode,
    /// Lines to begin with.
    first: Vec<u8>,
    /// Characters sent so far, as JavaScript counts them.
    length: usize,
    quiet: Pin<Box<Sleep>>,
}

impl Lines {
    /// The lines that `receiver` receives, with `first` before them.
    pub(super) fn new(receiver: Receiver, mode: Mode, first: Vec<u8>) -> Self {
        Self {
            receiver,
            mode,
            first,
            length: 0,
            quiet: Box::pin(sleep(QUIET)),
        }
    }

    /// The client has so much that it makes a new request after the last line, and drops whatever
    /// comes behind that; in polling, that this is enough for one response.
    fn is_full(&self) -> bool {
        match self.mode {
            Mode::Streaming => self.length > ROTATION,
            Mode::Polling => self.length > 0,
        }
    }

    /// Appends lines until nothing waits or there are enough; false at the end of the session.
    fn collect(&mut self, chunk: &mut Vec<u8>, cx: &mut Context<'_>) -> bool {
        let limit = match self.mode {
            Mode::Streaming => ROTATION - self.length,
            Mode::Polling => CHUNK_BYTES,
        };
        let mut length = 0;
        while length <= limit && chunk.len() < CHUNK_BYTES {
            let start = chunk.len();
            match self.receiver.poll_next(cx) {
                Poll::Pending => break,
                Poll::Ready(None) => return false,
                Poll::Ready(Some(frame)) => encode(&frame, chunk),
            }
            length += utf16_length(&chunk[start..]);
        }
        true
    }
}

impl Stream for Lines {
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut chunk = std::mem::take(&mut self.first);
        if chunk.is_empty() {
            if self.is_full() {
                return match self.mode {
                    Mode::Polling => Poll::Ready(None),
                    Mode::Streaming => self.receiver.poll_replaced(cx).map(|()| None),
                };
            }
            let goes_on = self.collect(&mut chunk, cx);
            if chunk.is_empty() {
                if !goes_on {
                    return Poll::Ready(None);
                }
                ready!(self.quiet.as_mut().poll(cx));
                FallbackLine::Alive.encode(&mut chunk);
            }
        }
        self.length += utf16_length(&chunk);
        self.quiet.as_mut().reset(Instant::now() + QUIET);
        Poll::Ready(Some(chunk.into()))
    }
}

fn encode(frame: &ServerFrame, out: &mut Vec<u8>) {
    let line = match frame {
        ServerFrame::Text(message) => FallbackLine::Message(message),
        ServerFrame::Ping => FallbackLine::Heartbeat,
        // Trap 16: a heartbeat here would be answered for ever.
        ServerFrame::Pong => FallbackLine::Alive,
        &ServerFrame::Close { code, ref reason } => FallbackLine::Closed { code, reason },
    };
    line.encode(out);
}

/// How long JavaScript takes these bytes to be: UTF-16 units, of which a character that has four
/// bytes in UTF-8 has two and any other has one.
fn utf16_length(utf8: &[u8]) -> usize {
    let units = |&byte: &u8| match byte {
        0x80..=0xbf => 0,
        0xf0.. => 2,
        _ => 1,
    };
    utf8.iter().map(units).sum()
}

/// A streaming client whose response is longer than this, in UTF-16 units and behind a whole line,
/// aborts it and makes a new request. What was sent behind that line would be lost.
const ROTATION: usize = 256 * 1024;

/// After so much silence a response says that it is alive, so that nothing on the way gives it up.
const QUIET: Duration = Duration::from_secs(25);

/// What is handed over at a time, in bytes; one line may come on top.
const CHUNK_BYTES: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_those_of_javascript() {
        for text in ["", "a", "ü", "\u{ffff}", "😀", "a😀ü\n"] {
            let expected = text.encode_utf16().count();
            assert_eq!(utf16_length(text.as_bytes()), expected, "{text}");
        }
    }
}
