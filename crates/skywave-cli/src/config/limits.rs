//! `[apps.limits]`: what the peers of an app may send, and how much of it.

use std::time::Duration;

use skywave_protocol::Limits;
use skywave_settings::Settings;

use super::file::said;

/// The limits by the names that they have in the code: numbers, and numbers that may be none.
macro_rules! numbers {
    (one: $($name:ident,)* ; none: $($may_be_none:ident,)*) => {
        /// Keys of `[apps.limits]`.
        pub(super) const LIMIT_KEYS: &[&str] =
            &[$(stringify!($name),)* $(stringify!($may_be_none),)* CACHE_TIME];

        /// The limits that a table says, and the defaults.
        pub(super) fn limits(table: &Settings) -> Limits {
            let mut limits = Limits::default();
            $(if let Some(number) = said(table, stringify!($name)) {
                limits.$name = number;
            })*
            $(if let Some(number) = said(table, stringify!($may_be_none)) {
                limits.$may_be_none = Some(number);
            })*
            if let Some(time) = said::<Duration>(table, CACHE_TIME) {
                limits.cache_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
            }
            for key in ["channels_per_event", "events_per_batch"] {
                if said::<usize>(table, key) == Some(0) {
                    table.mistake(key, "expected at least 1, found 0");
                }
            }
            limits
        }

        /// The defaults, as the guide tells them.
        #[cfg(test)]
        pub(super) fn defaults() -> Vec<String> {
            let limits = Limits::default();
            let minutes = limits.cache_ms / 60_000;
            vec![
                $(format!("`{}`", limits.$name),)*
                $(limits.$may_be_none.map_or("none".to_owned(), |number| format!("`{number}`")),)*
                format!("`\"{minutes}m\"`"),
            ]
        }
    };
}

numbers! {
    one:
    event_bytes,
    event_name_chars,
    channel_name_bytes,
    channels_per_event,
    events_per_batch,
    cached_channels,
    members_per_channel,
    member_bytes,
    user_id_chars,
    watchlist_users,
    client_events_per_second,
    subscriptions_per_connection,
    ;
    none:
    connections,
    events_per_second,
}

/// For how long a cache channel keeps its last event.
const CACHE_TIME: &str = "cache_time";
