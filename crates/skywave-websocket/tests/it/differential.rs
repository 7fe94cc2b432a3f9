//! The published crate `tungstenite` as a witness: it has to understand every byte stream as we do.
//!
//! Deliberate differences, each stated where the comparison allows for it:
//!
//! * It waits for a whole frame before it refuses one, so at the end of a stream it may still be
//!   waiting where we have refused.
//! * It accepts lengths that are not in their shortest form; §5.2 says they must be.
//! * It gives a close message with a code that may not be sent as a close message of 1002. To us it
//!   is an error, which is answered with 1002.
//! * It counts 1014 (bad gateway, registered with IANA after the RFC) among these codes.
//! * It knows no limit on the number of fragments, so ours is out of the way here.

use std::io::{self, Read, Write};

use proptest::prelude::*;
use skywave_websocket::{DecodeError, Limits, frame};
use tungstenite::error::{Error, ProtocolError};
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tungstenite::{Message, WebSocket};

use crate::client::{CLOSE, Owned, close_payload, decode_within, masked};
use crate::streams::{damaged, disordered, valid};

/// How a connection's bytes end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// More may come.
    Open,
    Closed,
    Refused,
}

/// A connection that has sent its last byte and swallows all it is sent.
struct Finished<'a>(&'a [u8]);

impl Read for Finished<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Finished<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn owned(message: Message) -> Owned {
    match message {
        Message::Text(text) => Owned::Text(text.as_str().to_owned()),
        Message::Binary(bytes) => Owned::Binary(bytes.to_vec()),
        Message::Ping(payload) => Owned::Ping(payload.to_vec()),
        Message::Pong(payload) => Owned::Pong(payload.to_vec()),
        Message::Close(reason) => Owned::Close(
            reason.map(|CloseFrame { code, reason }| (code.into(), reason.as_str().to_owned())),
        ),
        Message::Frame(_) => panic!("never given when reading"),
    }
}

/// What tungstenite reads from `bytes`.
fn theirs(bytes: &[u8], role: Role, message_bytes: usize) -> (Vec<Owned>, End) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(message_bytes))
        .max_frame_size(Some(message_bytes));
    let mut socket = WebSocket::from_raw_socket(Finished(bytes), role, Some(config));
    let mut messages = Vec::new();
    loop {
        match socket.read() {
            Ok(message) => {
                let is_close = message.is_close();
                messages.push(owned(message));
                if is_close {
                    return (messages, End::Closed);
                }
            }
            Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => {
                return (messages, End::Open);
            }
            Err(_) => return (messages, End::Refused),
        }
    }
}

/// Compares our reading of `bytes` with theirs.
fn compare(bytes: &[u8], message_bytes: usize) -> Result<(), TestCaseError> {
    let limits = Limits {
        message_bytes,
        fragments: u32::MAX,
    };
    let ours = decode_within(limits, &[bytes]);
    let mut messages = ours.messages;
    let mut end = match (messages.last(), ours.error) {
        (_, Some(_)) => End::Refused,
        (Some(Owned::Close(_)), None) => End::Closed,
        (_, None) => End::Open,
    };
    let (their_messages, their_end) = theirs(bytes, Role::Server, message_bytes);

    let no_such_code = Owned::Close(Some((1002, "Protocol violation".to_owned())));
    if let Some(Owned::Close(Some((1014, _)))) = messages.last() {
        messages.pop();
        messages.push(no_such_code);
    } else if let Some(DecodeError::InvalidCloseCode { .. }) = ours.error
        && their_end == End::Closed
    {
        messages.push(no_such_code);
        end = End::Closed;
    }

    if ours.error == Some(DecodeError::NonMinimalLength) {
        prop_assert!(their_messages.starts_with(&messages));
        return Ok(());
    }
    prop_assert_eq!(messages, their_messages);
    if (end, their_end) != (End::Refused, End::Open) {
        prop_assert_eq!(end, their_end, "{:?}", ours.error);
    }
    Ok(())
}

/// Enough bytes to complete any frame of the stream that is still waited for, so that it is judged.
/// They are no frame themselves: an unmasked one is refused.
fn followed_by_zeros(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(bytes.len() + 1000, 0);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn valid_streams_are_read_alike(stream in valid()) {
        compare(&stream.bytes, 64 * 1024)?;
        let (messages, _) = theirs(&stream.bytes, Role::Server, 64 * 1024);
        prop_assert_eq!(messages, stream.messages);
    }

    #[test]
    fn damaged_streams_are_read_alike(bytes in damaged()) {
        compare(&bytes, 64 * 1024)?;
        compare(&followed_by_zeros(bytes), 64 * 1024)?;
    }

    #[test]
    fn disordered_frames_are_read_alike(bytes in disordered()) {
        compare(&bytes, 64 * 1024)?;
        compare(&followed_by_zeros(bytes), 64 * 1024)?;
    }

    #[test]
    fn messages_are_too_big_for_both(stream in valid(), message_bytes in 125..300_usize) {
        compare(&stream.bytes, message_bytes)?;
    }

    #[test]
    fn close_frames_are_read_alike(code in any::<u16>(), reason in "[a-z€]{0,40}") {
        let payload = close_payload(code, reason.as_bytes());
        compare(&masked(0x80 | CLOSE, [1, 2, 3, 4], &payload), 64 * 1024)?;
    }

    #[test]
    fn our_frames_are_read_by_a_client_as_they_were_meant(
        text in "[a-z€😀]{0,300}",
        binary in prop::collection::vec(any::<u8>(), 0..300),
        control in prop::collection::vec(any::<u8>(), 0..125),
        reason in "[a-z€😀]{0,200}",
    ) {
        let mut bytes = Vec::new();
        frame::text(text.as_bytes(), &mut bytes);
        frame::text_with(&mut bytes, |out| out.extend_from_slice(text.as_bytes()));
        frame::binary(&binary, &mut bytes);
        frame::ping(&control, &mut bytes);
        frame::pong(&control, &mut bytes);
        frame::close(4001, &reason, &mut bytes);

        let (mut messages, end) = theirs(&bytes, Role::Client, 64 * 1024);
        prop_assert_eq!(end, End::Closed);
        let close = messages.pop();
        let expected = [
            Owned::Text(text.clone()),
            Owned::Text(text),
            Owned::Binary(binary),
            Owned::Ping(control.clone()),
            Owned::Pong(control),
        ];
        prop_assert_eq!(messages, expected);
        let Some(Owned::Close(Some((4001, sent)))) = close else {
            return Err(TestCaseError::fail(format!("{close:?}")));
        };
        prop_assert!(reason.starts_with(&sent) && sent.len() <= 123);
        prop_assert!(sent.len() == reason.len() || sent.len() > 119);
    }
}

#[test]
fn a_message_longer_than_sixteen_bits_say_is_read_by_both() {
    let payload = vec![7; 200_000];
    let bytes = masked(0x82, [9, 8, 7, 6], &payload);
    let (messages, end) = theirs(&bytes, Role::Server, 1 << 20);
    assert_eq!((messages, end), (vec![Owned::Binary(payload)], End::Open));
    compare(&bytes, 1 << 20).unwrap();
}
