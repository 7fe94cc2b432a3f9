//! The client's half of RFC 6455, as far as the tests need it: frames in, and messages out.

use skywave_websocket::{CloseReason, DecodeError, Decoder, Limits, Message};

pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xa;

/// The mask of the samples in §5.7.
pub(crate) const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A final client frame.
pub(crate) fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    masked(0x80 | opcode, MASK, payload)
}

/// A client frame that is not the last of its message.
pub(crate) fn unfinished(opcode: u8, payload: &[u8]) -> Vec<u8> {
    masked(opcode, MASK, payload)
}

/// A frame with any first byte, its length in the shortest form.
pub(crate) fn masked(first: u8, mask: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..126 => bytes.push(0x80 | length as u8),
        length @ 126..65_536 => {
            bytes.push(0x80 | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
        length => {
            bytes.push(0x80 | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(mask);
    bytes.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
    bytes
}

/// The payload of a close frame.
pub(crate) fn close_payload(code: u16, reason: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes(), reason].concat()
}

/// A [`Message`] that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owned {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<(u16, String)>),
}

impl From<Message<'_>> for Owned {
    fn from(message: Message<'_>) -> Self {
        match message {
            Message::Text(text) => Self::Text(text.to_owned()),
            Message::Binary(bytes) => Self::Binary(bytes.to_owned()),
            Message::Ping(payload) => Self::Ping(payload.to_owned()),
            Message::Pong(payload) => Self::Pong(payload.to_owned()),
            Message::Close(reason) => {
                Self::Close(reason.map(|CloseReason { code, reason }| (code, reason.to_owned())))
            }
        }
    }
}

/// What a decoder made of a connection's bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) messages: Vec<Owned>,
    pub(crate) error: Option<DecodeError>,
}

/// Decodes `inputs`, one after the other, with the default limits.
pub(crate) fn decode(inputs: &[&[u8]]) -> Decoded {
    decode_within(Limits::default(), inputs)
}

pub(crate) fn decode_within(limits: Limits, inputs: &[&[u8]]) -> Decoded {
    let mut decoder = Decoder::new(limits);
    let mut decoded = Decoded {
        messages: Vec::new(),
        error: None,
    };
    for input in inputs {
        let mut scratch = input.to_vec();
        let mut messages = decoder.decode(&mut scratch);
        while let Some(result) = messages.next() {
            assert_eq!(decoded.error, None, "nothing follows an error");
            match result {
                Ok(message) => decoded.messages.push(message.into()),
                Err(error) => decoded.error = Some(error),
            }
        }
    }
    decoded
}

/// The error that the bytes are refused with, whether they come at once or one by one.
pub(crate) fn refusal(bytes: &[u8]) -> Option<DecodeError> {
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    let error = decode(&[bytes]).error;
    assert_eq!(decode(&single).error, error, "byte by byte");
    error
}
