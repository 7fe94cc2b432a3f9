//! HTTP: who is asking for what, on any runtime and any stream.
//!
//! [`answer`] turns a request into a response. It is the same code for the server's own listeners
//! and for an application's router; only what happens to an upgraded connection differs, so an
//! upgrade is handed back as [`Answer::Upgrade`].

mod connect;
mod events;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::Full;
use hyper::upgrade::OnUpgrade;
use skywave_engine::Engine;
use skywave_protocol::Rejection;

use crate::worker::Visit;

/// A response whose body is complete.
pub(crate) type FullResponse = Response<Full<Bytes>>;

/// Whatever a foreign body can fail with.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a request came to.
pub(crate) enum Answer {
    Response(FullResponse),
    /// Send the response; when the stream is upgraded, it becomes a connection of the visit's app.
    Upgrade {
        response: FullResponse,
        upgrade: OnUpgrade,
        visit: Visit,
    },
}

/// What the path asks for.
#[derive(Debug, PartialEq, Eq)]
enum Route<'a> {
    /// `/app/KEY`: a WebSocket.
    Connect { key: &'a str },
    /// `/apps/ID/events`: an event.
    Events { app_id: &'a str },
}

impl<'a> Route<'a> {
    fn of(path: &'a str) -> Option<Self> {
        let mut segments = path.strip_prefix('/')?.split('/');
        match (
            segments.next()?,
            segments.next()?,
            segments.next(),
            segments.next(),
        ) {
            ("app", key, None, None) => Some(Self::Connect { key }),
            ("apps", app_id, Some("events"), None) => Some(Self::Events { app_id }),
            _ => None,
        }
    }
}

/// Answers one request to the server.
pub(crate) async fn answer<B>(engine: &Engine, mut request: Request<B>) -> Answer
where
    B: Body<Error: Into<BoxError>>,
{
    let path = request.uri().path().to_owned();
    let response = match Route::of(&path) {
        Some(Route::Connect { key }) => return connect::open(engine, key, &mut request),
        Some(Route::Events { app_id }) if request.method() == Method::POST => {
            events::publish(engine, app_id, request)
                .await
                .unwrap_or_else(|e| refusal(&e))
        }
        Some(Route::Events { .. }) => {
            let mut response = refusal(&Rejection::MethodNotAllowed);
            response
                .headers_mut()
                .insert(http::header::ALLOW, HeaderValue::from_static("POST"));
            response
        }
        None => refusal(&Rejection::PathNotFound),
    };
    Answer::Response(response)
}

/// A refusal as plain text, which official libraries show as their message (trap 11).
fn refusal(rejection: &Rejection) -> FullResponse {
    let status = StatusCode::from_u16(rejection.http_status());
    let mut response = Response::new(Full::from(rejection.to_string()));
    *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

/// Status 200 with a JSON object (trap 10).
fn json(body: impl Into<Bytes>) -> FullResponse {
    let mut response = Response::new(Full::new(body.into()));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_routes() {
        for (path, route) in [
            ("/app/k", Some(Route::Connect { key: "k" })),
            ("/apps/3/events", Some(Route::Events { app_id: "3" })),
            ("/app/k/", None),
            ("/app", None),
            ("/apps/3/events/x", None),
            ("/apps/3", None),
            ("/", None),
        ] {
            assert_eq!(Route::of(path), route, "{path}");
        }
    }
}
