//! The header of a client's frame (RFC 6455 §5.2) and every rule that needs nothing else.

use crate::DecodeError;

/// A frame header that is complete and well-formed; the rules of §5.2 and §5.5 hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Whether this is the last frame of its message.
    pub(crate) fin: bool,
    pub(crate) opcode: Opcode,
    pub(crate) mask: [u8; 4],
    /// Payload length as announced, below 2^63.
    pub(crate) length: u64,
}

impl Header {
    /// The longest header: two bytes, a 64-bit length, the mask.
    pub(crate) const MAX_BYTES: usize = 14;

    /// Reads the header at the start of `bytes` and says how many bytes it takes; `None` when it
    /// is not complete yet, which cannot be once there are [`Self::MAX_BYTES`].
    ///
    /// # Errors
    ///
    /// As soon as the bytes present break a rule, even when more of the header is to come.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, DecodeError> {
        let [first, rest @ ..] = bytes else {
            return Ok(None);
        };
        if first & RESERVED_BITS != 0 {
            return Err(DecodeError::ReservedBit);
        }
        let fin = first & FIN != 0;
        let opcode = Opcode::parse(first & OPCODE)?;
        if opcode.is_control() && !fin {
            return Err(DecodeError::FragmentedControl);
        }

        let [second, rest @ ..] = rest else {
            return Ok(None);
        };
        if second & MASKED == 0 {
            return Err(DecodeError::Unmasked);
        }
        let short_length = second & SHORT_LENGTH;
        if opcode.is_control() && short_length > 125 {
            return Err(DecodeError::OversizedControl);
        }
        let Some((length, rest)) = parse_length(short_length, rest)? else {
            return Ok(None);
        };

        let Some((&mask, rest)) = rest.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let header = Self {
            fin,
            opcode,
            mask,
            length,
        };
        Ok(Some((header, bytes.len() - rest.len())))
    }
}

/// What a frame is (§5.2), reserved opcodes excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opcode {
    /// A further frame of a data message.
    Continuation,
    /// The first frame of a data message.
    Data(Data),
    Control(Control),
}

/// What a data message is (§5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Data {
    Text,
    Binary,
}

/// What a control frame is (§5.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    Close,
    Ping,
    Pong,
}

impl Opcode {
    fn parse(opcode: u8) -> Result<Self, DecodeError> {
        match opcode {
            0x0 => Ok(Self::Continuation),
            0x1 => Ok(Self::Data(Data::Text)),
            0x2 => Ok(Self::Data(Data::Binary)),
            0x8 => Ok(Self::Control(Control::Close)),
            0x9 => Ok(Self::Control(Control::Ping)),
            0xa => Ok(Self::Control(Control::Pong)),
            _ => Err(DecodeError::ReservedOpcode { opcode }),
        }
    }

    fn is_control(self) -> bool {
        matches!(self, Self::Control(_))
    }
}

/// Reads the extended length that `short_length` announces, if any, and what follows it.
fn parse_length(short_length: u8, rest: &[u8]) -> Result<Option<(u64, &[u8])>, DecodeError> {
    let (length, least, rest) = match short_length {
        126 => {
            let Some((length, rest)) = rest.split_first_chunk() else {
                return Ok(None);
            };
            (u64::from(u16::from_be_bytes(*length)), 126, rest)
        }
        127 => {
            let Some((length, rest)) = rest.split_first_chunk() else {
                return Ok(None);
            };
            (u64::from_be_bytes(*length), 1 << 16, rest)
        }
        length => (u64::from(length), 0, rest),
    };
    if length < least {
        return Err(DecodeError::NonMinimalLength);
    }
    if length >> 63 != 0 {
        return Err(DecodeError::LengthOutOfRange);
    }
    Ok(Some((length, rest)))
}

const FIN: u8 = 0x80;
const RESERVED_BITS: u8 = 0x70;
const OPCODE: u8 = 0x0f;
const MASKED: u8 = 0x80;
const SHORT_LENGTH: u8 = 0x7f;

#[cfg(test)]
mod tests {
    use super::{Data, Header, Opcode};

    #[test]
    fn fourteen_bytes_are_a_complete_header_whatever_they_say() {
        for first in 0..=255 {
            for second in 0..=255 {
                for filler in [0, 0x01, 0x7f, 0xff] {
                    let mut bytes = [filler; Header::MAX_BYTES];
                    bytes[0] = first;
                    bytes[1] = second;
                    assert_ne!(Header::parse(&bytes), Ok(None), "{bytes:?}");
                }
            }
        }
    }

    #[test]
    fn a_prefix_of_a_header_asks_for_more_and_never_for_less() {
        let bytes = [0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4, 99];
        for length in 0..Header::MAX_BYTES {
            assert_eq!(Header::parse(&bytes[..length]), Ok(None));
        }
        let header = Header {
            fin: true,
            opcode: Opcode::Data(Data::Binary),
            mask: [1, 2, 3, 4],
            length: 65536,
        };
        assert_eq!(Header::parse(&bytes), Ok(Some((header, Header::MAX_BYTES))));
    }
}
