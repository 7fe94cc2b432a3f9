//! What the operator decides about the webhooks of all apps.

use std::time::Duration;

/// How webhooks are sent. What an app wants to be told is in its
/// [`AppSettings`](crate::AppSettings).
#[derive(Debug, Clone)]
pub struct WebhookSettings {
    /// Whether webhooks may go to addresses of one's own network: private, loopback and link-local
    /// ranges, and the metadata services of clouds. Default false: whoever may configure an app
    /// could otherwise make the server call what only the server can reach.
    pub allow_private: bool,
    /// How long one attempt may take, until the head of the answer is there. Default 5 s.
    pub timeout: Duration,
    /// Certificates in PEM that are trusted beside Mozilla's.
    pub root_certificate: Option<Vec<u8>>,
    /// How long a channel must be vacated, or a member gone, until it is told. Who returns within
    /// this time has never left. Default 3 s.
    pub grace: Duration,
    /// How long after a cache miss further ones of the same channel are not told. Default 3 s.
    pub quiet_misses: Duration,
    /// The pause after a first failed attempt, of which half to all is waited; it doubles with each
    /// further failure, up to a minute. Default 1 s.
    pub pause: Duration,
    /// The age at which an event is given up. Default 290 s: receivers refuse webhooks that are
    /// older than five minutes.
    pub give_up: Duration,
    /// How long a server that ends may take to send what is waiting. Default 5 s.
    pub flush: Duration,
}

impl Default for WebhookSettings {
    fn default() -> Self {
        Self {
            allow_private: false,
            timeout: Duration::from_secs(5),
            root_certificate: None,
            grace: Duration::from_secs(3),
            quiet_misses: Duration::from_secs(3),
            pause: Duration::from_secs(1),
            give_up: Duration::from_secs(290),
            flush: Duration::from_secs(5),
        }
    }
}
