//! The security suite: a test for every risk of `docs/security.md`, which a test checks against it.
//!
//! Each group is a table of attempts, and each attempt has to fail in the way documented, without an
//! effect on anybody else. What concerns one of them only is told beside the thing itself: `frames`,
//! `refusals`, `slow_readers`, and the properties of the protocol's crate.
//!
//! ```text
//! requests     forged, old, doubled requests, to every call of the HTTP API
//! signatures   forged permissions of clients, and how signatures are compared
//! tenants      one app that knows all about another
//! bombs        bytes that want to become memory
//! crowds       many at once: half-open handshakes, subscriptions, members, client events
//! page         docs/security.md
//! ```

mod alone;
mod bombs;
mod crowds;
mod page;
mod requests;
mod signatures;
mod tenants;

use serde_json::{Value, json};

pub(crate) use self::alone::{apart, is_alone, status};

/// A call of the HTTP API: its method, its path below the app's, and a body that is good.
struct Call {
    method: &'static str,
    path: &'static str,
    body: String,
}

/// Every call there is.
fn calls() -> Vec<Call> {
    let call = |method, path, body: &str| Call {
        method,
        path,
        body: body.to_owned(),
    };
    let event = |channel: &str| json!({"name": "leaked", "channel": channel, "data": "{}"});
    let batch = json!({"batch": [event("news"), event("presence-room")]});
    vec![
        call("POST", "/events", &event("news").to_string()),
        call("POST", "/batch_events", &batch.to_string()),
        call("POST", "/channels/news/events", "leaked"),
        call("POST", "/users/ann/terminate_connections", "{}"),
        call("GET", "/channels", ""),
        call("GET", "/channels/news", ""),
        call("GET", "/channels/presence-room", ""),
        call("GET", "/channels/cache-a", ""),
        call("GET", "/channels/presence-room/users", ""),
        call("GET", "/channels/presence-room/stats", ""),
    ]
}

impl Call {
    /// What makes it say the most.
    fn parameters(&self) -> Vec<(&'static str, &'static str)> {
        match self.path {
            "/channels/news/events" => vec![("name", "leaked")],
            "/channels" => vec![
                ("filter_by_prefix", "presence-"),
                ("info", "user_count,subscription_count"),
            ],
            "/channels/presence-room" => vec![("info", "user_count,subscription_count")],
            "/channels/cache-a" => vec![("info", "subscription_count,cache")],
            "/channels/news" => vec![("info", "subscription_count")],
            _ => vec![],
        }
    }
}

/// A message to the server.
fn message(event: &str, data: &Value) -> Vec<u8> {
    let message = json!({"event": event, "data": data}).to_string();
    crate::wire::frame(crate::wire::TEXT, message)
}
