//! Heads of requests: what becomes a WebSocket asked for one, in the way of RFC 6455 §4.2.1.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use skywave_websocket::handshake;

use crate::{Target, seeds};

pub(crate) const TARGET: Target = Target {
    name: "handshakes",
    run,
    seeds: || {
        seeds(&[
            GOOD,
            "GET /app/k HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.0\r\nUpgrade: h2c, websocket\r\nConnection: keep-alive, Upgrade\r\n\r\n",
        ])
    },
    longest: 1_024,
};

const GOOD: &str = "GET /app/key?protocol=7 HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\
    Connection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Protocol: x, pusher-channels-protocol-7\r\n\r\n";

const PROTOCOL: &str = "pusher-channels-protocol-7";

fn run(input: &[u8]) {
    let Some((request, _)) = request(input) else {
        return;
    };
    match handshake::accept(&request, &[PROTOCOL]) {
        Ok(response) => {
            assert_eq!(response.status(), 101);
            assert_eq!(request.method(), Method::GET);
            let asked = |name: &str| request.headers().get_all(name).iter().next().is_some();
            for name in ["host", "upgrade", "connection", "sec-websocket-version"] {
                assert!(asked(name), "{name}");
            }
            let key = request.headers()["sec-websocket-key"].as_bytes();
            assert_eq!(key.trim_ascii().len(), 24);
            assert!(response.headers().contains_key("sec-websocket-accept"));
            let protocol = response.headers().get("sec-websocket-protocol");
            assert!(protocol.is_none_or(|protocol| protocol == PROTOCOL));
        }
        Err(error) => {
            let response = error.response();
            assert!(response.status().is_client_error());
            assert!(!response.body().is_empty());
        }
    }
}

/// A request as hyper reads it, with the same parser, and the bytes of its body.
pub(crate) fn request(input: &[u8]) -> Option<(Request<()>, &[u8])> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Request::new(&mut headers);
    let Ok(httparse::Status::Complete(length)) = head.parse(input) else {
        return None;
    };
    let mut map = HeaderMap::new();
    for header in head.headers.iter() {
        let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
        map.append(name, HeaderValue::from_bytes(header.value).ok()?);
    }
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(head.method?.as_bytes()).ok()?;
    *request.uri_mut() = head.path?.parse::<Uri>().ok()?;
    *request.version_mut() = match head.version? {
        0 => Version::HTTP_10,
        _ => Version::HTTP_11,
    };
    *request.headers_mut() = map;
    Some((request, &input[length..]))
}
