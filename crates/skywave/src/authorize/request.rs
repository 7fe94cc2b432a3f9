//! What a client asks at the authorisation route: [`AuthRequest`].

use std::collections::BTreeMap;
use std::fmt;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use serde_json::Value;
use skywave_protocol::{ChannelKind, ChannelName, SocketId};

/// A client's request for a signature: with a `channel_name` in its body for a channel, without one
/// for the user (Channels protocol, "Authorizing users" and "Authenticating users").
///
/// An axum extractor for `application/x-www-form-urlencoded` bodies (also when no type is given)
/// and `application/json` ones. Both values are checked before anything is signed; see
/// [`InvalidRequest`] for what is refused.
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
    /// The connection that asks.
    #[must_use]
    pub fn socket_id(&self) -> SocketId {
        self.socket_id
    }
}

impl AuthRequest {
    fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, InvalidRequest> {
        let fields = match content_type(headers)? {
            ContentType::Form => form_fields(body)?,
            ContentType::Json => json_fields(body)?,
        };
        let socket_id = fields.get(SOCKET_ID).ok_or_else(|| {
            InvalidRequest::unprocessable(format!(
                "field `{SOCKET_ID}` is missing: expected the connection's socket id"
            ))
        })?;
        let socket_id = SocketId::parse(socket_id).map_err(|problem| {
            InvalidRequest::unprocessable(format!("field `{SOCKET_ID}`: {problem}"))
        })?;
        let Some(channel) = fields.get(CHANNEL_NAME) else {
            return Ok(Self::User(UserRequest { socket_id }));
        };
        let channel = ChannelName::parse(channel).map_err(|problem| {
            InvalidRequest::unprocessable(format!("field `{CHANNEL_NAME}`: {problem}"))
        })?;
        Ok(Self::Channel(ChannelRequest { socket_id, channel }))
    }
}

impl<S: Send + Sync> FromRequest<S> for AuthRequest {
    type Rejection = InvalidRequest;

    async fn from_request(request: Request, state: &S) -> Result<Self, InvalidRequest> {
        let headers = request.headers().clone();
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| InvalidRequest {
                status: rejection.status(),
                message: rejection.body_text(),
            })?;
        Self::read(&headers, &body)
    }
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

impl IntoResponse for InvalidRequest {
    fn into_response(self) -> Response {
        tracing::debug!(status = self.status.as_u16(), "refused a request: {self}");
        (self.status, self.message).into_response()
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

type Fields = BTreeMap<&'static str, String>;

fn form_fields(body: &[u8]) -> Result<Fields, InvalidRequest> {
    let mut fields = Fields::new();
    for (name, value) in form_urlencoded::parse(body) {
        let Some(known) = FIELDS.into_iter().find(|known| *known == name) else {
            continue;
        };
        if fields.insert(known, value.into_owned()).is_some() {
            return Err(InvalidRequest::unprocessable(format!(
                "field `{known}` appears more than once: expected one value"
            )));
        }
    }
    Ok(fields)
}

fn json_fields(body: &[u8]) -> Result<Fields, InvalidRequest> {
    let Ok(Value::Object(mut object)) = serde_json::from_slice(body) else {
        return Err(InvalidRequest::unprocessable(
            "the body is not a JSON object: expected {\"socket_id\": .., \"channel_name\": ..}",
        ));
    };
    let mut fields = Fields::new();
    for name in FIELDS {
        match object.remove(name) {
            None | Some(Value::Null) => {}
            Some(Value::String(value)) => {
                fields.insert(name, value);
            }
            Some(_) => {
                return Err(InvalidRequest::unprocessable(format!(
                    "field `{name}` is not text: expected a JSON string"
                )));
            }
        }
    }
    Ok(fields)
}

const SOCKET_ID: &str = "socket_id";
const CHANNEL_NAME: &str = "channel_name";
const FIELDS: [&str; 2] = [SOCKET_ID, CHANNEL_NAME];
