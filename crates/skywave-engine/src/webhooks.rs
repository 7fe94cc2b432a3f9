//! Who wants to be told what happens in an app's channels, as plain data: [`Webhooks`].
//!
//! The engine tells its [`Observer`](crate::Observer) everything; what is sent where, and how, is
//! the server's part.

use std::fmt;
use std::time::Duration;

use skywave_protocol::{Secret, WebhookKind};

/// An app's webhooks. The default has no endpoint: nothing is sent.
#[derive(Clone, Debug)]
pub struct Webhooks {
    /// Who is told. Each one gets everything it wants, in batches and with repetitions of its own.
    pub endpoints: Vec<WebhookEndpoint>,
    /// Events in one request at most; with 1, each event is a request, without delay. Default 50.
    pub batch_events: usize,
    /// How long an event waits for others that go with it in one request. Default 1 s.
    pub batch_interval: Duration,
    /// Events that may wait for an endpoint. Above it, the oldest gives way. Default 10,000.
    pub queue_events: usize,
}

impl Default for Webhooks {
    fn default() -> Self {
        Self {
            endpoints: Vec::new(),
            batch_events: 50,
            batch_interval: Duration::from_secs(1),
            queue_events: 10_000,
        }
    }
}

/// Somebody who is told what happens in an app's channels.
#[derive(Clone)]
pub struct WebhookEndpoint {
    /// Where webhooks are posted, `http` or `https`.
    pub url: String,
    /// The kinds of events it wants. Default: all but client events, which are the only ones that
    /// carry what users say to each other.
    pub events: Vec<WebhookKind>,
    /// Only of channels whose names begin with this. Default: all.
    pub channel_prefix: String,
    /// Only of channels whose names end with this. Default: all.
    pub channel_suffix: String,
    /// Headers that are sent with each webhook, for gateways that want one.
    pub headers: Vec<(String, Secret)>,
}

impl WebhookEndpoint {
    /// An endpoint at this URL that wants all but client events.
    pub fn new(url: impl Into<String>) -> Self {
        let all = WebhookKind::ALL.into_iter();
        Self {
            url: url.into(),
            events: all
                .filter(|kind| *kind != WebhookKind::ClientEvent)
                .collect(),
            channel_prefix: String::new(),
            channel_suffix: String::new(),
            headers: Vec::new(),
        }
    }

    /// Whether it wants events of this kind in this channel.
    pub fn wants(&self, kind: WebhookKind, channel: &str) -> bool {
        self.events.contains(&kind)
            && channel.starts_with(&self.channel_prefix)
            && channel.ends_with(&self.channel_suffix)
    }
}

/// Without what may be a secret: of the URL, only up to its host.
impl fmt::Debug for WebhookEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.url.split_once("://").unwrap_or_default();
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        let headers: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("WebhookEndpoint")
            .field("url", &format_args!("{scheme}://{host}/…"))
            .field("events", &self.events)
            .field("channel_prefix", &self.channel_prefix)
            .field("channel_suffix", &self.channel_suffix)
            .field("headers", &headers)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_wants_its_kinds_in_its_channels() {
        let endpoint = WebhookEndpoint {
            channel_prefix: "presence-".to_owned(),
            channel_suffix: "-open".to_owned(),
            ..WebhookEndpoint::new("http://example.com")
        };
        for (kind, channel, wanted) in [
            (WebhookKind::MemberAdded, "presence-a-open", true),
            (WebhookKind::MemberAdded, "presence-a", false),
            (WebhookKind::MemberAdded, "private-a-open", false),
            (WebhookKind::ClientEvent, "presence-a-open", false),
        ] {
            assert_eq!(endpoint.wants(kind, channel), wanted, "{kind:?} {channel}");
        }
    }

    #[test]
    fn a_printed_endpoint_keeps_what_may_be_secret() {
        let endpoint = WebhookEndpoint {
            headers: vec![("x-token".to_owned(), Secret::new("hush"))],
            ..WebhookEndpoint::new("https://me:hush@example.com:8080/hush?token=hush")
        };
        let printed = format!("{endpoint:?}");
        assert!(printed.contains("https://example.com:8080/…"), "{printed}");
        assert!(printed.contains("x-token"), "{printed}");
        assert!(!printed.contains("hush"), "{printed}");
    }
}
