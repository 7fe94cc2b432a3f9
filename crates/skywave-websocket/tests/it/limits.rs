//! What a peer may cost: see [`Limits`].

use skywave_websocket::{DecodeError, Limits};

use crate::client::{
    BINARY, CLOSE, CONTINUATION, MASK, Owned, PING, TEXT, close_payload, decode_within, frame,
    unfinished,
};

const LIMITS: Limits = Limits {
    message_bytes: 10,
    fragments: 3,
};

fn error(bytes: &[u8]) -> Option<DecodeError> {
    decode_within(LIMITS, &[bytes]).error
}

#[test]
fn a_message_up_to_the_limit_is_given() {
    let bytes = [
        frame(TEXT, &[b'x'; 10]),
        unfinished(BINARY, &[1; 6]),
        frame(CONTINUATION, &[1; 4]),
    ]
    .concat();
    let expected = [Owned::Text("x".repeat(10)), Owned::Binary(vec![1; 10])];
    assert_eq!(decode_within(LIMITS, &[&bytes]).messages, expected);
}

#[test]
fn a_message_over_the_limit_is_refused_at_the_header_that_says_so() {
    let too_big = Some(DecodeError::MessageTooBig { limit: 10 });
    assert_eq!(error(&frame(TEXT, &[b'x'; 11])), too_big);
    assert_eq!(error(&frame(TEXT, &[b'x'; 11])[..6]), too_big);
    let fragmented = [unfinished(TEXT, &[b'x'; 6]), frame(CONTINUATION, b"xxxxx")].concat();
    assert_eq!(error(&fragmented[..12 + 6]), too_big);

    let huge = [
        b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff".as_slice(),
        &MASK,
    ]
    .concat();
    assert_eq!(error(&huge), too_big);
}

#[test]
fn a_character_cut_by_a_frame_counts_for_the_limit() {
    let bytes = [
        unfinished(TEXT, b"1234567\xe2\x82"),
        frame(CONTINUATION, b"\xac!"),
    ]
    .concat();
    assert_eq!(
        error(&bytes),
        Some(DecodeError::MessageTooBig { limit: 10 })
    );
}

#[test]
fn control_frames_do_not_count_for_the_limits() {
    let bytes = [
        unfinished(TEXT, &[b'x'; 10]),
        frame(PING, &[1; 100]),
        frame(PING, &[1; 100]),
        frame(PING, &[1; 100]),
        frame(CONTINUATION, b""),
    ]
    .concat();
    let decoded = decode_within(LIMITS, &[&bytes]);
    assert_eq!((decoded.messages.len(), decoded.error), (4, None));
}

#[test]
fn a_message_in_too_many_fragments_is_refused_even_when_they_are_empty() {
    let mut bytes = unfinished(TEXT, b"");
    bytes.extend(unfinished(CONTINUATION, b""));
    bytes.extend(frame(CONTINUATION, b""));
    let decoded = decode_within(LIMITS, &[&bytes]);
    assert_eq!(decoded.messages, [Owned::Text(String::new())]);

    bytes.extend(unfinished(TEXT, b""));
    bytes.extend(unfinished(CONTINUATION, b"").repeat(3));
    assert_eq!(
        error(&bytes),
        Some(DecodeError::TooManyFragments { limit: 3 })
    );
}

#[test]
fn every_error_has_its_close_code_and_a_reason_that_fits_7_4_1() {
    let errors = [
        (DecodeError::ReservedBit, 1002),
        (DecodeError::ReservedOpcode { opcode: 15 }, 1002),
        (DecodeError::Unmasked, 1002),
        (DecodeError::NonMinimalLength, 1002),
        (DecodeError::LengthOutOfRange, 1002),
        (DecodeError::FragmentedControl, 1002),
        (DecodeError::OversizedControl, 1002),
        (DecodeError::UnexpectedContinuation, 1002),
        (DecodeError::ExpectedContinuation, 1002),
        (DecodeError::TruncatedCloseCode, 1002),
        (DecodeError::InvalidCloseCode { code: u16::MAX }, 1002),
        (DecodeError::InvalidUtf8, 1007),
        (DecodeError::TooManyFragments { limit: u32::MAX }, 1008),
        (DecodeError::MessageTooBig { limit: usize::MAX }, 1009),
    ];
    for (error, code) in errors {
        assert_eq!(error.close_code(), code, "{error}");
        let payload = close_payload(code, error.to_string().as_bytes());
        let decoded = decode_within(LIMITS, &[&frame(CLOSE, &payload)]);
        assert_eq!(
            decoded.messages,
            [Owned::Close(Some((code, error.to_string())))]
        );
    }
}
