//! Whom an event is not for: its author, as a connection or as a user.

use std::sync::Arc;

use skywave_protocol::SocketId;

use crate::connection::Connection;

/// Who does not get an event, although subscribed to its channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Except<'a> {
    /// One connection: `socket_id` of the HTTP API, the sender of a client event. An id that no
    /// connection has excludes nobody.
    Connection(SocketId),
    /// Every connection of the user with this id: those signed in as the user, and those whose
    /// subscription to the channel makes them this member of it.
    User(&'a str),
    /// Both: the connection whose request it is may be one that has not signed in.
    UserAt(&'a str, SocketId),
}

impl From<SocketId> for Except<'_> {
    fn from(socket_id: SocketId) -> Self {
        Self::Connection(socket_id)
    }
}

/// An [`Except`] on its way through inboxes; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) enum Excluded {
    Connection(SocketId),
    User(Arc<str>, Option<SocketId>),
}

impl Excluded {
    /// Whether `connection`, a subscriber of the channel at local index `channel`, is meant.
    pub(crate) fn means<L>(&self, connection: &Connection<L>, channel: u32) -> bool {
        match self {
            Self::Connection(socket_id) => *socket_id == connection.socket_id(),
            Self::User(user_id, socket_id) => {
                *socket_id == Some(connection.socket_id())
                    || connection.is_user(user_id)
                    || connection.is_member(channel, user_id)
            }
        }
    }
}

impl From<Except<'_>> for Excluded {
    fn from(except: Except<'_>) -> Self {
        match except {
            Except::Connection(socket_id) => Self::Connection(socket_id),
            Except::User(user_id) => Self::User(user_id.into(), None),
            Except::UserAt(user_id, socket_id) => Self::User(user_id.into(), Some(socket_id)),
        }
    }
}
