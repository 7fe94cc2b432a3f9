//! The Skywave server: WebSocket connections on worker threads, and the Pusher HTTP API.
//!
//! The path of a byte is the list of files:
//!
//! ```text
//! in   listener ─▶ guest ─▶ front ─▶ http ─▶ (handshake) ─▶ worker
//!      readiness ─▶ serve ─▶ stream ─▶ decoder ─▶ Shard::receive
//! out  Engine::publish ─▶ inbox ─▶ thread (end of tick) ─▶ Shard::flush ─▶ socket ─▶ stream
//! ```
//!
//! A connection lives on one worker, a thread with a runtime of its own, from the handshake to its
//! end. An event is encoded once and written by the worker's loop straight into the subscribers'
//! sockets; what a socket does not take waits in its outbox, which has a bound and a policy
//! (`socket`). An idle connection owns neither task nor buffer: a worker watches its sockets by itself
//! (`readiness`).
//!
//! [`Server::listen_at`] accepts connections on the workers themselves, at each [`Endpoint`].
//! [`Server::handle`] lets an application's own HTTP server carry the routes: after the handshake the
//! raw socket is taken out of hyper and moved to a worker.
//!
//! # Features
//!
//! Both are off by default.
//!
//! * `tls`: TLS at an [`Endpoint`], with rustls and ring.
//! * `webhooks`: what happens in an app's channels is posted to the [`Webhooks`] of its settings,
//!   from a thread of its own.

mod admission;
mod arrival;
mod calls;
mod config;
mod counters;
mod date;
mod drain;
mod ending;
mod endpoint;
mod front;
mod guest;
mod health;
mod http;
mod listener;
mod memory;
mod metrics;
mod node;
mod operator;
mod outbox;
mod overload;
mod peer;
mod proxies;
mod readiness;
mod refuse;
mod serve;
mod server;
mod socket;
#[cfg(unix)]
mod socket_file;
mod stream;
mod thread;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "webhooks")]
mod webhook;
mod wheel;
mod worker;

pub use admission::AddressLimits;
pub use config::Config;
pub use drain::Drain;
pub use endpoint::{Endpoint, Place};
pub use http::ResponseBody;
pub use ipnet::IpNet;
pub use peer::Peer;
pub use proxies::Proxies;
pub use server::{Server, StartError};
pub use skywave_engine::{App, AppSettings, Except, Publication, WebhookEndpoint, Webhooks};
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsError};
#[cfg(feature = "webhooks")]
pub use webhook::{InvalidWebhook, WebhookCounters, WebhookSettings, check_webhook};

/// The guide's examples are compiled with the tests of this crate.
#[cfg(doctest)]
mod guide {
    #[doc = include_str!("../../../docs/fallbacks.md")]
    mod fallbacks {}
    #[doc = include_str!("../../../docs/tls-and-proxies.md")]
    mod tls_and_proxies {}
}
