//! WebSocket frames on both sides of a session: the server's are taken apart, the client's made.
//!
//! Both are frames between two parts of this crate, so the reader need not suspect them: what it
//! reads was encoded by the server, final and not masked.

/// One frame of the server.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::http) enum ServerFrame {
    Text(String),
    Ping,
    Pong,
    Close { code: u16, reason: String },
}

/// Puts the server's frames together from bytes that come in any pieces.
#[derive(Debug, Default)]
pub(super) struct FrameReader {
    bytes: Vec<u8>,
}

impl FrameReader {
    /// Takes bytes in and passes on the frames that are whole now.
    pub(super) fn read(&mut self, bytes: &[u8], mut pass_on: impl FnMut(ServerFrame)) {
        self.bytes.extend_from_slice(bytes);
        let mut rest = &self.bytes[..];
        while let Some((frame, behind)) = split_frame(rest) {
            rest = behind;
            if let Some(frame) = frame {
                pass_on(frame);
            }
        }
        let read = self.bytes.len() - rest.len();
        if read == self.bytes.len() {
            // Between messages a session owns no buffer.
            self.bytes = Vec::new();
        } else {
            self.bytes.drain(..read);
        }
    }
}

/// The first frame, `None` inside when it is of no kind that the server sends, and what is behind
/// it (RFC 6455 §5.2).
fn split_frame(bytes: &[u8]) -> Option<(Option<ServerFrame>, &[u8])> {
    let (&[first, second], rest) = bytes.split_first_chunk()?;
    let (length, rest) = match second & 0x7f {
        126 => {
            let (length, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        127 => {
            let (length, rest) = rest.split_first_chunk()?;
            (u64::from_be_bytes(*length) as usize, rest)
        }
        length => (usize::from(length), rest),
    };
    let (payload, behind) = rest.split_at_checked(length)?;
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let frame = match first & 0x0f {
        TEXT => Some(ServerFrame::Text(text(payload))),
        PING => Some(ServerFrame::Ping),
        PONG => Some(ServerFrame::Pong),
        CLOSE => {
            let (code, reason) = match payload.split_first_chunk() {
                Some((code, reason)) => (u16::from_be_bytes(*code), reason),
                None => (NO_STATUS, payload),
            };
            let reason = text(reason);
            Some(ServerFrame::Close { code, reason })
        }
        _ => None,
    };
    Some((frame, behind))
}

/// A message of the client.
pub(in crate::http) fn text(message: &str, out: &mut Vec<u8>) {
    masked(TEXT, message.as_bytes(), out);
}

/// A question for a sign of life.
pub(super) fn ping(out: &mut Vec<u8>) {
    masked(PING, b"", out);
}

/// A sign of life.
pub(super) fn pong(out: &mut Vec<u8>) {
    masked(PONG, b"", out);
}

/// The client has seen the end.
pub(super) fn close(code: u16, out: &mut Vec<u8>) {
    masked(CLOSE, &code.to_be_bytes(), out);
}

/// A client's frames are masked (RFC 6455 §5.3); with a key of zeros they stay what they are.
fn masked(opcode: u8, payload: &[u8], out: &mut Vec<u8>) {
    const FINAL: u8 = 0x80;
    const MASKED: u8 = 0x80;
    out.push(FINAL | opcode);
    match payload.len() {
        length @ 0..126 => out.push(MASKED | length as u8),
        length @ 126..65_536 => {
            out.push(MASKED | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(MASKED | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
}

const TEXT: u8 = 0x1;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;

/// RFC 6455 §7.1.5: the close frame had no code.
const NO_STATUS: u16 = 1005;

#[cfg(test)]
mod tests {
    use skywave_websocket::{Decoder, Limits, Message, frame};

    use super::*;

    #[test]
    fn the_servers_frames_are_read_in_any_pieces() {
        let long = "ü".repeat(40_000);
        let mut bytes = Vec::new();
        frame::text(b"short", &mut bytes);
        frame::text(&[b'x'; 300], &mut bytes);
        frame::ping(b"", &mut bytes);
        frame::text(long.as_bytes(), &mut bytes);
        frame::pong(b"p", &mut bytes);
        frame::close(4100, "too slow", &mut bytes);
        let expected = [
            ServerFrame::Text("short".into()),
            ServerFrame::Text("x".repeat(300)),
            ServerFrame::Ping,
            ServerFrame::Text(long),
            ServerFrame::Pong,
            ServerFrame::Close {
                code: 4100,
                reason: "too slow".into(),
            },
        ];
        for piece in [1, 2, 3, 7, 4096, bytes.len()] {
            let mut reader = FrameReader::default();
            let mut frames = Vec::new();
            for piece in bytes.chunks(piece) {
                reader.read(piece, |frame| frames.push(frame));
            }
            assert_eq!(frames, expected, "in pieces of {piece}");
            assert_eq!(reader.bytes.capacity(), 0);
        }
    }

    #[test]
    fn the_clients_frames_are_what_the_decoder_expects() {
        let texts = [0, 1, 125, 126, 65_535, 65_536].map(|length| "x".repeat(length));
        let mut bytes = Vec::new();
        for message in &texts {
            text(message, &mut bytes);
        }
        ping(&mut bytes);
        pong(&mut bytes);
        close(4001, &mut bytes);
        let mut decoder = Decoder::new(Limits {
            message_bytes: 70_000,
            ..Limits::default()
        });
        let mut messages = decoder.decode(&mut bytes);
        for expected in &texts {
            assert_eq!(messages.next(), Some(Ok(Message::Text(expected))));
        }
        assert_eq!(messages.next(), Some(Ok(Message::Ping(b""))));
        assert_eq!(messages.next(), Some(Ok(Message::Pong(b""))));
        let Some(Ok(Message::Close(Some(reason)))) = messages.next() else {
            panic!("expected a close frame");
        };
        assert_eq!(reason.code, 4001);
    }
}
