//! Webhooks: what a server tells the application ([`Webhook`]), and whether it was that server
//! ([`WebhookKeys`]).
//!
//! A server of the Pusher protocol, hosted or one's own, posts what happens on its channels to an
//! address of the application. The body is signed as it travels, so it is verified before anything
//! is read from it (Channels protocol, "Webhooks").
//!
//! ```text
//! event   what may have happened, as types
//! ```

mod event;

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use axum::extract::{FromRef, FromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value};
use skywave_protocol::{Credentials, Secret};

pub use self::event::WebhookEvent;

/// Something that a server told the application, verified.
///
/// An axum extractor, for an application whose state has the [`WebhookKeys`]. What cannot be
/// verified is answered with a 401, which makes the server try again for some minutes.
///
/// ```
/// use axum::Router;
/// use axum::extract::FromRef;
/// use axum::routing::post;
/// use skywave::{Webhook, WebhookEvent, WebhookKeys};
///
/// #[derive(Clone)]
/// struct AppState {
///     webhooks: WebhookKeys,
/// }
///
/// impl FromRef<AppState> for WebhookKeys {
///     fn from_ref(state: &AppState) -> Self {
///         state.webhooks.clone()
///     }
/// }
///
/// async fn told(webhook: Webhook) {
///     for event in webhook.events {
///         match event {
///             WebhookEvent::ChannelOccupied { channel } => println!("{channel}: somebody listens"),
///             WebhookEvent::MemberRemoved { channel, user_id } => println!("{user_id} left {channel}"),
///             _ => {}
///         }
///     }
/// }
///
/// # fn f(secret: String) {
/// let state = AppState { webhooks: WebhookKeys::new("my-key", secret) };
/// let app: Router = Router::new().route("/webhooks", post(told)).with_state(state);
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Webhook {
    /// When the server wrote it.
    pub time: SystemTime,
    /// What happened, in order.
    pub events: Vec<WebhookEvent>,
}

/// The keys and secrets that webhooks are accepted from: one, or several while they are changed.
/// Cheap to make, and to clone.
#[derive(Clone, Debug)]
pub struct WebhookKeys {
    credentials: Vec<Credentials>,
    window: Option<Duration>,
}

impl WebhookKeys {
    /// The key and the secret of an app.
    pub fn new(key: impl Into<String>, secret: impl Into<Secret>) -> Self {
        let keys = Self {
            credentials: Vec::new(),
            window: Some(WINDOW),
        };
        keys.or(key, secret)
    }

    /// Another key and secret, which is as good. The server signs with the oldest that is active,
    /// so a new one is added here before the old one is switched off there.
    #[must_use]
    pub fn or(mut self, key: impl Into<String>, secret: impl Into<Secret>) -> Self {
        self.credentials.push(Credentials::new(key, &secret.into()));
        self
    }

    /// How far a webhook's time may be from ours, in either direction: whoever recorded one cannot
    /// send it again later. By default 5 minutes, which is for how long hosted Pusher repeats an
    /// unanswered one; `None` accepts any time.
    #[must_use]
    pub fn window(self, window: Option<Duration>) -> Self {
        Self { window, ..self }
    }

    fn check(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), WebhookError> {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let key = header(KEY).ok_or(WebhookError::Missing { header: KEY })?;
        let signature = header(SIGNATURE).ok_or(WebhookError::Missing { header: SIGNATURE })?;
        let mut known = false;
        for credentials in &self.credentials {
            if credentials.key() == key {
                known = true;
                if credentials.verify_webhook(signature, body) {
                    return Ok(());
                }
            }
        }
        Err(if known {
            WebhookError::InvalidSignature
        } else {
            WebhookError::UnknownKey {
                key: key.chars().take(64).collect(),
            }
        })
    }
}

impl Webhook {
    /// Verifies a webhook by its headers and its body, byte for byte as it came in, and reads it.
    ///
    /// # Errors
    ///
    /// A [`WebhookError`]; nothing of the body is looked at before its signature is found right.
    pub fn verify(
        keys: &WebhookKeys,
        headers: &HeaderMap,
        body: &[u8],
        now: SystemTime,
    ) -> Result<Self, WebhookError> {
        #[derive(Deserialize)]
        struct Body {
            time_ms: u64,
            events: Vec<Map<String, Value>>,
        }
        keys.check(headers, body)?;
        let malformed = |problem: String| WebhookError::Malformed { problem };
        let body: Body =
            serde_json::from_slice(body).map_err(|error| malformed(error.to_string()))?;
        let time = UNIX_EPOCH
            .checked_add(Duration::from_millis(body.time_ms))
            .ok_or_else(|| malformed("time_ms is out of range".to_owned()))?;
        let age = now
            .duration_since(time)
            .unwrap_or_else(|ahead| ahead.duration());
        if keys.window.is_some_and(|window| age > window) {
            return Err(WebhookError::OutOfTime { age });
        }
        let events = body.events.into_iter().map(WebhookEvent::read);
        let events = events.collect::<Result<_, _>>().map_err(malformed)?;
        Ok(Self { time, events })
    }
}

impl<S> FromRequest<S> for Webhook
where
    S: Send + Sync,
    WebhookKeys: FromRef<S>,
{
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let keys = WebhookKeys::from_ref(state);
        let headers = request.headers().clone();
        let body = Bytes::from_request(request, state)
            .await
            .map_err(IntoResponse::into_response)?;
        Self::verify(&keys, &headers, &body, SystemTime::now()).map_err(IntoResponse::into_response)
    }
}

/// Why a webhook was not accepted.
///
/// As an axum response it is plain text: 400 for what was signed but is malformed, else 401.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WebhookError {
    /// A header is missing.
    Missing {
        /// Its name.
        header: &'static str,
    },
    /// It is signed as an app that it is not accepted from.
    UnknownKey {
        /// The app's public key.
        key: String,
    },
    /// The signature is not that of this body.
    InvalidSignature,
    /// The time it was written is too far from now.
    OutOfTime {
        /// How far, in either direction.
        age: Duration,
    },
    /// It is signed, but not what was expected.
    Malformed {
        /// What is wrong with it.
        problem: String,
    },
}

impl fmt::Display for WebhookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { header } => write!(f, "header `{header}` is missing"),
            Self::UnknownKey { key } => write!(f, "unknown key `{key}`"),
            Self::InvalidSignature => f.write_str("the signature is not that of the body"),
            Self::OutOfTime { age } => {
                let seconds = age.as_secs();
                write!(f, "it was written {seconds} seconds from now")
            }
            Self::Malformed { problem } => write!(f, "it is malformed: {problem}"),
        }
    }
}

impl std::error::Error for WebhookError {}

impl IntoResponse for WebhookError {
    fn into_response(self) -> Response {
        tracing::warn!("refused a webhook: {self}");
        let status = match self {
            Self::Malformed { .. } => StatusCode::BAD_REQUEST,
            _ => StatusCode::UNAUTHORIZED,
        };
        (status, self.to_string()).into_response()
    }
}

const KEY: &str = "x-pusher-key";
const SIGNATURE: &str = "x-pusher-signature";
const WINDOW: Duration = Duration::from_secs(300);
