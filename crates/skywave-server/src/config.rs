//! What a server is told at its start.

use std::time::Duration;

use skywave_engine::App;

use crate::admission::AddressLimits;
#[cfg(feature = "webhooks")]
use crate::webhook::WebhookSettings;

/// The settings of a [`Server`](crate::Server).
///
/// ```
/// use skywave_protocol::{Credentials, Secret};
/// use skywave_server::{App, Config};
///
/// let app = App::new("1", Credentials::new("my-key", &Secret::new("my-secret")));
/// let config = Config { workers: Some(2), ..Config::new([app]) };
/// # drop(config);
/// ```
#[derive(Debug)]
pub struct Config {
    /// The tenants.
    pub apps: Vec<App>,
    /// Threads that carry connections; one per core when `None`.
    pub workers: Option<usize>,
    /// How long a connection may be silent before the client checks it (sent to clients; whole
    /// seconds, at least one). The server checks one `pong_timeout` later. Default 120 s.
    pub activity_timeout: Duration,
    /// How long a peer may take to answer a ping (whole seconds). Default 30 s.
    pub pong_timeout: Duration,
    /// What a slow reader may pile up before it is disconnected with code 4100, in bytes.
    /// Default 1 MiB.
    pub outbox_bytes: usize,
    /// What may wait for all slow readers together, in bytes, shared out among the workers; it takes
    /// up to twice as much memory. No reader may pile up more than a quarter of what is left of its
    /// worker's share, so the more there are, the sooner each is disconnected. Default: an eighth of
    /// `memory_bytes`, and 256 MiB without it.
    pub outbox_total_bytes: Option<usize>,
    /// The largest message a client may send, in bytes. Default 64 KiB.
    pub message_bytes: usize,
    /// How long the head of an HTTP request may take to arrive on a port of the server's own, and
    /// how long its body; an idle connection is closed after as long. Default 10 s.
    pub request_timeout: Duration,
    /// How long a connection may take to say anything at all (whole seconds); it is closed with
    /// code 4202 after that. Clients that were opened and subscribe to nothing are closed as well,
    /// and come back. Default: no limit.
    pub first_message_timeout: Option<Duration>,
    /// How many connections there may be on the server; further ones are closed with code 4100.
    /// Default: as many as the system has descriptors for.
    pub max_connections: Option<usize>,
    /// How much memory the process may use, in bytes, before new connections are closed with code
    /// 4100 and events refused with [`OverCapacity`](skywave_protocol::Rejection::OverCapacity);
    /// those who are connected are served. Measured once a second, on Linux only. It is the memory
    /// of the whole process: leave room for the application, if the server is a part of one.
    /// Default: no limit.
    pub memory_bytes: Option<usize>,
    /// What one address may do at the server's own endpoints. Default: no limits.
    pub per_address: AddressLimits,
    /// The path under which clients connect, such as `/ws`: what pusher-js calls `wsPath`. The
    /// HTTP API is there as well, and where it always is. Default: none.
    pub path_prefix: String,
    /// The host name of this very node, for clients that connect over HTTP: they send the rest of
    /// a session's requests there, so that a load balancer between nodes need not know sessions.
    /// Default `None`: they stay where they are.
    pub hostname: Option<String>,
    /// How webhooks are sent. What is told to whom is in each app's settings.
    #[cfg(feature = "webhooks")]
    pub webhooks: WebhookSettings,
}

impl Config {
    /// The defaults, for these apps.
    pub fn new(apps: impl IntoIterator<Item = App>) -> Self {
        Self {
            apps: apps.into_iter().collect(),
            workers: None,
            activity_timeout: Duration::from_secs(120),
            pong_timeout: Duration::from_secs(30),
            outbox_bytes: 1024 * 1024,
            outbox_total_bytes: None,
            message_bytes: 64 * 1024,
            request_timeout: Duration::from_secs(10),
            first_message_timeout: None,
            max_connections: None,
            memory_bytes: None,
            per_address: AddressLimits::default(),
            path_prefix: String::new(),
            hostname: None,
            #[cfg(feature = "webhooks")]
            webhooks: WebhookSettings::default(),
        }
    }

    /// Bytes that all outboxes of one worker may hold.
    fn outboxes_per_worker(&self) -> usize {
        let share = self.memory_bytes.map(|bytes| bytes / 8);
        let total = self.outbox_total_bytes.or(share).unwrap_or(OUTBOX_TOTAL);
        total / self.worker_count()
    }

    pub(crate) fn worker_count(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        self.workers.unwrap_or_else(cores).max(1)
    }
}

/// What may wait for all slow readers, where nobody says how much memory there is.
const OUTBOX_TOTAL: usize = 256 * 1024 * 1024;

/// The settings that every connection needs, in the units it needs them in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// Seconds, as told to clients.
    pub(crate) activity_timeout: u32,
    /// Seconds.
    pub(crate) pong_timeout: u32,
    /// Seconds; the largest number for ever.
    pub(crate) first_message: u32,
    pub(crate) outbox_bytes: usize,
    /// Of all connections of a worker.
    pub(crate) outboxes_bytes: usize,
    pub(crate) message_bytes: usize,
    pub(crate) request_timeout: Duration,
}

impl Settings {
    /// Seconds of silence after which the server pings: the client had its turn by then.
    pub(crate) fn silence(&self) -> u32 {
        self.activity_timeout + self.pong_timeout
    }
}

impl From<&Config> for Settings {
    fn from(config: &Config) -> Self {
        Self {
            activity_timeout: whole_seconds(config.activity_timeout),
            pong_timeout: whole_seconds(config.pong_timeout),
            first_message: config.first_message_timeout.map_or(u32::MAX, whole_seconds),
            outbox_bytes: config.outbox_bytes,
            outboxes_bytes: config.outboxes_per_worker(),
            message_bytes: config.message_bytes,
            request_timeout: config.request_timeout,
        }
    }
}

/// Trap 3 of the protocol: an activity timeout of zero leaves pusher-js connecting for ever.
fn whole_seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs())
        .unwrap_or(u32::MAX)
        .clamp(1, MAX_SECONDS)
}

/// A day, so that sums of timeouts stay far from overflowing.
const MAX_SECONDS: u32 = 24 * 60 * 60;
