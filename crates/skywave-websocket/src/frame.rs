//! The server's frames, appended to a byte vector (RFC 6455 §5.2): final and not masked (§5.1).
//!
//! A message is always one frame. The bytes depend on nothing but the payload, so encoded once
//! they can be sent to any number of connections.

use crate::CloseReason;

/// The longest payload of a control frame, in bytes (§5.5).
pub const CONTROL_BYTES: usize = 125;

/// Appends a text message; `payload` has to be UTF-8 (§5.6), which is not checked.
pub fn text(payload: &[u8], out: &mut Vec<u8>) {
    append(TEXT, payload, out);
}

/// Appends a text message that `encode` appends to the vector itself: no intermediate buffer.
///
/// `encode` has to append UTF-8 and leave what is there already.
///
/// Room is made for the header of payloads of 126 to 65,535 bytes, so these stay where they are
/// written. A shorter payload is then moved back by two bytes, which is next to nothing, and a
/// longer one is moved forward by six, which costs a copy of it.
///
/// ```
/// let mut out = Vec::new();
/// skywave_websocket::frame::text_with(&mut out, |out| out.extend_from_slice(b"Hello"));
/// assert_eq!(out, b"\x81\x05Hello");
/// ```
pub fn text_with(out: &mut Vec<u8>, encode: impl FnOnce(&mut Vec<u8>)) {
    const ROOM: Header = Header::new(TEXT, 126);
    let start = out.len();
    let payload = start + ROOM.as_slice().len();

    out.extend_from_slice(ROOM.as_slice());
    encode(out);

    if out.len() < payload {
        // The closure broke its promise and took bytes away: the frame is empty.
        out.resize(payload, 0);
    }
    let header = Header::new(TEXT, out.len() - payload);
    out.splice(start..payload, header.as_slice().iter().copied());
}

/// Appends a binary message (§5.6).
pub fn binary(payload: &[u8], out: &mut Vec<u8>) {
    append(BINARY, payload, out);
}

/// Appends a ping (§5.5.2). A payload longer than [`CONTROL_BYTES`] is cut.
pub fn ping(payload: &[u8], out: &mut Vec<u8>) {
    append_control(PING, payload, out);
}

/// Appends a pong, which answers a ping with the ping's payload (§5.5.3). A payload longer than
/// [`CONTROL_BYTES`] is cut.
pub fn pong(payload: &[u8], out: &mut Vec<u8>) {
    append_control(PONG, payload, out);
}

/// Appends a close frame with a status code and a reason (§5.5.1).
///
/// `code` is sent as it is; the ones a server may choose are 1000 to 1014 as assigned (§7.4.1)
/// and 3000 to 4999. `reason` may be empty, and is cut at a character's end when it is longer
/// than 123 bytes.
pub fn close(code: u16, reason: &str, out: &mut Vec<u8>) {
    let mut end = reason.len().min(CONTROL_BYTES - 2);
    while !reason.is_char_boundary(end) {
        end -= 1; // 0 is a boundary
    }
    out.extend_from_slice(Header::new(CLOSE, 2 + end).as_slice());
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(&reason.as_bytes()[..end]);
}

/// Appends the answer to a client's close message: its status code again, without a reason, or an
/// empty close frame when it gave none (§5.5.1).
pub fn close_reply(received: Option<CloseReason<'_>>, out: &mut Vec<u8>) {
    match received {
        Some(CloseReason { code, .. }) => close(code, "", out),
        None => append(CLOSE, b"", out),
    }
}

fn append(first: u8, payload: &[u8], out: &mut Vec<u8>) {
    let header = Header::new(first, payload.len());
    let header = header.as_slice();
    out.reserve(header.len() + payload.len());
    out.extend_from_slice(header);
    out.extend_from_slice(payload);
}

fn append_control(first: u8, payload: &[u8], out: &mut Vec<u8>) {
    append(first, &payload[..payload.len().min(CONTROL_BYTES)], out);
}

/// The bytes before an unmasked payload.
struct Header {
    bytes: [u8; 10],
    length: usize,
}

impl Header {
    const fn new(first: u8, payload_length: usize) -> Self {
        let [.., a, b, c, d, e, f, g, h] = (payload_length as u64).to_be_bytes();
        let (second, rest, length) = match payload_length {
            0..126 => (h, [0; 8], 2),
            126..65_536 => (126, [g, h, 0, 0, 0, 0, 0, 0], 4),
            _ => (127, [a, b, c, d, e, f, g, h], 10),
        };
        let [a, b, c, d, e, f, g, h] = rest;
        Self {
            bytes: [first, second, a, b, c, d, e, f, g, h],
            length,
        }
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

// The first byte of each frame: FIN and the opcode (§5.2).
const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;
