//! The opening handshake: one test per requirement, and tungstenite's client as a witness.

#![expect(clippy::unwrap_used, reason = "what a test is made of may fail it")]

use std::io::{self, Read, Write};

use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use skywave_websocket::handshake::{HandshakeError, accept};
use tungstenite::handshake::derive_accept_key;

/// The request of §1.3.
fn request() -> Request<()> {
    Request::get("/chat")
        .header("Host", "server.example.com")
        .header("Upgrade", "websocket")
        .header("Connection", "Upgrade")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("Origin", "http://example.com")
        .header("Sec-WebSocket-Version", "13")
        .body(())
        .unwrap()
}

/// The request of §1.3 with the lines of one header replaced.
fn request_with(name: &'static str, lines: &[&str]) -> Request<()> {
    let mut request = request();
    request.headers_mut().remove(name);
    for line in lines {
        let line = HeaderValue::from_str(line).unwrap();
        request
            .headers_mut()
            .append(HeaderName::from_static(name), line);
    }
    request
}

fn error(request: &Request<()>) -> Option<HandshakeError> {
    accept(request, &[]).err()
}

#[test]
fn the_sample_of_1_3_is_accepted() {
    let response = accept(&request(), &[]).unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    let headers = response.headers();
    assert_eq!(headers["upgrade"], "websocket");
    assert_eq!(headers["connection"], "Upgrade");
    assert_eq!(
        headers["sec-websocket-accept"],
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    );
    assert_eq!(headers.len(), 3, "no subprotocol, no extension");
}

#[test]
fn the_method_has_to_be_get_4_2_1() {
    let mut request = request();
    *request.method_mut() = Method::POST;
    assert_eq!(error(&request), Some(HandshakeError::Method));
}

#[test]
fn the_request_has_to_be_http_1_1_4_2_1() {
    for version in [Version::HTTP_10, Version::HTTP_2] {
        let mut request = request();
        *request.version_mut() = version;
        assert_eq!(error(&request), Some(HandshakeError::HttpVersion));
    }
}

#[test]
fn the_host_has_to_be_named_4_2_1() {
    assert_eq!(
        error(&request_with("host", &[])),
        Some(HandshakeError::Host)
    );
}

#[test]
fn the_upgrade_header_has_to_name_websocket_4_2_1() {
    for lines in [&[] as &[&str], &["h2c"], &["websockets"], &["web socket"]] {
        assert_eq!(
            error(&request_with("upgrade", lines)),
            Some(HandshakeError::Upgrade)
        );
    }
    for lines in [
        &["WebSocket"] as &[&str],
        &["h2c, websocket"],
        &["h2c", " WEBSOCKET ,x"],
    ] {
        assert_eq!(error(&request_with("upgrade", lines)), None);
    }
}

#[test]
fn the_connection_header_has_to_name_upgrade_4_2_1() {
    for lines in [&[] as &[&str], &["keep-alive"], &["close, upgrades"]] {
        assert_eq!(
            error(&request_with("connection", lines)),
            Some(HandshakeError::Connection)
        );
    }
    for lines in [
        &["keep-alive, Upgrade"] as &[&str],
        &["keep-alive", "UPGRADE"],
        &["x,upgrade"],
    ] {
        assert_eq!(error(&request_with("connection", lines)), None);
    }
}

#[test]
fn the_key_has_to_be_sixteen_bytes_in_base64_4_2_1() {
    let keys: [&[&str]; 7] = [
        &[],
        &[""],
        &["dGhlIHNhbXBsZSBub25jZQ"],
        &["dGhlIHNhbXBsZSBub25j"],
        &["dGhlIHNhbXBsZSBub25jZSE="],
        &["dGhlIHNhbXBsZSBub25jZ!=="],
        &["dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="],
    ];
    for lines in keys {
        let request = request_with("sec-websocket-key", lines);
        assert_eq!(error(&request), Some(HandshakeError::Key), "{lines:?}");
    }
}

#[test]
fn the_version_has_to_be_13_4_2_1() {
    for lines in [&[] as &[&str], &["8"], &["13, 8"], &["013"], &["13", "13"]] {
        let request = request_with("sec-websocket-version", lines);
        assert_eq!(
            error(&request),
            Some(HandshakeError::WebSocketVersion),
            "{lines:?}"
        );
    }
}

#[test]
fn the_first_offered_subprotocol_that_is_supported_is_echoed_4_2_2() {
    const V7: &str = "pusher-channels-protocol-7";
    let cases: [(&[&str], &[&str], Option<&str>); 8] = [
        (&[V7], &[V7], Some(V7)),
        (&["mqtt, pusher-channels-protocol-7"], &[V7], Some(V7)),
        (&["mqtt", V7], &[V7], Some(V7)),
        (&["b, a"], &["a", "b"], Some("b")),
        (&[], &[V7], None),
        (&["mqtt"], &[V7], None),
        (&["Pusher-Channels-Protocol-7"], &[V7], None),
        (&[V7], &[], None),
    ];
    for (offered, supported, expected) in cases {
        let request = request_with("sec-websocket-protocol", offered);
        let response = accept(&request, supported).unwrap();
        let chosen = response.headers().get("sec-websocket-protocol");
        assert_eq!(
            chosen.map(HeaderValue::as_bytes),
            expected.map(str::as_bytes),
            "{offered:?}"
        );
    }
}

#[test]
fn extensions_are_not_agreed_to_9_1() {
    let request = request_with("sec-websocket-extensions", &["permessage-deflate"]);
    let response = accept(&request, &[]).unwrap();
    assert!(!response.headers().contains_key("sec-websocket-extensions"));
}

#[test]
fn every_error_is_answered_with_its_status_and_its_text() {
    let cases = [
        (HandshakeError::Method, 405),
        (HandshakeError::HttpVersion, 400),
        (HandshakeError::Host, 400),
        (HandshakeError::Upgrade, 426),
        (HandshakeError::Connection, 400),
        (HandshakeError::WebSocketVersion, 426),
        (HandshakeError::Key, 400),
    ];
    for (error, status) in cases {
        let response = error.response();
        assert_eq!(
            (error.status().as_u16(), response.status().as_u16()),
            (status, status)
        );
        assert_eq!(response.body(), &error.to_string());
        let headers = response.headers();
        assert_eq!(headers.contains_key("allow"), status == 405);
        assert_eq!(headers.contains_key("sec-websocket-version"), status == 426);
        assert_eq!(headers.contains_key("upgrade"), status == 426);
    }
    let response = HandshakeError::WebSocketVersion.response();
    assert_eq!(response.headers()["sec-websocket-version"], "13");
}

#[test]
fn the_accept_value_is_the_one_tungstenite_derives() {
    for key in [
        "AAAAAAAAAAAAAAAAAAAAAA==",
        "/////////////////////w==",
        "x3JJHMbDL1EzLkh9GBhXDw==",
    ] {
        let response = accept(&request_with("sec-websocket-key", &[key]), &[]).unwrap();
        let expected = derive_accept_key(key.as_bytes());
        assert_eq!(
            response.headers()["sec-websocket-accept"],
            expected.as_str()
        );
    }
}

#[test]
fn tungstenites_client_is_accepted_and_accepts() {
    let request =
        tungstenite::ClientRequestBuilder::new("ws://ws.example/app/key".parse().unwrap())
            .with_sub_protocol("pusher-channels-protocol-7");
    let (_, response) = tungstenite::client(request, Server::default()).unwrap();
    assert_eq!(
        response.headers()["sec-websocket-protocol"],
        "pusher-channels-protocol-7"
    );

    let (_, response) = tungstenite::client("ws://ws.example/app/key", Server::default()).unwrap();
    assert!(!response.headers().contains_key("sec-websocket-protocol"));
}

/// The server's end of a connection, as far as the handshake: it answers what was written to it
/// when it is read from.
#[derive(Default)]
struct Server {
    received: Vec<u8>,
    answer: Option<io::Cursor<Vec<u8>>>,
}

impl Read for Server {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Self { received, answer } = self;
        answer
            .get_or_insert_with(|| io::Cursor::new(answer_to(received)))
            .read(buffer)
    }
}

impl Write for Server {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.received.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn answer_to(received: &[u8]) -> Vec<u8> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Request::new(&mut headers);
    assert!(head.parse(received).unwrap().is_complete());
    let mut request = Request::builder()
        .method(head.method.unwrap())
        .uri(head.path.unwrap());
    for header in head.headers {
        request = request.header(header.name, header.value);
    }
    let response = accept(&request.body(()).unwrap(), &["pusher-channels-protocol-7"]).unwrap();
    written(&response)
}

fn written(response: &Response<()>) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {}\r\n", response.status()).into_bytes();
    for (name, value) in response.headers() {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    bytes.extend(b"\r\n");
    bytes
}
