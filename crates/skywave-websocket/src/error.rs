//! Every way in which a client's bytes can be refused, and the close code each is answered with.

use std::error::Error;
use std::fmt;

/// Why a client's bytes were refused.
///
/// Any of them fails the connection (RFC 6455 §7.1.7): send a close frame with
/// [`close_code`](Self::close_code) and the error's `Display` text as its reason (it always fits),
/// then close the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// A reserved bit is set though no extension was negotiated (§5.2).
    ReservedBit,
    /// The opcode has no meaning (§5.2).
    ReservedOpcode {
        /// The four-bit opcode.
        opcode: u8,
    },
    /// The frame is not masked (§5.1).
    Unmasked,
    /// The length is not in its shortest form (§5.2).
    NonMinimalLength,
    /// The most significant bit of a 64-bit length is set (§5.2).
    LengthOutOfRange,
    /// A control frame is fragmented (§5.5).
    FragmentedControl,
    /// A control frame carries more than 125 bytes (§5.5).
    OversizedControl,
    /// A continuation frame arrived with no message to continue (§5.4).
    UnexpectedContinuation,
    /// A new data message began inside a fragmented one (§5.4).
    ExpectedContinuation,
    /// A text message or a close reason is not UTF-8 (§8.1).
    InvalidUtf8,
    /// The body of a close frame is a single byte (§5.5.1).
    TruncatedCloseCode,
    /// A close frame's code may not appear on the wire (§7.4).
    InvalidCloseCode {
        /// The code as received.
        code: u16,
    },
    /// The message is longer than [`Limits::message_bytes`](crate::Limits::message_bytes).
    MessageTooBig {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The message has more frames than [`Limits::fragments`](crate::Limits::fragments).
    TooManyFragments {
        /// The limit, in frames.
        limit: u32,
    },
}

impl DecodeError {
    /// The code for the close frame that answers this error (§7.4.1): 1002 protocol error,
    /// 1007 inconsistent data, 1008 policy, 1009 too big.
    #[must_use]
    pub fn close_code(&self) -> u16 {
        match self {
            Self::InvalidUtf8 => 1007,
            Self::TooManyFragments { .. } => 1008,
            Self::MessageTooBig { .. } => 1009,
            Self::ReservedBit
            | Self::ReservedOpcode { .. }
            | Self::Unmasked
            | Self::NonMinimalLength
            | Self::LengthOutOfRange
            | Self::FragmentedControl
            | Self::OversizedControl
            | Self::UnexpectedContinuation
            | Self::ExpectedContinuation
            | Self::TruncatedCloseCode
            | Self::InvalidCloseCode { .. } => 1002,
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReservedBit => f.write_str("frame has a reserved bit set"),
            Self::ReservedOpcode { opcode } => write!(f, "frame has the reserved opcode {opcode}"),
            Self::Unmasked => f.write_str("client frame is not masked"),
            Self::NonMinimalLength => f.write_str("frame length is not in its shortest form"),
            Self::LengthOutOfRange => f.write_str("frame length is 2^63 or more"),
            Self::FragmentedControl => f.write_str("control frame is fragmented"),
            Self::OversizedControl => f.write_str("control frame is longer than 125 bytes"),
            Self::UnexpectedContinuation => {
                f.write_str("continuation frame without a message to continue")
            }
            Self::ExpectedContinuation => {
                f.write_str("new message begun before the fragmented one ended")
            }
            Self::InvalidUtf8 => f.write_str("text is not valid UTF-8"),
            Self::TruncatedCloseCode => f.write_str("close frame has half a status code"),
            Self::InvalidCloseCode { code } => {
                write!(f, "close code {code} may not appear in a frame")
            }
            Self::MessageTooBig { limit } => write!(f, "message is longer than {limit} bytes"),
            Self::TooManyFragments { limit } => {
                write!(f, "message has more than {limit} fragments")
            }
        }
    }
}

impl Error for DecodeError {}
