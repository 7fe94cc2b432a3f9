//! A bounded quotation of what a peer sent.

use std::fmt;

/// The first characters of a peer's text, kept to say in a refusal what is refused.
///
/// At most [`MAX_CHARS`](Self::MAX_CHARS) characters, which holds every valid channel name and
/// event name whole, or 2,048 of a text to be signed; a longer text ends in `…`. So no refusal
/// grows with what provoked it.
#[derive(Clone, PartialEq, Eq)]
pub struct Excerpt(Box<str>);

impl Excerpt {
    /// The longest text that is kept whole, in characters.
    pub const MAX_CHARS: usize = 200;

    /// The beginning of a text that was to be signed, long enough to hold whole whatever is within
    /// the default limits, so that a developer can compare it.
    pub(crate) fn of_signed(text: &str) -> Self {
        Self::up_to(2_048, text)
    }

    /// The text kept.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn up_to(limit: usize, text: &str) -> Self {
        match text.char_indices().nth(limit) {
            Some((end, _)) => Self(format!("{}…", &text[..end]).into()),
            None => Self(text.into()),
        }
    }
}

impl From<&str> for Excerpt {
    fn from(text: &str) -> Self {
        Self::up_to(Self::MAX_CHARS, text)
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
