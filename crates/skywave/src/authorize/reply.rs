//! What an authorisation request is answered: [`AuthReply`], or [`AuthError`].

use std::error::Error as StdError;
use std::fmt;

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;

use super::route::{json, text};
use crate::counters::Count;
use crate::error::{BoxError, chain};

/// A signed answer, as the client wants it (Channels protocol, "Authorizing users" and
/// "Authenticating users"). As an axum response it is a 200 with JSON.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct AuthReply {
    auth: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel_data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shared_secret: Option<String>,
}

impl AuthReply {
    /// The answer to a channel authorisation: `auth` is `KEY:SIGNATURE`, `channel_data` the text
    /// that was signed with it.
    #[must_use]
    pub fn channel(auth: String, channel_data: Option<&str>) -> Self {
        Self {
            auth,
            channel_data: channel_data.map(str::to_owned),
            user_data: None,
            shared_secret: None,
        }
    }

    /// The answer to a user authentication: `auth` is `KEY:SIGNATURE` of `user_data`.
    #[must_use]
    pub fn user(auth: String, user_data: &str) -> Self {
        Self {
            auth,
            channel_data: None,
            user_data: Some(user_data.to_owned()),
            shared_secret: None,
        }
    }

    /// The same with the key of an encrypted channel, in base64.
    #[must_use]
    pub fn with_shared_secret(self, secret: impl Into<String>) -> Self {
        Self {
            shared_secret: Some(secret.into()),
            ..self
        }
    }

    /// `KEY:SIGNATURE`.
    #[must_use]
    pub fn auth(&self) -> &str {
        &self.auth
    }

    /// The key of the encrypted channel, in base64; `None` for others.
    #[must_use]
    pub fn shared_secret(&self) -> Option<&str> {
        self.shared_secret.as_deref()
    }

    /// The member as signed; `None` but for presence channels.
    #[must_use]
    pub fn channel_data(&self) -> Option<&str> {
        self.channel_data.as_deref()
    }

    /// The user as signed; `None` but for user authentication.
    #[must_use]
    pub fn user_data(&self) -> Option<&str> {
        self.user_data.as_deref()
    }
}

/// Shows what was signed, but not the signature and the key, which open the channel to their holder.
impl fmt::Debug for AuthReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthReply")
            .field("channel_data", &self.channel_data)
            .field("user_data", &self.user_data)
            .finish_non_exhaustive()
    }
}

impl AuthReply {
    pub(super) fn into_http(self) -> http::Response<Bytes> {
        json(&self)
    }
}

impl IntoResponse for AuthReply {
    fn into_response(self) -> Response {
        self.into_http().map(Body::from)
    }
}

/// Why an authorisation request was not signed.
///
/// As an axum response it is plain text and never a 200: 403 for [`Denied`](Self::Denied), 500 for
/// [`Failed`](Self::Failed). Only debug builds tell the reason to the browser; it is always logged.
#[derive(Debug)]
#[non_exhaustive]
pub enum AuthError {
    /// The answer is no.
    Denied {
        /// Why, for the developer.
        reason: String,
    },
    /// The answer could not be found out or not be signed.
    Failed {
        /// What went wrong.
        source: Box<dyn StdError + Send + Sync>,
    },
}

impl AuthError {
    /// No, because of `reason`.
    pub fn denied(reason: impl Into<String>) -> Self {
        Self::Denied {
            reason: reason.into(),
        }
    }

    /// No answer, because of `source`.
    pub fn failed(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Failed {
            source: source.into(),
        }
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied { reason } => write!(f, "denied: {reason}"),
            Self::Failed { .. } => f.write_str("the request could not be decided or signed"),
        }
    }
}

impl StdError for AuthError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Denied { .. } => None,
            Self::Failed { source } => Some(source.as_ref()),
        }
    }
}

impl From<BoxError> for AuthError {
    fn from(source: BoxError) -> Self {
        Self::failed(source)
    }
}

impl AuthError {
    /// Logs the error, and gives the status and the text that the browser gets.
    pub(super) fn told(&self) -> (StatusCode, String) {
        let (status, title) = match self {
            Self::Denied { .. } => {
                tracing::debug!("authorisation {self}");
                (StatusCode::FORBIDDEN, "Forbidden")
            }
            Self::Failed { .. } => {
                tracing::error!(error = %chain(self), "an authorisation request failed");
                (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
            }
        };
        if cfg!(debug_assertions) {
            (status, format!("{title}: {}", chain(self)))
        } else {
            (status, title.to_owned())
        }
    }

    pub(super) fn into_http(self) -> http::Response<Bytes> {
        let (status, message) = self.told();
        text(status, message)
    }

    pub(super) fn count(&self) -> Count {
        match self {
            Self::Denied { .. } => Count::Denied,
            Self::Failed { .. } => Count::Undecided,
        }
    }
}

impl IntoResponse for AuthError {
    fn into_response(self) -> Response {
        self.into_http().map(Body::from)
    }
}
