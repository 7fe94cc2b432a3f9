//! A server on a free port, and short ways to publish to it.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use skywave_protocol::{ChannelName, Credentials, Rejection, Secret, SocketId};
use skywave_server::{App, Config, Publication, Server};

use crate::log;
use crate::peer::Peer;
use crate::wire::{Reply, Wire};

pub(crate) const APP_ID: &str = "7";
pub(crate) const KEY: &str = "it-key";
pub(crate) const SECRET: &str = "it-secret-5f1d0c9ab3e84";

pub(crate) const OTHER_APP_ID: &str = "8";
pub(crate) const OTHER_KEY: &str = "other-key";

/// Where publishers post.
pub(crate) const EVENTS: &str = "/apps/7/events";

/// How long something may take that is sure to come. Tests that pass never wait as long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

/// Any free port.
pub(crate) const LOOPBACK: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A running server; it stops when this is dropped.
pub(crate) struct Node {
    pub(crate) server: Server,
    pub(crate) address: SocketAddr,
}

pub(crate) fn credentials() -> Credentials {
    Credentials::new(KEY, &Secret::new(SECRET))
}

/// The other app's.
pub(crate) fn other_credentials() -> Credentials {
    Credentials::new(OTHER_KEY, &Secret::new(SECRET))
}

/// Two apps with the same secret, so that only the key and the path tell them apart.
pub(crate) fn config() -> Config {
    Config {
        workers: Some(2),
        ..Config::new([
            App::new(APP_ID, credentials()),
            App::new(OTHER_APP_ID, other_credentials()),
        ])
    }
}

pub(crate) fn channel(name: &str) -> ChannelName {
    ChannelName::parse(name).expect("a valid channel name")
}

/// Connects to a port, and sends small messages at once.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the server accepts connections");
    stream.set_nodelay(true).expect("a TCP socket");
    stream
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH);
    elapsed.expect("it is after 1970").as_secs()
}

/// The target of a signed request.
pub(crate) fn signed(method: &str, path: &str, body: &[u8]) -> String {
    let query = credentials().sign_request(method, path, &[], body, now());
    let (_, signature) = query
        .split_once("auth_signature=")
        .expect("a signed request");
    log::note_signature(signature);
    format!("{path}?{query}")
}

/// Waits until `condition` holds.
#[track_caller]
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if !thread::panicking() {
            log::is_clean();
        }
    }
}

impl Node {
    /// A server with two workers.
    pub(crate) fn start() -> Self {
        Self::with(|_| {})
    }

    /// A server whose configuration was changed by `adapt`.
    pub(crate) fn with(adapt: impl FnOnce(&mut Config)) -> Self {
        log::capture();
        let mut config = config();
        adapt(&mut config);
        let server = Server::start(config).expect("a server starts");
        let address = server.listen(LOOPBACK).expect("there is a free port");
        Self { server, address }
    }

    /// A server that pings after two seconds of silence and waits one for the answer.
    pub(crate) fn impatient() -> Self {
        Self::with(|config| {
            config.activity_timeout = Duration::from_secs(1);
            config.pong_timeout = Duration::from_secs(1);
        })
    }

    pub(crate) fn app(&self) -> Arc<App> {
        self.server.app(APP_ID).expect("the app of the tests")
    }

    /// A client that is connected.
    pub(crate) fn connect(&self) -> Peer {
        Peer::over(self.stream())
    }

    /// A client that has subscribed to `channel`.
    pub(crate) fn subscriber(&self, channel: &str) -> Peer {
        let mut peer = self.connect();
        peer.subscribe(channel);
        peer
    }

    /// A connection that says nothing yet.
    pub(crate) fn wire(&self) -> Wire {
        Wire::tcp(self.stream())
    }

    /// A WebSocket connection that was greeted, in the hands of somebody unpredictable.
    pub(crate) fn socket(&self) -> Wire {
        let mut wire = self.wire();
        wire.open();
        wire
    }

    fn stream(&self) -> TcpStream {
        connect(self.address)
    }

    pub(crate) fn publish(&self, channel: &str, event: &str, data: &str) {
        self.publish_except(channel, event, data, None);
    }

    pub(crate) fn publish_except(
        &self,
        channel: &str,
        event: &str,
        data: &str,
        except: Option<SocketId>,
    ) {
        self.try_publish(channel, event, data, except)
            .expect("there is room");
    }

    pub(crate) fn try_publish(
        &self,
        name: &str,
        event: &str,
        data: &str,
        except: Option<SocketId>,
    ) -> Result<(), Rejection> {
        let publication = Publication {
            channels: &[channel(name)],
            event,
            data,
            except: except.map(Into::into),
        };
        self.server.publish(&self.app(), &publication)
    }

    /// Posts a signed request with this body to the HTTP API, on a connection of its own.
    pub(crate) fn post(&self, body: &Value) -> Reply {
        self.wire().post(&body.to_string())
    }

    /// The subscriptions to `channel`, as the HTTP API tells them. Publishes an event nobody
    /// should be listening for.
    pub(crate) fn subscriptions(&self, channel: &str) -> u64 {
        let reply = self.post(&json!({
            "name": "count", "data": "", "channels": [channel], "info": "subscription_count",
        }));
        reply.json()["channels"][channel]["subscription_count"]
            .as_u64()
            .expect("a number")
    }
}
