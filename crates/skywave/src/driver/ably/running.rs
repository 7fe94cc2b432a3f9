//! The driver itself: requests to Ably's REST API ([`Running`]).

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use http::{HeaderValue, Request, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use skywave_http_client::{HttpClient, Repeat, Retry};
use skywave_protocol::{ChannelKind, ChannelName, Limits, SocketId};

use super::answer;
use super::error::AblyError;
use super::key::ApiKey;
use super::message::{LIMIT, Message};
use super::place::Place;
use super::random_base64;
use super::token::Mint;
use crate::authorize::AuthReply;
use crate::client_options::{ClientOptions, Page};
use crate::connection::Connection;
use crate::driver::{BoxFuture, Driver, DriverError, Envelope, Grant, SignToken, Token};
use crate::error::BoxError;

/// The driver after its settings were checked.
pub(super) struct Running {
    pub(super) key: ApiKey,
    pub(super) place: Place,
    pub(super) mint: Mint,
    pub(super) http: HttpClient,
}

impl Running {
    async fn deliver(&self, envelope: &Envelope) -> Result<(), DriverError> {
        check(envelope)?;
        if envelope.id.get().is_none() {
            let id = format!("{}:0", random_base64::<12>()?);
            envelope.id.get_or_init(|| id);
        }
        let id = envelope.id.get().map_or("", String::as_str);
        let message = Message::new(envelope, id)?;
        if let [only] = envelope.channels.as_slice() {
            return self.publish_to(only, &message).await;
        }
        let mut sent = Vec::new();
        for channels in envelope.channels.chunks(CHANNELS_PER_REQUEST) {
            if let Err(error) = self.publish_to_all(channels, &message, &mut sent).await {
                return Err(error.after_sending_to(sent));
            }
        }
        Ok(())
    }

    async fn publish_to(
        &self,
        channel: &ChannelName,
        message: &Message<'_>,
    ) -> Result<(), DriverError> {
        let name = self.mint.names.name(channel);
        let path = format!("/channels/{}/messages", segment(&name));
        let answer = self.post(&path, message.body()?).await?;
        answer::of_message(&self.place.server(), &answer).map_err(failed)
    }

    /// Publishes to several channels in one request; those that took it are added to `sent`.
    async fn publish_to_all(
        &self,
        channels: &[ChannelName],
        message: &Message<'_>,
        sent: &mut Vec<ChannelName>,
    ) -> Result<(), DriverError> {
        let names: Vec<Cow<'_, str>> = channels
            .iter()
            .map(|channel| self.mint.names.name(channel))
            .collect();
        let answer = self.post("/messages", message.body_for(&names)?).await?;
        let named = channels.iter().zip(names.iter().map(AsRef::as_ref));
        let outcome = answer::of_batch(&self.place.server(), &answer, named, &self.key);
        let outcome = outcome.map_err(failed)?;
        sent.extend(outcome.accepted);
        let count = outcome.refused.len();
        match outcome.refused.into_iter().next() {
            None => Ok(()),
            Some(first) => Err(DriverError::new(format!(
                "{count} of {} channels were refused",
                channels.len()
            ))
            .caused_by(first)),
        }
    }

    /// Sends a request that may arrive twice, as its messages have ids.
    async fn post(&self, path: &str, body: Vec<u8>) -> Result<Bytes, DriverError> {
        let mut authorization = HeaderValue::try_from(self.key.basic())
            .map_err(|_| DriverError::new("the key cannot be in a header"))?;
        authorization.set_sensitive(true);
        let request = Request::post(self.place.url(path))
            .header(header::AUTHORIZATION, authorization)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json")
            .header("x-ably-version", PROTOCOL)
            .header("ably-agent", AGENT)
            .body(Bytes::from(body))
            .map_err(|error| {
                DriverError::new("the request has no valid address").caused_by(error)
            })?;
        let answer = self
            .http
            .call(request, &Retry::new(Repeat::Idempotent))
            .await;
        match answer {
            Ok(answer) => Ok(answer.into_body()),
            Err(error) => Err(match AblyError::of_request(error, &self.key) {
                Ok(refusal) => DriverError::new("the request was refused").caused_by(refusal),
                Err(error) => failed(error),
            }),
        }
    }
}

impl Driver for Running {
    fn publish<'a>(&'a self, envelope: &'a Envelope) -> BoxFuture<'a, Result<(), DriverError>> {
        Box::pin(self.deliver(envelope))
    }

    /// For a page whose client is pusher-js, by Ably's Pusher adapter.
    fn authorize(
        &self,
        socket_id: SocketId,
        channel: &ChannelName,
        channel_data: Option<&str>,
    ) -> Result<AuthReply, DriverError> {
        let credentials = self.key.credentials();
        let auth = credentials.sign_channel(socket_id, channel, channel_data);
        Ok(AuthReply::channel(auth, channel_data))
    }

    fn authenticate(&self, _: SocketId, _: &str) -> Result<AuthReply, DriverError> {
        Err(DriverError::new(
            "Ably knows no sign-in: users are in its tokens",
        ))
    }

    fn client_options(&self, _page: &Page) -> ClientOptions {
        self.place.client_options(self.key.name())
    }

    fn can_leave_out(&self, connection: &Connection) -> bool {
        matches!(connection, Connection::Key(_))
    }

    fn tokens(&self) -> Option<&dyn SignToken> {
        Some(self)
    }

    /// As Ably documents, for events; any number of channels, which go out in several requests.
    fn limits(&self) -> Limits {
        Limits {
            event_bytes: LIMIT,
            channel_name_bytes: ChannelName::MAX_LENGTH,
            channels_per_event: usize::MAX,
            members_per_channel: 200,
            ..Limits::default()
        }
    }
}

impl SignToken for Running {
    fn sign_token(&self, grant: &Grant) -> Result<Token, DriverError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now: Duration =
            now.map_err(|error| DriverError::new("the clock is before 1970").caused_by(error))?;
        self.mint.token(&self.key, grant, now)
    }

    fn opens_public_channels(&self) -> bool {
        self.mint.opens_public_channels()
    }
}

/// Checks what would otherwise be done differently than was asked.
fn check(envelope: &Envelope) -> Result<(), DriverError> {
    if let Some(id) = envelope.except {
        return Err(DriverError::new(format!(
            "connection {id} cannot be left out: expected a connection key"
        )));
    }
    let mut channels = envelope.channels.iter();
    match channels.find(|channel| channel.kind() == ChannelKind::ServerToUser) {
        Some(channel) => Err(DriverError::new(format!(
            "channel `{channel}`: Ably has no channels of a user; expected one of another kind"
        ))),
        None => Ok(()),
    }
}

fn failed(error: impl Into<BoxError>) -> DriverError {
    DriverError::new("the request failed").caused_by(error)
}

/// A value as one segment of a path, escaped as `encodeURIComponent` does.
fn segment(value: &str) -> String {
    utf8_percent_encode(value, ESCAPED).to_string()
}

const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Channels of one batch.
const CHANNELS_PER_REQUEST: usize = 100;

/// The version of Ably's protocol that requests are written in.
const PROTOCOL: &str = "6";

const AGENT: &str = concat!("skywave/", env!("CARGO_PKG_VERSION"));
