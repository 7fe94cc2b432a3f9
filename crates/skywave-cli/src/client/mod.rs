//! What the commands share that speak to a server: whose app it is, where the server is, and a
//! signed request.
//!
//! ```text
//! options     what can be typed
//! said        what flags, variables and the file say
//! target      the app and the server that follow from it
//! api         one signed request and its answer
//! connection  TCP, TLS and the handshake
//! ```

mod api;
mod connection;
mod options;
mod said;
mod target;

use std::future::Future;

pub(crate) use self::api::{Api, name, now_seconds, segment};
pub(crate) use self::connection::{Connection, open};
pub(crate) use self::options::Options;
pub(crate) use self::target::Listener;
use crate::failure::Failure;

/// Runs what a command does to its end.
pub(crate) fn run(action: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(action)
}
