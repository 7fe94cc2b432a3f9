//! One signed request to the HTTP API, and its answer: [`Api`].

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{Method, Request, header};
use serde_json::Value;
use skywave_http_client::{HttpClient, HttpError, Repeat, Retry};
use skywave_protocol::{ChannelName, Limits};

use super::target::Target;
use crate::failure::Failure;

/// An app's side of the HTTP API.
pub(crate) struct Api {
    target: Target,
    http: HttpClient,
}

impl Api {
    pub(crate) fn new(target: Target) -> Result<Self, Failure> {
        let http = target.server.http_client()?;
        Ok(Self { target, http })
    }

    /// Asks for what is at `path`, which begins after the app's.
    pub(crate) async fn get(&self, path: &str, params: &[(&str, &str)]) -> Result<Value, Failure> {
        let retry = Retry::new(Repeat::Idempotent);
        self.call(Method::GET, path, params, Vec::new(), &retry)
            .await
    }

    /// Sends a JSON body to `path`, which begins after the app's.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let retry = Retry::new(Repeat::Unsent);
        let body = body.to_string().into_bytes();
        self.call(Method::POST, path, &[], body, &retry).await
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        params: &[(&str, &str)],
        body: Vec<u8>,
        retry: &Retry,
    ) -> Result<Value, Failure> {
        let Target {
            app_id,
            credentials,
            server,
        } = &self.target;
        // What stands in front of it is not signed: a proxy may take it off.
        let path = format!("/apps/{app_id}{path}");
        let now = now_seconds();
        let query = credentials.sign_request(method.as_str(), &path, params, &body, now);
        let request = Request::builder()
            .method(method)
            .uri(format!(
                "{}{}{path}?{query}",
                server.http_url(),
                server.path
            ))
            .header(header::CONTENT_TYPE, "application/json")
            .header(
                header::USER_AGENT,
                concat!("skywave ", env!("CARGO_PKG_VERSION")),
            )
            .body(Bytes::from(body))
            .map_err(|error| {
                let address = server.http_url();
                Failure::wrong(format!(
                    "`{address}` with app `{app_id}` is no address: {error}"
                ))
            })?;
        let signature = query.split_once("auth_signature=");
        let signature = signature.map_or("", |(_, rest)| rest);
        let answer = self.http.call(request, retry).await;
        let answer = answer.map_err(|error| explained(error.without(signature)))?;
        if answer.body().is_empty() {
            return Ok(Value::Object(serde_json::Map::new()));
        }
        serde_json::from_slice(answer.body()).map_err(|_| {
            let status = answer.status();
            anyhow::anyhow!(
                "{} answered {status}, but no JSON; is it a Pusher server, and its path right?",
                server.http_url()
            )
            .into()
        })
    }
}

/// A failed request, with what to do about it.
fn explained(error: HttpError) -> Failure {
    let advice = match &error {
        HttpError::Connect { .. } => "is the server running there? See --host, --port and --url",
        HttpError::Tls { .. } => {
            "see --tls, and --root-certificate for a certificate authority of one's own"
        }
        HttpError::Status { status: 401, .. } => {
            "the server has another key or secret, or another time; see --app-key and \
             --app-secret-file"
        }
        HttpError::Status { status: 404, .. } => {
            "the server does not know the app, or the path is another one; see --app-id and --url"
        }
        _ => return Failure::Failed(error.into()),
    };
    Failure::Failed(anyhow::anyhow!("{error}\n{advice}"))
}

/// A channel's name as a segment of a path.
///
/// # Errors
///
/// It is none.
pub(crate) fn segment(channel: &str) -> Result<String, Failure> {
    // What servers sign is on the request line: only what cannot stand there is escaped.
    Ok(name(channel)?.as_str().replace('#', "%23"))
}

/// A channel's name, as every server takes it.
pub(crate) fn name(channel: &str) -> Result<ChannelName, Failure> {
    let name = Limits {
        channel_name_bytes: ChannelName::MAX_LENGTH,
        ..Limits::default()
    };
    name.channel_name(channel)
        .map_err(|rejection| Failure::wrong(rejection.to_string()))
}

pub(crate) fn now_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
