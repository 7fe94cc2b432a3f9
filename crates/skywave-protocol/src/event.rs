//! Names of the events that applications publish.

use std::fmt;

/// A publishable event name: not empty, at most [`MAX_CHARS`](Self::MAX_CHARS) characters, and
/// outside the protocol's own `pusher:` and `pusher_internal:`.
///
/// Any other character is allowed, as libraries send names such as `App\Events\Foo`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventName(Box<str>);

impl EventName {
    /// The longest name that the official libraries send, in characters.
    pub const MAX_CHARS: usize = 200;

    /// Checks `name`.
    ///
    /// # Errors
    ///
    /// The rule of [`EventNameError`] that `name` breaks.
    pub fn parse(name: &str) -> Result<Self, EventNameError> {
        Self::check(name, Self::MAX_CHARS)?;
        Ok(Self(name.into()))
    }

    /// The name as it is written in messages.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Checks `name`, without keeping it, against a limit that may be lower, in characters.
    pub(crate) fn check(name: &str, limit: usize) -> Result<(), EventNameError> {
        let limit = limit.min(Self::MAX_CHARS);
        if name.is_empty() {
            return Err(EventNameError::Empty);
        }
        if name.starts_with("pusher:") || name.starts_with("pusher_internal:") {
            return Err(EventNameError::Reserved);
        }
        // A name has at least as many bytes as characters: count only the long ones.
        if name.len() > limit && name.chars().count() > limit {
            return Err(EventNameError::TooLong { limit });
        }
        Ok(())
    }
}

impl AsRef<str> for EventName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The rule that an event name breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventNameError {
    /// The name is the empty string.
    Empty,
    /// The name has more characters than allowed.
    TooLong {
        /// Characters allowed.
        limit: usize,
    },
    /// The name starts with `pusher:` or `pusher_internal:`.
    Reserved,
}

impl fmt::Display for EventNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("an event name must not be empty"),
            Self::TooLong { limit } => write!(f, "an event name has at most {limit} characters"),
            Self::Reserved => {
                f.write_str("event names starting with pusher: or pusher_internal: are reserved")
            }
        }
    }
}

impl std::error::Error for EventNameError {}
