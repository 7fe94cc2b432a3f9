//! A client that does everything right.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use skywave_protocol::SocketId;
use tungstenite::{Error, Message, WebSocket};

use crate::log;
use crate::node::{Node, PATIENCE, channel, connect, credentials};
use crate::wire::{Duplex, app_target};

/// A client of the protocol, on an independent implementation of RFC 6455.
pub(crate) struct Peer {
    socket: WebSocket<Box<dyn Duplex>>,
    pub(crate) id: SocketId,
}

impl Peer {
    /// Connects over a stream that leads to the server.
    #[track_caller]
    pub(crate) fn over(stream: impl Duplex + 'static) -> Self {
        Self::over_at(stream, &app_target())
    }

    #[track_caller]
    pub(crate) fn over_at(stream: impl Duplex + 'static, target: &str) -> Self {
        stream.set_patience(PATIENCE);
        let stream: Box<dyn Duplex> = Box::new(stream);
        let (socket, _) = tungstenite::client(format!("ws://it{target}"), stream)
            .unwrap_or_else(|error| panic!("the handshake failed: {error}"));
        let mut peer = Self {
            socket,
            id: SocketId::new(0, 0),
        };
        let greeting = peer.next();
        assert_eq!(greeting["event"], "pusher:connection_established");
        let data: Value = inner(&greeting);
        let id = data["socket_id"].as_str().expect("a string");
        peer.id = SocketId::parse(id).expect("a valid socket id");
        peer
    }

    /// Connects to an address.
    pub(crate) fn to(address: std::net::SocketAddr) -> Self {
        Self::over(connect(address))
    }

    pub(crate) fn say(&mut self, event: &str, data: &Value) {
        self.say_text(json!({"event": event, "data": data}).to_string());
    }

    pub(crate) fn say_text(&mut self, text: impl Into<String>) {
        let message = Message::text(text.into());
        self.socket.send(message).expect("the server takes it");
    }

    /// Subscribes, signed where the channel's kind needs it, and waits for the success.
    #[track_caller]
    pub(crate) fn subscribe(&mut self, name: &str) {
        self.subscribe_as(name, None);
    }

    /// Joins a presence channel and waits for the success.
    #[track_caller]
    pub(crate) fn join(&mut self, name: &str, user_id: &str) {
        let channel_data = json!({"user_id": user_id}).to_string();
        self.subscribe_as(name, Some(&channel_data));
    }

    /// Signs in and waits for the success.
    #[track_caller]
    pub(crate) fn sign_in(&mut self, user_id: &str) {
        let user_data = json!({"id": user_id}).to_string();
        let auth = credentials().sign_user(self.id, &user_data);
        self.say(
            "pusher:signin",
            &json!({"auth": auth, "user_data": user_data}),
        );
        assert_eq!(self.next()["event"], "pusher:signin_success");
    }

    #[track_caller]
    fn subscribe_as(&mut self, name: &str, channel_data: Option<&str>) {
        let channel = channel(name);
        let mut data = json!({"channel": name, "channel_data": channel_data});
        if channel.kind().needs_authorisation() {
            let auth = credentials().sign_channel(self.id, &channel, channel_data);
            let (_, signature) = auth.split_once(':').expect("a key and a signature");
            log::note_signature(signature);
            data["auth"] = auth.into();
        }
        self.say("pusher:subscribe", &data);
        let answer = self.next();
        assert_eq!(
            answer["event"], "pusher_internal:subscription_succeeded",
            "{answer}"
        );
        assert_eq!(answer["channel"], name);
    }

    /// The next message.
    #[track_caller]
    pub(crate) fn next(&mut self) -> Value {
        let text = self.next_text();
        serde_json::from_str(&text).expect("a message is JSON")
    }

    /// The text of the next message.
    #[track_caller]
    pub(crate) fn next_text(&mut self) -> String {
        loop {
            match self.socket.read().expect("a message in time") {
                Message::Text(text) => return text.as_str().to_owned(),
                Message::Ping(_) => {}
                other => panic!("expected a text message, got {other:?}"),
            }
        }
    }

    /// Expects that the next message is this event.
    #[track_caller]
    pub(crate) fn hears(&mut self, channel: &str, event: &str, data: &str) {
        let expected = json!({"event": event, "channel": channel, "data": data});
        assert_eq!(self.next(), expected);
    }

    /// Expects that nothing is on its way: what is published now comes next.
    ///
    /// A channel that is new has no earlier frames in the same tick, so its event cannot overtake
    /// what was published before.
    #[track_caller]
    pub(crate) fn hears_nothing(&mut self, node: &Node) {
        static FENCES: AtomicUsize = AtomicUsize::new(0);
        let fence = format!("fence-{}", FENCES.fetch_add(1, Ordering::Relaxed));
        self.subscribe(&fence);
        node.publish(&fence, "fence", "");
        self.hears(&fence, "fence", "");
    }

    /// Expects an answer to a message, so all that was sent earlier has been handled.
    #[track_caller]
    pub(crate) fn is_answered(&mut self) {
        self.say("pusher:ping", &json!({}));
        assert_eq!(self.next(), json!({"event": "pusher:pong", "data": "{}"}));
    }

    /// Expects a close frame with this code, answers it, and expects the end of the connection.
    #[track_caller]
    pub(crate) fn is_closed_with(&mut self, code: u16) {
        match self.socket.read().expect("a close frame in time") {
            Message::Close(Some(close)) => assert_eq!(u16::from(close.code), code, "{close}"),
            other => panic!("expected a close frame, got {other:?}"),
        }
        self.ends();
    }

    /// Says good-bye and expects that the server does the same.
    #[track_caller]
    pub(crate) fn leaves(mut self) {
        self.socket.close(None).expect("the server takes it");
        match self.socket.read().expect("a close frame in time") {
            Message::Close(None) => {}
            other => panic!("expected an empty close frame, got {other:?}"),
        }
        self.ends();
    }

    #[track_caller]
    fn ends(&mut self) {
        match self.socket.read() {
            Err(Error::ConnectionClosed | Error::AlreadyClosed) => {}
            other => panic!("expected the end of the connection, got {other:?}"),
        }
    }
}

/// The JSON inside a message's data.
#[track_caller]
pub(crate) fn inner(message: &Value) -> Value {
    let data = message["data"].as_str().expect("data is a string");
    serde_json::from_str(data).expect("data holds JSON")
}
