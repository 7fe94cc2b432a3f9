//! The bytes of a whole connection: the server's own front answers them as hyper does, request by
//! request, and what is published is the same. So nobody can smuggle a request past one of them that
//! the other sees.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::pin::pin;
use std::sync::LazyLock;
use std::task::Poll;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use skywave_protocol::{Credentials, Secret};
use skywave_server::{App, Config, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::runtime::Runtime;
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::Target;

pub(crate) const TARGET: Target = Target {
    name: "connections",
    run,
    seeds,
    longest: 2_048,
};

fn seeds() -> Vec<Vec<u8>> {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = since_1970.expect("it is after 1970").as_secs();
    let post = |call: &str, fields: &str, body: &str| {
        let path = format!("/apps/3/{call}");
        let query = credentials().sign_request("POST", &path, &[], body.as_bytes(), now);
        let length = body.len();
        format!(
            "POST {path}?{query} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n{fields}\r\n{body}"
        )
    };
    let event = r#"{"name":"n","channels":["a","b"],"data":"{\"x\":1}"}"#;
    let batch = r#"{"batch":[{"name":"n","channel":"a","data":"d"}]}"#;
    let one = post("events", "", event);
    let many = post("batch_events", "", batch);
    let health = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    let handshake = "GET /app/key?protocol=7 HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    [
        [&*one, &one, &many, &one].concat(),
        [&*one, health, &one].concat(),
        [&post("events", "Connection: close\r\n", event), &*one].concat(),
        [&*post("events", "Expect: 100-continue\r\n", event), &many].concat(),
        [&*many, handshake].concat(),
        one.replace(
            "Content-Length",
            "Transfer-Encoding: chunked\r\nContent-Length",
        ),
        one.replace("signature=", "signature=0"),
        handshake.replace("13", "12"),
    ]
    .map(String::into_bytes)
    .into()
}

/// The server behind its own front, and one behind hyper alone.
struct Servers {
    runtime: Runtime,
    front: Server,
    address: SocketAddr,
    plain: Server,
}

static SERVERS: LazyLock<Servers> = LazyLock::new(|| {
    let start = || {
        let config = Config {
            workers: Some(1),
            ..Config::new([App::new("3", credentials())])
        };
        Server::start(config).expect("a server starts")
    };
    let front = start();
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Servers {
        runtime: tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime of one thread"),
        address: front.listen(any).expect("there is a free port"),
        front,
        plain: start(),
    }
});

fn credentials() -> Credentials {
    Credentials::new("key", &Secret::new("a secret of the fuzzer"))
}

fn run(input: &[u8]) {
    // A session without a WebSocket goes on behind its answer.
    if input
        .windows(4)
        .any(|bytes| bytes == b"/xhr" || bytes == b"/sse")
    {
        return;
    }
    let servers = &*SERVERS;
    let before = [&servers.front, &servers.plain].map(published);
    let theirs = answers(&servers.runtime.block_on(over_hyper(&servers.plain, input)));
    let ours = over_the_front(servers.address, input, theirs.len());
    assert_eq!(ours, theirs);
    let after = [&servers.front, &servers.plain].map(published);
    assert_eq!(after[0] - before[0], after[1] - before[1], "events");
}

/// As many answers as are expected, or what there is before the end.
fn over_the_front(address: SocketAddr, input: &[u8], expected: usize) -> Vec<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect(address).expect("the server accepts connections");
    stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
    // It may be closed before it is read whole.
    let _ = stream.write_all(input);
    let (mut received, mut buffer) = (Vec::new(), [0; 4096]);
    while answers(&received).len() < expected {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(length) => received.extend_from_slice(&buffer[..length]),
        }
    }
    answers(&received)
}

const PATIENCE: Duration = Duration::from_secs(10);

/// All that is answered while the peer waits for more.
async fn over_hyper(server: &Server, input: &[u8]) -> Vec<u8> {
    let (mut here, there) = duplex(256 * 1024);
    let service = service_fn(async |request| Ok::<_, Infallible>(server.handle(request).await));
    let mut builder = http1::Builder::new();
    builder.max_headers(64).max_buf_size(16 * 1024);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(there), service));
    here.write_all(input).await.expect("there is room");
    let (mut received, mut is_over) = (Vec::new(), false);
    for _ in 0..ROUNDS {
        if !is_over {
            let served = poll_fn(|cx| Poll::Ready(connection.as_mut().poll(cx)));
            is_over = served.await.is_ready();
        }
        yield_now().await;
    }
    // It reads what is there, which is all that will be.
    let mut buffer = [0; 4096];
    while let Ok(Ok(length @ 1..)) = timeout(Duration::ZERO, here.read(&mut buffer)).await {
        received.extend_from_slice(&buffer[..length]);
    }
    received
}

/// More than requests fit into an input: nothing that is asked of it has to wait for anything.
const ROUNDS: usize = 64;

/// Status and body of each whole answer, up to the one after which no HTTP follows.
fn answers(mut bytes: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let mut answers = Vec::new();
    while !bytes.is_empty() {
        let mut headers = [httparse::EMPTY_HEADER; 16];
        let mut head = httparse::Response::new(&mut headers);
        let length = match head.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => break,
            Err(_) => panic!("{:?} is no answer", String::from_utf8_lossy(bytes)),
        };
        let status = head.code.expect("a whole answer has a status");
        let is_length =
            |header: &&httparse::Header<'_>| header.name.eq_ignore_ascii_case("content-length");
        let body = head.headers.iter().find(is_length).map_or(0, |header| {
            let text = str::from_utf8(header.value).expect("a length is text");
            text.parse().expect("a length is a number")
        });
        let Some(whole) = bytes.get(..length + body) else {
            break;
        };
        answers.push((status, whole[length..].to_vec()));
        bytes = &bytes[length + body..];
        if status == 101 {
            break;
        }
    }
    answers
}

/// Events that were published on the server.
fn published(server: &Server) -> u64 {
    let metrics = server.metrics();
    let line = metrics.lines().find_map(|line| line.strip_prefix(EVENTS));
    let count = line.and_then(|count| count.trim().parse().ok());
    count.expect("the server counts its events")
}

const EVENTS: &str = "skywave_events_published_total";
