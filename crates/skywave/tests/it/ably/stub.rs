//! A strict server: it checks every request by the rules of Ably's REST API, takes what Ably would
//! take, and answers in Ably's forms, unless it is told what to answer.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use http::{HeaderMap, Method, StatusCode, Uri, header};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A request as it came in.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Asked {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("the body is JSON")
    }

    /// The message, alone or of a batch.
    pub(super) fn message(&self) -> Value {
        let body = self.json();
        match body.get(0) {
            Some(batch) => batch["messages"][0].clone(),
            None => body,
        }
    }
}

/// A message that subscribers of a channel got.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Delivered {
    pub(super) channel: String,
    pub(super) name: String,
    /// Decoded as a client does.
    pub(super) data: Value,
    /// The connection that it was not sent to.
    pub(super) except: Option<String>,
}

/// What to answer in place of Ably's own answer.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// Nothing is taken.
    Refusing(u16, String),
    /// The messages are taken, but the answer is this.
    Taking(u16, String),
}

#[derive(Clone, Default)]
pub(super) struct Stub {
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
    /// Channels that the key has no capability for.
    denied: Arc<Mutex<Vec<String>>>,
    /// By channel and id.
    seen: Arc<Mutex<HashMap<(String, String), Value>>>,
    delivered: Arc<Mutex<Vec<Delivered>>>,
}

impl Stub {
    pub(super) async fn start() -> Self {
        Self::answering([]).await
    }

    /// A server that gives these answers first, one per request.
    pub(super) async fn answering(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stub = Self {
            port: listener.local_addr().unwrap().port(),
            answers: Arc::new(Mutex::new(answers.into_iter().collect())),
            ..Self::default()
        };
        let app = Router::new().fallback(answer).with_state(stub.clone());
        tokio::spawn(async { axum::serve(listener, app).await });
        stub
    }

    /// The key may not publish to these channels.
    pub(super) fn denying(self, channels: &[&str]) -> Self {
        let denied = channels.iter().map(ToString::to_string);
        self.denied.lock().unwrap().extend(denied);
        self
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Every request so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The one request so far.
    pub(super) fn only(&self) -> Asked {
        let mut asked = self.asked();
        assert_eq!(asked.len(), 1, "{asked:?}");
        asked.remove(0)
    }

    /// Every message that subscribers got so far.
    pub(super) fn delivered(&self) -> Vec<Delivered> {
        self.delivered.lock().unwrap().clone()
    }

    /// Takes a message for a channel: once per id (REST API, "Idempotent publishing").
    fn take(&self, channel: &str, message: &Value) -> Value {
        if self
            .denied
            .lock()
            .unwrap()
            .iter()
            .any(|name| name == channel)
        {
            let message = "Channel denied access based on given capability";
            let error = json!({ "code": 40160, "statusCode": 401, "message": message });
            return json!({ "channel": channel, "error": error });
        }
        let id = message["id"].as_str().unwrap().to_owned();
        let mut seen = self.seen.lock().unwrap();
        let result = seen.entry((channel.to_owned(), id.clone()));
        result
            .or_insert_with(|| {
                self.delivered.lock().unwrap().push(Delivered {
                    channel: channel.to_owned(),
                    name: message["name"].as_str().unwrap().to_owned(),
                    data: decoded(message),
                    except: message["connectionKey"].as_str().map(str::to_owned),
                });
                let serial = "01700000000123-000@abcdefghij:000";
                json!({ "channel": channel, "messageId": id, "serials": [serial] })
            })
            .clone()
    }

    fn take_all(&self, path: &str, body: &Value) -> (u16, Value) {
        if path == "/messages" {
            let batches = body.as_array().expect("a batch is an array");
            let results = batches.iter().map(|batch| {
                check_fields(batch, &["channels", "messages"]);
                let channels = batch["channels"].as_array().expect("channels are an array");
                assert!((1..=100).contains(&channels.len()), "{}", channels.len());
                let [message] = batch["messages"].as_array().unwrap().as_slice() else {
                    panic!("one message goes to all channels: {batch}");
                };
                check_message(message);
                let results: Vec<_> = channels
                    .iter()
                    .map(|channel| self.take(channel.as_str().unwrap(), message))
                    .collect();
                let failures = results.iter().filter(|r| r.get("error").is_some()).count();
                json!({
                    "successCount": results.len() - failures,
                    "failureCount": failures,
                    "results": results,
                })
            });
            return (201, results.collect());
        }
        let name = path
            .strip_prefix("/channels/")
            .and_then(|rest| rest.strip_suffix("/messages"))
            .unwrap_or_else(|| panic!("no endpoint at {path}"));
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.!~*'()%".contains(c);
        assert!(name.chars().all(plain), "{name} is escaped");
        let channel = percent_decode_str(name).decode_utf8().unwrap();
        check_message(body);
        let result = self.take(&channel, body);
        match result.get("error") {
            Some(error) => (401, json!({ "error": error })),
            None => (201, result),
        }
    }
}

async fn answer(
    State(stub): State<Stub>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, [(header::HeaderName, &'static str); 1], String) {
    check_head(&method, &uri, &headers);
    assert!(body.len() <= 2 << 20, "{} bytes", body.len());
    let asked = Asked {
        path: uri.path().to_owned(),
        headers,
        body: String::from_utf8(body.to_vec()).expect("JSON is UTF-8"),
    };
    let told = stub.answers.lock().unwrap().pop_front();
    let own = || {
        let (status, body) = stub.take_all(&asked.path, &asked.json());
        (status, body.to_string())
    };
    let (status, body) = match told {
        Some(Answer::Refusing(status, body)) => (status, body),
        Some(Answer::Taking(status, body)) => {
            own();
            (status, body)
        }
        None => own(),
    };
    stub.asked.lock().unwrap().push(asked);
    let json = [(header::CONTENT_TYPE, "application/json")];
    (StatusCode::from_u16(status).unwrap(), json, body)
}

/// Ably's specification, RSC7 and RSC8, as in `driverPublishExamples` of the vectors.
fn check_head(method: &Method, uri: &Uri, headers: &HeaderMap) {
    assert_eq!(method, Method::POST);
    assert_eq!(uri.query(), None, "the key is in no address");
    for (name, expected) in [
        (
            "authorization",
            super::vectors()["basicAuthHeader"].as_str().unwrap(),
        ),
        ("content-type", "application/json"),
        ("accept", "application/json"),
        ("x-ably-version", "6"),
        ("ably-agent", concat!("skywave/", env!("CARGO_PKG_VERSION"))),
    ] {
        assert_eq!(headers[name], expected, "{name}");
    }
}

fn check_message(message: &Value) {
    check_fields(
        message,
        &[
            "name",
            "data",
            "encoding",
            "id",
            "connectionKey",
            "clientId",
        ],
    );
    let text = |name: &str| {
        message.get(name).map(|value| {
            let text = value.as_str();
            text.unwrap_or_else(|| panic!("{name} is text: {message}"))
        })
    };
    let (base, index) = text("id").unwrap().split_once(':').unwrap();
    assert!(base.len() >= 12 && index == "0", "{message}");
    assert!(matches!(text("encoding"), None | Some("json")), "{message}");
    let size: usize = ["name", "data", "clientId"]
        .iter()
        .map(|name| text(name).map_or(0, str::len))
        .sum();
    assert!(size <= 65_536, "{size} bytes");
    assert_ne!(text("clientId"), Some("*"));
}

fn check_fields(value: &Value, known: &[&str]) {
    for (name, field) in value.as_object().expect("an object") {
        assert!(known.contains(&name.as_str()), "unknown field {name}");
        assert!(!field.is_null(), "absent fields are left out: {name}");
    }
}

fn decoded(message: &Value) -> Value {
    match message.get("encoding") {
        None => message["data"].clone(),
        Some(_) => serde_json::from_str(message["data"].as_str().unwrap()).expect("JSON text"),
    }
}
