//! What happened in an app, for those who are told about it outside: webhooks (protocol §3.4).

use std::fmt;

use skywave_protocol::{ChannelName, SocketId};

use crate::app::App;

/// Learns what happens in channels, in the order in which it happens in each.
///
/// It is called under the channel's lock, on the thread that made it happen: it must neither block
/// nor call the engine. Channels of single users (`#server-to-user-…`) are left out.
pub trait Observer: fmt::Debug + Send + Sync {
    /// Something happened in `channel` of `app`.
    fn observe(&self, app: &App, channel: &ChannelName, occurrence: &Occurrence<'_>);
}

/// Something that happened in a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occurrence<'a> {
    /// It got its first subscription.
    Occupied,
    /// It lost its last subscription.
    Vacated,
    /// A user became present; not told for the user's further connections.
    MemberAdded {
        /// Who.
        user_id: &'a str,
    },
    /// The last connection of a present user left.
    MemberRemoved {
        /// Who.
        user_id: &'a str,
    },
    /// A subscriber sent an event to the others.
    ClientEvent {
        /// The event's name, `client-…`.
        event: &'a str,
        /// Its data, as the others got it.
        data: &'a str,
        /// Who sent it.
        socket_id: SocketId,
        /// As whom, in a presence channel.
        user_id: Option<&'a str>,
    },
    /// Somebody subscribed to a cache channel that held nothing.
    CacheMiss,
    /// Its number of subscriptions changed; told no more often than subscribers are.
    SubscriptionCount {
        /// Subscriptions, each connection counted.
        count: usize,
    },
}
