//! HTTP: who is asking for what, on any runtime and any stream.
//!
//! [`answer`] turns a request into a response. It is the same code for the server's own listeners
//! and for an application's router; only what happens to an upgraded connection differs, so an
//! upgrade is handed back as [`Answer::Upgrade`].
//!
//! ```text
//! prefix    the path under which clients connect
//! route     what the path asks for
//! admit     who may open a connection, by whatever transport
//! connect   GET /app/KEY: the WebSocket handshake
//! api       /apps/ID/..: reads and verifies a signed request, then asks one of
//! events      POST events, batch_events
//! channels    GET channels, channels/NAME, channels/NAME/users
//! fallback  /pusher/app/KEY/..: connections that are made of requests
//! sse       /apps/KEY/sse: connections that only listen
//! status    /healthz, /readyz: how the server is
//! whole     handshakes and events that came in one piece, answered without hyper
//! ```

mod admit;
mod api;
mod asked;
mod body;
mod channels;
mod connect;
mod events;
mod fallback;
mod prefix;
mod route;
mod sse;
mod status;
mod whole;

use std::time::Instant;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body::Body;
use hyper::upgrade::OnUpgrade;
use skywave_protocol::Rejection;

pub(crate) use self::admit::Admitted;
pub(crate) use self::asked::Asked;
pub use self::body::ResponseBody;
pub(crate) use self::fallback::Fallback;
pub(crate) use self::prefix::Prefix;
use self::route::Route;
pub(crate) use self::status::{health, readiness};
pub(crate) use self::whole::{Published, Publishing, shake_hands};
use crate::arrival::Visit;
use crate::node::Node;

/// What requests are answered with.
pub(crate) type Reply = Response<ResponseBody>;

/// Whatever a foreign body can fail with.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a request came to.
pub(crate) enum Answer {
    Response(Reply),
    /// Send the response; when the stream is upgraded, it becomes a connection of the visit's app.
    Upgrade {
        response: Reply,
        upgrade: OnUpgrade,
        visit: Visit,
    },
}

/// Answers one request to the server.
pub(crate) async fn answer<B>(node: &Node, mut request: Request<B>) -> Answer
where
    B: Body<Error: Into<BoxError>>,
{
    let prefixed = node.prefix.take_off(&mut request);
    let path = request.uri().path().to_owned();
    // Clients are told the prefix; not every library that publishes can be.
    let route = Route::of(&path).filter(|route| prefixed || !route.is_for_clients());
    let asked = Asked::by(route.as_ref());
    let begin = asked.publishes().then(Instant::now);
    let answer = answer_route(node, route, request).await;
    if let Some(begin) = begin {
        node.counters.publish_time.note(begin.elapsed());
    }
    node.counters.answered(asked, answer.status());
    answer
}

async fn answer_route<B>(node: &Node, route: Option<Route<'_>>, mut request: Request<B>) -> Answer
where
    B: Body<Error: Into<BoxError>>,
{
    let response = match route {
        Some(Route::Connect { key }) => return connect::open(node, key, &mut request),
        Some(Route::Api { app_id, call }) => {
            let method = call.method();
            if request.method() == method {
                api::answer(node, app_id, call, request)
                    .await
                    .unwrap_or_else(|e| refusal(&e))
            } else {
                let mut response = refusal(&Rejection::MethodNotAllowed);
                response
                    .headers_mut()
                    .insert(ALLOW, HeaderValue::from_static(method));
                response
            }
        }
        Some(Route::Fallback { key, session, call }) => {
            fallback::answer(node, (key, session), call, request).await
        }
        Some(Route::Health) => health(node, request.method()),
        Some(Route::Ready) => readiness(node, request.method()),
        Some(Route::Events { key }) => sse::answer(node, key, request).await,
        None => refusal(&Rejection::PathNotFound),
    };
    Answer::Response(response)
}

impl Answer {
    fn status(&self) -> u16 {
        match self {
            Self::Response(response) | Self::Upgrade { response, .. } => response.status().as_u16(),
        }
    }
}

fn status_of(rejection: &Rejection) -> StatusCode {
    let status = StatusCode::from_u16(rejection.http_status());
    status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// A refusal as plain text, which official libraries show as their message (trap 11).
pub(crate) fn refusal(rejection: &Rejection) -> Reply {
    let mut response = Response::new(ResponseBody::full(rejection.to_string()));
    *response.status_mut() = status_of(rejection);
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

/// Status 200 with a JSON object (trap 10).
fn json(body: impl Into<Bytes>) -> Reply {
    let mut response = Response::new(ResponseBody::full(body));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
