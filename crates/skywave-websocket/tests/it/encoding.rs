//! The server's frames.

use skywave_websocket::{CloseReason, frame};

fn encoded(encode: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = b"before".to_vec();
    encode(&mut out);
    assert!(out.starts_with(b"before"), "frames are appended");
    out.split_off(6)
}

/// The header of an unmasked final frame, by the table of §5.2.
fn header(first: u8, length: usize) -> Vec<u8> {
    match length {
        0..126 => vec![first, length as u8],
        126..65_536 => [&[first, 126], (length as u16).to_be_bytes().as_slice()].concat(),
        _ => [&[first, 127], (length as u64).to_be_bytes().as_slice()].concat(),
    }
}

const LENGTHS: [usize; 8] = [0, 1, 124, 125, 126, 65_535, 65_536, 70_000];

#[test]
fn samples_of_5_7_are_encoded() {
    assert_eq!(encoded(|out| frame::text(b"Hello", out)), b"\x81\x05Hello");
    assert_eq!(encoded(|out| frame::ping(b"Hello", out)), b"\x89\x05Hello");
    assert_eq!(encoded(|out| frame::pong(b"Hello", out)), b"\x8a\x05Hello");
    let binary = encoded(|out| frame::binary(&[9; 256], out));
    assert_eq!(binary, [b"\x82\x7e\x01\x00".as_slice(), &[9; 256]].concat());
    let binary = encoded(|out| frame::binary(&[9; 65_536], out));
    assert_eq!(
        binary,
        [b"\x82\x7f\0\0\0\0\0\x01\0\0".as_slice(), &[9; 65_536]].concat()
    );
}

#[test]
fn lengths_are_in_their_shortest_form_5_2() {
    for length in LENGTHS {
        let payload = vec![b'x'; length];
        let text = encoded(|out| frame::text(&payload, out));
        assert_eq!(text, [header(0x81, length), payload.clone()].concat());
        let binary = encoded(|out| frame::binary(&payload, out));
        assert_eq!(binary, [header(0x82, length), payload].concat());
    }
}

#[test]
fn text_encoded_in_place_is_the_same_frame() {
    for length in LENGTHS {
        let payload: Vec<u8> = (0..length).map(|i| b'a' + (i % 26) as u8).collect();
        let in_place = encoded(|out| {
            frame::text_with(out, |out| {
                // In two steps, as a real encoder would.
                let (head, tail) = payload.split_at(length / 3);
                out.extend_from_slice(head);
                out.extend_from_slice(tail);
            });
        });
        assert_eq!(in_place, encoded(|out| frame::text(&payload, out)));
    }
}

#[test]
fn an_encoder_that_takes_bytes_away_gives_an_empty_frame() {
    let mut out = b"abc".to_vec();
    frame::text_with(&mut out, |out| out.truncate(5));
    assert_eq!(out, b"abc\x81\x00");
}

#[test]
fn control_payloads_are_cut_at_125_bytes_5_5() {
    for (length, sent) in [(0, 0), (125, 125), (126, 125), (1000, 125)] {
        let payload = vec![b'x'; length];
        let ping = encoded(|out| frame::ping(&payload, out));
        assert_eq!(ping, [header(0x89, sent), vec![b'x'; sent]].concat());
        let pong = encoded(|out| frame::pong(&payload, out));
        assert_eq!(pong, [header(0x8a, sent), vec![b'x'; sent]].concat());
    }
}

#[test]
fn a_close_frame_is_code_and_reason_5_5_1() {
    let close = encoded(|out| frame::close(4001, "no such app", out));
    assert_eq!(close, b"\x88\x0d\x0f\xa1no such app");
    let bare = encoded(|out| frame::close(1000, "", out));
    assert_eq!(bare, b"\x88\x02\x03\xe8");
}

#[test]
fn a_close_reason_is_cut_at_the_end_of_a_character_5_5_1() {
    let reasons = [
        ("x".repeat(123), 123),
        ("x".repeat(124), 123),
        ("€".repeat(41), 123),
        ("€".repeat(42), 123),
        ("ß".repeat(62), 122),
        ("😀".repeat(31), 120),
    ];
    for (reason, sent) in reasons {
        let close = encoded(|out| frame::close(1000, &reason, out));
        let expected = [
            header(0x88, 2 + sent).as_slice(),
            b"\x03\xe8",
            &reason.as_bytes()[..sent],
        ]
        .concat();
        assert_eq!(close, expected);
    }
}

#[test]
fn the_answer_to_a_close_repeats_its_code_5_5_1() {
    assert_eq!(encoded(|out| frame::close_reply(None, out)), b"\x88\x00");
    let received = CloseReason {
        code: 1001,
        reason: "going away",
    };
    let reply = encoded(|out| frame::close_reply(Some(received), out));
    assert_eq!(reply, b"\x88\x02\x03\xe9");
}
