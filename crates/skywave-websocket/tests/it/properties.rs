//! What holds for every byte string, and for every valid stream.

use proptest::collection::vec;
use proptest::prelude::*;
use skywave_websocket::Limits;

use crate::client::{Decoded, Owned, decode, decode_within};
use crate::streams::{damaged, disordered, valid};

/// `bytes` in pieces of the given lengths, over and over.
fn pieces<'a>(mut bytes: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for &length in lengths.iter().cycle() {
        let (piece, rest) = bytes.split_at(length.min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
        if bytes.is_empty() {
            break;
        }
    }
    pieces
}

/// Lengths of pieces: not all of them zero, so that they come to an end.
fn lengths() -> impl Strategy<Value = Vec<usize>> {
    vec(prop_oneof![0..4_usize, 1..40_usize, 100..200_usize], 1..20).prop_map(|mut lengths| {
        lengths.push(1);
        lengths
    })
}

fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 0..200), damaged(), disordered()]
}

proptest! {
    #[test]
    fn a_valid_stream_gives_its_messages(stream in valid()) {
        let expected = Decoded { messages: stream.messages, error: None };
        prop_assert_eq!(decode(&[&stream.bytes]), expected);
    }

    #[test]
    fn any_bytes_give_the_same_however_they_are_cut(bytes in any_bytes(), lengths in lengths()) {
        prop_assert_eq!(decode(&pieces(&bytes, &lengths)), decode(&[&bytes]));
    }

    #[test]
    fn any_bytes_within_any_limits_do_not_panic(
        bytes in any_bytes(),
        message_bytes in prop_oneof![0..300_usize, Just(usize::MAX)],
        fragments in prop_oneof![0..5_u32, Just(u32::MAX)],
    ) {
        let limits = Limits { message_bytes, fragments };
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(decode_within(limits, &[&bytes]), decode_within(limits, &single));
    }

    #[test]
    fn no_message_is_longer_than_the_limit(bytes in any_bytes(), message_bytes in 0..300_usize) {
        let limits = Limits { message_bytes, ..Limits::default() };
        for message in decode_within(limits, &[&bytes]).messages {
            match message {
                Owned::Text(text) => prop_assert!(text.len() <= message_bytes),
                Owned::Binary(payload) => prop_assert!(payload.len() <= message_bytes),
                Owned::Ping(_) | Owned::Pong(_) | Owned::Close(_) => {}
            }
        }
    }
}
