//! What webhooks are about (protocol §3.4): [`WebhookKind`].

use std::fmt;
use std::str::FromStr;

/// A kind of event that webhooks tell.
///
/// ```
/// use skywave_protocol::WebhookKind;
///
/// assert_eq!("member_added".parse(), Ok(WebhookKind::MemberAdded));
/// assert_eq!(WebhookKind::CacheMiss.name(), "cache_miss");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WebhookKind {
    /// The first connection listens to a channel.
    ChannelOccupied,
    /// The last connection listens to a channel no more.
    ChannelVacated,
    /// A user joined a presence channel.
    MemberAdded,
    /// A user left a presence channel.
    MemberRemoved,
    /// A subscriber sent an event to the others.
    ClientEvent,
    /// Somebody listens to a cache channel that holds nothing.
    CacheMiss,
    /// The number of subscriptions to a channel changed.
    SubscriptionCount,
}

impl WebhookKind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::ChannelOccupied,
        Self::ChannelVacated,
        Self::MemberAdded,
        Self::MemberRemoved,
        Self::ClientEvent,
        Self::CacheMiss,
        Self::SubscriptionCount,
    ];

    /// The event's `name` in a webhook.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ChannelOccupied => "channel_occupied",
            Self::ChannelVacated => "channel_vacated",
            Self::MemberAdded => "member_added",
            Self::MemberRemoved => "member_removed",
            Self::ClientEvent => "client_event",
            Self::CacheMiss => "cache_miss",
            Self::SubscriptionCount => "subscription_count",
        }
    }
}

impl FromStr for WebhookKind {
    type Err = UnknownWebhookKind;

    fn from_str(name: &str) -> Result<Self, UnknownWebhookKind> {
        let mut all = Self::ALL.into_iter();
        all.find(|kind| kind.name() == name)
            .ok_or(UnknownWebhookKind)
    }
}

/// No kind of webhook event has this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownWebhookKind;

impl fmt::Display for UnknownWebhookKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown kind of webhook event; the kinds are ")?;
        let names = WebhookKind::ALL.map(WebhookKind::name);
        f.write_str(&names.join(", "))
    }
}

impl std::error::Error for UnknownWebhookKind {}
