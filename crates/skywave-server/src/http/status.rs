//! `GET /healthz` and `GET /readyz`: how the server is, for those who start, stop and balance.

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Response, StatusCode};

use super::{Reply, ResponseBody, refusal};
use crate::node::Node;
use skywave_protocol::Rejection;

/// Whether the process lives and its workers respond.
pub(crate) fn health(node: &Node, method: &Method) -> Reply {
    answer(method, "healthy", node.illness())
}

/// Whether connections are accepted.
pub(crate) fn readiness(node: &Node, method: &Method) -> Reply {
    answer(method, "ready", node.unreadiness())
}

fn answer(method: &Method, well: &str, trouble: Option<String>) -> Reply {
    if !matches!(*method, Method::GET | Method::HEAD) {
        let mut reply = refusal(&Rejection::MethodNotAllowed);
        let headers = reply.headers_mut();
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return reply;
    }
    let status = match trouble {
        None => StatusCode::OK,
        Some(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut text = trouble.unwrap_or_else(|| well.to_owned());
    text.push('\n');
    let mut reply = Response::new(ResponseBody::full(text));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(CONTENT_TYPE, plain);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}
