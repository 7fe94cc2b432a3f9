//! The driver and a server, over the network.
//!
//! The server is our own, on threads of this process, unless the environment names another one:
//! `SKYWAVE_TEST_PUSHER_URL=http://KEY:SECRET@HOST:PORT/apps/ID`, with `https` and the certificate's
//! file in `SKYWAVE_TEST_PUSHER_ROOT` for one with TLS. So `cargo xtask test --only driver` runs these
//! tests against other processes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs};

use rcgen::generate_simple_self_signed;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};
use skywave::driver::{BatchEvent, ChannelAttribute, HttpError};
use skywave::{Broadcaster, Pusher, PusherApi, SocketId};
use skywave_protocol::{ChannelName, Credentials, Secret};
use skywave_server::{App, AppSettings, Config, Endpoint, Place as ServerPlace, Server, Tls};
use tungstenite::{Message, WebSocket};

use crate::stage::{KEY, SECRET, credentials};

/// Where a server is, and one of its apps.
struct Place {
    /// The server, if it is in this process.
    own: Option<Server>,
    host: String,
    port: u16,
    id: String,
    key: String,
    secret: String,
    /// The certificate that it shows, as PEM, if it speaks TLS.
    root: Option<String>,
}

/// The server that the environment names, or one of our own.
fn place() -> Place {
    let Ok(url) = env::var("SKYWAVE_TEST_PUSHER_URL") else {
        return own_place();
    };
    let (scheme, rest) = url.split_once("://").expect("a URL");
    let (app, rest) = rest.split_once('@').expect("KEY:SECRET@");
    let (key, secret) = app.split_once(':').expect("KEY:SECRET");
    let (address, id) = rest.split_once("/apps/").expect("/apps/ID");
    let (host, port) = address.rsplit_once(':').expect("HOST:PORT");
    let root = || env::var("SKYWAVE_TEST_PUSHER_ROOT").expect("the file of the certificate");
    Place {
        own: None,
        host: host.to_owned(),
        port: port.parse().expect("a port"),
        id: id.to_owned(),
        key: key.to_owned(),
        secret: secret.to_owned(),
        root: (scheme == "https").then(|| fs::read_to_string(root()).expect("a certificate")),
    }
}

/// A server of our own with app 3 on a free port.
fn own_place() -> Place {
    own_place_with(|_| {})
}

fn own_place_with(change: impl FnOnce(&mut Config)) -> Place {
    let app = App::new("3", AppSettings::new(credentials()));
    let mut config = Config {
        workers: Some(1),
        ..Config::new([app])
    };
    change(&mut config);
    let server = Server::start(config).unwrap();
    let address = server.listen(([127, 0, 0, 1], 0).into()).unwrap();
    Place {
        own: Some(server),
        host: "127.0.0.1".to_owned(),
        port: address.port(),
        id: "3".to_owned(),
        key: KEY.to_owned(),
        secret: SECRET.to_owned(),
        root: None,
    }
}

impl Place {
    fn pusher(&self) -> Pusher {
        self.pusher_with(&self.secret)
    }

    fn pusher_with(&self, secret: &str) -> Pusher {
        let pusher = Pusher::new(self.id.as_str(), self.key.as_str(), secret);
        let pusher = pusher.host(self.host.as_str()).port(self.port);
        match &self.root {
            Some(root) => pusher.root_certificate(root.as_str()),
            None => pusher.ssl(false),
        }
    }

    fn api(&self) -> PusherApi {
        self.pusher().api().unwrap()
    }

    fn credentials(&self) -> Credentials {
        Credentials::new(self.key.as_str(), &Secret::new(self.secret.as_str()))
    }

    fn stream(&self) -> Box<dyn Stream> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).unwrap();
        let patience = Some(Duration::from_secs(10));
        stream.set_read_timeout(patience).unwrap();
        let Some(root) = &self.root else {
            return Box::new(stream);
        };
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(root.as_bytes()).unwrap();
        roots.add(root).unwrap();
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(self.host.clone()).unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        Box::new(StreamOwned::new(connection, stream))
    }

    fn connect(&self) -> Client {
        let Self {
            host, port, key, ..
        } = self;
        let url = format!("ws://{host}:{port}/app/{key}?protocol=7&client=test&version=1");
        let (socket, _) = tungstenite::client(url, self.stream())
            .map_err(|error| error.to_string())
            .expect("a connection");
        let mut client = Client {
            socket,
            id: SocketId::new(0, 0),
            credentials: self.credentials(),
        };
        let established = client.receive("pusher:connection_established");
        client.id = SocketId::parse(established["socket_id"].as_str().unwrap()).unwrap();
        client
    }
}

/// 32 bytes.
const MASTER_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

trait Stream: Read + Write + Send {}

impl<S: Read + Write + Send> Stream for S {}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

struct Client {
    socket: WebSocket<Box<dyn Stream>>,
    id: SocketId,
    credentials: Credentials,
}

impl Client {
    fn send(&mut self, event: &str, data: &Value) {
        let text = json!({ "event": event, "data": data }).to_string();
        self.socket.send(Message::text(text)).unwrap();
    }

    /// The data of the next event, which has to be this one.
    #[track_caller]
    fn receive(&mut self, event: &str) -> Value {
        let message = self.socket.read().expect("an event in time");
        let message: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
        assert_eq!(message["event"], event, "{message}");
        match &message["data"] {
            Value::String(data) => serde_json::from_str(data).unwrap(),
            data => data.clone(),
        }
    }

    fn subscribe(&mut self, channel: &str) {
        let name = ChannelName::parse(channel).unwrap();
        let auth = name
            .kind()
            .needs_authorisation()
            .then(|| self.credentials.sign_channel(self.id, &name, None));
        let data = match auth {
            Some(auth) => json!({ "channel": channel, "auth": auth }),
            None => json!({ "channel": channel }),
        };
        self.send("pusher:subscribe", &data);
        self.receive("pusher_internal:subscription_succeeded");
    }

    fn join(&mut self, channel: &str, user_id: &str) {
        let name = ChannelName::parse(channel).unwrap();
        let member = json!({ "user_id": user_id }).to_string();
        let auth = self.credentials.sign_channel(self.id, &name, Some(&member));
        self.send(
            "pusher:subscribe",
            &json!({ "channel": channel, "auth": auth, "channel_data": member }),
        );
        self.receive("pusher_internal:subscription_succeeded");
    }

    fn sign_in(&mut self, user_id: &str) {
        let user = json!({ "id": user_id }).to_string();
        let auth = self.credentials.sign_user(self.id, &user);
        self.send("pusher:signin", &json!({ "auth": auth, "user_data": user }));
        self.receive("pusher:signin_success");
        self.subscribe(&format!("#server-to-user-{user_id}"));
    }
}

fn broadcaster(api: PusherApi) -> Broadcaster {
    Broadcaster::builder()
        .driver("pusher", api)
        .build()
        .unwrap()
}

#[tokio::test]
async fn events_arrive() {
    let place = place();
    let api = place.api();
    let (mut one, mut two) = (place.connect(), place.connect());
    one.subscribe("c1");
    two.subscribe("c2");

    let broadcast = broadcaster(api.clone()).as_system();
    broadcast
        .channel(["c1", "c2"], "e", json!({ "k": "välue" }))
        .await
        .unwrap();
    assert_eq!(one.receive("e"), json!({ "k": "välue" }));
    assert_eq!(two.receive("e"), json!({ "k": "välue" }));

    api.publish_batch([
        BatchEvent::new("c1", "one", 1).except(one.id),
        BatchEvent::new("c1", "two", 2),
    ])
    .await
    .unwrap();
    assert_eq!(one.receive("two"), json!(2), "`one` was left out");
}

#[tokio::test]
async fn events_arrive_at_a_server_below_a_path() {
    let place = own_place_with(|config| config.path_prefix = "/ws".into());
    let api = place.pusher().path("/ws").api().unwrap();
    broadcaster(api.clone())
        .as_system()
        .channel("c1", "e", 1)
        .await
        .unwrap();
    let channels = api.channels("", &[]).await.unwrap();
    assert!(channels.is_empty(), "nobody listens: {channels:?}");
}

#[tokio::test]
async fn events_arrive_on_every_kind_of_channel() {
    let place = place();
    let pusher = place.pusher();
    let api = pusher.encryption_master_key(MASTER_KEY).api().unwrap();
    let mut client = place.connect();
    let alone = ["private-p", "cache-c", "private-encrypted-e"];
    for channel in alone {
        client.subscribe(channel);
        if channel == "cache-c" {
            client.receive("pusher:cache_miss");
        }
    }
    client.join("presence-kinds", "ada");
    let broadcast = broadcaster(api).as_system();
    for channel in [&alone[..], &["presence-kinds"]].concat() {
        broadcast.channel(channel, channel, "text").await.unwrap();
        let data = client.receive(channel);
        if channel != "private-encrypted-e" {
            assert_eq!(data, json!("text"));
            continue;
        }
        for part in ["nonce", "ciphertext"] {
            assert!(data[part].is_string(), "{data}");
        }
    }
}

#[cfg(feature = "testing")]
#[tokio::test]
async fn the_driver_passes_the_suite_of_all_drivers() {
    use std::sync::Mutex;

    use skywave::testing::{Delivered, DriverSuite};

    let place = place();
    let delivered = Arc::new(Mutex::new(Vec::new()));
    let mut client = place.connect();
    for channel in DriverSuite::CHANNELS {
        if channel.starts_with("presence-") {
            client.join(channel, "ada");
        } else {
            client.subscribe(channel);
        }
        if channel.starts_with("cache-") {
            client.receive("pusher:cache_miss");
        }
    }
    let heard = Arc::clone(&delivered);
    // It ends with the connection, when the server does or its patience is over.
    std::thread::spawn(move || {
        while let Ok(message) = client.socket.read() {
            let message: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
            let text = |part: &str| message[part].as_str().unwrap_or_default().to_owned();
            let data = serde_json::from_str(&text("data")).expect("data is JSON text");
            let event = Delivered::new(text("channel"), text("event"), data);
            heard.lock().unwrap().push(event);
        }
    });
    DriverSuite::new(place.pusher())
        .delivering(move || delivered.lock().unwrap().clone())
        .run()
        .await;
}

#[tokio::test]
async fn more_channels_than_one_request_takes_are_sent_to_once_each() {
    let place = place();
    let mut client = place.connect();
    let names: Vec<String> = (0..150).map(|n| format!("many-{n}")).collect();
    for name in ["many-0", "many-99", "many-100", "many-149"] {
        client.subscribe(name);
    }
    let broadcast = broadcaster(place.api()).as_system();
    let report = broadcast.channel(&names, "e", 1).await.unwrap();
    assert_eq!(report.sent.len(), 150);
    broadcast.channel("many-0", "last", 2).await.unwrap();
    for event in ["e", "e", "e", "e", "last"] {
        client.receive(event);
    }
}

#[tokio::test]
async fn the_server_tells_what_it_knows() {
    let place = place();
    let api = place.api();
    let (mut ada, mut bob) = (place.connect(), place.connect());
    ada.join("presence-room", "ada");
    bob.join("presence-room", "bob");

    let count = [ChannelAttribute::UserCount];
    let channels = api.channels("presence-", &count).await.unwrap();
    assert_eq!(channels["presence-room"].user_count, Some(2));
    assert!(
        api.channels("private-nobody-", &[])
            .await
            .unwrap()
            .is_empty()
    );
    let room = api.channel("presence-room", &count).await.unwrap();
    assert_eq!((room.occupied, room.user_count), (true, Some(2)));
    assert!(!api.channel("nobody@home;", &[]).await.unwrap().occupied);
    let mut users = api.users("presence-room").await.unwrap();
    users.sort();
    assert_eq!(users, ["ada", "bob"]);

    let error = api.users("c1").await.unwrap_err();
    let Some(HttpError::Status {
        status: 400, text, ..
    }) = error.http()
    else {
        panic!("{error:?}");
    };
    assert!(!text.is_empty());
}

#[tokio::test]
async fn a_user_gets_events_and_is_sent_away() {
    let place = place();
    let api = place.api();
    let mut ada = place.connect();
    ada.sign_in("ada");
    api.send_to_user("ada", "dm", json!({ "t": 1 }))
        .await
        .unwrap();
    assert_eq!(ada.receive("dm"), json!({ "t": 1 }));
    api.terminate_connections("ada").await.unwrap();
    assert_eq!(ada.receive("pusher:error")["code"], 4009);
}

#[tokio::test]
async fn a_wrong_secret_is_refused_with_the_servers_words() {
    let place = place();
    let pusher = place.pusher_with(&format!("not {}", place.secret));
    let error = broadcaster(pusher.api().unwrap())
        .as_system()
        .channel("c", "e", 1)
        .await
        .unwrap_err();
    let http = error.http().unwrap();
    assert!(
        matches!(http, HttpError::Status { status: 401, .. }),
        "{http:?}"
    );
    if place.own.is_some() {
        assert!(http.to_string().contains("Invalid signature"), "{http}");
        assert!(http.to_string().contains("\"***\""), "{http}");
    }
}

/// The same server with an endpoint that speaks TLS, with a certificate for `localhost`.
fn own_place_over_tls() -> Place {
    let certified = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let root = certified.cert.pem();
    let folder = env::temp_dir().join(format!("skywave-driver-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let (chain, key) = (folder.join("chain.pem"), folder.join("key.pem"));
    fs::write(&chain, &root).unwrap();
    fs::write(&key, certified.signing_key.serialize_pem()).unwrap();
    let tls = Tls::from_files(chain, key).unwrap();
    fs::remove_dir_all(folder).unwrap();

    let place = own_place();
    let server = place.own.as_ref().unwrap();
    let endpoint = Endpoint::tcp(([127, 0, 0, 1], 0).into()).tls(tls);
    let address = match server.listen_at(endpoint).unwrap() {
        ServerPlace::Tcp(address) => address,
        ServerPlace::Unix(_) => unreachable!("it was told an address"),
    };
    Place {
        host: "localhost".to_owned(),
        port: address.port(),
        root: Some(root),
        ..place
    }
}

#[tokio::test]
async fn tls_is_the_default_and_checks_the_certificate() {
    let place = own_place_over_tls();
    let (port, root) = (place.port, place.root.clone().unwrap());
    let mut client = place.connect();
    client.subscribe("c");
    let to = |host: &str| Pusher::new("3", KEY, SECRET).host(host).port(port);

    let trusted = to("localhost")
        .root_certificate(root.clone())
        .api()
        .unwrap();
    broadcaster(trusted)
        .as_system()
        .channel("c", "e", 1)
        .await
        .unwrap();
    assert_eq!(client.receive("e"), json!(1));

    for stranger in [
        to("localhost"),
        to("127.0.0.1").root_certificate(root.clone()),
    ] {
        let api = stranger.api().unwrap();
        let error = api.send_to_user("7", "e", 1).await.unwrap_err();
        let http = error.http().unwrap();
        assert!(matches!(http, HttpError::Tls { .. }), "{http:?}");
        assert!(!http.may_have_arrived());
    }
}
