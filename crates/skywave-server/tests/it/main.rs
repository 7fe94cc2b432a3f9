//! The server through its public face: real sockets, well-behaved peers and others.
//!
//! A [`node::Node`] is a server on a free port. A [`peer::Peer`] speaks the protocol as official
//! clients do; a [`wire::Wire`] says whatever bytes it is told to. A [`host::Host`] is an
//! application that carries the server's routes on its own port. Nothing waits without a deadline,
//! and nothing waits for a time where it could wait for a condition.

mod addresses;
mod api;
mod authorisation;
mod batches;
mod counts;
mod descriptors;
mod drain;
mod endpoints;
mod fallbacks;
mod frames;
mod front;
mod handshake;
mod health;
mod host;
mod isolation;
mod liveness;
mod log;
mod metrics;
mod node;
mod origins;
mod overload;
mod peer;
mod prefix;
mod proxies;
mod query_parameters;
mod questions;
mod quotas;
#[cfg(feature = "webhooks")]
mod receiver;
mod refusals;
mod reload;
#[cfg(feature = "tls")]
mod reverse_proxies;
mod same_port;
mod secrets;
mod security;
mod shutdown;
mod slow_readers;
mod slow_requests;
mod sse;
mod termination;
#[cfg(feature = "tls")]
mod tls;
mod two_workers;
mod watchlists;
#[cfg(feature = "webhooks")]
mod webhooks;
mod wire;
mod workers;
mod xhr;
