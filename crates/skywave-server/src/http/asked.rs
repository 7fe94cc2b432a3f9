//! What requests ask for, as far as that is counted.

use super::route::{Call, Route};

/// Declares the kinds of requests and how metrics call them.
macro_rules! asked {
    ($($name:ident = $label:literal,)+) => {
        /// What a request asks for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Asked {
            $($name,)+
        }

        impl Asked {
            pub(crate) const ALL: &[Self] = &[$(Self::$name),+];

            pub(crate) fn label(self) -> &'static str {
                match self {
                    $(Self::$name => $label,)+
                }
            }
        }
    };
}

asked! {
    Connect = "connect",
    Fallback = "fallback",
    ServerSent = "sse",
    Events = "events",
    BatchEvents = "batch_events",
    ChannelEvents = "channel_events",
    Channels = "channels",
    Channel = "channel",
    Users = "users",
    Stats = "stats",
    TerminateConnections = "terminate_connections",
    Health = "healthz",
    Ready = "readyz",
    Unknown = "unknown",
}

impl Asked {
    pub(super) fn by(route: Option<&Route<'_>>) -> Self {
        match route {
            None => Self::Unknown,
            Some(Route::Connect { .. }) => Self::Connect,
            Some(Route::Fallback { .. }) => Self::Fallback,
            Some(Route::Events { .. }) => Self::ServerSent,
            Some(Route::Health) => Self::Health,
            Some(Route::Ready) => Self::Ready,
            Some(Route::Api { call, .. }) => Self::by_call(call),
        }
    }

    pub(super) fn by_call(call: &Call) -> Self {
        match call {
            Call::Events => Self::Events,
            Call::BatchEvents => Self::BatchEvents,
            Call::ChannelEvents { .. } => Self::ChannelEvents,
            Call::Channels => Self::Channels,
            Call::Channel { .. } => Self::Channel,
            Call::Users { .. } => Self::Users,
            Call::Stats { .. } => Self::Stats,
            Call::TerminateConnections { .. } => Self::TerminateConnections,
        }
    }

    /// Whether events are published that way.
    pub(super) fn publishes(self) -> bool {
        matches!(self, Self::Events | Self::BatchEvents | Self::ChannelEvents)
    }
}
