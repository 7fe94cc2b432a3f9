//! Who is at the other end of a connection.

use std::net::IpAddr;

/// What is known of who sent a request: an extension of every request that comes in at an
/// endpoint of the server's own.
///
/// An application whose own HTTP server carries the routes may add one to its requests; without it
/// their peers have no address, so that limits by address do not concern them, and no TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Peer {
    /// The address, as far as it is known: who comes in over a Unix socket has none.
    pub address: Option<IpAddr>,
    /// Whether it speaks TLS, to this server or to a proxy that says so.
    pub secure: bool,
}
