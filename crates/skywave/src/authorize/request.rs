//! What a client asks at the authorisation route: [`AuthRequest`].

use std::fmt;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use serde_json::Value;
use skywave_protocol::{ChannelKind, ChannelName, NameError, SocketId};

use super::route::text;

/// A client's request for a signature: with a `channel_name` in its body for a channel, without one
/// for the user (Channels protocol, "Authorizing users" and "Authenticating users").
///
/// An axum extractor for `application/x-www-form-urlencoded` bodies (also when no type is given)
/// and `application/json` ones. Both values are checked before anything is signed; see
/// [`InvalidRequest`] for what is refused. A request for many channels at once (`channel_name[]`) is
/// one for the [ready route](crate::Broadcaster::routes) only; here it is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthRequest {
    /// May this connection subscribe to this channel?
    Channel(ChannelRequest),
    /// Which user is this connection?
    User(UserRequest),
}

/// A request for a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelRequest {
    socket_id: SocketId,
    channel: ChannelName,
}

/// A request for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRequest {
    socket_id: SocketId,
}

impl ChannelRequest {
    pub(crate) fn new(socket_id: SocketId, channel: ChannelName) -> Self {
        Self { socket_id, channel }
    }

    /// The connection that asks.
    #[must_use]
    pub fn socket_id(&self) -> SocketId {
        self.socket_id
    }

    /// The channel's full name, prefix included.
    #[must_use]
    pub fn channel(&self) -> &str {
        self.channel.as_str()
    }

    /// The channel's kind.
    #[must_use]
    pub fn kind(&self) -> ChannelKind {
        self.channel.kind()
    }

    pub(crate) fn channel_name(&self) -> &ChannelName {
        &self.channel
    }
}

impl UserRequest {
    #[cfg(feature = "testing")]
    pub(crate) fn new(socket_id: SocketId) -> Self {
        Self { socket_id }
    }

    /// The connection that asks.
    #[must_use]
    pub fn socket_id(&self) -> SocketId {
        self.socket_id
    }
}

/// What the ready route is asked: the one thing that an [`AuthRequest`] is about, or many channels.
#[derive(Debug)]
pub(super) enum Question {
    One(AuthRequest),
    Many(BatchRequest),
    Token(TokenRequest),
}

/// A request for many channels at once.
#[derive(Debug)]
pub(super) struct BatchRequest {
    pub(super) socket_id: SocketId,
    /// As they were asked for, each once; one that is malformed does not spoil the others.
    pub(super) channels: Vec<(String, Result<ChannelName, NameError>)>,
}

/// A request for one token, of a driver whose clients ask for one: it names no socket id.
#[derive(Debug)]
pub(super) struct TokenRequest {
    /// Who the client wants to be, if it says so.
    pub(super) client_id: Option<String>,
    /// Each once.
    pub(super) channels: Vec<ChannelName>,
}

impl Question {
    /// Reads a request for a driver whose clients ask for tokens: those of ably-js are in the
    /// query, in a form, or in both, and may say nothing at all.
    pub(super) fn read_with_tokens(parts: &Parts, body: &[u8]) -> Result<Self, InvalidRequest> {
        let mut fields = Fields::read(&parts.headers, body)?;
        if fields.socket_id.is_some() {
            return Self::of(fields);
        }
        let query = parts.uri.query().unwrap_or_default();
        fields.join(Fields::form(query.as_bytes())?);
        TokenRequest::new(fields).map(Self::Token)
    }

    pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, InvalidRequest> {
        Self::of(Fields::read(headers, body)?)
    }

    fn of(fields: Fields) -> Result<Self, InvalidRequest> {
        let socket_id = fields.socket_id.ok_or_else(|| {
            InvalidRequest::unprocessable(format!(
                "field `{SOCKET_ID}` is missing: expected the connection's socket id"
            ))
        })?;
        let socket_id = SocketId::parse(&socket_id).map_err(|problem| {
            InvalidRequest::unprocessable(format!("field `{SOCKET_ID}`: {problem}"))
        })?;
        match (fields.channel, fields.channels) {
            (None, None) => Ok(Self::One(AuthRequest::User(UserRequest { socket_id }))),
            (Some(channel), None) => {
                let channel = ChannelName::parse(&channel).map_err(|problem| {
                    InvalidRequest::unprocessable(format!("field `{CHANNEL_NAME}`: {problem}"))
                })?;
                let ask = ChannelRequest { socket_id, channel };
                Ok(Self::One(AuthRequest::Channel(ask)))
            }
            (None, Some(channels)) => BatchRequest::new(socket_id, channels).map(Self::Many),
            (Some(_), Some(_)) => Err(InvalidRequest::unprocessable(format!(
                "fields `{CHANNEL_NAME}` and `{CHANNEL_NAMES}`: expected one of them"
            ))),
        }
    }
}

impl BatchRequest {
    fn new(socket_id: SocketId, names: Vec<String>) -> Result<Self, InvalidRequest> {
        if names.is_empty() || names.len() > MAX_CHANNELS {
            return Err(InvalidRequest::unprocessable(format!(
                "field `{CHANNEL_NAMES}`: expected 1 to {MAX_CHANNELS} channels, got {}",
                names.len()
            )));
        }
        let mut channels: Vec<(String, _)> = Vec::with_capacity(names.len());
        for name in names {
            if !channels.iter().any(|(known, _)| *known == name) {
                let parsed = ChannelName::parse(&name);
                channels.push((name, parsed));
            }
        }
        Ok(Self {
            socket_id,
            channels,
        })
    }
}

impl TokenRequest {
    fn new(fields: Fields) -> Result<Self, InvalidRequest> {
        let mut channels = Vec::new();
        let names = fields.channels.unwrap_or_default();
        for name in fields.channel.into_iter().chain(names) {
            let name = ChannelName::parse(&name).map_err(|problem| {
                InvalidRequest::unprocessable(format!("field `{CHANNEL_NAMES}`: {problem}"))
            })?;
            if !channels.contains(&name) {
                channels.push(name);
            }
        }
        if channels.len() > MAX_CHANNELS {
            return Err(InvalidRequest::unprocessable(format!(
                "field `{CHANNEL_NAMES}`: expected at most {MAX_CHANNELS} channels, got {}",
                channels.len()
            )));
        }
        Ok(Self {
            client_id: fields.client_id,
            channels,
        })
    }
}

impl<S: Send + Sync> FromRequest<S> for AuthRequest {
    type Rejection = InvalidRequest;

    async fn from_request(request: Request, _: &S) -> Result<Self, InvalidRequest> {
        let headers = request.headers().clone();
        match Question::read(&headers, &body_of(request).await?)? {
            Question::One(ask) => Ok(ask),
            Question::Many(_) | Question::Token(_) => Err(InvalidRequest::unprocessable(format!(
                "field `{CHANNEL_NAMES}`: this route takes one channel at a time, as \
                 `{CHANNEL_NAME}`"
            ))),
        }
    }
}

/// The body of a request that axum carries, with the application's limit for bodies.
pub(super) async fn body_of(request: Request) -> Result<Bytes, InvalidRequest> {
    Bytes::from_request(request, &())
        .await
        .map_err(|rejection| InvalidRequest {
            status: rejection.status(),
            message: rejection.body_text(),
        })
}

/// A request that is refused for its form, before anyone is asked.
///
/// As an axum response it is plain text that names the field or header and what was expected: 422
/// for a missing or malformed value, 415 for a body that is neither form nor JSON, 400 for a
/// request without a host, and axum's own status when the body cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidRequest {
    status: StatusCode,
    message: String,
}

impl InvalidRequest {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    pub(crate) fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, message)
    }

    /// The HTTP status that it is answered with.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl fmt::Display for InvalidRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for InvalidRequest {}

impl InvalidRequest {
    pub(super) fn into_http(self) -> http::Response<Bytes> {
        tracing::debug!(status = self.status.as_u16(), "refused a request: {self}");
        text(self.status, self.message)
    }
}

impl IntoResponse for InvalidRequest {
    fn into_response(self) -> Response {
        self.into_http().map(Body::from)
    }
}

enum ContentType {
    Form,
    Json,
}

fn content_type(headers: &HeaderMap) -> Result<ContentType, InvalidRequest> {
    // The Swift client sends a form and no content type.
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Ok(ContentType::Form);
    };
    let value = value.to_str().unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        Ok(ContentType::Form)
    } else if essence.eq_ignore_ascii_case("application/json") {
        Ok(ContentType::Json)
    } else {
        Err(InvalidRequest::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "header `content-type`: expected application/x-www-form-urlencoded or application/json",
        ))
    }
}

/// The fields that count; others are the application's own.
#[derive(Default)]
struct Fields {
    socket_id: Option<String>,
    channel: Option<String>,
    channels: Option<Vec<String>>,
    /// As ably-js calls it.
    client_id: Option<String>,
}

impl Fields {
    fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, InvalidRequest> {
        match content_type(headers)? {
            ContentType::Form => Self::form(body),
            ContentType::Json => Self::json(body),
        }
    }

    fn form(body: &[u8]) -> Result<Self, InvalidRequest> {
        let mut fields = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            let (known, field) = match &*name {
                SOCKET_ID => (SOCKET_ID, &mut fields.socket_id),
                CHANNEL_NAME => (CHANNEL_NAME, &mut fields.channel),
                CLIENT_ID => {
                    fields.client_id.get_or_insert(value.into_owned());
                    continue;
                }
                name if is_list(name) => {
                    let channels = fields.channels.get_or_insert_default();
                    channels.push(value.into_owned());
                    continue;
                }
                _ => continue,
            };
            if field.replace(value.into_owned()).is_some() {
                return Err(InvalidRequest::unprocessable(format!(
                    "field `{known}` appears more than once: expected one value"
                )));
            }
        }
        Ok(fields)
    }

    fn json(body: &[u8]) -> Result<Self, InvalidRequest> {
        let Ok(Value::Object(mut object)) = serde_json::from_slice(body) else {
            return Err(InvalidRequest::unprocessable(
                "the body is not a JSON object: expected {\"socket_id\": .., \"channel_name\": ..}",
            ));
        };
        let mut take = |name| object.remove(name).filter(|value| !value.is_null());
        let (socket_id, channel, channels) =
            (take(SOCKET_ID), take(CHANNEL_NAME), take(CHANNEL_NAMES));
        let client_id = take(CLIENT_ID);
        // A list needs no name of its own in JSON.
        let (channel, channels) = match (channel, channels) {
            (Some(list @ Value::Array(_)), None) => (None, Some(list)),
            other => other,
        };
        Ok(Self {
            socket_id: socket_id
                .map(|value| text_of(SOCKET_ID, value))
                .transpose()?,
            channel: channel
                .map(|value| text_of(CHANNEL_NAME, value))
                .transpose()?,
            channels: channels.map(list_of).transpose()?,
            client_id: client_id.and_then(|value| value.as_str().map(str::to_owned)),
        })
    }

    /// Takes in those of the address, beside those of the body.
    fn join(&mut self, query: Self) {
        self.client_id = self.client_id.take().or(query.client_id);
        let named = query.channel.into_iter();
        let channels = named.chain(query.channels.into_iter().flatten());
        self.channels.get_or_insert_default().extend(channels);
    }
}

/// `channel_name[]`, and with an index as some clients write it.
fn is_list(name: &str) -> bool {
    let index = name
        .strip_prefix(CHANNEL_NAME)
        .and_then(|rest| rest.strip_prefix('['))
        .and_then(|rest| rest.strip_suffix(']'));
    index.is_some_and(|index| index.bytes().all(|byte| byte.is_ascii_digit()))
}

fn text_of(name: &str, value: Value) -> Result<String, InvalidRequest> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(InvalidRequest::unprocessable(format!(
            "field `{name}` is not text: expected a JSON string"
        ))),
    }
}

fn list_of(value: Value) -> Result<Vec<String>, InvalidRequest> {
    match value {
        Value::Array(values) => values
            .into_iter()
            .map(|value| text_of(CHANNEL_NAMES, value))
            .collect(),
        _ => Err(InvalidRequest::unprocessable(format!(
            "field `{CHANNEL_NAMES}` is not a list: expected a JSON array of strings"
        ))),
    }
}

const SOCKET_ID: &str = "socket_id";
const CHANNEL_NAME: &str = "channel_name";
const CLIENT_ID: &str = "clientId";
const CHANNEL_NAMES: &str = "channel_name[]";
/// Channels of one request, as many as one event goes to at most.
const MAX_CHANNELS: usize = 100;
