//! What reaches a worker from other threads.

use std::sync::Arc;

use bytes::Bytes;
use skywave_engine::App;
use skywave_protocol::Rejection;

use crate::endpoint::{Entrance, Listening};
#[cfg(feature = "tls")]
use crate::guest::Guest;
use crate::http::Admitted;
use crate::stream::Arriving;

/// What reaches a worker from other threads.
pub(crate) enum Arrival {
    /// A connection that was upgraded elsewhere.
    Connection(Arriving, Visit),
    /// A listening socket, to accept connections from.
    Listener(Listening, Arc<Entrance>),
    /// A socket that was accepted, to be served here.
    #[cfg(feature = "tls")]
    Guest(Arriving, Guest),
    /// The application ends the connections of one of its users.
    Terminate { app: Arc<App>, user_id: Arc<str> },
}

/// What a WebSocket handshake came to.
pub(crate) struct Visit {
    /// Whose connection it is, or why it is closed after the handshake.
    pub(crate) admitted: Result<Admitted, Rejection>,
    /// The answer to the handshake, where it was not sent yet: it goes out together with the first
    /// message.
    pub(crate) answer: Vec<u8>,
    /// Bytes the client sent behind the handshake (trap 15).
    pub(crate) read_ahead: Bytes,
}
