//! Which path asks for what. Protocol §1.1 and §2.2.

use percent_encoding::percent_decode_str;

/// What a path asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    /// `/app/KEY`: a WebSocket.
    Connect { key: &'a str },
    /// `/apps/ID/..`: the HTTP API. Without an id, the app is the one whose key signed.
    Api { app_id: Option<&'a str>, call: Call },
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
        let mut segments = path.strip_prefix('/')?.split('/');
        let first = segments.next()?;
        let (app_id, rest) = match first {
            "app" => {
                let key = segments.next()?;
                return segments.next().is_none().then_some(Self::Connect { key });
            }
            "apps" => (Some(segments.next()?), segments.collect()),
            // Trap 9: the Python library leaves the app out of this one path.
            "users" => (
                None,
                [first].into_iter().chain(segments).collect::<Vec<_>>(),
            ),
            _ => return None,
        };
        Some(Self::Api {
            app_id,
            call: Call::of(app_id.is_some(), &rest)?,
        })
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

    /// The largest body it takes, in bytes.
    pub(super) fn body_bytes(&self) -> usize {
        match self {
            // Data of 10 KiB in which every byte is escaped, a hundred long names, and room.
            Self::Events | Self::ChannelEvents { .. } => 256 * 1024,
            Self::BatchEvents => 1024 * 1024,
            _ => 16 * 1024,
        }
    }
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
            ("/app/k/", None),
            ("/app", None),
            ("/apps/3/events/x", None),
            ("/apps/3", None),
            ("/apps/3/channels/a/b", None),
            ("/users/7", None),
            ("/channels", None),
            ("/", None),
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
