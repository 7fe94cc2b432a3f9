//! A connection to the server, byte by byte: HTTP and frames made by hand.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::Value;
use socket2::SockRef;

use crate::node::{EVENTS, KEY, PATIENCE, signed};

pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xa;

/// A socket that blocks, whatever its kind.
pub(crate) trait Duplex: Read + Write + Send {
    fn set_patience(&self, patience: Duration);
    fn shutdown_write(&self);
    fn reset_on_drop(&self);
}

impl Duplex for TcpStream {
    fn set_patience(&self, patience: Duration) {
        self.set_read_timeout(Some(patience)).expect("not zero");
        self.set_write_timeout(Some(patience)).expect("not zero");
    }

    fn shutdown_write(&self) {
        self.shutdown(Shutdown::Write).expect("a connected socket");
    }

    fn reset_on_drop(&self) {
        let at_once = Some(Duration::ZERO);
        SockRef::from(self)
            .set_linger(at_once)
            .expect("a TCP socket");
    }
}

impl Duplex for UnixStream {
    fn set_patience(&self, patience: Duration) {
        self.set_read_timeout(Some(patience)).expect("not zero");
        self.set_write_timeout(Some(patience)).expect("not zero");
    }

    fn shutdown_write(&self) {
        self.shutdown(Shutdown::Write).expect("a connected socket");
    }

    fn reset_on_drop(&self) {
        unreachable!("there is no reset between processes of one machine");
    }
}

/// One end of a connection to the server.
pub(crate) struct Wire {
    stream: Box<dyn Duplex>,
    unread: Vec<u8>,
}

/// An HTTP response.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

/// A frame from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) opcode: u8,
    pub(crate) payload: Vec<u8>,
}

/// A whole client frame.
pub(crate) fn frame(opcode: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    masked(0x80 | opcode, payload.as_ref())
}

/// A client frame that is not the last of its message.
pub(crate) fn unfinished(opcode: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    masked(opcode, payload.as_ref())
}

/// A client frame with any first byte.
pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..126 => bytes.push(0x80 | length as u8),
        length @ 126..65_536 => {
            bytes.push(0x80 | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
        length => {
            bytes.push(0x80 | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(MASK);
    let keys = MASK.iter().cycle();
    bytes.extend(payload.iter().zip(keys).map(|(byte, key)| byte ^ key));
    bytes
}

/// The client frame of a subscription that needs no authorisation.
pub(crate) fn subscribe(channel: &str) -> Vec<u8> {
    let message =
        serde_json::json!({"event": "pusher:subscribe", "data": {"channel": channel}}).to_string();
    frame(TEXT, message)
}

/// The bytes of a WebSocket handshake, with lines added to its head.
pub(crate) fn handshake(target: &str, lines: &[&str]) -> String {
    let mut head = format!(
        "GET {target} HTTP/1.1\r\nHost: it\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    );
    for line in lines {
        head.push_str(line);
        head.push_str("\r\n");
    }
    head + "\r\n"
}

/// The target of a handshake that the server likes.
pub(crate) fn app_target() -> String {
    format!("/app/{KEY}?protocol=7&client=it&version=1")
}

impl Wire {
    pub(crate) fn tcp(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a TCP socket");
        Self::over(stream)
    }

    pub(crate) fn over(stream: impl Duplex + 'static) -> Self {
        stream.set_patience(PATIENCE);
        Self {
            stream: Box::new(stream),
            unread: Vec::new(),
        }
    }

    #[track_caller]
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("the server takes bytes");
    }

    /// Sends to a server that may have closed by now.
    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Sends a request and waits for its response.
    #[track_caller]
    pub(crate) fn request(&mut self, method: &str, target: &str, body: &[u8]) -> Reply {
        self.send(request(method, target, body));
        self.reply()
    }

    /// Posts a signed request with this body to the HTTP API.
    #[track_caller]
    pub(crate) fn post(&mut self, body: &str) -> Reply {
        let target = signed("POST", EVENTS, body.as_bytes());
        self.request("POST", &target, body.as_bytes())
    }

    /// Becomes a WebSocket connection and returns the data of the greeting.
    #[track_caller]
    pub(crate) fn open(&mut self) -> Value {
        self.open_at(&app_target())
    }

    /// Asks for a WebSocket connection; the code it is refused with, if it is.
    #[track_caller]
    pub(crate) fn open_or_refused(&mut self) -> Option<u16> {
        self.send(handshake(&app_target(), &[]));
        assert_eq!(self.reply().status, 101);
        let first = self.message();
        if first["event"] == "pusher:connection_established" {
            return None;
        }
        let code = first["data"]["code"].as_u64().expect("a code");
        let code = u16::try_from(code).expect("a close code");
        self.is_closed_with(code);
        Some(code)
    }

    #[track_caller]
    pub(crate) fn open_at(&mut self, target: &str) -> Value {
        self.send(handshake(target, &[]));
        assert_eq!(self.reply().status, 101);
        self.greeting()
    }

    /// The data of the message that greets a client.
    #[track_caller]
    pub(crate) fn greeting(&mut self) -> Value {
        let greeting = self.message();
        assert_eq!(greeting["event"], "pusher:connection_established");
        let data = greeting["data"].as_str().expect("data is a string");
        serde_json::from_str(data).expect("data holds JSON")
    }

    /// Subscribes to a public channel and waits for the answer.
    #[track_caller]
    pub(crate) fn subscribe(&mut self, channel: &str) {
        self.send(subscribe(channel));
        let success = self.message();
        assert_eq!(success["event"], "pusher_internal:subscription_succeeded");
        assert_eq!(success["channel"], channel);
    }

    /// The next HTTP response, unless the connection has ended by now.
    #[track_caller]
    pub(crate) fn reply_or_end(&mut self) -> Option<Reply> {
        let goes_on = !self.unread.is_empty() || self.fill();
        goes_on.then(|| self.reply())
    }

    /// The next HTTP response.
    #[track_caller]
    pub(crate) fn reply(&mut self) -> Reply {
        const END: &[u8] = b"\r\n\r\n";
        let length = loop {
            match self
                .unread
                .windows(END.len())
                .position(|bytes| bytes == END)
            {
                Some(end) => break end + END.len(),
                None => self.fill_or_fail("a response"),
            }
        };
        let head = self.take(length);
        let mut reply = Reply {
            status: 0,
            head: String::from_utf8(head).expect("a head is ASCII"),
            body: Vec::new(),
        };
        let status = reply.head.split(' ').nth(1).expect("a status line");
        reply.status = status.parse().expect("a status is a number");
        let length = reply.header("content-length").map_or(0, |length| {
            length.parse().expect("a content length is a number")
        });
        reply.body = self.take(length);
        reply
    }

    /// The next piece of a response whose body has no length; `None` at its end.
    #[track_caller]
    pub(crate) fn chunk(&mut self) -> Option<Vec<u8>> {
        let line = self.line();
        let length = usize::from_str_radix(line.trim_end(), 16).expect("a length in hex");
        let chunk = self.take(length);
        assert_eq!(self.take(2), b"\r\n", "the end of a chunk");
        (length > 0).then_some(chunk)
    }

    #[track_caller]
    fn line(&mut self) -> String {
        let length = loop {
            match self.unread.iter().position(|&byte| byte == b'\n') {
                Some(end) => break end + 1,
                None => self.fill_or_fail("a line"),
            }
        };
        String::from_utf8(self.take(length)).expect("a line is text")
    }

    /// The next frame, of any kind.
    #[track_caller]
    pub(crate) fn frame(&mut self) -> Frame {
        let head = self.take(2);
        assert_eq!(head[0] & 0xf0, 0x80, "a server's frame is final and plain");
        assert_eq!(head[1] & 0x80, 0, "a server's frame is not masked");
        let length = match head[1] {
            126 => u64::from(u16::from_be_bytes(self.take_array())),
            127 => u64::from_be_bytes(self.take_array()),
            short => u64::from(short),
        };
        Frame {
            opcode: head[0] & 0x0f,
            payload: self.take(length as usize),
        }
    }

    /// The next message; anything but a text frame is a failure.
    #[track_caller]
    pub(crate) fn message(&mut self) -> Value {
        let frame = self.frame();
        assert_eq!(frame.opcode, TEXT, "{frame:?}");
        serde_json::from_slice(&frame.payload).expect("a message is JSON")
    }

    /// Expects the close frame with this code.
    #[track_caller]
    pub(crate) fn is_closed_with(&mut self, code: u16) -> String {
        let frame = self.frame();
        assert_eq!(frame.opcode, CLOSE, "{frame:?}");
        let (given, reason) = frame.payload.split_at(2);
        let reason = String::from_utf8_lossy(reason).into_owned();
        assert_eq!(
            u16::from_be_bytes([given[0], given[1]]),
            code,
            "reason {reason}"
        );
        reason
    }

    /// Expects the error event and the close frame of a refused connection.
    #[track_caller]
    pub(crate) fn is_refused_with(&mut self, code: u16) {
        let error = self.message();
        assert_eq!(error["event"], "pusher:error", "{error}");
        assert_eq!(
            error["data"]["code"], code,
            "an object with an integer code"
        );
        let reason = self.is_closed_with(code);
        assert_eq!(error["data"]["message"], reason.as_str());
    }

    /// Expects that the server ends the connection, and says nothing before.
    #[track_caller]
    pub(crate) fn ends(&mut self) {
        while self.fill() {}
        assert!(
            self.unread.is_empty(),
            "bytes before the end: {:?}",
            String::from_utf8_lossy(&self.unread)
        );
    }

    /// Whether the server has ended the connection; looks for as long as this end's patience lasts.
    pub(crate) fn is_over(&mut self) -> bool {
        let mut byte = [0];
        match self.stream.read(&mut byte) {
            Ok(length) => length == 0,
            Err(error) => is_end(error.kind()),
        }
    }

    /// Everything until the end of the connection.
    pub(crate) fn drain(&mut self) -> Vec<u8> {
        while self.fill() {}
        std::mem::take(&mut self.unread)
    }

    /// What the server says next; some of it, at least.
    #[cfg(feature = "tls")]
    pub(crate) fn drain_some(&mut self) -> Vec<u8> {
        if self.unread.is_empty() {
            self.fill_or_fail("something");
        }
        std::mem::take(&mut self.unread)
    }

    /// Whether the server says something, and does not just end the connection.
    pub(crate) fn hears_something(&mut self) -> bool {
        self.fill()
    }

    /// Ends this side of the connection, and leaves the other open.
    pub(crate) fn half_close(&self) {
        self.stream.shutdown_write();
    }

    /// Ends the connection as a crashed machine would.
    pub(crate) fn reset(self) {
        self.stream.reset_on_drop();
    }

    /// How long this end waits for bytes.
    pub(crate) fn set_patience(&self, patience: Duration) {
        self.stream.set_patience(patience);
    }

    #[track_caller]
    fn take_array<const N: usize>(&mut self) -> [u8; N] {
        self.take(N).try_into().expect("as many as were asked for")
    }

    /// The next `length` bytes.
    #[track_caller]
    fn take(&mut self, length: usize) -> Vec<u8> {
        while self.unread.len() < length {
            self.fill_or_fail("more bytes");
        }
        let rest = self.unread.split_off(length);
        std::mem::replace(&mut self.unread, rest)
    }

    #[track_caller]
    fn fill_or_fail(&mut self, what: &str) {
        assert!(
            self.fill(),
            "the connection ended where {what} should be: {:?}",
            String::from_utf8_lossy(&self.unread)
        );
    }

    /// Reads some bytes; false at the end of the connection.
    #[track_caller]
    fn fill(&mut self) -> bool {
        let mut bytes = [0; 16 * 1024];
        match self.stream.read(&mut bytes) {
            Ok(0) => false,
            Ok(length) => {
                self.unread.extend_from_slice(&bytes[..length]);
                true
            }
            Err(error) if is_end(error.kind()) => false,
            Err(error) => panic!("no bytes in time: {error}"),
        }
    }
}

/// Whether the other side is gone.
fn is_end(kind: ErrorKind) -> bool {
    // TLS finds an end unexpected when nobody said good-bye.
    matches!(
        kind,
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof
    )
}

/// The bytes of a request whose body has a length.
pub(crate) fn request(method: &str, target: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: it\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

impl Reply {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .next()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("the body is text")
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }
}
