//! Which path asks for what. Protocol §1.1, §2.2 and §4.2.

use percent_encoding::percent_decode_str;
use skywave_protocol::Limits;

use super::fallback::{Call as FallbackCall, Mode};

/// What a path asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    /// `/app/KEY`: a WebSocket.
    Connect { key: &'a str },
    /// `/healthz`: whether the server lives.
    Health,
    /// `/readyz`: whether it takes connections.
    Ready,
    /// `/apps/ID/..`: the HTTP API. Without an id, the app is the one whose key signed.
    Api { app_id: Option<&'a str>, call: Call },
    /// `/apps/KEY/sse`: server-sent events.
    Events { key: &'a str },
    /// `/pusher/app/KEY/NUMBER/NAME/..`: a session over HTTP, which is `KEY/NUMBER/NAME`.
    Fallback {
        key: &'a str,
        session: &'a str,
        call: FallbackCall,
    },
}

/// A call of the HTTP API; names and ids are percent-decoded.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Call {
    Events,
    BatchEvents,
    Channels,
    Channel {
        name: String,
    },
    Users {
        channel: String,
    },
    /// Deprecated: publishes on one channel.
    ChannelEvents {
        channel: String,
    },
    /// Deprecated: describes one channel.
    Stats {
        channel: String,
    },
    TerminateConnections {
        user_id: String,
    },
}

impl<'a> Route<'a> {
    pub(super) fn of(path: &'a str) -> Option<Self> {
        if let Some(fallback) = fallback(path) {
            return Some(fallback);
        }
        let path = path.strip_prefix('/')?;
        let mut all = [""; MAX_SEGMENTS + 1];
        let mut count = 0;
        for (place, segment) in all.iter_mut().zip(path.split('/')) {
            *place = segment;
            count += 1;
        }
        let (app_id, rest) = match all[..count] {
            ["healthz"] => return Some(Self::Health),
            ["readyz"] => return Some(Self::Ready),
            ["app", key] => return Some(Self::Connect { key }),
            ["apps", key, "sse"] => return Some(Self::Events { key }),
            ["apps", app_id, ..] => (Some(app_id), &all[2..count]),
            // Trap 9: the Python library leaves the app out of this one path.
            ["users", ..] => (None, &all[..count]),
            _ => return None,
        };
        Some(Self::Api {
            app_id,
            call: Call::of(app_id.is_some(), rest)?,
        })
    }
}

impl Route<'_> {
    /// Whether it leads to a connection.
    pub(super) fn is_for_clients(&self) -> bool {
        matches!(
            self,
            Self::Connect { .. } | Self::Fallback { .. } | Self::Events { .. }
        )
    }
}

impl Call {
    fn of(with_app: bool, segments: &[&str]) -> Option<Self> {
        match *segments {
            ["users", id, "terminate_connections"] => Some(Self::TerminateConnections {
                user_id: decoded(id),
            }),
            _ if !with_app => None,
            ["events"] => Some(Self::Events),
            ["batch_events"] => Some(Self::BatchEvents),
            ["channels"] => Some(Self::Channels),
            ["channels", name] => Some(Self::Channel {
                name: decoded(name),
            }),
            ["channels", name, "users"] => Some(Self::Users {
                channel: decoded(name),
            }),
            ["channels", name, "events"] => Some(Self::ChannelEvents {
                channel: decoded(name),
            }),
            ["channels", name, "stats"] => Some(Self::Stats {
                channel: decoded(name),
            }),
            _ => None,
        }
    }

    /// The one method it is called with.
    pub(super) fn method(&self) -> &'static str {
        match self {
            Self::Events
            | Self::BatchEvents
            | Self::ChannelEvents { .. }
            | Self::TerminateConnections { .. } => "POST",
            Self::Channels | Self::Channel { .. } | Self::Users { .. } | Self::Stats { .. } => {
                "GET"
            }
        }
    }

    /// The largest body it takes, in bytes: room for all that an app's limits allow, and for its
    /// JSON.
    pub(super) fn body_bytes(&self, limits: &Limits) -> usize {
        let event = limits.event_bytes.saturating_mul(ESCAPED);
        let event = event.saturating_add(REST_OF_EVENT);
        let names = limits.channels_per_event.saturating_mul(LONG_NAME);
        let batch = limits.events_per_batch.saturating_mul(event);
        match self {
            Self::Events | Self::ChannelEvents { .. } => event.saturating_add(names).max(EVENT),
            Self::BatchEvents => batch.max(BATCH),
            _ => 16 * 1024,
        }
    }
}

/// No path has more segments: `apps/ID/channels/NAME/events`.
const MAX_SEGMENTS: usize = 5;

/// Bytes of JSON for a byte of data, at most: `\u0001`.
const ESCAPED: usize = 6;
/// The same for the name of a channel, with what is around it.
const LONG_NAME: usize = 1024;
/// Room for an event's own name and its other fields.
const REST_OF_EVENT: usize = 4 * 1024;

/// Bytes of the body of an event and of a batch that are always taken: more than the default limits
/// allow, so that who exceeds those is told which.
const EVENT: usize = 256 * 1024;
const BATCH: usize = 1024 * 1024;

/// A path of the fallbacks; pusher-js puts `/pusher` before it unless it is told another prefix.
fn fallback(path: &str) -> Option<Route<'_>> {
    let path = path.strip_prefix("/pusher").unwrap_or(path);
    let (session, call) = path.strip_prefix("/app/")?.rsplit_once('/')?;
    let call = match call {
        "xhr_streaming" => FallbackCall::Receive(Mode::Streaming),
        "xhr" => FallbackCall::Receive(Mode::Polling),
        "xhr_send" => FallbackCall::Send,
        _ => return None,
    };
    let mut parts = session.split('/');
    let (key, number, name) = (parts.next()?, parts.next()?, parts.next()?);
    let is_number = (1..=10).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
    // Eight characters from pusher-js; other clients may make names that are harder to guess.
    let is_name = (8..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let is_session = is_number && is_name && parts.next().is_none();
    is_session.then_some(Route::Fallback { key, session, call })
}

fn decoded(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_routes() {
        let api = |call| {
            Some(Route::Api {
                app_id: Some("3"),
                call,
            })
        };
        let name = || "presence-a@b".to_owned();
        for (path, route) in [
            ("/app/k", Some(Route::Connect { key: "k" })),
            ("/healthz", Some(Route::Health)),
            ("/readyz", Some(Route::Ready)),
            ("/healthz/", None),
            ("/apps/3/events", api(Call::Events)),
            ("/apps/3/batch_events", api(Call::BatchEvents)),
            ("/apps/3/channels", api(Call::Channels)),
            (
                "/apps/3/channels/presence-a%40b",
                api(Call::Channel { name: name() }),
            ),
            (
                "/apps/3/channels/presence-a@b/users",
                api(Call::Users { channel: name() }),
            ),
            (
                "/apps/3/channels/presence-a@b/events",
                api(Call::ChannelEvents { channel: name() }),
            ),
            (
                "/apps/3/channels/presence-a@b/stats",
                api(Call::Stats { channel: name() }),
            ),
            (
                "/apps/3/users/7/terminate_connections",
                api(Call::TerminateConnections {
                    user_id: "7".into(),
                }),
            ),
            ("/apps/k/sse", Some(Route::Events { key: "k" })),
            ("/apps/k/sse/", None),
            ("/app/k/", None),
            ("/app", None),
            ("/apps/3/events/x", None),
            ("/apps/3", None),
            ("/apps/3/channels/a/b", None),
            ("/apps/3/channels/a/users/", None),
            ("/apps/3/channels/a/users/b/c/d", None),
            ("/users/7", None),
            ("/channels", None),
            ("/", None),
        ] {
            assert_eq!(Route::of(path), route, "{path}");
        }
    }

    #[test]
    fn paths_of_sessions_are_those_of_pusher_js() {
        let fallback = |call| {
            Some(Route::Fallback {
                key: "k",
                session: "k/742/0a9vbcde",
                call,
            })
        };
        for (path, route) in [
            (
                "/pusher/app/k/742/0a9vbcde/xhr_streaming",
                fallback(FallbackCall::Receive(Mode::Streaming)),
            ),
            (
                "/app/k/742/0a9vbcde/xhr",
                fallback(FallbackCall::Receive(Mode::Polling)),
            ),
            (
                "/pusher/app/k/742/0a9vbcde/xhr_send",
                fallback(FallbackCall::Send),
            ),
            ("/pusher/app/k/742/0a9vbcde/websocket", None),
            ("/pusher/app/k/742/short/xhr", None),
            ("/pusher/app/k/742/0a9vb%64e/xhr", None),
            ("/pusher/app/k/742/0a9vbcd /xhr", None),
            ("/pusher/app/k/x42/0a9vbcde/xhr", None),
            ("/pusher/app/k//0a9vbcde/xhr", None),
            ("/pusher/app/k/742/x/0a9vbcde/xhr", None),
            ("/pusher/app/k/0a9vbcde/xhr", None),
            ("/pusher/pusher/app/k/742/0a9vbcde/xhr", None),
            ("/pusher/app/k", None),
            ("/pusherapp/k/742/0a9vbcde/xhr", None),
        ] {
            assert_eq!(Route::of(path), route, "{path}");
        }
    }

    #[test]
    fn trap_09_connections_are_terminated_without_the_app_in_the_path() {
        let call = Call::TerminateConnections {
            user_id: "7".into(),
        };
        let route = Some(Route::Api { app_id: None, call });
        assert_eq!(Route::of("/users/7/terminate_connections"), route);
    }
}
