//! The public name of a connection.

use std::fmt;
use std::str::FromStr;

/// The socket id of a connection: two numbers, written `high.low`.
///
/// Signatures are bound to it and every server library checks its form, so only the canonical
/// decimal writing is accepted and each id has exactly one text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId {
    high: u64,
    low: u64,
}

impl SocketId {
    /// The id `high.low`. Making it unique and hard to guess is up to the caller.
    #[must_use]
    pub const fn new(high: u64, low: u64) -> Self {
        Self { high, low }
    }

    /// The number before the dot.
    #[must_use]
    pub const fn high(self) -> u64 {
        self.high
    }

    /// The number after the dot.
    #[must_use]
    pub const fn low(self) -> u64 {
        self.low
    }

    /// Reads `high.low`.
    ///
    /// # Errors
    ///
    /// [`ParseSocketIdError`] unless `text` is two decimal numbers below 2^64 with a dot between
    /// them, without signs, spaces or leading zeros.
    pub fn parse(text: &str) -> Result<Self, ParseSocketIdError> {
        let (high, low) = text.split_once('.').ok_or(ParseSocketIdError)?;
        Ok(Self {
            high: canonical(high)?,
            low: canonical(low)?,
        })
    }
}

impl FromStr for SocketId {
    type Err = ParseSocketIdError;

    fn from_str(text: &str) -> Result<Self, ParseSocketIdError> {
        Self::parse(text)
    }
}

impl fmt::Display for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.high, self.low)
    }
}

/// The text is not a socket id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseSocketIdError;

impl fmt::Display for ParseSocketIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a socket id is two decimal numbers with a dot between them, as in 1234.5678")
    }
}

impl std::error::Error for ParseSocketIdError {}

fn canonical(digits: &str) -> Result<u64, ParseSocketIdError> {
    let leading_zero = digits.len() > 1 && digits.starts_with('0');
    // `u64::from_str` would take a sign.
    if leading_zero || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ParseSocketIdError);
    }
    digits.parse().map_err(|_| ParseSocketIdError)
}
