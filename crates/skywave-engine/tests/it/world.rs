//! A node of several workers in one thread, and browsers that note what they are sent.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::{Value, json};
use skywave_engine::{
    App, AppSettings, Apps, Connection, Engine, Except, Link, Publication, Shard,
};
use skywave_protocol::{ChannelName, Credentials, Secret, SocketId};

/// A link that keeps every write.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    writes: RefCell<Vec<Vec<u8>>>,
}

impl Link for Recorder {
    fn send(&self, frames: &[u8]) {
        assert!(
            !frames.is_empty(),
            "a write without bytes costs a system call"
        );
        self.writes.borrow_mut().push(frames.to_vec());
    }
}

pub(crate) struct World {
    pub(crate) engine: Arc<Engine>,
    pub(crate) shards: Vec<Rc<Shard<Recorder>>>,
}

/// A connection with short ways to say things.
pub(crate) struct Browser {
    shard: Rc<Shard<Recorder>>,
    pub(crate) connection: Rc<Connection<Recorder>>,
}

pub(crate) fn credentials() -> Credentials {
    Credentials::new("key", &Secret::new("secret"))
}

pub(crate) fn channel(name: &str) -> ChannelName {
    ChannelName::parse(name).expect("a valid channel name")
}

impl World {
    pub(crate) fn new(workers: usize) -> Self {
        Self::of(workers, AppSettings::new(credentials()))
    }

    pub(crate) fn of(workers: usize, settings: AppSettings) -> Self {
        let apps = Apps::new([App::new("1", settings)]).expect("one app");
        Self::with(Engine::new(apps, workers, None), workers)
    }

    pub(crate) fn with(engine: Arc<Engine>, workers: usize) -> Self {
        let shard = |worker| Rc::new(Shard::new(Arc::clone(&engine), worker));
        let shards = (0..workers).map(shard).collect();
        Self { engine, shards }
    }

    pub(crate) fn app(&self) -> Arc<App> {
        let apps = self.engine.apps();
        Arc::clone(apps.by_id("1").expect("the app of this world"))
    }

    /// Browser number `id` on a worker.
    pub(crate) fn browser(&self, worker: usize, id: u64) -> Browser {
        let slot = self.app().slot().expect("there is room for a browser");
        let id = SocketId::new(1, id);
        let connection = Rc::new(Connection::new(Recorder::default(), slot, id));
        Browser {
            shard: Rc::clone(&self.shards[worker]),
            connection,
        }
    }

    pub(crate) fn publish(&self, name: &str, event: &str, except: Option<SocketId>) {
        self.publish_except(name, event, except.map(Into::into));
    }

    pub(crate) fn publish_except(&self, name: &str, event: &str, except: Option<Except<'_>>) {
        let channels = [channel(name)];
        let publication = Publication {
            channels: &channels,
            event,
            data: "{}",
            except,
        };
        self.engine
            .publish(&self.app(), [publication], 0)
            .expect("there is room");
    }

    /// Ends a tick on every worker.
    pub(crate) fn tick(&self) {
        for shard in &self.shards {
            shard.flush();
        }
    }
}

impl Browser {
    pub(crate) fn say(&self, message: &Value) {
        self.say_at(message, 0);
    }

    pub(crate) fn say_at(&self, message: &Value, now: u64) {
        self.shard
            .receive(&self.connection, &message.to_string(), now);
    }

    pub(crate) fn subscribe(&self, name: &str) {
        self.say(&json!({"event": "pusher:subscribe", "data": {"channel": name}}));
    }

    /// Subscribes with a signature of the app.
    pub(crate) fn subscribe_signed(&self, name: &str, channel_data: Option<&Value>) {
        let data = channel_data.map(Value::to_string);
        let id = self.connection.socket_id();
        let auth = credentials().sign_channel(id, &channel(name), data.as_deref());
        let data = json!({"channel": name, "auth": auth, "channel_data": data});
        self.say(&json!({"event": "pusher:subscribe", "data": data}));
    }

    pub(crate) fn join(&self, name: &str, user_id: &str) {
        self.subscribe_signed(name, Some(&json!({"user_id": user_id})));
    }

    pub(crate) fn unsubscribe(&self, name: &str) {
        self.say(&json!({"event": "pusher:unsubscribe", "data": {"channel": name}}));
    }

    pub(crate) fn sign_in(&self, user_data: &Value) {
        let user_data = user_data.to_string();
        let auth = credentials().sign_user(self.connection.socket_id(), &user_data);
        let data = json!({"auth": auth, "user_data": user_data});
        self.say(&json!({"event": "pusher:signin", "data": data}));
    }

    pub(crate) fn close(&self) {
        self.close_at(0);
    }

    pub(crate) fn close_at(&self, now: u64) {
        self.shard.disconnect(&self.connection, now);
    }

    /// The writes since the last look.
    pub(crate) fn writes(&self) -> Vec<Vec<u8>> {
        self.connection.link.writes.take()
    }

    /// The messages since the last look.
    pub(crate) fn heard(&self) -> Vec<Value> {
        self.writes()
            .iter()
            .flat_map(|write| messages(write))
            .collect()
    }

    /// The names of the events since the last look.
    pub(crate) fn events(&self) -> Vec<String> {
        let name = |message: Value| message["event"].as_str().expect("an event name").to_owned();
        self.heard().into_iter().map(name).collect()
    }
}

/// Lets browsers forget what they heard so far.
pub(crate) fn ignore(browsers: &[&Browser]) {
    for browser in browsers {
        browser.writes();
    }
}

/// `data` of a message, parsed.
pub(crate) fn data(message: &Value) -> Value {
    serde_json::from_str(message["data"].as_str().expect("data is a string")).expect("JSON")
}

/// The JSON texts in a run of server frames.
fn messages(mut bytes: &[u8]) -> Vec<Value> {
    let mut messages = Vec::new();
    while let [0x81, length, rest @ ..] = bytes {
        let (length, rest) = match length {
            126 => (
                usize::from(u16::from_be_bytes([rest[0], rest[1]])),
                &rest[2..],
            ),
            127 => panic!("no test sends that much"),
            short => (usize::from(*short), rest),
        };
        messages.push(serde_json::from_slice(&rest[..length]).expect("a frame holds JSON"));
        bytes = &rest[length..];
    }
    assert!(bytes.is_empty(), "whole text frames and nothing else");
    messages
}
