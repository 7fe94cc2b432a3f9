//! A message that is still arriving: frames joined, text validated as it comes.
//!
//! Memory grows by doubling with what has arrived, whatever length was announced. Text is validated
//! chunk by chunk and appended to a `String`, so that the whole needs no validation; a character
//! that the end of a chunk cuts waits beside it for its remaining bytes.

use std::str::{self, Utf8Error};

use crate::DecodeError;
use crate::header::Data;

/// The payload of a message so far, and the number of frames it came in.
#[derive(Debug)]
pub(crate) struct Assembly {
    payload: Payload,
    pub(crate) fragments: u32,
}

impl Assembly {
    /// An empty message, of which the first frame has begun.
    pub(crate) fn new(kind: Data) -> Self {
        let payload = match kind {
            Data::Text => Payload::Text(PartialText::default()),
            Data::Binary => Payload::Binary(Vec::new()),
        };
        Self {
            payload,
            fragments: 1,
        }
    }

    /// Bytes received so far.
    pub(crate) fn len(&self) -> usize {
        match &self.payload {
            Payload::Text(text) => text.whole.len() + text.cut.len(),
            Payload::Binary(bytes) => bytes.len(),
        }
    }

    /// Appends unmasked bytes.
    ///
    /// # Errors
    ///
    /// [`DecodeError::InvalidUtf8`] when no continuation could make the text valid.
    pub(crate) fn push(&mut self, chunk: &[u8]) -> Result<(), DecodeError> {
        match &mut self.payload {
            Payload::Text(text) => text.push(chunk),
            Payload::Binary(bytes) => {
                bytes.extend_from_slice(chunk);
                Ok(())
            }
        }
    }

    /// The whole message.
    ///
    /// # Errors
    ///
    /// [`DecodeError::InvalidUtf8`] when the text ends inside a character.
    pub(crate) fn finish(self) -> Result<Assembled, DecodeError> {
        match self.payload {
            Payload::Text(text) if !text.cut.is_empty() => Err(DecodeError::InvalidUtf8),
            Payload::Text(text) => Ok(Assembled::Text(text.whole)),
            Payload::Binary(bytes) => Ok(Assembled::Binary(bytes)),
        }
    }
}

/// A message put together from several pieces.
#[derive(Debug)]
pub(crate) enum Assembled {
    Text(String),
    Binary(Vec<u8>),
}

#[derive(Debug)]
enum Payload {
    Text(PartialText),
    Binary(Vec<u8>),
}

/// Text that may end inside a character.
#[derive(Debug, Default)]
struct PartialText {
    whole: String,
    /// The first bytes, at most three, of a character whose rest has not arrived.
    cut: Vec<u8>,
}

impl PartialText {
    fn push(&mut self, mut chunk: &[u8]) -> Result<(), DecodeError> {
        // Byte by byte through the character that the last chunk cut, if it did.
        while !self.cut.is_empty() {
            let Some((&byte, rest)) = chunk.split_first() else {
                return Ok(());
            };
            chunk = rest;
            self.cut.push(byte);
            match str::from_utf8(&self.cut) {
                Ok(character) => {
                    self.whole.push_str(character);
                    self.cut.clear();
                }
                Err(error) if may_be_continued(error) => {}
                Err(_) => return Err(DecodeError::InvalidUtf8),
            }
        }

        match str::from_utf8(chunk) {
            Ok(text) => self.whole.push_str(text),
            Err(error) if may_be_continued(error) => {
                let (valid, cut) = chunk.split_at(error.valid_up_to());
                let valid = str::from_utf8(valid).map_err(|_| DecodeError::InvalidUtf8)?;
                self.whole.push_str(valid);
                self.cut.extend_from_slice(cut);
            }
            Err(_) => return Err(DecodeError::InvalidUtf8),
        }
        Ok(())
    }
}

/// Whether only the end of the bytes is missing: they are the beginning of valid text.
fn may_be_continued(error: Utf8Error) -> bool {
    error.error_len().is_none()
}

#[cfg(test)]
mod tests {
    use super::{Assembled, Assembly, Payload};
    use crate::DecodeError;
    use crate::header::Data;

    #[test]
    fn text_cut_anywhere_is_joined_again_8_1() {
        let text = "aß€😀-κόσμε";
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let mut assembly = Assembly::new(Data::Text);
                let bytes = text.as_bytes();
                for chunk in [&bytes[..first], &bytes[first..second], &bytes[second..]] {
                    assembly.push(chunk).unwrap();
                }
                assert_eq!(assembly.len(), text.len());
                let Ok(Assembled::Text(joined)) = assembly.finish() else {
                    panic!("cut at {first} and {second}")
                };
                assert_eq!(joined, text);
            }
        }
    }

    #[test]
    fn text_that_ends_inside_a_character_is_not_whole_8_1() {
        let mut assembly = Assembly::new(Data::Text);
        assembly
            .push("€".as_bytes().split_last().unwrap().1)
            .unwrap();
        assert!(matches!(assembly.finish(), Err(DecodeError::InvalidUtf8)));
    }

    #[test]
    fn the_first_byte_that_no_character_can_have_is_refused_8_1() {
        // The beginnings of a surrogate, of a code point above U+10FFFF, of an overlong form.
        for bytes in [[0xed, 0xa0], [0xf4, 0x90], [0xe0, 0x80]] {
            let mut assembly = Assembly::new(Data::Text);
            assembly.push(&bytes[..1]).unwrap();
            assert_eq!(assembly.push(&bytes[1..]), Err(DecodeError::InvalidUtf8));
        }
    }

    #[test]
    fn memory_is_at_most_twice_what_arrived() {
        let mut assembly = Assembly::new(Data::Binary);
        for length in 1..5000 {
            assembly.push(b"x").unwrap();
            let Payload::Binary(bytes) = &assembly.payload else {
                panic!("made for binary")
            };
            assert!(bytes.capacity() <= (2 * length).max(8));
        }
    }
}
