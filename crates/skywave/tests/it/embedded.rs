//! The embedded driver, end to end: a real axum server on a free port, real WebSocket clients.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use http::request::Parts;
use serde_json::{Value, json};
use skywave::{Broadcast, Broadcaster, ClientOptions, Embedded, Error};
use tokio::runtime::Runtime;
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Message, WebSocket};

/// An application under `axum::serve`, for as long as the value lives.
struct Running {
    address: SocketAddr,
    _runtime: Runtime,
}

async fn release(broadcast: Broadcast) -> Result<(), Error> {
    broadcast
        .channel("releases", "NewRelease", json!({ "version": "4.0.0" }))
        .await?;
    Ok(())
}

async fn alert(broadcast: Broadcast) -> Result<String, Error> {
    let report = broadcast
        .channel("private-admins", "Alert", json!({ "level": "error" }))
        .await?;
    Ok(format!(
        "sent {} skipped {}",
        report.sent.len(),
        report.skipped.len()
    ))
}

async fn typing(broadcast: Broadcast) -> Result<(), Error> {
    broadcast
        .channel("releases", "Typing", json!({}))
        .to_others()
        .await?;
    Ok(())
}

async fn rename(broadcast: Broadcast) -> Result<(), Error> {
    for channel in ["releases", "presence-room"] {
        let renamed = broadcast.channel(channel, "Renamed", json!({}));
        renamed.to_other_users().await?;
    }
    Ok(())
}

fn start() -> Running {
    let broadcaster = Broadcaster::builder()
        .driver("embedded", Embedded::new("1", "my-key", "my-secret"))
        .users(|parts: Parts| async move {
            Some(parts.headers.get("x-user")?.to_str().ok()?.to_owned())
        })
        .authorize("private-admins", |user: &String| user == "admin")
        .build()
        .unwrap();
    let app = Router::new()
        .route("/release", post(release))
        .route("/alert", post(alert))
        .route("/typing", post(typing))
        .route("/rename", post(rename))
        .route("/options", post(|options: ClientOptions| async { options }))
        .merge(broadcaster.routes())
        .with_state(broadcaster);
    let runtime = Runtime::new().unwrap();
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async { axum::serve(listener, app).await });
    Running {
        address,
        _runtime: runtime,
    }
}

impl Running {
    /// Posts a form and returns status and body.
    fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
        let mut request = format!("POST {path} HTTP/1.1\r\nhost: {}\r\n", self.address);
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        let form = "content-type: application/x-www-form-urlencoded\r\nconnection: close";
        request += &format!("{form}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.to_owned())
    }

    fn connect(&self) -> Client {
        let url = format!(
            "ws://{}/app/my-key?protocol=7&client=test&version=1",
            self.address
        );
        let (socket, _) = tungstenite::connect(url).unwrap();
        if let MaybeTlsStream::Plain(stream) = socket.get_ref() {
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
        }
        let mut client = Client {
            socket,
            id: String::new(),
        };
        let established = client.receive("pusher:connection_established");
        client.id = established["socket_id"].as_str().unwrap().to_owned();
        client
    }
}

/// A client of the protocol.
struct Client {
    socket: WebSocket<MaybeTlsStream<TcpStream>>,
    id: String,
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
        self.send("pusher:subscribe", &json!({ "channel": channel }));
        self.receive("pusher_internal:subscription_succeeded");
    }
}

/// How long something may take that is sure to come.
const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn clients_without_a_websocket_are_served_on_the_same_port() {
    let running = start();
    let session = "/pusher/app/my-key/1/abcdefgh";
    let poll = || {
        running
            .post(&format!("{session}/xhr?protocol=7"), &[], "")
            .1
    };
    assert!(poll().contains("o\n"));
    assert!(poll().contains("pusher:connection_established"));
    let subscribe = json!({"event": "pusher:subscribe", "data": {"channel": "releases"}});
    let body = json!([subscribe.to_string()]).to_string();
    let sent = running.post(&format!("{session}/xhr_send"), &[], &body);
    assert_eq!(sent.0, 204);
    assert!(poll().contains("subscription_succeeded"));
    assert_eq!(running.post("/release", &[], "").0, 200);
    assert!(poll().contains("NewRelease"));
}

#[test]
fn clients_are_told_where_to_go_without_a_websocket() {
    let running = start();
    let (_, options) = running.post("/options", &[], "");
    let options: Value = serde_json::from_str(&options).unwrap();
    let options = &options["options"];
    assert_eq!(options["httpHost"], "127.0.0.1");
    assert_eq!(options["httpPort"], running.address.port());
    let transports = json!(["ws", "wss", "xhr_streaming", "xhr_polling"]);
    assert_eq!(options["enabledTransports"], transports);
}

#[test]
fn an_event_of_a_handler_reaches_the_subscribers() {
    let app = start();
    let (mut one, mut two) = (app.connect(), app.connect());
    one.subscribe("releases");
    two.subscribe("releases");
    assert_eq!(app.post("/release", &[], "").0, 200);
    assert_eq!(one.receive("NewRelease"), json!({ "version": "4.0.0" }));
    assert_eq!(two.receive("NewRelease"), json!({ "version": "4.0.0" }));
}

#[test]
fn to_others_leaves_out_the_one_who_asked() {
    let app = start();
    let (mut one, mut two) = (app.connect(), app.connect());
    one.subscribe("releases");
    two.subscribe("releases");
    let id = one.id.clone();
    assert_eq!(app.post("/typing", &[("x-socket-id", &id)], "").0, 200);
    assert_eq!(app.post("/release", &[("x-socket-id", &id)], "").0, 200);
    one.receive("NewRelease");
    two.receive("Typing");
    two.receive("NewRelease");
}

#[test]
fn to_other_users_leaves_out_every_connection_of_the_one_who_asked() {
    let app = start();
    let ask = |user: &str, body: &str| -> Value {
        let (status, reply) = app.post("/broadcasting/authorize", &[("x-user", user)], body);
        assert_eq!(status, 200, "{reply}");
        serde_json::from_str(&reply).unwrap()
    };
    // The page that asks, another tab of the same user that has signed in, a third one in the room.
    let (mut page, mut tab, mut third) = (app.connect(), app.connect(), app.connect());
    tab.send(
        "pusher:signin",
        &ask("ada", &format!("socket_id={}", tab.id)),
    );
    tab.receive("pusher:signin_success");
    let mut bob = app.connect();
    for client in [&mut page, &mut tab, &mut bob] {
        client.subscribe("releases");
    }
    for (client, user) in [(&mut third, "ada"), (&mut bob, "bob")] {
        let body = format!("socket_id={}&channel_name=presence-room", client.id);
        let mut data = ask(user, &body);
        data["channel"] = "presence-room".into();
        client.send("pusher:subscribe", &data);
        client.receive("pusher_internal:subscription_succeeded");
    }
    third.receive("pusher_internal:member_added");

    let page_id = page.id.clone();
    let headers = [("x-user", "ada"), ("x-socket-id", page_id.as_str())];
    assert_eq!(app.post("/rename", &headers, "").0, 200);
    // Events of different channels may overtake each other, so these are waited for.
    bob.receive("Renamed");
    bob.receive("Renamed");
    assert_eq!(app.post("/release", &headers, "").0, 200);
    bob.receive("NewRelease");
    page.receive("NewRelease");
    tab.receive("NewRelease");
    third.subscribe("releases");
}

#[test]
fn the_authorised_listen_to_a_private_channel_and_visitors_do_not() {
    let app = start();
    let (mut admin, mut visitor) = (app.connect(), app.connect());
    let ask = |client: &Client| format!("socket_id={}&channel_name=private-admins", client.id);

    let (status, reply) = app.post(
        "/broadcasting/authorize",
        &[("x-user", "admin")],
        &ask(&admin),
    );
    assert_eq!(status, 200, "{reply}");
    let reply: Value = serde_json::from_str(&reply).unwrap();
    admin.send(
        "pusher:subscribe",
        &json!({ "channel": "private-admins", "auth": reply["auth"] }),
    );
    admin.receive("pusher_internal:subscription_succeeded");

    assert_eq!(
        app.post("/broadcasting/authorize", &[], &ask(&visitor)).0,
        403
    );
    // Another connection's signature is not good for this one.
    visitor.send(
        "pusher:subscribe",
        &json!({ "channel": "private-admins", "auth": reply["auth"] }),
    );
    visitor.receive("pusher:subscription_error");
    visitor.receive("pusher:error");
    visitor.subscribe("releases");

    assert_eq!(
        app.post("/alert", &[], "").1,
        "sent 0 skipped 1",
        "a visitor sends nothing"
    );
    assert_eq!(
        app.post("/alert", &[("x-user", "ada")], "").1,
        "sent 1 skipped 0"
    );
    assert_eq!(app.post("/release", &[], "").0, 200);
    assert_eq!(admin.receive("Alert"), json!({ "level": "error" }));
    visitor.receive("NewRelease");
}

#[test]
fn a_signed_user_is_signed_in() {
    let app = start();
    let mut ada = app.connect();
    let ask = format!("socket_id={}", ada.id);
    let (_, reply) = app.post("/broadcasting/authorize", &[("x-user", "ada")], &ask);
    ada.send("pusher:signin", &serde_json::from_str(&reply).unwrap());
    ada.receive("pusher:signin_success");
}

#[test]
fn other_processes_publish_through_the_same_port() {
    let app = start();
    let unsigned = r#"{"name":"x","channel":"releases","data":"{}"}"#;
    assert_eq!(app.post("/apps/1/events", &[], unsigned).0, 401);
}
