//! How much a peer may send.

use crate::{ChannelName, EventName, NameError, Rejection};

/// The limits of an app. [`Default`] is what the hosted service documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of an event's data, from the HTTP API or a client. Hosted: 10,240.
    pub event_bytes: usize,
    /// Characters of an event's name; above [`EventName::MAX_CHARS`] it has no effect. Hosted: 200.
    pub event_name_chars: usize,
    /// Bytes of a channel's name, prefix included; above [`ChannelName::MAX_LENGTH`] it has no
    /// effect. Hosted: 164.
    pub channel_name_bytes: usize,
    /// Channels of one event. Hosted: 100.
    pub channels_per_event: usize,
    /// Events of one batch. Hosted: 10.
    pub events_per_batch: usize,
    /// Milliseconds for which a cache channel keeps its last event. Hosted: at most 30 minutes.
    pub cache_ms: u64,
    /// Cache channels of an app that hold an event; at the limit, those closest to their end are
    /// forgotten. Hosted: not documented; 10,000 here.
    pub cached_channels: usize,
    /// Distinct members of a presence channel. Hosted: 100.
    pub members_per_channel: usize,
    /// Bytes of a member's `user_info` as JSON. Hosted: 1,024.
    pub member_bytes: usize,
    /// Characters of a user id. Hosted: 128.
    pub user_id_chars: usize,
    /// User ids of one watchlist; what follows them is ignored. Hosted: 100.
    pub watchlist_users: usize,
    /// Client events that one connection may send in a second. Hosted: 10.
    pub client_events_per_second: u32,
    /// Channels that one connection may be subscribed to at a time. Hosted: no limit; 1,000 here,
    /// because each subscription costs the server memory and a public one needs no permission.
    pub subscriptions_per_connection: usize,
    /// Connections of the app on this node at a time; `None`, the default, is no limit. Hosted: by
    /// plan.
    pub connections: Option<u32>,
    /// Events that the app may publish over the HTTP API of this node in a second, each event of a
    /// batch counted; `None`, the default, is no limit. Hosted: by plan, messages in a day.
    pub events_per_second: Option<u32>,
}

impl Limits {
    /// Checks a channel name against the alphabet and the configured length.
    ///
    /// # Errors
    ///
    /// [`Rejection::InvalidChannelName`].
    pub fn channel_name(&self, name: &str) -> Result<ChannelName, Rejection> {
        let limit = self.channel_name_bytes.min(ChannelName::MAX_LENGTH);
        let checked = if name.len() > limit {
            Err(NameError::TooLong {
                length: name.len(),
                limit,
            })
        } else {
            ChannelName::parse(name)
        };
        checked.map_err(|problem| Rejection::InvalidChannelName {
            name: name.into(),
            problem,
        })
    }

    /// Checks the name of an event to publish.
    ///
    /// # Errors
    ///
    /// [`Rejection::InvalidEventName`].
    pub fn event_name(&self, name: &str) -> Result<(), Rejection> {
        EventName::check(name, self.event_name_chars)
            .map_err(|problem| Rejection::InvalidEventName { problem })
    }

    /// Checks the size of an event's data.
    ///
    /// # Errors
    ///
    /// [`Rejection::EventTooLarge`].
    pub fn event_data(&self, data: &str) -> Result<(), Rejection> {
        if data.len() > self.event_bytes {
            return Err(Rejection::EventTooLarge {
                limit: self.event_bytes,
            });
        }
        Ok(())
    }

    /// Checks the name and the data of a client event.
    ///
    /// # Errors
    ///
    /// As [`event_name`](Self::event_name) and [`event_data`](Self::event_data).
    pub fn client_event(&self, event: &str, data: &str) -> Result<(), Rejection> {
        self.event_name(event)?;
        self.event_data(data)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            event_bytes: 10_240,
            event_name_chars: 200,
            channel_name_bytes: 164,
            channels_per_event: 100,
            events_per_batch: 10,
            cache_ms: 30 * 60 * 1000,
            cached_channels: 10_000,
            members_per_channel: 100,
            member_bytes: 1_024,
            user_id_chars: 128,
            watchlist_users: 100,
            client_events_per_second: 10,
            subscriptions_per_connection: 1_000,
            connections: None,
            events_per_second: None,
        }
    }
}
