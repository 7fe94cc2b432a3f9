//! Webhooks: who they are accepted from, and what they tell.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::routing::post;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};
use skywave::{Channel, Webhook, WebhookError, WebhookEvent, WebhookKeys};
use skywave_protocol::{Credentials, Secret, WebhookKind};
use skywave_server::{
    App, AppSettings, Config, Server, WebhookEndpoint, WebhookSettings, Webhooks,
};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Message, WebSocket};

use crate::stage::{self, KEY, SECRET, credentials};

/// The time of the recorded webhooks.
const THEN: Duration = Duration::from_millis(1_327_078_148_132);

fn keys() -> WebhookKeys {
    WebhookKeys::new(KEY, SECRET)
}

fn headers(key: &str, signature: &str) -> HeaderMap {
    let value = |text: &str| HeaderValue::from_str(text).unwrap();
    HeaderMap::from_iter([
        (HeaderName::from_static("x-pusher-key"), value(key)),
        (
            HeaderName::from_static("x-pusher-signature"),
            value(signature),
        ),
    ])
}

/// A body, signed right, as it is taken at its time.
fn told(events: &Value) -> Result<Vec<WebhookEvent>, WebhookError> {
    let body = json!({ "time_ms": THEN.as_millis() as u64, "events": events }).to_string();
    let signature = credentials().sign_webhook(body.as_bytes());
    let told = Webhook::verify(
        &keys(),
        &headers(KEY, &signature),
        body.as_bytes(),
        UNIX_EPOCH + THEN,
    );
    told.map(|webhook| webhook.events)
}

fn recorded() -> Vec<Value> {
    let vectors = include_str!("../../../skywave-protocol/tests/it/vectors.json");
    let vectors: Value = serde_json::from_str(vectors).unwrap();
    vectors["webhooks"].as_array().unwrap().clone()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).unwrap().as_str().unwrap()
}

#[test]
fn what_the_official_library_accepts_is_accepted_and_read() {
    let recorded = recorded();
    assert_eq!(recorded.len(), 9);
    for vector in &recorded {
        let headers = headers(
            text(vector, "/headers/X-Pusher-Key"),
            text(vector, "/headers/X-Pusher-Signature"),
        );
        let body = text(vector, "/body");
        let webhook =
            Webhook::verify(&keys(), &headers, body.as_bytes(), UNIX_EPOCH + THEN).unwrap();
        assert_eq!(webhook.time, UNIX_EPOCH + THEN);
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!(
            webhook.events.len(),
            body["events"].as_array().unwrap().len()
        );
        for event in webhook.events {
            assert!(!matches!(event, WebhookEvent::Other { .. }), "{event:?}");
        }
    }
}

#[test]
fn events_are_types() {
    let events = json!([
        { "name": "channel_occupied", "channel": "c" },
        { "name": "channel_vacated", "channel": "c" },
        { "name": "member_added", "channel": "presence-room", "user_id": "u-1" },
        { "name": "member_removed", "channel": "presence-room", "user_id": "u-1" },
        { "name": "client_event", "channel": "private-a", "event": "client-x", "data": "{}", "socket_id": "1.2" },
        { "name": "client_event", "channel": "presence-a", "event": "client-x", "data": "{}", "socket_id": "1.2", "user_id": "u" },
        { "name": "cache_miss", "channel": "cache-a" },
        { "name": "subscription_count", "channel": "c", "subscription_count": 3 },
        { "name": "invented", "answer": 42 },
    ]);
    let (c, room) = (Channel::new("c"), Channel::new("presence-room"));
    let client_event = |channel: &str, user_id: Option<&str>| WebhookEvent::ClientEvent {
        channel: Channel::new(channel),
        event: "client-x".to_owned(),
        data: "{}".to_owned(),
        socket_id: Some("1.2".parse().unwrap()),
        user_id: user_id.map(str::to_owned),
    };
    assert_eq!(
        told(&events).unwrap(),
        [
            WebhookEvent::ChannelOccupied { channel: c.clone() },
            WebhookEvent::ChannelVacated { channel: c.clone() },
            WebhookEvent::MemberAdded {
                channel: room.clone(),
                user_id: "u-1".to_owned()
            },
            WebhookEvent::MemberRemoved {
                channel: room,
                user_id: "u-1".to_owned()
            },
            client_event("private-a", None),
            client_event("presence-a", Some("u")),
            WebhookEvent::CacheMiss {
                channel: Channel::new("cache-a")
            },
            WebhookEvent::SubscriptionCount {
                channel: c,
                count: 3
            },
            WebhookEvent::Other {
                name: "invented".to_owned(),
                fields: events[8].as_object().unwrap().clone()
            },
        ]
    );
}

#[test]
fn what_is_signed_but_malformed_says_what_was_expected() {
    for (events, problem) in [
        (json!([{ "channel": "c" }]), "name: expected text"),
        (json!([{ "name": "cache_miss" }]), "channel: expected text"),
        (
            json!([{ "name": "member_added", "channel": "c", "user_id": 1 }]),
            "user_id: expected text",
        ),
        (
            json!([{ "name": "subscription_count", "channel": "c", "subscription_count": "3" }]),
            "subscription_count: expected a number",
        ),
        (json!({}), "invalid type: map, expected a sequence"),
    ] {
        let Err(WebhookError::Malformed { problem: given }) = told(&events) else {
            panic!("{events}");
        };
        assert!(given.starts_with(problem), "{given}");
    }
}

#[test]
fn any_other_signature_key_or_body_is_refused() {
    let recorded = recorded();
    let (body, signature) = (
        text(&recorded[0], "/body"),
        text(&recorded[0], "/headers/X-Pusher-Signature"),
    );
    let verify = |headers: &HeaderMap, body: &str| {
        Webhook::verify(&keys(), headers, body.as_bytes(), UNIX_EPOCH + THEN)
    };
    assert!(verify(&headers(KEY, signature), body).is_ok());
    assert_eq!(
        verify(&HeaderMap::new(), body),
        Err(WebhookError::Missing {
            header: "x-pusher-key"
        })
    );
    assert_eq!(
        verify(&headers("another", signature), body),
        Err(WebhookError::UnknownKey {
            key: "another".to_owned()
        })
    );
    let elsewhere = Credentials::new(KEY, &Secret::new("another")).sign_webhook(body.as_bytes());
    for (signature, body) in [
        (elsewhere.as_str(), body.to_owned()),
        ("", body.to_owned()),
        ("c19001", body.to_owned()),
        (signature, body.replace("my-channel", "my-channe1")),
        (signature, format!("{body} ")),
    ] {
        assert_eq!(
            verify(&headers(KEY, signature), &body),
            Err(WebhookError::InvalidSignature),
            "{signature} {body}"
        );
    }
}

#[test]
fn secrets_can_be_changed_without_losing_a_webhook() {
    let recorded = recorded();
    let (body, signature) = (
        text(&recorded[0], "/body"),
        text(&recorded[0], "/headers/X-Pusher-Signature"),
    );
    for keys in [
        WebhookKeys::new("new", "new secret").or(KEY, SECRET),
        keys().or("new", "new secret"),
        // A new secret for the same key.
        WebhookKeys::new(KEY, "new secret").or(KEY, SECRET),
    ] {
        let headers = headers(KEY, signature);
        let told = Webhook::verify(&keys, &headers, body.as_bytes(), UNIX_EPOCH + THEN);
        assert!(told.is_ok(), "{told:?}");
    }
    assert!(!format!("{:?}", keys()).contains(SECRET));
}

#[test]
fn what_was_recorded_long_ago_is_refused() {
    let recorded = recorded();
    let headers = headers(KEY, text(&recorded[0], "/headers/X-Pusher-Signature"));
    let body = text(&recorded[0], "/body").as_bytes();
    let minutes = |count: u64| Duration::from_secs(60 * count);
    for (now, accepted) in [
        (THEN + minutes(5), true),
        (THEN - minutes(5), true),
        (THEN + minutes(6), false),
        (THEN - minutes(6), false),
    ] {
        let told = Webhook::verify(&keys(), &headers, body, UNIX_EPOCH + now);
        assert_eq!(told.is_ok(), accepted, "{now:?}: {told:?}");
    }
    let patient = keys().window(None);
    assert!(Webhook::verify(&patient, &headers, body, SystemTime::now()).is_ok());
}

#[tokio::test]
async fn the_extractor_verifies_the_body_as_it_came_in() {
    async fn handler(webhook: Webhook) -> String {
        webhook.events.len().to_string()
    }
    let app = Router::new()
        .route("/webhooks", post(handler))
        .with_state(keys());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    // Spaces and escapes that nobody would write again the same.
    let body = format!(
        "{{ \"time_ms\" : {}, \"events\":[{{\"name\":\"cache_miss\",\"channel\":\"cache-\\u0061\"}}]}}",
        now.as_millis()
    );
    let signature = credentials().sign_webhook(body.as_bytes());
    let ask = |signature: &str| {
        stage::post("/webhooks", "application/json", &body)
            .header("x-pusher-key", KEY)
            .header("x-pusher-signature", signature)
    };
    let answer = ask(&signature).to(&app).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "1"));
    let answer = ask("c0ffee").to(&app).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.body, "the signature is not that of the body");
}

/// Receives webhooks at a port of its own.
struct Receiver {
    runtime: Runtime,
    url: String,
    events: UnboundedReceiver<WebhookEvent>,
}

impl Receiver {
    fn start() -> Self {
        let (told, events) = mpsc::unbounded_channel();
        let told = post(move |webhook: Webhook| async move {
            for event in webhook.events {
                told.send(event).unwrap();
            }
        });
        let app = Router::new().route("/webhooks", told).with_state(keys());
        let runtime = Runtime::new().unwrap();
        let address = serve(&runtime, app);
        Self {
            runtime,
            url: format!("http://{address}/webhooks"),
            events,
        }
    }

    /// The next events.
    #[track_caller]
    fn take(&mut self, count: usize) -> Vec<WebhookEvent> {
        let patience = Duration::from_secs(10);
        let mut next = || {
            let event = async { tokio::time::timeout(patience, self.events.recv()).await };
            let event = self.runtime.block_on(event).expect("a webhook in time");
            event.expect("the receiver runs")
        };
        (0..count).map(|_| next()).collect()
    }
}

fn serve(runtime: &Runtime, app: Router) -> SocketAddr {
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
    let listener = listener.unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async { axum::serve(listener, app).await });
    address
}

/// Somebody who listens to `cache-a`.
fn subscriber(address: SocketAddr) -> WebSocket<MaybeTlsStream<TcpStream>> {
    let url = format!("ws://{address}/app/{KEY}?protocol=7");
    let (mut client, _) = tungstenite::connect(url).unwrap();
    let subscribe = r#"{"event":"pusher:subscribe","data":{"channel":"cache-a"}}"#;
    client.send(Message::text(subscribe)).unwrap();
    client
}

#[test]
fn what_our_own_server_sends_is_accepted_and_read() {
    let mut receiver = Receiver::start();
    let settings = AppSettings {
        webhooks: Webhooks {
            endpoints: vec![WebhookEndpoint {
                events: WebhookKind::ALL.into(),
                ..WebhookEndpoint::new(&receiver.url)
            }],
            batch_events: 1,
            ..Webhooks::default()
        },
        subscription_counts: true,
        ..AppSettings::new(credentials())
    };
    let mut config = Config {
        workers: Some(1),
        ..Config::new([App::new("1", settings)])
    };
    config.webhooks = WebhookSettings {
        allow_private: true,
        ..WebhookSettings::default()
    };
    let server = Server::start(config).unwrap();
    let address = server.listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let _client = subscriber(address);
    let told = receiver.take(3);
    let channel = Channel::new("cache-a");
    for expected in [
        WebhookEvent::ChannelOccupied {
            channel: channel.clone(),
        },
        WebhookEvent::CacheMiss {
            channel: channel.clone(),
        },
        WebhookEvent::SubscriptionCount { channel, count: 1 },
    ] {
        assert!(told.contains(&expected), "{expected:?} in {told:?}");
    }
}

#[cfg(feature = "webhooks")]
#[test]
fn the_embedded_server_tells_an_endpoint() {
    use skywave::{Broadcaster, Embedded};

    let mut receiver = Receiver::start();
    let embedded = |allowed| {
        let endpoint = WebhookEndpoint::new(&receiver.url);
        let embedded = Embedded::new("1", KEY, SECRET).webhook(endpoint);
        let embedded = embedded.private_webhooks(allowed);
        Broadcaster::builder().driver("embedded", embedded).build()
    };
    let refused = embedded(false).unwrap_err();
    let problem = std::error::Error::source(&refused).map(ToString::to_string);
    let told = format!("{refused} {problem:?} {refused:?}");
    assert!(
        told.contains("127.0.0.1 is not an address of the public internet"),
        "{told}"
    );

    let broadcaster = embedded(true).unwrap();
    let app = broadcaster.routes().with_state(broadcaster.clone());
    let _client = subscriber(serve(&receiver.runtime, app));
    let channel = Channel::new("cache-a");
    assert_eq!(
        receiver.take(2),
        [
            WebhookEvent::ChannelOccupied {
                channel: channel.clone()
            },
            WebhookEvent::CacheMiss { channel },
        ]
    );
}
