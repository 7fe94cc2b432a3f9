//! Events of a broadcaster, as requests (HTTP API, "POST event").

use serde::Serialize;
use skywave_protocol::{ChannelName, Limits, SocketId};

use super::PusherApi;
use crate::authorize::AuthReply;
use crate::client_options::{ClientOptions, Page};
use crate::driver::{BoxFuture, Driver, DriverError, Encryption, Envelope};

/// The body of a request to `/events`.
#[derive(Serialize)]
pub(super) struct Event<'a> {
    name: &'a str,
    #[serde(flatten)]
    channels: Channels<'a>,
    data: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    socket_id: Option<String>,
}

/// The service documents `channel` for an encrypted channel, `channels` for all others.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Channels<'a> {
    Channel(&'a ChannelName),
    Channels(&'a [ChannelName]),
}

impl<'a> Event<'a> {
    pub(super) fn new(name: &'a str, data: &'a str, channels: &'a [ChannelName]) -> Self {
        let channels = match channels {
            [only] if only.kind().is_encrypted() => Channels::Channel(only),
            several => Channels::Channels(several),
        };
        Self {
            name,
            channels,
            data,
            socket_id: None,
        }
    }

    fn except(self, socket_id: Option<SocketId>) -> Self {
        Self {
            socket_id: socket_id.as_ref().map(SocketId::to_string),
            ..self
        }
    }
}

impl PusherApi {
    /// Sends one request.
    pub(super) async fn publish_event(&self, event: &Event<'_>) -> Result<(), DriverError> {
        let body = serde_json::to_vec(event)
            .map_err(|error| DriverError::new("the event cannot be written").caused_by(error))?;
        self.post("/events", body)
            .await
            .map_err(|error| DriverError::new("the request failed").caused_by(error))
    }

    async fn deliver(&self, envelope: &Envelope) -> Result<(), DriverError> {
        let mut sent = 0;
        for channels in envelope
            .channels
            .chunks(self.request_limits().channels_per_event)
        {
            let event = Event::new(envelope.event.as_str(), &envelope.data, channels);
            if let Err(error) = self.publish_event(&event.except(envelope.except)).await {
                return Err(error.after_sending_to(envelope.channels[..sent].to_vec()));
            }
            sent += channels.len();
        }
        Ok(())
    }
}

impl Driver for PusherApi {
    fn publish<'a>(&'a self, envelope: &'a Envelope) -> BoxFuture<'a, Result<(), DriverError>> {
        Box::pin(self.deliver(envelope))
    }

    fn authorize(
        &self,
        socket_id: SocketId,
        channel: &ChannelName,
        channel_data: Option<&str>,
    ) -> Result<AuthReply, DriverError> {
        let auth = self
            .credentials()
            .sign_channel(socket_id, channel, channel_data);
        Ok(AuthReply::channel(auth, channel_data))
    }

    fn authenticate(&self, socket_id: SocketId, user_data: &str) -> Result<AuthReply, DriverError> {
        let auth = self.credentials().sign_user(socket_id, user_data);
        Ok(AuthReply::user(auth, user_data))
    }

    fn client_options(&self, _page: &Page) -> ClientOptions {
        self.place().client_options(self.credentials().key())
    }

    fn encryption(&self) -> Encryption {
        Encryption::with(self.master_key())
    }

    /// As for one request, but any number of channels: they go out in several.
    fn limits(&self) -> Limits {
        Limits {
            channels_per_event: usize::MAX,
            ..self.request_limits().clone()
        }
    }
}
