//! From a client's bytes to whole messages, without a copy when the message is whole already.
//!
//! [`Decoder::decode`] walks over the input frame by frame. A message that begins and ends inside
//! it is unmasked in place and borrowed from it. Everything else is kept in the two rare states,
//! each behind a box that an idle connection does not have: a frame cut by the end of the input
//! ([`Cut`]) and a data message cut by frames or by the end of the input ([`Assembly`]). Payload
//! of a cut frame is unmasked and moved into the assembly as it comes, so that no byte has to be
//! looked at again.

use std::borrow::Cow;
use std::mem;
use std::str;

use crate::assembly::{Assembled, Assembly};
use crate::header::{Control, Data, Header, Opcode};
use crate::mask::unmask;
use crate::{CloseReason, DecodeError};

/// One connection's decoder of client frames (RFC 6455 §5).
///
/// Between whole messages it owns no memory but itself. See the [crate's page](crate) for the
/// loop around it.
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    phase: Phase,
    /// The frame that the last input ended in.
    cut: Option<Box<Cut>>,
    /// The data message that has begun and not ended; control frames may come in between (§5.4).
    assembly: Option<Box<Assembly>>,
}

/// What one message of a peer may cost.
///
/// A frame needs no limit of its own: it is part of a message and refused as soon as its header
/// announces more than is left of the message's limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest data message, in bytes of payload, all its frames together.
    pub message_bytes: usize,
    /// The most frames that one data message may come in. Frames may be empty, so without
    /// this limit a message could go on for ever.
    pub fragments: u32,
}

/// 64 KiB and 1024 frames: several times what a Pusher message needs.
impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 64 * 1024,
            fragments: 1024,
        }
    }
}

/// One message of a client, borrowed until the next is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// A whole text message (§5.6).
    Text(&'a str),
    /// A whole binary message (§5.6).
    Binary(&'a [u8]),
    /// To be answered with a pong of the same payload, at most 125 bytes (§5.5.2).
    Ping(&'a [u8]),
    /// The answer to a ping, or unsolicited (§5.5.3).
    Pong(&'a [u8]),
    /// The peer closes, and nothing follows (§5.5.1). `None` when it gave no status code.
    Close(Option<CloseReason<'a>>),
}

impl Decoder {
    /// A decoder for a connection whose handshake has been answered.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            phase: Phase::Ready,
            cut: None,
            assembly: None,
        }
    }

    /// Decodes the next bytes of the connection, overwriting them.
    ///
    /// Call [`Messages::next`] until it returns `None`: then all of `input` is consumed. Dropping
    /// the messages earlier loses bytes, so the decoder then gives no more messages, like after an
    /// error or a close message.
    pub fn decode<'a>(&'a mut self, input: &'a mut [u8]) -> Messages<'a> {
        self.phase = match self.phase {
            Phase::Ready => Phase::Decoding,
            Phase::Decoding | Phase::Finished => Phase::Finished,
        };
        Messages {
            decoder: self,
            input,
            lent: None,
        }
    }

    /// Whether the next input begins a message of a connection that goes on: a new decoder would
    /// take it just as well, so an idle connection need not keep this one.
    #[must_use]
    pub fn is_between_messages(&self) -> bool {
        self.phase == Phase::Ready && self.cut.is_none() && self.assembly.is_none()
    }

    /// Checks what a header can break only after the frames before it: order and limits.
    fn admit(&mut self, header: &Header) -> Result<(), DecodeError> {
        let received = match (header.opcode, &mut self.assembly) {
            (Opcode::Control(_), _) => return Ok(()),
            (Opcode::Continuation, None) => return Err(DecodeError::UnexpectedContinuation),
            (Opcode::Data(_), Some(_)) => return Err(DecodeError::ExpectedContinuation),
            (Opcode::Data(_), None) => 0,
            (Opcode::Continuation, Some(assembly)) => {
                let limit = self.limits.fragments;
                if assembly.fragments >= limit {
                    return Err(DecodeError::TooManyFragments { limit });
                }
                assembly.fragments += 1;
                assembly.len()
            }
        };
        let limit = self.limits.message_bytes;
        if header.length > limit.saturating_sub(received) as u64 {
            return Err(DecodeError::MessageTooBig { limit });
        }
        Ok(())
    }

    /// Stops for good and frees what a message in progress held.
    fn finish(&mut self) {
        self.phase = Phase::Finished;
        self.cut = None;
        self.assembly = None;
    }
}

/// The messages in one input, lent one at a time: see [`Decoder::decode`].
#[must_use = "bytes are decoded by `next`, and lost when it is not called until it returns `None`"]
#[derive(Debug)]
pub struct Messages<'a> {
    decoder: &'a mut Decoder,
    /// What is not consumed yet.
    input: &'a mut [u8],
    /// The message that the last `next` lent; freed by the following one.
    lent: Option<Whole<'a>>,
}

impl<'a> Messages<'a> {
    /// The next message; `None` when the rest of the input, if any, is the beginning of one.
    ///
    /// Nothing more is given after an error or after [`Message::Close`].
    ///
    /// # Errors
    ///
    /// The rule that the client broke; the connection has to be failed (§7.1.7).
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator's items cannot borrow from it, and these do"
    )]
    pub fn next(&mut self) -> Option<Result<Message<'_>, DecodeError>> {
        self.lent = None;
        if self.decoder.phase != Phase::Decoding {
            return None;
        }
        let result = match self.advance() {
            Ok(Some(whole)) => self.lent.insert(whole).message(),
            Ok(None) => {
                self.decoder.phase = Phase::Ready;
                return None;
            }
            Err(error) => Err(error),
        };
        if matches!(result, Ok(Message::Close(_)) | Err(_)) {
            self.decoder.finish();
        }
        Some(result)
    }

    /// Consumes input up to the end of a message, or all of it.
    fn advance(&mut self) -> Result<Option<Whole<'a>>, DecodeError> {
        while let Some(mut frame) = self.frame()? {
            let header = frame.header;
            let chunk = self.payload(&mut frame);
            let is_whole = frame.remaining == 0;

            let message = match header.opcode {
                Opcode::Control(kind) => frame.control(kind, chunk),
                Opcode::Data(kind) if header.fin && is_whole && self.decoder.assembly.is_none() => {
                    Some(Whole::Data(kind, chunk))
                }
                Opcode::Data(_) | Opcode::Continuation => self.assemble(&frame, chunk)?,
            };
            if message.is_some() {
                return Ok(message);
            }
            if !is_whole {
                self.decoder.cut = Some(Box::new(Cut::Frame(frame)));
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// The frame to go on with: the one that the last input ended in, or a new one.
    fn frame(&mut self) -> Result<Option<Frame>, DecodeError> {
        let mut start = match self.decoder.cut.take().map(|cut| *cut) {
            Some(Cut::Frame(frame)) => return Ok(Some(frame)),
            Some(Cut::Header(start)) => start,
            None => HeaderStart::default(),
        };
        let held = start.length;
        start.fill(self.input);
        if let Some((header, length)) = Header::parse(start.bytes())? {
            // What was held was not a whole header, so `length` is more.
            self.take_input(length.saturating_sub(held));
            self.decoder.admit(&header)?;
            return Ok(Some(Frame::new(header)));
        }
        self.input = &mut [];
        if start.length > 0 {
            self.decoder.cut = Some(Box::new(Cut::Header(start)));
        }
        Ok(None)
    }

    /// As much of the frame's payload as the input has, unmasked.
    fn payload(&mut self, frame: &mut Frame) -> &'a [u8] {
        let position = frame.header.length - frame.remaining;
        let length = usize::try_from(frame.remaining).unwrap_or(usize::MAX);
        let chunk = self.take_input(length);
        frame.remaining -= chunk.len() as u64;
        unmask(chunk, frame.header.mask, position);
        chunk
    }

    /// The next `length` bytes of input, or all of it when there are fewer.
    fn take_input(&mut self, length: usize) -> &'a mut [u8] {
        let input = mem::take(&mut self.input);
        let (taken, rest) = input.split_at_mut(length.min(input.len()));
        self.input = rest;
        taken
    }

    /// Adds a piece to a message that is not whole in one frame or input; gives it if it is whole
    /// now.
    fn assemble(&mut self, frame: &Frame, chunk: &[u8]) -> Result<Option<Whole<'a>>, DecodeError> {
        let mut assembly = match (self.decoder.assembly.take(), frame.header.opcode) {
            (Some(assembly), _) => assembly,
            (None, Opcode::Data(kind)) => Box::new(Assembly::new(kind)),
            (None, Opcode::Continuation | Opcode::Control(_)) => {
                return Err(DecodeError::UnexpectedContinuation);
            }
        };
        assembly.push(chunk)?;
        if frame.remaining == 0 && frame.header.fin {
            return assembly.finish().map(Whole::Assembled).map(Some);
        }
        self.decoder.assembly = Some(assembly);
        Ok(None)
    }
}

/// What the decoder does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Between two inputs.
    Ready,
    /// Inside an input; found at the start of the next one, its end was not reached.
    Decoding,
    /// After a close message, an error, or an input that was not read to its end.
    Finished,
}

/// A frame that the end of the input cut in its header or after it.
#[derive(Debug)]
enum Cut {
    Header(HeaderStart),
    Frame(Frame),
}

/// The first bytes of a header.
#[derive(Debug, Default)]
struct HeaderStart {
    bytes: [u8; Header::MAX_BYTES],
    length: usize,
}

impl HeaderStart {
    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Adds as much of `input` as a header could still have.
    fn fill(&mut self, input: &[u8]) {
        for (slot, &byte) in self.bytes[self.length..].iter_mut().zip(input) {
            *slot = byte;
            self.length += 1;
        }
    }
}

/// A frame whose header is read and admitted.
#[derive(Debug)]
struct Frame {
    header: Header,
    /// Payload bytes that have not been taken from the input.
    remaining: u64,
    /// Of a control frame, the payload that earlier inputs had.
    control: Vec<u8>,
}

impl Frame {
    fn new(header: Header) -> Self {
        Self {
            header,
            remaining: header.length,
            control: Vec::new(),
        }
    }

    /// Adds a piece to a control frame; gives its message if it is whole now.
    fn control<'a>(&mut self, kind: Control, chunk: &'a [u8]) -> Option<Whole<'a>> {
        if self.remaining == 0 && self.control.is_empty() {
            return Some(Whole::Control(kind, Cow::Borrowed(chunk)));
        }
        self.control.extend_from_slice(chunk);
        let is_whole = self.remaining == 0;
        is_whole.then(|| Whole::Control(kind, Cow::Owned(mem::take(&mut self.control))))
    }
}

/// A message that is whole, where its bytes are.
#[derive(Debug)]
enum Whole<'a> {
    /// In the input; text is not validated yet.
    Data(Data, &'a [u8]),
    /// Put together, text validated on the way.
    Assembled(Assembled),
    Control(Control, Cow<'a, [u8]>),
}

impl Whole<'_> {
    fn message(&self) -> Result<Message<'_>, DecodeError> {
        Ok(match self {
            Self::Data(Data::Text, payload) => {
                Message::Text(str::from_utf8(payload).map_err(|_| DecodeError::InvalidUtf8)?)
            }
            Self::Data(Data::Binary, payload) => Message::Binary(payload),
            Self::Assembled(Assembled::Text(text)) => Message::Text(text),
            Self::Assembled(Assembled::Binary(payload)) => Message::Binary(payload),
            Self::Control(Control::Close, payload) => Message::Close(CloseReason::parse(payload)?),
            Self::Control(Control::Ping, payload) => Message::Ping(payload),
            Self::Control(Control::Pong, payload) => Message::Pong(payload),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Decoder, Limits, Message};

    /// A masked "Hello" (§5.7).
    const HELLO: &[u8] = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";

    #[test]
    fn a_decoder_is_small() {
        assert!(size_of::<Decoder>() <= 40, "{}", size_of::<Decoder>());
    }

    #[test]
    fn a_decoder_owns_nothing_between_messages() {
        let mut decoder = Decoder::new(Limits::default());
        for cut in 0..HELLO.len() {
            let mut head = HELLO[..cut].to_vec();
            let mut tail = HELLO[cut..].to_vec();
            assert_eq!(decoder.decode(&mut head).next(), None);
            assert_eq!(decoder.cut.is_some(), cut > 0);

            let mut messages = decoder.decode(&mut tail);
            assert_eq!(messages.next(), Some(Ok(Message::Text("Hello"))));
            assert!(messages.decoder.assembly.is_none());
            assert_eq!(messages.next(), None);
            assert!(messages.lent.is_none());
            assert!(decoder.cut.is_none() && decoder.assembly.is_none());
        }
    }

    #[test]
    fn a_promised_length_reserves_nothing() {
        let limits = Limits {
            message_bytes: usize::MAX,
            fragments: 1,
        };
        let mut decoder = Decoder::new(limits);
        let mut input = *b"\x82\xff\x40\0\0\0\0\0\0\0\0\0\0\0abc";
        assert_eq!(decoder.decode(&mut input).next(), None);
        assert_eq!(decoder.assembly.unwrap().len(), 3);
    }

    #[test]
    fn an_error_frees_what_the_message_in_progress_held() {
        let mut decoder = Decoder::new(Limits::default());
        let mut input = *b"\x01\x81\0\0\0\0a\x81\x80\0\0\0\0";
        assert!(matches!(decoder.decode(&mut input).next(), Some(Err(_))));
        assert!(decoder.cut.is_none() && decoder.assembly.is_none());
    }
}
