//! The driver that delivers nothing: [`Null`].

use std::future;

use skywave_protocol::{ChannelName, SocketId};

use super::{BoxFuture, Driver, DriverError, Encryption, Envelope};
use crate::authorize::AuthReply;
use crate::client_options::{ClientOptions, Page};
use crate::connection::Connection;

/// Accepts every event and delivers none, for places where nobody listens.
///
/// Everything around it stays as it is: names and limits are checked, visitors are skipped,
/// authorisation rules are asked. What it allows it answers with an empty signature, since there
/// is no server to check one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Null;

impl Driver for Null {
    fn publish<'a>(&'a self, _envelope: &'a Envelope) -> BoxFuture<'a, Result<(), DriverError>> {
        Box::pin(future::ready(Ok(())))
    }

    fn authorize(
        &self,
        _socket_id: SocketId,
        _channel: &ChannelName,
        channel_data: Option<&str>,
    ) -> Result<AuthReply, DriverError> {
        Ok(AuthReply::channel(String::new(), channel_data))
    }

    fn authenticate(&self, _: SocketId, user_data: &str) -> Result<AuthReply, DriverError> {
        Ok(AuthReply::user(String::new(), user_data))
    }

    /// Nobody gets anything.
    fn can_leave_out(&self, _connection: &Connection) -> bool {
        true
    }

    fn can_leave_out_users(&self) -> bool {
        true
    }

    fn client_options(&self, page: &Page) -> ClientOptions {
        ClientOptions::for_server("null", page)
    }

    fn encryption(&self) -> Encryption {
        Encryption::AsIs
    }
}
