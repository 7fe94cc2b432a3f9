//! The opening handshake, server side (RFC 6455 §4.2).
//!
//! The request comes parsed, from hyper or from httparse, and the answer goes back as a value:
//! reading and writing HTTP is left to the caller, and so is the question which paths and origins
//! are welcome. Extensions are never agreed to.

use std::error::Error;
use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::{
    ALLOW, CONNECTION, CONTENT_TYPE, HOST, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use sha1::{Digest, Sha1};

/// Checks an upgrade request and gives the `101 Switching Protocols` response to it.
///
/// Of the subprotocols that the client offers, the first that is in `supported` is echoed; a
/// client that offers none, or none that is supported, gets none and may go on without (§4.2.2).
///
/// ```
/// let request = http::Request::get("/app/key")
///     .header("Host", "ws.example")
///     .header("Upgrade", "websocket")
///     .header("Connection", "Upgrade")
///     .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
///     .header("Sec-WebSocket-Version", "13")
///     .body(())?;
/// let response = skywave_websocket::handshake::accept(&request, &[])?;
/// assert_eq!(response.status(), 101);
/// assert_eq!(response.headers()["Sec-WebSocket-Accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// The first requirement of §4.2.1 that the request misses. [`HandshakeError::response`] is the
/// answer.
pub fn accept<B>(request: &Request<B>, supported: &[&str]) -> Result<Response<()>, HandshakeError> {
    let headers = request.headers();
    if request.method() != Method::GET {
        return Err(HandshakeError::Method);
    }
    if request.version() != Version::HTTP_11 {
        return Err(HandshakeError::HttpVersion);
    }
    if !headers.contains_key(HOST) {
        return Err(HandshakeError::Host);
    }
    if !has_token(headers, UPGRADE, "websocket") {
        return Err(HandshakeError::Upgrade);
    }
    if !has_token(headers, CONNECTION, "upgrade") {
        return Err(HandshakeError::Connection);
    }
    if sole(headers, SEC_WEBSOCKET_VERSION).is_none_or(|version| version != VERSION) {
        return Err(HandshakeError::WebSocketVersion);
    }
    let key = sole(headers, SEC_WEBSOCKET_KEY).ok_or(HandshakeError::Key)?;
    let accept = accept_value(key.as_bytes())?;

    let mut response = Response::new(());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers_out = response.headers_mut();
    headers_out.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers_out.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers_out.insert(SEC_WEBSOCKET_ACCEPT, accept);
    if let Some(protocol) = choose_protocol(headers, supported) {
        headers_out.insert(SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    Ok(response)
}

/// What an upgrade request lacks (RFC 6455 §4.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeError {
    /// The method is not GET.
    Method,
    /// The request is not HTTP/1.1.
    HttpVersion,
    /// There is no Host header.
    Host,
    /// No Upgrade header names `websocket`: an ordinary request, most likely.
    Upgrade,
    /// No Connection header names `Upgrade`; often a proxy that does not pass upgrades on.
    Connection,
    /// Sec-WebSocket-Version is not 13.
    WebSocketVersion,
    /// Sec-WebSocket-Key is missing, repeated, or not 16 bytes in base64.
    Key,
}

impl HandshakeError {
    /// The status of the response: 400, 405 or 426.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Upgrade | Self::WebSocketVersion => StatusCode::UPGRADE_REQUIRED,
            Self::HttpVersion | Self::Host | Self::Connection | Self::Key => {
                StatusCode::BAD_REQUEST
            }
        }
    }

    /// The whole response; its body is the error's `Display` text.
    ///
    /// A 405 names the method that is allowed, and a 426 the protocol and version to upgrade to
    /// (RFC 9110 §15.5.6 and §15.5.22, RFC 6455 §4.4).
    #[must_use]
    pub fn response(&self) -> Response<String> {
        let mut response = Response::new(self.to_string());
        let status = self.status();
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
        if status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, HeaderValue::from_static("GET"));
        }
        if status == StatusCode::UPGRADE_REQUIRED {
            headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static(VERSION));
        }
        response
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Method => "a websocket handshake is a GET request",
            Self::HttpVersion => "a websocket handshake is an HTTP/1.1 request",
            Self::Host => "the Host header is missing",
            Self::Upgrade => "the Upgrade header does not name websocket",
            Self::Connection => "the Connection header does not name Upgrade",
            Self::WebSocketVersion => "Sec-WebSocket-Version is not 13",
            Self::Key => "Sec-WebSocket-Key is not 16 bytes in base64",
        })
    }
}

impl Error for HandshakeError {}

/// Whether one of the comma-separated lists under `name` has `token`, whatever its case.
fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    items(headers, name).any(|item| item.eq_ignore_ascii_case(token))
}

/// The items of all lists under `name`; a header may come in several lines (RFC 9110 §5.3).
fn items(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(name).into_iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim)
}

/// The value under `name` when there is exactly one.
fn sole(headers: &HeaderMap, name: HeaderName) -> Option<&HeaderValue> {
    let mut lines = headers.get_all(name).into_iter();
    let line = lines.next()?;
    lines.next().is_none().then_some(line)
}

/// The Sec-WebSocket-Accept value for a key (§4.2.2).
fn accept_value(key: &[u8]) -> Result<HeaderValue, HandshakeError> {
    let nonce = BASE64_STANDARD
        .decode(key)
        .map_err(|_| HandshakeError::Key)?;
    if nonce.len() != 16 {
        return Err(HandshakeError::Key);
    }
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    let accept = BASE64_STANDARD.encode(digest);
    Ok(HeaderValue::try_from(accept).expect("base64 is visible ASCII"))
}

/// The first offered subprotocol that is supported; the client's order is its preference (§4.1).
fn choose_protocol(headers: &HeaderMap, supported: &[&str]) -> Option<HeaderValue> {
    let chosen = items(headers, SEC_WEBSOCKET_PROTOCOL).find(|offer| supported.contains(offer))?;
    HeaderValue::from_str(chosen).ok()
}

const VERSION: &str = "13";

/// Proof that the server read the key as a WebSocket key (§1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
