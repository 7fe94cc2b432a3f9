//! The driver that writes events to the log: [`Log`].

use std::future;

use skywave_protocol::{ChannelName, SocketId};

use super::{BoxFuture, Driver, DriverError, Encryption, Envelope};
use crate::authorize::AuthReply;
use crate::client_options::{ClientOptions, Page};
use crate::connection::Connection;

/// Writes every event to the log through `tracing` and delivers none: for development without
/// browsers, and beside another driver to see what is sent.
///
/// An event is a line at `info` level with its name, its channels, the length of its data in bytes
/// and the connection left out; the data only when it is [asked for](Self::data).
///
/// Everything around it stays as it is: names and limits are checked, visitors are skipped,
/// authorisation rules are asked. What they allow is logged at `debug` level and answered with
/// `log:not-signed`, which no server accepts. A page's client is told that it has no transport, so
/// it gives up at once (state `failed`) instead of looking for a server again and again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Log {
    data: bool,
}

impl Log {
    /// Logs everything about an event but its data.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether to log the data, too: as a second line, at `debug` level. It may be personal, and
    /// logs are kept, so it is off by default.
    #[must_use]
    pub fn data(self, logged: bool) -> Self {
        Self { data: logged }
    }
}

impl Driver for Log {
    fn publish<'a>(&'a self, envelope: &'a Envelope) -> BoxFuture<'a, Result<(), DriverError>> {
        let event = envelope.event.as_str();
        let channels: Vec<&str> = envelope.channels.iter().map(ChannelName::as_str).collect();
        tracing::info!(
            event,
            channels = channels.join(" "),
            bytes = envelope.data.len(),
            except = envelope.except.map(tracing::field::display),
            except_user = envelope.except_user,
            except_key = envelope.except_key.is_some().then_some("***"),
            "event"
        );
        if self.data {
            tracing::debug!(event, data = envelope.data, "data of the event");
        }
        Box::pin(future::ready(Ok(())))
    }

    fn authorize(
        &self,
        socket_id: SocketId,
        channel: &ChannelName,
        channel_data: Option<&str>,
    ) -> Result<AuthReply, DriverError> {
        tracing::debug!(%channel, %socket_id, "authorised");
        Ok(AuthReply::channel(NOT_SIGNED.to_owned(), channel_data))
    }

    fn authenticate(&self, socket_id: SocketId, user_data: &str) -> Result<AuthReply, DriverError> {
        tracing::debug!(%socket_id, "signed in");
        Ok(AuthReply::user(NOT_SIGNED.to_owned(), user_data))
    }

    /// It is logged as left out.
    fn can_leave_out(&self, _connection: &Connection) -> bool {
        true
    }

    fn can_leave_out_users(&self) -> bool {
        true
    }

    fn client_options(&self, page: &Page) -> ClientOptions {
        ClientOptions::for_server("log", page).with("enabledTransports", Vec::<String>::new())
    }

    fn encryption(&self) -> Encryption {
        Encryption::AsIs
    }
}

/// In the form of a signature, so that clients take the answer for what it is.
const NOT_SIGNED: &str = "log:not-signed";
