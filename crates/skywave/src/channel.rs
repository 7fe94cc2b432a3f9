//! Channels as an application names them: [`Channel`], the documents' [`PrivateChannel`] and
//! [`PresenceChannel`], and everything that can stand for one or several of them
//! ([`IntoChannels`]).
//!
//! A channel is its full name, prefix included; the prefix decides the [kind](ChannelKind),
//! however the channel was written. Constructors add their prefix once and never fail: a name is
//! checked against the protocol's alphabet and length when something is sent, where the error
//! names it and nothing has gone out yet.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Serialize, Serializer};
use skywave_protocol::ChannelKind;

use crate::typed::Origin;

/// A channel to send to, by its full name.
///
/// ```
/// use skywave::{Channel, ChannelKind};
///
/// assert_eq!(Channel::new("releases").kind(), ChannelKind::Public);
/// assert_eq!(Channel::private("admins"), "private-admins");
/// // The prefix is added once, and it decides the kind in every form.
/// assert_eq!(Channel::private("private-admins"), "private-admins");
/// assert_eq!(Channel::new("private-admins"), Channel::private("admins"));
/// ```
#[derive(Clone)]
pub struct Channel {
    name: String,
    /// The typed channel that it was made of; no part of what it is.
    origin: Option<Box<Origin>>,
}

impl Channel {
    /// The channel of exactly this name. A prefix in the name decides the kind, so
    /// `Channel::new("private-admins")` is a private channel.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            origin: None,
        }
    }

    /// A private channel: `private-` is put before the name unless it is there already.
    pub fn private(name: impl Into<String>) -> Self {
        Self::prefixed(ChannelKind::Private, name.into())
    }

    /// A presence channel: `presence-` is put before the name unless it is there already.
    pub fn presence(name: impl Into<String>) -> Self {
        Self::prefixed(ChannelKind::Presence, name.into())
    }

    /// An encrypted channel, whose data only its subscribers can read: `private-encrypted-` is put
    /// before the name unless it is there already. The driver needs a
    /// [master key](crate::driver::Encryption), and an event for it goes to it alone.
    pub fn encrypted(name: impl Into<String>) -> Self {
        Self::prefixed(ChannelKind::Encrypted, name.into())
    }

    /// The full name, prefix included, as it travels.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The kind that the name's prefix says.
    #[must_use]
    pub fn kind(&self) -> ChannelKind {
        ChannelKind::of(&self.name)
    }

    /// The channel of a typed channel.
    pub(crate) fn of_type(name: String, origin: Origin) -> Self {
        Self {
            name,
            origin: Some(Box::new(origin)),
        }
    }

    pub(crate) fn origin(&self) -> Option<&Origin> {
        self.origin.as_deref()
    }

    fn prefixed(kind: ChannelKind, name: String) -> Self {
        let prefix = kind.prefix();
        if name.starts_with(prefix) {
            Self::new(name)
        } else {
            Self::new(format!("{prefix}{name}"))
        }
    }
}

/// A channel is its name.
impl PartialEq for Channel {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Channel {}

impl PartialOrd for Channel {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Channel {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name.cmp(&other.name)
    }
}

impl Hash for Channel {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Channel({:?})", self.name)
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// As its full name.
impl Serialize for Channel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name)
    }
}

impl PartialEq<str> for Channel {
    fn eq(&self, other: &str) -> bool {
        self.name == other
    }
}

impl PartialEq<&str> for Channel {
    fn eq(&self, other: &&str) -> bool {
        self.name == *other
    }
}

/// The documents' name for [`Channel::private`].
#[derive(Debug)]
pub enum PrivateChannel {}

impl PrivateChannel {
    /// The private channel of this name, as [`Channel::private`] makes it.
    #[expect(
        clippy::new_ret_no_self,
        reason = "the documents' constructor; there is one channel type"
    )]
    pub fn new(name: impl Into<String>) -> Channel {
        Channel::private(name)
    }
}

/// The documents' name for [`Channel::presence`].
#[derive(Debug)]
pub enum PresenceChannel {}

impl PresenceChannel {
    /// The presence channel of this name, as [`Channel::presence`] makes it.
    #[expect(
        clippy::new_ret_no_self,
        reason = "the documents' constructor; there is one channel type"
    )]
    pub fn new(name: impl Into<String>) -> Channel {
        Channel::presence(name)
    }
}

/// An encrypted channel by a name of its own, beside [`PrivateChannel`] and [`PresenceChannel`].
#[derive(Debug)]
pub enum EncryptedChannel {}

impl EncryptedChannel {
    /// The encrypted channel of this name, as [`Channel::encrypted`] makes it.
    #[expect(
        clippy::new_ret_no_self,
        reason = "like its siblings; there is one channel type"
    )]
    pub fn new(name: impl Into<String>) -> Channel {
        Channel::encrypted(name)
    }
}

/// What can be sent to: one channel or several, as text or as [`Channel`]s.
///
/// Arrays, slices and vectors take any of these as elements. Implement it for types of your own
/// that know their channels.
///
/// ```
/// use skywave::{Channel, IntoChannels, PrivateChannel};
///
/// assert_eq!("c1".into_channels(), ["c1"]);
/// assert_eq!(["c1", "c2"].into_channels(), ["c1", "c2"]);
/// assert_eq!(vec![Channel::new("c1"), PrivateChannel::new("c2")].into_channels(), ["c1", "private-c2"]);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name a channel",
    label = "expected a channel name, a `Channel`, or several of them",
    note = "text, `Channel`, and arrays, slices and vectors of them name channels"
)]
pub trait IntoChannels {
    /// The channels, in the order given.
    fn into_channels(self) -> Vec<Channel>;
}

impl IntoChannels for Channel {
    fn into_channels(self) -> Vec<Channel> {
        vec![self]
    }
}

impl IntoChannels for &Channel {
    fn into_channels(self) -> Vec<Channel> {
        vec![self.clone()]
    }
}

impl IntoChannels for &str {
    fn into_channels(self) -> Vec<Channel> {
        vec![Channel::new(self)]
    }
}

impl IntoChannels for String {
    fn into_channels(self) -> Vec<Channel> {
        vec![Channel::new(self)]
    }
}

impl IntoChannels for &String {
    fn into_channels(self) -> Vec<Channel> {
        vec![Channel::new(self)]
    }
}

impl IntoChannels for Cow<'_, str> {
    fn into_channels(self) -> Vec<Channel> {
        vec![Channel::new(self)]
    }
}

impl<T: IntoChannels, const N: usize> IntoChannels for [T; N] {
    fn into_channels(self) -> Vec<Channel> {
        self.into_iter().flat_map(T::into_channels).collect()
    }
}

impl<T: IntoChannels> IntoChannels for Vec<T> {
    fn into_channels(self) -> Vec<Channel> {
        self.into_iter().flat_map(T::into_channels).collect()
    }
}

impl<T: IntoChannels + Clone> IntoChannels for &[T] {
    fn into_channels(self) -> Vec<Channel> {
        self.iter().cloned().flat_map(T::into_channels).collect()
    }
}

impl<T: IntoChannels + Clone, const N: usize> IntoChannels for &[T; N] {
    fn into_channels(self) -> Vec<Channel> {
        self.as_slice().into_channels()
    }
}

impl<T: IntoChannels + Clone> IntoChannels for &Vec<T> {
    fn into_channels(self) -> Vec<Channel> {
        self.as_slice().into_channels()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_added_once() {
        for name in ["orders.7", "private-orders.7"] {
            assert_eq!(PrivateChannel::new(name), "private-orders.7");
        }
        for name in ["room", "presence-room"] {
            assert_eq!(PresenceChannel::new(name), "presence-room");
        }
        for name in ["vault", "private-encrypted-vault"] {
            assert_eq!(EncryptedChannel::new(name), "private-encrypted-vault");
        }
    }

    #[test]
    fn the_prefix_decides_the_kind_in_every_form() {
        for (channel, kind) in [
            (Channel::new("x"), ChannelKind::Public),
            (Channel::new("private-x"), ChannelKind::Private),
            (Channel::private("x"), ChannelKind::Private),
            (Channel::new("presence-x"), ChannelKind::Presence),
            (Channel::new("private-encrypted-x"), ChannelKind::Encrypted),
            (Channel::private("encrypted-x"), ChannelKind::Encrypted),
            (Channel::new("cache-x"), ChannelKind::Cache),
            (Channel::private("cache-x"), ChannelKind::PrivateCache),
        ] {
            assert_eq!(channel.kind(), kind, "{channel}");
        }
    }

    #[test]
    fn every_form_names_the_same_channels() {
        let text = String::from("a");
        let channel = Channel::new("a");
        for channels in [
            "a".into_channels(),
            text.clone().into_channels(),
            (&text).into_channels(),
            Cow::Borrowed("a").into_channels(),
            channel.clone().into_channels(),
            (&channel).into_channels(),
            ["a"].into_channels(),
            (&["a"]).into_channels(),
            vec![text.clone()].into_channels(),
            (&vec![channel.clone()]).into_channels(),
            [text].as_slice().into_channels(),
            [["a"]].into_channels(),
        ] {
            assert_eq!(channels, ["a"]);
        }
    }
}
