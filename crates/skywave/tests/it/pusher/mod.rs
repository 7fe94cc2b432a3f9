//! The `pusher` driver: what it asks of a server, and what it makes of the answers.

mod requests;
mod server;
mod stub;
mod trouble;

use skywave::Pusher;

use super::stage::{KEY, SECRET};

/// The settings for app 3 at a server on this machine, without TLS.
fn pusher(port: u16) -> Pusher {
    Pusher::new("3", KEY, SECRET)
        .host("127.0.0.1")
        .port(port)
        .ssl(false)
}
