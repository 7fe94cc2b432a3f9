//! The driver and our own server, on threads of its own, reached over the network: plain and TLS.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rcgen::generate_simple_self_signed;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use skywave::driver::{BatchEvent, ChannelAttribute, HttpError};
use skywave::{Broadcaster, PusherApi, SocketId};
use skywave_protocol::ChannelName;
use skywave_server::{App, Config, Server};
use tokio::io::copy_bidirectional;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Message, WebSocket};

use super::pusher;
use crate::stage::{KEY, SECRET, credentials};

/// A server with app 3 on a free port.
fn server() -> (Server, SocketAddr) {
    let app = App::new("3", credentials());
    let config = Config {
        workers: Some(1),
        ..Config::new([app])
    };
    let server = Server::start(config).unwrap();
    let address = server.listen(([127, 0, 0, 1], 0).into()).unwrap();
    (server, address)
}

struct Client {
    socket: WebSocket<MaybeTlsStream<TcpStream>>,
    id: SocketId,
}

impl Client {
    fn connect(address: SocketAddr) -> Self {
        let url = format!("ws://{address}/app/{KEY}?protocol=7&client=test&version=1");
        let (socket, _) = tungstenite::connect(url).unwrap();
        if let MaybeTlsStream::Plain(stream) = socket.get_ref() {
            stream
                .set_read_timeout(Some(Duration::from_secs(10)))
                .unwrap();
        }
        let mut client = Self {
            socket,
            id: SocketId::new(0, 0),
        };
        let established = client.receive("pusher:connection_established");
        client.id = SocketId::parse(established["socket_id"].as_str().unwrap()).unwrap();
        client
    }

    fn send(&mut self, event: &str, data: &Value) {
        let text = json!({ "event": event, "data": data }).to_string();
        self.socket.send(Message::text(text)).unwrap();
    }

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
        self.send("pusher:subscribe", &json!({ "channel": channel }));
        self.receive("pusher_internal:subscription_succeeded");
    }

    fn join(&mut self, channel: &str, user_id: &str) {
        let name = ChannelName::parse(channel).unwrap();
        let member = json!({ "user_id": user_id }).to_string();
        let auth = credentials().sign_channel(self.id, &name, Some(&member));
        self.send(
            "pusher:subscribe",
            &json!({ "channel": channel, "auth": auth, "channel_data": member }),
        );
        self.receive("pusher_internal:subscription_succeeded");
    }

    fn sign_in(&mut self, user_id: &str) {
        let user = json!({ "id": user_id }).to_string();
        let auth = credentials().sign_user(self.id, &user);
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
    let (_server, address) = server();
    let api = pusher(address.port()).api().unwrap();
    let (mut one, mut two) = (Client::connect(address), Client::connect(address));
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
async fn the_server_tells_what_it_knows() {
    let (_server, address) = server();
    let api = pusher(address.port()).api().unwrap();
    let (mut ada, mut bob) = (Client::connect(address), Client::connect(address));
    ada.join("presence-room", "ada");
    bob.join("presence-room", "bob");

    let count = [ChannelAttribute::UserCount];
    let channels = api.channels("presence-", &count).await.unwrap();
    assert_eq!(channels["presence-room"].user_count, Some(2));
    assert!(api.channels("private-", &[]).await.unwrap().is_empty());
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
    let (_server, address) = server();
    let api = pusher(address.port()).api().unwrap();
    let mut ada = Client::connect(address);
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
    let (_server, address) = server();
    let pusher = skywave::Pusher::new("3", KEY, format!("not {SECRET}"))
        .host("127.0.0.1")
        .port(address.port())
        .ssl(false);
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
    assert!(http.to_string().contains("Invalid signature"), "{http}");
    assert!(http.to_string().contains("\"***\""), "{http}");
}

/// A certificate for `localhost` in front of a server; its port, and the certificate as PEM.
async fn tls(server: SocketAddr) -> (u16, String) {
    let certified = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut inner = acceptor.accept(stream).await?;
                let mut outer = tokio::net::TcpStream::connect(server).await?;
                copy_bidirectional(&mut inner, &mut outer).await
            });
        }
    });
    (port, certified.cert.pem())
}

#[tokio::test]
async fn tls_is_the_default_and_checks_the_certificate() {
    let (_server, address) = server();
    let (port, root) = tls(address).await;
    let mut client = Client::connect(address);
    client.subscribe("c");
    let to = |host: &str| skywave::Pusher::new("3", KEY, SECRET).host(host).port(port);

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
