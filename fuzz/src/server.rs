//! Whole requests, through every route of a server: each gets an answer, and nobody who has not signed
//! gets anything of the HTTP API.

use std::sync::LazyLock;

use bytes::Bytes;
use http_body_util::Full;
use skywave_protocol::{Credentials, Secret};
use skywave_server::{App, Config, Server};
use tokio::runtime::Runtime;

use crate::handshakes::request;
use crate::{Target, seeds};

pub(crate) const TARGET: Target = Target {
    name: "server",
    run,
    seeds: || {
        seeds(&[
            "GET /app/key?protocol=7&client=js HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://a:1\r\n\r\n",
            "POST /apps/3/events?auth_key=key&auth_version=1.0&auth_timestamp=1&auth_signature=0&body_md5=0 HTTP/1.1\r\n\r\n{}",
            "POST /apps/3/batch_events?auth_key=key HTTP/1.1\r\n\r\n{\"batch\":[]}",
            "GET /apps/3/channels/presence-a%40b/users?auth_key=key&auth_version=1.0 HTTP/1.1\r\n\r\n",
            "POST /users/u/terminate_connections?auth_key=key HTTP/1.1\r\n\r\n{}",
            "POST /pusher/app/key/123/abcdefgh/xhr_send?t=1&n=1 HTTP/1.1\r\nOrigin: null\r\n\r\n[]",
            "GET /apps/key/sse?channels=a,private-b&auth_key=key&auth_signature=00 HTTP/1.1\r\nLast-Event-ID: 1\r\n\r\n",
            "OPTIONS /pusher/app/key/123/abcdefgh/xhr HTTP/1.1\r\nOrigin: https://a\r\n\r\n",
            "POST /pusher/app/nobody/123/abcdefgh/xhr?protocol=9 HTTP/1.1\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n",
        ])
    },
    longest: 1_024,
};

static SERVER: LazyLock<(Runtime, Server)> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime of one thread");
    let credentials = Credentials::new("key", &Secret::new("a secret of the fuzzer"));
    let config = Config {
        workers: Some(1),
        ..Config::new([App::new("3", credentials)])
    };
    (runtime, Server::start(config).expect("a server starts"))
});

fn run(input: &[u8]) {
    let Some((request, body)) = request(input) else {
        return;
    };
    // A session would go on behind the answer, and the next input would meet it.
    let path = request.uri().path().to_owned();
    if path.ends_with("/xhr") || path.ends_with("/xhr_streaming") {
        return;
    }
    let method = request.method().clone();
    let request = request.map(|()| Full::new(Bytes::copy_from_slice(body)));
    let (runtime, server) = &*SERVER;
    let response = runtime.block_on(server.handle(request));
    let status = response.status();
    assert!(status.as_u16() < 500, "{method} {path}: {status}");
    // Everybody may listen to public channels.
    let is_stream = path.ends_with("/sse");
    if !is_stream && (path.starts_with("/apps/") || path.starts_with("/users/")) {
        assert!(
            status.is_client_error() || method == "OPTIONS",
            "{method} {path}: {status}, and nobody signed it"
        );
    }
}
