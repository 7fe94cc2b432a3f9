//! `xhr_streaming` and `xhr_polling`: how pusher-js connects where no WebSocket gets through.
//! Protocol §4.2.
//!
//! A client posts one request to receive, which opens its session, and one for everything that it
//! says. The session is an ordinary connection in between:
//!
//! ```text
//! client ◀─ receive (lines) ◀─┐            ┌─◀ pipe ◀─ socket ◀─ Shard
//!                          session ── frames ──┤
//! client ─▶ order ─▶ send ───▶┘            └─▶ pipe ─▶ serve ─▶ Shard
//! ```
//!
//! It lives on a worker like any other; its requests may come in on any.

pub(super) mod frames;
mod order;
mod pipe;
mod receive;
mod session;
mod sessions;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use skywave_protocol::{FallbackLine, Rejection, fallback_messages};

use self::pipe::Pipe;
use self::receive::Lines;
pub(super) use self::receive::Mode;
pub(super) use self::session::{Receiver, Session};
use self::sessions::{Found, Sessions};
use super::{Admitted, BoxError, Reply, ResponseBody, api, connect, refusal};
use crate::arrival::{Arrival, Visit};
use crate::config::Config;
use crate::node::Node;
use crate::stream::Arriving;

/// What a request wants of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Receive(Mode),
    Send,
}

/// What a node needs for its sessions.
#[derive(Debug)]
pub(crate) struct Fallback {
    sessions: Arc<Sessions>,
    /// Where clients send the rest of a session's requests.
    hostname: Option<String>,
    /// The largest body of a post, in bytes.
    body_bytes: usize,
}

impl From<&Config> for Fallback {
    fn from(config: &Config) -> Self {
        Self {
            sessions: Arc::default(),
            hostname: config.hostname.clone(),
            body_bytes: config.message_bytes.saturating_mul(ESCAPED),
        }
    }
}

/// Answers a request for `session`, which begins with the app's `key`.
pub(super) async fn answer<B>(
    node: &Node,
    (key, session): (&str, &str),
    call: Call,
    request: Request<B>,
) -> Reply
where
    B: Body<Error: Into<BoxError>>,
{
    let mut reply = match request.method().clone() {
        Method::OPTIONS => preflight(),
        Method::POST => match call {
            Call::Receive(mode) => receive(node, (key, session), mode, request).await,
            Call::Send => send(node, session, request).await,
        }
        .unwrap_or_else(|rejection| refusal(&rejection)),
        _ => {
            let mut reply = refusal(&Rejection::MethodNotAllowed);
            let headers = reply.headers_mut();
            headers.insert(ALLOW, HeaderValue::from_static(METHODS));
            reply
        }
    };
    open_to_all(reply.headers_mut());
    reply
}

/// Receives from a session, which is opened when it is not known. That cannot fail but for want of
/// room: a refusal of the app is told on the session, where pusher-js understands it.
async fn receive<B>(
    node: &Node,
    (key, session): (&str, &str),
    mode: Mode,
    request: Request<B>,
) -> Result<Reply, Rejection> {
    let number = number(&request);
    let mut first = Vec::new();
    let receiver = match node.fallback.sessions.receive(session) {
        Found::Open(receiver) => receiver,
        Found::New(receiver, pipe) => {
            let hostname = node.fallback.hostname.as_deref();
            FallbackLine::Opened { hostname }.encode(&mut first);
            let admitted = connect::welcome(node, key, &request);
            drop(request);
            bring(node, pipe, admitted).await;
            receiver
        }
        Found::Full => return Err(Rejection::OverCapacity),
    };
    if let Some(number) = number {
        receiver.session().order.note(number);
    }
    let body = ResponseBody::stream(Lines::new(receiver, mode, first));
    Ok(stream("application/javascript; charset=utf-8", body))
}

/// Gives what the client says to its connection. pusher-js ignores the answer.
async fn send<B>(node: &Node, session: &str, request: Request<B>) -> Result<Reply, Rejection>
where
    B: Body<Error: Into<BoxError>>,
{
    let session = node.fallback.sessions.find(session);
    let session = session.ok_or(Rejection::PathNotFound)?;
    let number = number(&request);
    let body = api::read(request.into_body(), node.fallback.body_bytes).await?;
    let messages = fallback_messages(&body)?;
    let mut bytes = Vec::with_capacity(body.len());
    for message in &messages {
        frames::text(message, &mut bytes);
    }
    if messages.is_empty() {
        // Answered with a pong, which becomes `a[]` (trap 16).
        frames::ping(&mut bytes);
    }
    let _turn = match number {
        Some(number) => Some(session.order.turn(number).await),
        None => None,
    };
    let sent = session.send(&bytes).await;
    sent.map_err(|_over| Rejection::PathNotFound)?;
    Ok(no_content())
}

/// Makes a connection of the other end of a session.
pub(super) async fn bring(node: &Node, pipe: Pipe, admitted: Result<Admitted, Rejection>) {
    let visit = Visit {
        answer: Vec::new(),
        admitted,
        read_ahead: Bytes::new(),
    };
    if let Some(worker) = node.least_busy() {
        let arriving = Arriving::Boxed(Box::pin(pipe));
        worker.send(Arrival::Connection(arriving, visit)).await;
    }
}

/// `n` in the query: pusher-js counts its requests.
fn number<B>(request: &Request<B>) -> Option<u64> {
    let mut pairs = request.uri().query()?.split('&');
    pairs.find_map(|pair| pair.strip_prefix("n=")?.parse().ok())
}

/// A response that goes on: nothing on the way may keep, change or collect it.
pub(super) fn stream(content_type: &'static str, body: ResponseBody) -> Reply {
    let mut reply = Response::new(body);
    let headers = reply.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, content_type),
        (CACHE_CONTROL, "no-store, no-transform"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // nginx collects what it passes on, unless told not to.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    reply
}

fn no_content() -> Reply {
    let mut reply = Response::new(ResponseBody::empty());
    *reply.status_mut() = StatusCode::NO_CONTENT;
    reply
}

/// A page asks whether it may post JSON to another origin. Every path of a session is another one,
/// so it asks often.
fn preflight() -> Reply {
    let mut reply = no_content();
    let headers = reply.headers_mut();
    for (name, value) in [
        (ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (ACCESS_CONTROL_ALLOW_HEADERS, "Content-Type"),
        (ACCESS_CONTROL_MAX_AGE, "86400"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    reply
}

/// Pages of all origins may read the answer. There are no cookies in it that could be abused.
pub(super) fn open_to_all(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
}

const METHODS: &str = "POST, OPTIONS";

/// How long a session waits for its client's next request.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many times longer a message may be as a JSON string: quotes are escaped, and some clients
/// escape what is not ASCII.
const ESCAPED: usize = 4;
