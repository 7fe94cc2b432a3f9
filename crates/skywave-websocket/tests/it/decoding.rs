//! The rules for client frames, one test each, named by the clause of RFC 6455.

use skywave_websocket::DecodeError;
use skywave_websocket::{Decoder, Limits, Message};

use crate::client::{
    BINARY, CLOSE, CONTINUATION, MASK, Owned, PING, PONG, TEXT, close_payload, decode, frame,
    masked, refusal, unfinished,
};

fn text(text: &str) -> Owned {
    Owned::Text(text.to_owned())
}

#[test]
fn samples_of_5_7_are_decoded() {
    let single = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    assert_eq!(decode(&[single]).messages, [text("Hello")]);
    let pong = b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    assert_eq!(decode(&[pong]).messages, [Owned::Pong(b"Hello".to_vec())]);
}

#[test]
fn every_length_form_is_decoded_5_2() {
    for length in [0, 1, 125, 126, 127, 65_535, 65_536] {
        let payload = vec![0xfe; length];
        let decoded = decode(&[&frame(BINARY, &payload)]);
        assert_eq!(decoded.messages, [Owned::Binary(payload)]);
    }
}

#[test]
fn the_mask_repeats_every_four_bytes_across_inputs_5_3() {
    let payload: Vec<u8> = (0..=255).collect();
    let bytes = frame(BINARY, &payload);
    for cut in 0..bytes.len() {
        let decoded = decode(&[&bytes[..cut], &bytes[cut..]]);
        assert_eq!(decoded.messages, [Owned::Binary(payload.clone())]);
    }
}

#[test]
fn an_unmasked_frame_is_refused_5_1() {
    assert_eq!(refusal(b"\x81\x05Hello"), Some(DecodeError::Unmasked));
}

#[test]
fn a_reserved_bit_is_refused_5_2() {
    for bit in [0x40, 0x20, 0x10] {
        let bytes = masked(0x80 | bit | TEXT, MASK, b"x");
        assert_eq!(refusal(&bytes), Some(DecodeError::ReservedBit));
    }
}

#[test]
fn a_reserved_opcode_is_refused_5_2() {
    for opcode in [0x3, 0x4, 0x5, 0x6, 0x7, 0xb, 0xc, 0xd, 0xe, 0xf] {
        let error = DecodeError::ReservedOpcode { opcode };
        assert_eq!(refusal(&frame(opcode, b"")), Some(error));
    }
}

#[test]
fn a_length_not_in_its_shortest_form_is_refused_5_2() {
    let lengths: [&[u8]; 4] = [
        b"\xfe\x00\x7d",
        b"\xfe\x00\x00",
        b"\xff\0\0\0\0\0\0\xff\xff",
        b"\xff\0\0\0\0\0\0\0\x7e",
    ];
    for length in lengths {
        let bytes = [b"\x82", length, &MASK].concat();
        assert_eq!(refusal(&bytes), Some(DecodeError::NonMinimalLength));
    }
}

#[test]
fn a_length_of_sixty_four_bits_is_refused_5_2() {
    let bytes = [b"\x82\xff\x80\0\0\0\0\0\0\0".as_slice(), &MASK].concat();
    assert_eq!(refusal(&bytes), Some(DecodeError::LengthOutOfRange));
}

#[test]
fn a_header_is_refused_before_all_of_it_has_arrived_5_2() {
    assert_eq!(refusal(b"\xf1"), Some(DecodeError::ReservedBit));
    assert_eq!(
        refusal(b"\x83"),
        Some(DecodeError::ReservedOpcode { opcode: 3 })
    );
    assert_eq!(refusal(b"\x81\x7e"), Some(DecodeError::Unmasked));
    assert_eq!(refusal(b"\x09"), Some(DecodeError::FragmentedControl));
    assert_eq!(refusal(b"\x89\xfe"), Some(DecodeError::OversizedControl));
}

#[test]
fn fragments_are_joined_5_4() {
    let bytes = [
        unfinished(TEXT, b"Hel"),
        unfinished(CONTINUATION, b""),
        frame(CONTINUATION, b"lo"),
        unfinished(BINARY, b""),
        frame(CONTINUATION, b"\xff"),
    ]
    .concat();
    assert_eq!(
        decode(&[&bytes]).messages,
        [text("Hello"), Owned::Binary(vec![0xff])]
    );
}

#[test]
fn control_frames_may_come_between_fragments_and_are_given_at_once_5_4() {
    let bytes = [
        unfinished(TEXT, b"Hel"),
        frame(PING, b"?"),
        unfinished(CONTINUATION, b"l"),
        frame(PONG, b"!"),
        frame(CONTINUATION, b"o"),
    ]
    .concat();
    assert_eq!(
        decode(&[&bytes]).messages,
        [
            Owned::Ping(b"?".to_vec()),
            Owned::Pong(b"!".to_vec()),
            text("Hello")
        ]
    );
}

#[test]
fn a_continuation_of_nothing_is_refused_5_4() {
    let error = Some(DecodeError::UnexpectedContinuation);
    assert_eq!(refusal(&frame(CONTINUATION, b"x")), error);
    assert_eq!(refusal(&unfinished(CONTINUATION, b"x")), error);

    let after_whole = [frame(TEXT, b"x"), frame(CONTINUATION, b"x")].concat();
    assert_eq!(refusal(&after_whole), error);
    let after_last = [
        unfinished(TEXT, b"x"),
        frame(CONTINUATION, b"x"),
        frame(CONTINUATION, b""),
    ];
    assert_eq!(refusal(&after_last.concat()), error);
}

#[test]
fn a_new_message_inside_a_fragmented_one_is_refused_5_4() {
    for second in [
        frame(TEXT, b"x"),
        frame(BINARY, b"x"),
        unfinished(TEXT, b""),
    ] {
        let bytes = [unfinished(TEXT, b"x"), second].concat();
        assert_eq!(refusal(&bytes), Some(DecodeError::ExpectedContinuation));
    }
}

#[test]
fn a_fragmented_control_frame_is_refused_5_5() {
    for opcode in [CLOSE, PING, PONG] {
        assert_eq!(
            refusal(&unfinished(opcode, b"")),
            Some(DecodeError::FragmentedControl)
        );
    }
}

#[test]
fn a_control_frame_holds_125_bytes_and_no_more_5_5() {
    let decoded = decode(&[&frame(PING, &[7; 125])]);
    assert_eq!(decoded.messages, [Owned::Ping(vec![7; 125])]);
    for opcode in [CLOSE, PING, PONG] {
        assert_eq!(
            refusal(&frame(opcode, &[7; 126])),
            Some(DecodeError::OversizedControl)
        );
    }
}

#[test]
fn a_close_without_a_body_has_no_reason_5_5_1() {
    assert_eq!(decode(&[&frame(CLOSE, b"")]).messages, [Owned::Close(None)]);
}

#[test]
fn a_close_gives_its_code_and_reason_5_5_1() {
    let longest = "€".repeat(41);
    for reason in ["", "bye", &longest] {
        for code in [1000, 1001, 1014, 3000, 4999] {
            let bytes = frame(CLOSE, &close_payload(code, reason.as_bytes()));
            let expected = Owned::Close(Some((code, reason.to_owned())));
            assert_eq!(decode(&[&bytes]).messages, [expected]);
        }
    }
}

#[test]
fn half_a_close_code_is_refused_5_5_1() {
    assert_eq!(
        refusal(&frame(CLOSE, b"\x03")),
        Some(DecodeError::TruncatedCloseCode)
    );
}

#[test]
fn a_close_code_that_may_not_be_sent_is_refused_7_4() {
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, u16::MAX] {
        let bytes = frame(CLOSE, &close_payload(code, b""));
        assert_eq!(
            refusal(&bytes),
            Some(DecodeError::InvalidCloseCode { code })
        );
    }
}

#[test]
fn a_close_reason_has_to_be_utf8_8_1() {
    let bytes = frame(CLOSE, &close_payload(1000, b"\xce\xba\xe1"));
    assert_eq!(refusal(&bytes), Some(DecodeError::InvalidUtf8));
}

#[test]
fn nothing_follows_a_close_5_5_1() {
    let bytes = [frame(CLOSE, b""), frame(TEXT, b"late"), b"\xff".to_vec()].concat();
    let decoded = decode(&[&bytes, &frame(TEXT, b"later")]);
    assert_eq!(decoded.messages, [Owned::Close(None)]);
    assert_eq!(decoded.error, None);
}

#[test]
fn nothing_follows_an_error_7_1_7() {
    let bytes = [b"\x83".to_vec(), frame(TEXT, b"late")].concat();
    let decoded = decode(&[&bytes, &frame(TEXT, b"later")]);
    assert_eq!(decoded.messages, []);
    assert_eq!(
        decoded.error,
        Some(DecodeError::ReservedOpcode { opcode: 3 })
    );
}

#[test]
fn text_has_to_be_utf8_however_it_is_cut_8_1() {
    let sequences: [&[u8]; 6] = [
        b"\xff",
        b"ok \xc3",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xc0\x80",
        b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
    ];
    for sequence in sequences {
        assert_eq!(
            refusal(&frame(TEXT, sequence)),
            Some(DecodeError::InvalidUtf8)
        );
        for cut in 0..sequence.len() {
            let (head, tail) = sequence.split_at(cut);
            let bytes = [unfinished(TEXT, head), frame(CONTINUATION, tail)].concat();
            assert_eq!(refusal(&bytes), Some(DecodeError::InvalidUtf8));
        }
    }
}

#[test]
fn invalid_text_is_refused_at_its_first_wrong_byte_8_1() {
    // A surrogate ends the hopes of the text long before its message ends.
    let in_first_fragment = unfinished(TEXT, b"\xed\xa0");
    assert_eq!(refusal(&in_first_fragment), Some(DecodeError::InvalidUtf8));

    let whole = frame(TEXT, b"abc\xed\xa0\x80 and a lot more");
    let until_wrong_byte = &whole[..6 + 5];
    assert_eq!(refusal(until_wrong_byte), Some(DecodeError::InvalidUtf8));
    assert_eq!(refusal(&whole[..6 + 4]), None);
}

#[test]
fn a_character_may_be_cut_by_a_frame_8_1() {
    let euro = "€".as_bytes();
    let bytes = [
        unfinished(TEXT, &euro[..1]),
        unfinished(CONTINUATION, &euro[1..2]),
        frame(CONTINUATION, &euro[2..]),
    ]
    .concat();
    assert_eq!(decode(&[&bytes]).messages, [text("€")]);
}

#[test]
fn messages_dropped_before_their_end_end_the_decoder() {
    let mut decoder = Decoder::new(Limits::default());
    let mut input = [frame(TEXT, b"one"), frame(TEXT, b"two")].concat();
    assert_eq!(
        decoder.decode(&mut input).next(),
        Some(Ok(Message::Text("one")))
    );
    assert_eq!(decoder.decode(&mut frame(TEXT, b"three")).next(), None);
}

#[test]
fn between_messages_a_decoder_is_like_a_new_one() {
    for (input, expected) in [
        (frame(TEXT, b"one"), true),
        (frame(TEXT, b"one")[..1].to_vec(), false),
        (frame(PING, b"one")[..7].to_vec(), false),
        (unfinished(TEXT, b"one"), false),
        (
            [unfinished(TEXT, b"one"), frame(CONTINUATION, b"two")].concat(),
            true,
        ),
        (
            [unfinished(TEXT, b"one"), frame(PING, b"two")].concat(),
            false,
        ),
        (frame(CLOSE, b""), false),
        (b"\xff\xff".to_vec(), false),
    ] {
        let mut decoder = Decoder::new(Limits::default());
        assert!(decoder.is_between_messages());
        let mut bytes = input.clone();
        let mut messages = decoder.decode(&mut bytes);
        while messages.next().is_some() {}
        assert_eq!(decoder.is_between_messages(), expected, "{input:x?}");
    }
}

#[test]
fn whole_messages_are_borrowed_from_the_input() {
    let mut decoder = Decoder::new(Limits::default());
    let mut input = [frame(TEXT, b"one"), frame(PING, b"two")].concat();
    let range = input.as_ptr_range();
    let mut messages = decoder.decode(&mut input);
    while let Some(result) = messages.next() {
        let payload = match result {
            Ok(Message::Text(text)) => text.as_bytes(),
            Ok(Message::Ping(payload)) => payload,
            other => panic!("{other:?}"),
        };
        assert!(range.contains(&payload.as_ptr()));
    }
}
