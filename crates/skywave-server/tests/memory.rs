//! What an idle connection costs, byte by byte, counted by the allocator.
//!
//! On x86-64, an idle connection lives in:
//!
//! | bytes | what |
//! |---|---|
//! | 176 | the connection: socket, phase, session, and two counts of references |
//! | 16 | its entry in the worker's table |
//! | 8 | its mark in the wheel of deadlines |
//!
//! That is with debug assertions, where mio's sockets are 8 bytes larger. The first subscription adds its
//! 24 bytes and 8 in the channel's list; the rest of what is counted then is the share of a channel
//! with few subscribers.
//!
//! A binary of its own, since it has an allocator of its own: the system's, with counters. Client and
//! server are one process; the client's side allocates nothing while it connects and subscribes.

use std::alloc::System;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use skywave_protocol::{Credentials, Secret};
use skywave_server::{App, Config, Server};
use stats_alloc::StatsAlloc;

#[global_allocator]
static HEAP: StatsAlloc<System> = StatsAlloc::system();

/// Counted: 200. Tables that grow at other moments make a difference of a few bytes.
const MOST_WHEN_IDLE: usize = 216;
/// Counted: 52.
const MOST_PER_SUBSCRIPTION: usize = 60;

/// Connections in a batch: a power of two, so that tables that double are as full after one batch
/// as after two.
const BATCH: usize = 512;
/// Subscribers of a channel, as many as the benchmark's, and a power of two.
const AUDIENCE: usize = 16;

#[test]
fn an_idle_connection_and_its_subscription_cost_little() {
    // Both ends of every connection, and some for the harness.
    rlimit::increase_nofile_limit(5 * BATCH as u64).expect("a limit can be raised to the hard one");
    let server = Server::start(config()).expect("a server starts");
    let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let address = server.listen(anywhere).expect("there is a free port");
    let mut clients = Vec::with_capacity(2 * BATCH);
    let mut connect_batch = || clients.extend((0..BATCH).map(|_| Client::connect(address)));
    connect_batch();
    let idle = growth(connect_batch);
    assert!(idle <= MOST_WHEN_IDLE, "{idle} bytes when idle");

    let mut channels = clients.chunks_mut(AUDIENCE).enumerate();
    let mut subscribe_batch = || {
        for (number, audience) in channels.by_ref().take(BATCH / AUDIENCE) {
            audience
                .iter_mut()
                .for_each(|client| client.subscribe(number));
        }
    };
    subscribe_batch();
    let subscription = growth(subscribe_batch);
    assert!(
        subscription <= MOST_PER_SUBSCRIPTION,
        "{subscription} bytes more with a subscription"
    );
}

fn config() -> Config {
    let credentials = Credentials::new("key", &Secret::new("secret"));
    Config {
        workers: Some(1),
        ..Config::new([App::new("1", credentials)])
    }
}

/// Bytes per connection that are there after what happens to a batch, and were not before.
fn growth(happens: impl FnOnce()) -> usize {
    let before = settled();
    happens();
    let more = settled().saturating_sub(before);
    more.div_ceil(BATCH)
}

/// Bytes that are allocated and not freed, once that does not change any more.
fn settled() -> usize {
    let deadline = Instant::now() + PATIENCE;
    let mut known = HEAP.stats();
    let mut since = Instant::now();
    while since.elapsed() < Duration::from_millis(200) {
        assert!(Instant::now() < deadline, "the server never rests");
        thread::sleep(Duration::from_millis(10));
        let stats = HEAP.stats();
        if stats != known {
            (known, since) = (stats, Instant::now());
        }
    }
    known.bytes_allocated - known.bytes_deallocated
}

/// How long something may take that is sure to come.
const PATIENCE: Duration = Duration::from_secs(15);

/// A client that owns nothing but its socket.
struct Client(TcpStream);

impl Client {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server accepts connections");
        stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
        let mut client = Self(stream);
        client.send(HANDSHAKE);
        client.hear(b"activity_timeout");
        client
    }

    /// Subscribes to channel `number`, below a hundred.
    fn subscribe(&mut self, number: usize) {
        let mut frame = *SUBSCRIBE;
        let digits = [number / 10, number % 10].map(|digit| b'0' + digit as u8);
        let at = frame.len() - 2 - br#""}}"#.len();
        frame[at..at + 2].copy_from_slice(&digits);
        self.send(&frame);
        self.hear(b"subscription_succeeded");
    }

    fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("the server reads");
    }

    /// Reads until something that contains `awaited` came.
    fn hear(&mut self, awaited: &[u8]) {
        let mut heard = [0; 1024];
        let mut length = 0;
        let is_there = |heard: &[u8]| heard.windows(awaited.len()).any(|part| part == awaited);
        while !is_there(&heard[..length]) {
            let read = self
                .0
                .read(&mut heard[length..])
                .expect("the server writes");
            assert_ne!(read, 0, "the server closed");
            length += read;
        }
    }
}

const HANDSHAKE: &[u8] = b"GET /app/key?protocol=7 HTTP/1.1\r\n\
    Host: localhost\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A whole frame of 60 bytes, masked with zeros (RFC 6455 §5.3), to a channel without its number.
const SUBSCRIBE: &[u8; 66] =
    b"\x81\xbc\0\0\0\0{\"event\":\"pusher:subscribe\",\"data\":{\"channel\":\"channel-00\"}}";
