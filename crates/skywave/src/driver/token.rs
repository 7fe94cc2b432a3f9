//! Tokens: for drivers whose clients ask once for everything they may do ([`SignToken`]), as ably-js
//! does, where those of the Channels protocol ask for a signature per channel.

use std::fmt;

use skywave_protocol::ChannelName;

use super::DriverError;
use crate::user::Member;

/// What a driver signs tokens with. The authorisation route asks the application's rules, and this
/// what to answer.
pub trait SignToken: Send + Sync {
    /// Signs a token for what the application's rules have granted, and for nothing beyond.
    ///
    /// # Errors
    ///
    /// Whatever keeps the driver from signing.
    fn sign_token(&self, grant: &Grant) -> Result<Token, DriverError>;

    /// Whether a token without a granted channel is of use, because it opens the public ones. By
    /// default it does not.
    fn opens_public_channels(&self) -> bool {
        false
    }
}

/// What the application's rules grant to the holder of a token.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Grant {
    /// Who it is, in all channels alike; `None` is a visitor.
    pub user_id: Option<String>,
    /// The channels that may be listened to, each once, of every kind; with the member as whom
    /// to join exactly for presence channels.
    pub channels: Vec<(ChannelName, Option<Member>)>,
}

/// A signed token as the client wants it. `Debug` does not print it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    content_type: &'static str,
    content: String,
}

impl Token {
    /// A token that is text.
    #[must_use]
    pub fn text(content: String) -> Self {
        Self {
            content_type: "text/plain; charset=utf-8",
            content,
        }
    }

    /// A token, or what a client gets one for, as JSON text.
    #[must_use]
    pub fn json(content: String) -> Self {
        Self {
            content_type: "application/json",
            content,
        }
    }

    /// Its media type.
    #[must_use]
    pub fn content_type(&self) -> &'static str {
        self.content_type
    }

    /// The token itself.
    #[must_use]
    pub fn content(&self) -> &str {
        &self.content
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("content_type", &self.content_type)
            .finish_non_exhaustive()
    }
}
