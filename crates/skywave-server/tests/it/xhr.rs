//! A client without a WebSocket: what pusher-js does by `xhr_streaming` and `xhr_polling`.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use skywave_protocol::SocketId;

use crate::log;
use crate::node::{KEY, Node, channel, connect, credentials};
use crate::peer::inner;
use crate::wire::{Reply, Wire};

/// The query of a request that receives.
pub(crate) const VERSION: &str = "protocol=7&client=js&version=8.6.0";

/// A client that connects as pusher-js does.
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    pub(crate) base: String,
    transport: &'static str,
    /// The request that receives, and lines of it that were not looked at.
    pub(crate) stream: Wire,
    pub(crate) lines: VecDeque<String>,
    pub(crate) partial: String,
    /// How long the response is by now, as JavaScript counts.
    pub(crate) length: usize,
    requests: AtomicU64,
    id: SocketId,
}

impl Client {
    /// Opens a session and waits until it is connected.
    #[track_caller]
    pub(crate) fn connect(address: SocketAddr, transport: &'static str) -> Self {
        let mut client = Self::open(address, transport, KEY, VERSION);
        assert_eq!(client.line(), "o");
        let greeting = client.message();
        assert_eq!(greeting["event"], "pusher:connection_established");
        let data = inner(&greeting);
        let id = data["socket_id"].as_str().expect("a string");
        client.id = SocketId::parse(id).expect("a valid socket id");
        client
    }

    pub(crate) fn streaming(node: &Node) -> Self {
        Self::connect(node.address, "xhr_streaming")
    }

    pub(crate) fn polling(node: &Node) -> Self {
        Self::connect(node.address, "xhr")
    }

    /// Sends the first request of a session with a name of its own.
    pub(crate) fn open(
        address: SocketAddr,
        transport: &'static str,
        key: &str,
        query: &str,
    ) -> Self {
        static NAMES: AtomicU64 = AtomicU64::new(0);
        let name = NAMES.fetch_add(1, Ordering::Relaxed);
        let mut client = Self {
            address,
            base: format!("/pusher/app/{key}/{}/{name:08}", name % 1000),
            transport,
            stream: Wire::tcp(connect(address)),
            lines: VecDeque::new(),
            partial: String::new(),
            length: 0,
            requests: AtomicU64::new(1),
            id: SocketId::new(0, 0),
        };
        client.receive(query);
        client
    }

    pub(crate) fn target(&self, call: &str, query: &str) -> String {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        format!("{}/{call}?{query}&t=1700000000000&n={number}", self.base)
    }

    /// Sends a request that receives, and looks at the head of its response.
    #[track_caller]
    pub(crate) fn receive(&mut self, query: &str) -> Reply {
        let target = self.target(self.transport, query);
        self.stream = Wire::tcp(connect(self.address));
        (self.length, self.partial) = (0, String::new());
        let reply = self.stream.request("POST", &target, b"");
        assert_eq!(reply.status, 200);
        reply
    }

    /// The next line; a polling client asks again for it.
    #[track_caller]
    pub(crate) fn line(&mut self) -> String {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return line;
            }
            match self.stream.chunk() {
                Some(chunk) => self.take(&chunk),
                None if self.transport == "xhr" => drop(self.receive(VERSION)),
                None => panic!("the response ended"),
            }
        }
    }

    pub(crate) fn take(&mut self, chunk: &[u8]) {
        self.partial += str::from_utf8(chunk).expect("lines are text");
        while let Some(end) = self.partial.find('\n') {
            let line: String = self.partial.drain(..=end).collect();
            self.length += line.encode_utf16().count();
            self.lines.push_back(line.trim_end_matches('\n').to_owned());
        }
    }

    /// The next message.
    #[track_caller]
    pub(crate) fn message(&mut self) -> Value {
        let line = self.line();
        let messages = line.strip_prefix('a').expect(&line);
        let messages: Vec<String> = serde_json::from_str(messages).expect("an array of strings");
        assert_eq!(messages.len(), 1, "{line}");
        serde_json::from_str(&messages[0]).expect("a message is JSON")
    }

    /// Posts a body, and returns the answer.
    #[track_caller]
    pub(crate) fn post(&self, body: &[u8]) -> Reply {
        let target = self.target("xhr_send", "");
        Wire::tcp(connect(self.address)).request("POST", &target, body)
    }

    #[track_caller]
    pub(crate) fn say(&self, message: &Value) {
        let body = json!([message.to_string()]).to_string();
        assert_eq!(self.post(body.as_bytes()).status, 204);
    }

    #[track_caller]
    pub(crate) fn subscribe(&mut self, name: &str) {
        let mut data = json!({"channel": name, "auth": ""});
        if name.starts_with("private-") {
            let auth = credentials().sign_channel(self.id, &channel(name), None);
            let (_, signature) = auth.split_once(':').expect("a key and a signature");
            log::note_signature(signature);
            data["auth"] = auth.into();
        }
        self.say(&json!({"event": "pusher:subscribe", "data": data}));
        let answer = self.message();
        let expected = "pusher_internal:subscription_succeeded";
        assert_eq!(
            (&answer["event"], &answer["channel"]),
            (&json!(expected), &json!(name))
        );
    }

    #[track_caller]
    pub(crate) fn hears(&mut self, channel: &str, event: &str, data: &str) {
        let expected = json!({"event": event, "channel": channel, "data": data});
        assert_eq!(self.message(), expected);
    }

    /// Expects the end of the session, with the error event before it.
    #[track_caller]
    pub(crate) fn is_refused_with(&mut self, code: u16) {
        let error = self.message();
        assert_eq!(
            (&error["event"], &error["data"]["code"]),
            (&json!("pusher:error"), &json!(code))
        );
        assert_eq!(self.closed().0, code);
    }

    /// The code and the reason of the end, behind which nothing comes.
    #[track_caller]
    pub(crate) fn closed(&mut self) -> (u16, String) {
        let line = self.line();
        let close = line.strip_prefix('c').expect(&line);
        assert_eq!(self.stream.chunk(), None);
        serde_json::from_str(close).expect("a code and a reason")
    }
}
