//! `GET /app/KEY`: the WebSocket handshake. Protocol §1.1, §1.2.

use bytes::Bytes;
use http::{Request, Response};
use skywave_protocol::Rejection;
use skywave_websocket::handshake::{self, HandshakeError};

use super::admit::{Admitted, admit};
use super::{Answer, ResponseBody};
use crate::arrival::Visit;
use crate::node::Node;

/// Offered by the Swift client, which expects it back (trap 12).
const SUBPROTOCOL: &str = "pusher-channels-protocol-7";

/// Answers the handshake.
pub(super) fn open<B>(node: &Node, key: &str, request: &mut Request<B>) -> Answer {
    match shake_hands(node, key, request) {
        Ok((response, visit)) => Answer::Upgrade {
            response: response.map(|()| ResponseBody::empty()),
            upgrade: hyper::upgrade::on(request),
            visit,
        },
        Err(error) => Answer::Response(error.response().map(ResponseBody::full)),
    }
}

/// What a handshake comes to; a refusal of the peer follows on the open WebSocket.
pub(super) fn shake_hands<B>(
    node: &Node,
    key: &str,
    request: &Request<B>,
) -> Result<(Response<()>, Visit), HandshakeError> {
    let response = handshake::accept(request, &[SUBPROTOCOL])?;
    let visit = Visit {
        answer: Vec::new(),
        admitted: welcome(node, key, request),
        read_ahead: Bytes::new(),
    };
    Ok((response, visit))
}

/// Admits a client that wants to connect with `key`, on a WebSocket or otherwise.
pub(super) fn welcome<B>(
    node: &Node,
    key: &str,
    request: &Request<B>,
) -> Result<Admitted, Rejection> {
    check_version(request.uri().query().unwrap_or_default())?;
    admit(node, key, request)
}

/// Versions 5 to 7 (trap 13); they differ in nothing that we send.
fn check_version(query: &str) -> Result<(), Rejection> {
    let version = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("protocol="));
    match version.map(str::parse::<u32>) {
        None => Err(Rejection::NoProtocol),
        Some(Err(_)) => Err(Rejection::BadVersion),
        Some(Ok(5..=7)) => Ok(()),
        Some(Ok(_)) => Err(Rejection::UnsupportedProtocol),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocol_versions_5_to_7_are_accepted() {
        for (query, verdict) in [
            ("protocol=5&client=java-client&version=2.4", Ok(())),
            ("client=Pysher&version=1.0.7&protocol=6", Ok(())),
            ("protocol=7&client=js&version=8.6.0&flash=false", Ok(())),
            ("protocol=4", Err(Rejection::UnsupportedProtocol)),
            ("protocol=8", Err(Rejection::UnsupportedProtocol)),
            ("protocol=", Err(Rejection::BadVersion)),
            ("protocol=seven", Err(Rejection::BadVersion)),
            ("protocol=-7", Err(Rejection::BadVersion)),
            ("client=js", Err(Rejection::NoProtocol)),
            ("", Err(Rejection::NoProtocol)),
        ] {
            assert_eq!(check_version(query), verdict, "{query}");
        }
    }
}
