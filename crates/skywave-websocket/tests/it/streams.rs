//! Generated client byte streams: valid ones with the messages they carry, and damaged ones.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::client::{BINARY, CLOSE, CONTINUATION, Owned, PING, PONG, TEXT, close_payload, masked};

/// A valid stream and what it says.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    pub(crate) bytes: Vec<u8>,
    pub(crate) messages: Vec<Owned>,
}

/// Whole messages, fragmented or not, with control frames between fragments, and at times a close.
pub(crate) fn valid() -> impl Strategy<Value = Stream> {
    (vec(step(), 0..8), option::weighted(0.3, close())).prop_map(|(steps, close)| {
        let mut stream = Stream {
            bytes: Vec::new(),
            messages: Vec::new(),
        };
        for step in &steps {
            step.append_to(&mut stream);
        }
        if let Some((mask, reason)) = close {
            let payload = match &reason {
                Some((code, reason)) => close_payload(*code, reason.as_bytes()),
                None => Vec::new(),
            };
            stream.bytes.extend(masked(0x80 | CLOSE, mask, &payload));
            stream.messages.push(Owned::Close(reason));
        }
        stream
    })
}

/// A valid stream with a few bytes overwritten, flipped, taken out, or its end cut off.
pub(crate) fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let damages = vec((any::<Index>(), damage()), 0..4);
    (valid(), damages).prop_map(|(stream, damages)| {
        let mut bytes = stream.bytes;
        for (index, damage) in damages {
            if bytes.is_empty() {
                break;
            }
            let position = index.index(bytes.len());
            match damage {
                Damage::Overwrite(byte) => bytes[position] = byte,
                Damage::Flip(bit) => bytes[position] ^= 1 << bit,
                Damage::Remove => drop(bytes.remove(position)),
                Damage::Truncate => bytes.truncate(position),
            }
        }
        bytes
    })
}

/// Frames that are well-formed for themselves and follow one another without regard for any rule.
pub(crate) fn disordered() -> impl Strategy<Value = Vec<u8>> {
    let opcode = prop_oneof![
        9 => prop::sample::select(vec![CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG]),
        1 => 0..16_u8,
    ];
    let first = (opcode, prop::bool::weighted(0.6))
        .prop_map(|(opcode, fin)| if fin { 0x80 | opcode } else { opcode });
    let payload = prop_oneof![
        vec(any::<u8>(), 0..6),
        any::<String>().prop_map(String::into_bytes),
        any::<u16>().prop_map(|code| code.to_be_bytes().to_vec()),
        (1000..1020_u16).prop_map(|code| code.to_be_bytes().to_vec()),
    ];
    vec((first, any::<[u8; 4]>(), payload), 0..10).prop_map(|frames| {
        let frames = frames.iter();
        frames
            .flat_map(|(first, mask, payload)| masked(*first, *mask, payload))
            .collect()
    })
}

#[derive(Clone, Debug)]
enum Damage {
    Overwrite(u8),
    Flip(u8),
    Remove,
    Truncate,
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        4 => any::<u8>().prop_map(Damage::Overwrite),
        4 => (0..8_u8).prop_map(Damage::Flip),
        1 => Just(Damage::Remove),
        1 => Just(Damage::Truncate),
    ]
}

/// A message, or a control frame on its own when there is no data.
#[derive(Clone, Debug)]
struct Step {
    data: Option<Owned>,
    /// Where the data is cut into fragments.
    cuts: Vec<Index>,
    /// One after each fragment but the last, as far as they go; all of them when there is no data.
    controls: Vec<Owned>,
    mask: [u8; 4],
}

impl Step {
    fn append_to(&self, stream: &mut Stream) {
        let mut controls = self.controls.iter();
        let (opcode, payload) = match &self.data {
            Some(Owned::Text(text)) => (TEXT, text.as_bytes()),
            Some(Owned::Binary(bytes)) => (BINARY, bytes.as_slice()),
            _ => {
                controls.for_each(|control| self.append_control(control, stream));
                return;
            }
        };
        let mut cuts: Vec<usize> = self
            .cuts
            .iter()
            .map(|cut| cut.index(payload.len() + 1))
            .collect();
        cuts.sort_unstable();

        let mut start = 0;
        for (number, end) in cuts.into_iter().chain([payload.len()]).enumerate() {
            let opcode = if number == 0 { opcode } else { CONTINUATION };
            let first = if number == self.cuts.len() {
                0x80 | opcode
            } else {
                opcode
            };
            stream
                .bytes
                .extend(masked(first, self.mask, &payload[start..end]));
            if number < self.cuts.len()
                && let Some(control) = controls.next()
            {
                self.append_control(control, stream);
            }
            start = end;
        }
        stream.messages.extend(self.data.clone());
    }

    fn append_control(&self, control: &Owned, stream: &mut Stream) {
        let (opcode, payload) = match control {
            Owned::Ping(payload) => (PING, payload),
            Owned::Pong(payload) => (PONG, payload),
            other => panic!("{other:?} is no control message"),
        };
        stream
            .bytes
            .extend(masked(0x80 | opcode, self.mask, payload));
        stream.messages.push(control.clone());
    }
}

fn step() -> impl Strategy<Value = Step> {
    let text = prop_oneof![any::<String>(), "[a-z€😀]{100,200}"];
    let binary = prop_oneof![vec(any::<u8>(), 0..20), vec(any::<u8>(), 100..300)];
    let data = prop_oneof![text.prop_map(Owned::Text), binary.prop_map(Owned::Binary)];
    let control = || prop_oneof![vec(any::<u8>(), 0..5), vec(any::<u8>(), 120..126)];
    let control = prop_oneof![
        control().prop_map(Owned::Ping),
        control().prop_map(Owned::Pong)
    ];
    let data = option::weighted(0.8, data);
    (
        data,
        vec(any::<Index>(), 0..5),
        vec(control, 0..4),
        any::<[u8; 4]>(),
    )
        .prop_map(|(data, cuts, controls, mask)| Step {
            data,
            cuts,
            controls,
            mask,
        })
}

fn close() -> impl Strategy<Value = ([u8; 4], Option<(u16, String)>)> {
    let code = prop_oneof![1000..1004_u16, 1007..1014_u16, 3000..5000_u16];
    (any::<[u8; 4]>(), option::of((code, "[a-z€]{0,40}")))
}
