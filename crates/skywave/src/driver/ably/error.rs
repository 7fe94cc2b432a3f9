//! What Ably says when it refuses: [`AblyError`].

use std::error::Error as StdError;
use std::fmt;

use serde::Deserialize;
use skywave_http_client::HttpError;
use skywave_protocol::ChannelName;

use super::key::ApiKey;

/// A refusal of Ably, with its code (<https://help.ably.io>). Neither key nor token is in it.
///
/// It is behind the [`DriverError`](crate::driver::DriverError) of a sending, and
/// [`Error::ably`](crate::Error::ably) finds it there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AblyError {
    code: u32,
    status: u16,
    message: String,
    channel: Option<ChannelName>,
    http: Option<HttpError>,
}

impl AblyError {
    /// Ably's code, such as 40160 for a key without the capability, or 40142 for an expired token.
    #[must_use]
    pub fn code(&self) -> u32 {
        self.code
    }

    /// The HTTP status that belongs to it.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// What Ably says about it.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The channel that it is about, when the others were accepted.
    #[must_use]
    pub fn channel(&self) -> Option<&ChannelName> {
        self.channel.as_ref()
    }

    /// The refusal that a whole request was answered with, if the answer is Ably's own.
    pub(super) fn of_request(error: HttpError, key: &ApiKey) -> Result<Self, HttpError> {
        let error = key.hidden_in_answer(error);
        let HttpError::Status {
            server,
            status,
            text,
        } = &error
        else {
            return Err(error);
        };
        let Ok(Refusal { error: info }) = serde_json::from_str(text) else {
            return Err(error);
        };
        let (server, status) = (server.clone(), *status);
        Ok(Self {
            channel: None,
            http: Some(HttpError::Status {
                server,
                status,
                text: format!("see https://help.ably.io/error/{}", info.code),
            }),
            ..Self::of(&info, status, key)
        })
    }

    /// The refusal of one channel among others.
    pub(super) fn of_channel(info: &ErrorInfo, channel: ChannelName, key: &ApiKey) -> Self {
        Self {
            channel: Some(channel),
            ..Self::of(info, 0, key)
        }
    }

    fn of(info: &ErrorInfo, status: u16, key: &ApiKey) -> Self {
        Self {
            code: info.code,
            status: info.status_code.unwrap_or(status),
            message: key.hidden_in(&info.message),
            channel: None,
            http: None,
        }
    }
}

impl fmt::Display for AblyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, message, .. } = self;
        match &self.channel {
            Some(channel) => write!(f, "error {code} of Ably for channel `{channel}`: {message}"),
            None => write!(f, "error {code} of Ably: {message}"),
        }
    }
}

impl StdError for AblyError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.http
            .as_ref()
            .map(|http| http as &(dyn StdError + 'static))
    }
}

/// The body of a refused request.
#[derive(Deserialize)]
struct Refusal {
    error: ErrorInfo,
}

/// `ErrorInfo` of Ably's specification.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ErrorInfo {
    code: u32,
    #[serde(default)]
    status_code: Option<u16>,
    #[serde(default)]
    message: String,
}
