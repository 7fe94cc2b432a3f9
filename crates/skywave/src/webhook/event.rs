//! What may have happened on a server's channels: [`WebhookEvent`].

use serde_json::{Map, Value};
use skywave_protocol::SocketId;

use crate::channel::Channel;

/// One event of a [`Webhook`](super::Webhook).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum WebhookEvent {
    /// The first connection listens to a channel.
    ChannelOccupied {
        /// The channel.
        channel: Channel,
    },
    /// The last connection listens to a channel no more.
    ChannelVacated {
        /// The channel.
        channel: Channel,
    },
    /// A user joined a presence channel.
    MemberAdded {
        /// The channel.
        channel: Channel,
        /// The user.
        user_id: String,
    },
    /// A user left a presence channel.
    MemberRemoved {
        /// The channel.
        channel: Channel,
        /// The user.
        user_id: String,
    },
    /// A connection sent an event to the other subscribers of its channel.
    ClientEvent {
        /// The channel.
        channel: Channel,
        /// The event's name.
        event: String,
        /// Its data, as it travels; on an encrypted channel
        /// [`MasterKey::open`](crate::driver::MasterKey::open) reads it.
        data: String,
        /// The connection.
        socket_id: Option<SocketId>,
        /// The user, on presence channels.
        user_id: Option<String>,
    },
    /// Somebody began to listen to a cache channel that keeps no event.
    CacheMiss {
        /// The channel.
        channel: Channel,
    },
    /// How many connections listen to a channel has changed.
    SubscriptionCount {
        /// The channel.
        channel: Channel,
        /// How many do.
        count: u64,
    },
    /// Something that this version does not know.
    Other {
        /// Its name.
        name: String,
        /// All of it.
        fields: Map<String, Value>,
    },
}

impl WebhookEvent {
    /// The event with these fields.
    pub(super) fn read(fields: Map<String, Value>) -> Result<Self, String> {
        let name = text(&fields, "name")?;
        let channel = || text(&fields, "channel").map(Channel::new);
        let user_id = || text(&fields, "user_id");
        Ok(match name.as_str() {
            "channel_occupied" => Self::ChannelOccupied {
                channel: channel()?,
            },
            "channel_vacated" => Self::ChannelVacated {
                channel: channel()?,
            },
            "member_added" => Self::MemberAdded {
                channel: channel()?,
                user_id: user_id()?,
            },
            "member_removed" => Self::MemberRemoved {
                channel: channel()?,
                user_id: user_id()?,
            },
            "client_event" => Self::ClientEvent {
                channel: channel()?,
                event: text(&fields, "event")?,
                data: text(&fields, "data")?,
                socket_id: optional(&fields, "socket_id")?
                    .map(|id| SocketId::parse(&id).map_err(|error| error.to_string()))
                    .transpose()?,
                user_id: optional(&fields, "user_id")?,
            },
            "cache_miss" => Self::CacheMiss {
                channel: channel()?,
            },
            "subscription_count" => Self::SubscriptionCount {
                channel: channel()?,
                count: fields
                    .get("subscription_count")
                    .and_then(Value::as_u64)
                    .ok_or("subscription_count: expected a number")?,
            },
            _ => Self::Other { name, fields },
        })
    }
}

fn text(fields: &Map<String, Value>, name: &str) -> Result<String, String> {
    optional(fields, name)?.ok_or_else(|| format!("{name}: expected text"))
}

fn optional(fields: &Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("{name}: expected text")),
    }
}
