//! Channel names and the kinds that their prefixes give them.
//!
//! A [`ChannelName`] is checked once, when it is made, and is cheap to clone afterwards. Who may
//! subscribe to a channel is not decided here: [`ChannelKind`] only says what the protocol asks for.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// A valid channel name: one or more of `A-Z a-z 0-9 _ - = @ , . ;`, at most
/// [`MAX_LENGTH`](Self::MAX_LENGTH) bytes, optionally after the prefix `#server-to-user-`.
///
/// No other `#` name exists, and nothing in a name ever needs escaping in JSON. Channels protocol,
/// "Channel naming conventions".
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelName(Arc<str>);

impl ChannelName {
    /// The longest name that any official library lets through, in bytes, prefix included.
    ///
    /// A server's own limit is usually lower: [`Limits::channel_name_bytes`](crate::Limits).
    pub const MAX_LENGTH: usize = 200;

    /// Checks `name`.
    ///
    /// # Errors
    ///
    /// The first rule of [`NameError`] that `name` breaks.
    pub fn parse(name: &str) -> Result<Self, NameError> {
        if name.len() > Self::MAX_LENGTH {
            return Err(NameError::TooLong {
                length: name.len(),
                limit: Self::MAX_LENGTH,
            });
        }
        let checked = name.strip_prefix(SERVER_TO_USER).unwrap_or(name);
        if name.starts_with('#') && (checked.len() == name.len() || checked.is_empty()) {
            return Err(NameError::ReservedHash);
        }
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        let offset = name.len() - checked.len();
        match checked
            .char_indices()
            .find(|&(_, character)| !is_allowed(character))
        {
            Some((at, character)) => Err(NameError::BadCharacter {
                character,
                position: offset + at,
            }),
            None => Ok(Self(name.into())),
        }
    }

    /// The name as it is written in messages.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The kind that the name's prefix gives the channel.
    #[must_use]
    pub fn kind(&self) -> ChannelKind {
        ChannelKind::of(&self.0)
    }

    /// The user whose own channel this is; `None` unless the kind is
    /// [`ServerToUser`](ChannelKind::ServerToUser).
    #[must_use]
    pub fn user_id(&self) -> Option<&str> {
        self.0.strip_prefix(SERVER_TO_USER)
    }
}

impl FromStr for ChannelName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        Self::parse(name)
    }
}

impl AsRef<str> for ChannelName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ChannelName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Serialize for ChannelName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// What a channel is, by the prefix of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChannelKind {
    /// Open to everyone: no prefix.
    Public,
    /// `private-`: subscribing needs a signature.
    Private,
    /// `presence-`: a signature, and subscribers know each other as members.
    Presence,
    /// `private-encrypted-`: private, and event data is opaque to the server.
    Encrypted,
    /// `cache-`: public, and the last event is replayed to new subscribers.
    Cache,
    /// `private-cache-`.
    PrivateCache,
    /// `presence-cache-`.
    PresenceCache,
    /// `private-encrypted-cache-`.
    EncryptedCache,
    /// `#server-to-user-`: the events of one signed-in user.
    ServerToUser,
}

impl ChannelKind {
    /// Classifies a name by its longest known prefix; the name itself is not checked.
    #[must_use]
    pub fn of(name: &str) -> Self {
        PREFIXES
            .iter()
            .find(|kind| name.starts_with(kind.prefix()))
            .copied()
            .unwrap_or(Self::Public)
    }

    /// The prefix of all names of this kind; empty for public channels.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Public => "",
            Self::Private => "private-",
            Self::Presence => "presence-",
            Self::Encrypted => "private-encrypted-",
            Self::Cache => "cache-",
            Self::PrivateCache => "private-cache-",
            Self::PresenceCache => "presence-cache-",
            Self::EncryptedCache => "private-encrypted-cache-",
            Self::ServerToUser => SERVER_TO_USER,
        }
    }

    /// Whether a subscription must carry a signature of the app.
    ///
    /// [`ServerToUser`](Self::ServerToUser) channels carry none: they need a signed-in connection.
    #[must_use]
    pub const fn needs_authorisation(self) -> bool {
        match self {
            Self::Public | Self::Cache | Self::ServerToUser => false,
            Self::Private
            | Self::Presence
            | Self::Encrypted
            | Self::PrivateCache
            | Self::PresenceCache
            | Self::EncryptedCache => true,
        }
    }

    /// Whether the channel has members.
    #[must_use]
    pub const fn is_presence(self) -> bool {
        matches!(self, Self::Presence | Self::PresenceCache)
    }

    /// Whether event data is opaque to the server.
    #[must_use]
    pub const fn is_encrypted(self) -> bool {
        matches!(self, Self::Encrypted | Self::EncryptedCache)
    }

    /// Whether the last event is kept for new subscribers.
    #[must_use]
    pub const fn is_cache(self) -> bool {
        matches!(
            self,
            Self::Cache | Self::PrivateCache | Self::PresenceCache | Self::EncryptedCache
        )
    }

    /// Whether an app that counts subscriptions tells the subscribers how many they are.
    ///
    /// Presence channels have members instead. On encrypted channels official clients would try to
    /// decrypt the count, and a user's own channel has only that user.
    #[must_use]
    pub const fn shows_subscription_count(self) -> bool {
        match self {
            Self::Public | Self::Private | Self::Cache | Self::PrivateCache => true,
            Self::Presence
            | Self::PresenceCache
            | Self::Encrypted
            | Self::EncryptedCache
            | Self::ServerToUser => false,
        }
    }

    /// Whether subscribers may send client events: on every private or presence channel.
    #[must_use]
    pub const fn accepts_client_events(self) -> bool {
        self.needs_authorisation()
    }
}

/// The rule that a channel name breaks. `Display` names the rule; the caller names the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// The name is the empty string.
    Empty,
    /// The name has more bytes than allowed.
    TooLong {
        /// Bytes in the name.
        length: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The name has a character outside the alphabet.
    BadCharacter {
        /// The first such character.
        character: char,
        /// Its offset in the name, in bytes.
        position: usize,
    },
    /// The name starts with `#` but is not `#server-to-user-` followed by a user id.
    ReservedHash,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a channel name must not be empty"),
            Self::TooLong { length, limit } => {
                write!(
                    f,
                    "a channel name has at most {limit} bytes, this one has {length}"
                )
            }
            Self::BadCharacter {
                character,
                position,
            } => write!(
                f,
                "{character:?} at byte {position} is not one of the letters, digits and _-=@,.; of \
                 a channel name"
            ),
            Self::ReservedHash => {
                f.write_str("a channel name starts with # only as #server-to-user- and a user id")
            }
        }
    }
}

impl std::error::Error for NameError {}

fn is_allowed(character: char) -> bool {
    matches!(
        character,
        'A'..='Z' | 'a'..='z' | '0'..='9' | '_' | '-' | '=' | '@' | ',' | '.' | ';'
    )
}

const SERVER_TO_USER: &str = "#server-to-user-";

/// The kinds with a prefix, longest first where one prefix begins another.
const PREFIXES: [ChannelKind; 8] = [
    ChannelKind::EncryptedCache,
    ChannelKind::Encrypted,
    ChannelKind::PrivateCache,
    ChannelKind::Private,
    ChannelKind::PresenceCache,
    ChannelKind::Presence,
    ChannelKind::Cache,
    ChannelKind::ServerToUser,
];
