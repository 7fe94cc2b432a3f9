//! One signed request to the server and its answer (HTTP API, "Authentication").

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use http::{Method, Request, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use skywave_http_client::{HttpClient, HttpError, Repeat, Retry};
use skywave_protocol::{Credentials, Limits};

use super::address::Place;
use crate::driver::{DriverError, MasterKey};
use crate::error::Error;

/// The driver for an app at hosted Pusher or at a server with its HTTP API, made from
/// [`Pusher`](super::Pusher). Cheap to clone.
///
/// A driver among others:
///
/// ```no_run
/// # async fn f(secret: String) -> Result<(), Box<dyn std::error::Error>> {
/// use skywave::driver::ChannelAttribute;
/// use skywave::{Broadcaster, Pusher};
///
/// let api = Pusher::new("1", "my-key", secret).cluster("eu").api()?;
/// let broadcaster = Broadcaster::builder().driver("pusher", api.clone()).build()?;
///
/// for (room, info) in api.channels("presence-", &[ChannelAttribute::UserCount]).await? {
///     println!("{room}: {}", info.user_count.unwrap_or(0));
/// }
/// api.terminate_connections("user-7").await?;
/// # Ok(())
/// # }
/// ```
///
/// Errors of its methods are [`Error`]s; what the server or the way to it has to do with is
/// [`Error::http`].
#[derive(Clone)]
pub struct PusherApi {
    app: Arc<App>,
}

/// What all clones share.
pub(super) struct App {
    pub(super) app_id: String,
    pub(super) credentials: Credentials,
    pub(super) place: Place,
    pub(super) http: HttpClient,
    /// What one request takes.
    pub(super) limits: Limits,
    pub(super) master_key: Option<MasterKey>,
}

impl PusherApi {
    pub(super) fn new(app: App) -> Self {
        Self { app: Arc::new(app) }
    }

    pub(super) fn credentials(&self) -> &Credentials {
        &self.app.credentials
    }

    pub(super) fn place(&self) -> &Place {
        &self.app.place
    }

    /// What one request takes.
    pub(super) fn request_limits(&self) -> &Limits {
        &self.app.limits
    }

    pub(super) fn master_key(&self) -> Option<&MasterKey> {
        self.app.master_key.as_ref()
    }

    /// Sends `body` to `path`, which begins after the app's. A 202 and a 200 with a JSON object
    /// say that it was done.
    pub(super) async fn post(&self, path: &str, body: Vec<u8>) -> Result<(), HttpError> {
        let retry = Retry::new(Repeat::Unsent);
        let answer = self.call(Method::POST, path, &[], body, &retry).await?;
        if answer.status == StatusCode::ACCEPTED {
            return Ok(());
        }
        answer.read::<serde_json::Map<String, Value>>().map(|_| ())
    }

    /// Asks for what is at `path`, which begins after the app's.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        params: &[(&str, &str)],
    ) -> Result<T, HttpError> {
        let retry = Retry::new(Repeat::Idempotent);
        let answer = self
            .call(Method::GET, path, params, Vec::new(), &retry)
            .await?;
        answer.read()
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        params: &[(&str, &str)],
        body: Vec<u8>,
        retry: &Retry,
    ) -> Result<Answer, HttpError> {
        let App {
            app_id,
            credentials,
            place,
            http,
            ..
        } = &*self.app;
        let path = format!("/apps/{app_id}{path}");
        let query = credentials.sign_request(method.as_str(), &path, params, &body, now_seconds());
        let signature = query
            .split_once("auth_signature=")
            .map_or("", |(_, rest)| rest);
        let request = Request::builder()
            .method(method)
            .uri(place.url(&path, &query))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, LIBRARY)
            .header("x-pusher-library", LIBRARY)
            .body(Bytes::from(body))
            .map_err(|error| HttpError::Connect {
                server: place.server(),
                problem: format!("the request has no valid address: {error}"),
            })?;
        let answer = http.call(request, retry).await;
        let answer = answer.map_err(|error| error.without(signature))?;
        Ok(Answer {
            server: place.server(),
            status: answer.status(),
            body: answer.into_body(),
        })
    }
}

impl fmt::Debug for PusherApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PusherApi")
            .field("app_id", &self.app.app_id)
            .field("key", &self.app.credentials.key())
            .field("host", &self.app.place.host())
            .finish_non_exhaustive()
    }
}

struct Answer {
    server: String,
    status: StatusCode,
    body: Bytes,
}

impl Answer {
    /// The answer, if it is a 200 with JSON of the expected form. A proxy's page, say, is none.
    fn read<T: DeserializeOwned>(self) -> Result<T, HttpError> {
        let broken = |problem| HttpError::Broken {
            server: self.server.clone(),
            problem,
        };
        if self.status != StatusCode::OK {
            let status = self.status.as_u16();
            return Err(broken(format!("status {status} where 200 is expected")));
        }
        serde_json::from_slice(&self.body)
            .map_err(|error| broken(format!("not the JSON that is expected: {error}")))
    }
}

/// A failed request as an application's error.
pub(super) fn failed(error: HttpError) -> Error {
    Error::Driver {
        driver: "pusher".to_owned(),
        source: DriverError::new("the request failed").caused_by(error),
    }
}

/// A value as one segment of a path. Channel names keep their characters but `#`, because servers
/// sign what is on the request line (HTTP API, "Generating authentication signatures").
pub(super) fn segment(value: &str) -> String {
    utf8_percent_encode(value, ESCAPED).to_string()
}

const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'=')
    .remove(b'@')
    .remove(b',')
    .remove(b';');

fn now_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

const LIBRARY: &str = concat!("skywave ", env!("CARGO_PKG_VERSION"));
