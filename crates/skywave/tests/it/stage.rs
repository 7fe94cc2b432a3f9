//! The stage of the tests: users, a driver that signs and records, requests and their answers.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use http::request::Parts;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use skywave::driver::{
    BoxFuture, ChannelName, Driver, DriverError, Encryption, Envelope, Limits, SocketId,
};
use skywave::{AuthReply, BroadcastUser, Broadcaster, Builder, ClientOptions, NoUser, Page};
use skywave_protocol::{Credentials, Secret};
use tower::ServiceExt;

/// The key and the secret of the protocol document's examples.
pub(crate) const KEY: &str = "278d425bdf160c739803";
pub(crate) const SECRET: &str = "7ad3773142a6692b25b8";

pub(crate) fn credentials() -> Credentials {
    Credentials::new(KEY, &Secret::new(SECRET))
}

/// Signs for real and keeps what it is given instead of delivering it.
#[derive(Clone)]
pub(crate) struct Recorder {
    envelopes: Arc<Mutex<Vec<Envelope>>>,
    credentials: Credentials,
    broken: bool,
    event_bytes: usize,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        Self::taking(Limits::default().event_bytes)
    }

    /// Takes events with at most so many bytes of data.
    pub(crate) fn taking(event_bytes: usize) -> Self {
        Self {
            envelopes: Arc::default(),
            credentials: credentials(),
            broken: false,
            event_bytes,
        }
    }

    /// Accepts nothing and signs nothing.
    pub(crate) fn broken() -> Self {
        Self {
            broken: true,
            ..Self::new()
        }
    }

    /// Everything accepted so far.
    pub(crate) fn envelopes(&self) -> Vec<Envelope> {
        self.envelopes.lock().unwrap().clone()
    }

    /// The one event accepted so far: channels, name, data.
    pub(crate) fn only(&self) -> (Vec<String>, String, Value) {
        let envelopes = self.envelopes();
        let [envelope] = envelopes.as_slice() else {
            panic!("one event was sent, not {}", envelopes.len());
        };
        let channels = envelope.channels.iter().map(ToString::to_string).collect();
        let data = serde_json::from_str(&envelope.data).expect("data is JSON text");
        (channels, envelope.event.to_string(), data)
    }

    fn work(&self) -> Result<(), DriverError> {
        if self.broken {
            return Err(DriverError::new("no connection").caused_by("the cable is cut"));
        }
        Ok(())
    }
}

impl Driver for Recorder {
    fn publish<'a>(&'a self, envelope: &'a Envelope) -> BoxFuture<'a, Result<(), DriverError>> {
        Box::pin(async {
            self.work()?;
            self.envelopes.lock().unwrap().push(envelope.clone());
            Ok(())
        })
    }

    fn authorize(
        &self,
        socket_id: SocketId,
        channel: &ChannelName,
        channel_data: Option<&str>,
    ) -> Result<AuthReply, DriverError> {
        self.work()?;
        let auth = self
            .credentials
            .sign_channel(socket_id, channel, channel_data);
        Ok(AuthReply::channel(auth, channel_data))
    }

    fn authenticate(&self, socket_id: SocketId, user_data: &str) -> Result<AuthReply, DriverError> {
        self.work()?;
        Ok(AuthReply::user(
            self.credentials.sign_user(socket_id, user_data),
            user_data,
        ))
    }

    fn can_leave_out_users(&self) -> bool {
        true
    }

    fn client_options(&self, page: &Page) -> ClientOptions {
        ClientOptions::for_server(KEY, page)
    }

    fn encryption(&self) -> Encryption {
        Encryption::AsIs
    }

    fn limits(&self) -> Limits {
        Limits {
            event_bytes: self.event_bytes,
            ..Limits::default()
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) id: u64,
    pub(crate) admin: bool,
}

impl BroadcastUser for User {
    fn broadcast_id(&self) -> String {
        self.id.to_string()
    }

    fn broadcast_info(&self) -> Value {
        json!({ "admin": self.admin })
    }
}

/// A builder whose requests are user 7's with the header `x-user: 7`, and the admin's with
/// `x-user: 1`.
pub(crate) fn builder(recorder: &Recorder) -> Builder<User> {
    without_users(recorder).users(user_of)
}

/// Who is logged in.
pub(crate) async fn user_of(parts: Parts) -> Option<User> {
    let id = parts.headers.get("x-user")?.to_str().ok()?.parse().ok()?;
    Some(User { id, admin: id == 1 })
}

pub(crate) fn without_users(recorder: &Recorder) -> Builder<NoUser> {
    Broadcaster::builder().driver("recorder", recorder.clone())
}

/// A request to the routes, and what came back.
pub(crate) struct Ask {
    request: http::request::Builder,
    body: String,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) content_type: String,
    pub(crate) body: String,
}

/// A form post of these fields.
pub(crate) fn form(path: &str, fields: &[(&str, &str)]) -> Ask {
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(fields);
    post(path, "application/x-www-form-urlencoded", &body.finish())
}

pub(crate) fn post(path: &str, content_type: &str, body: &str) -> Ask {
    let request = Request::post(path).header(header::CONTENT_TYPE, content_type);
    Ask {
        request,
        body: body.to_owned(),
    }
}

/// A client's request for a channel at the usual route.
pub(crate) fn channel(name: &str) -> Ask {
    form(
        "/broadcasting/authorize",
        &[("socket_id", "1234.1234"), ("channel_name", name)],
    )
}

/// A client's request for its user at the usual route.
pub(crate) fn sign_in() -> Ask {
    form("/broadcasting/authorize", &[("socket_id", "1234.1234")])
}

impl Ask {
    pub(crate) fn by(self, user: u64) -> Self {
        self.header("x-user", &user.to_string())
    }

    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        Self {
            request: self.request.header(name, value),
            ..self
        }
    }

    /// Without a content type, as the Swift client asks.
    pub(crate) fn untyped(mut self) -> Self {
        if let Some(headers) = self.request.headers_mut() {
            headers.remove(header::CONTENT_TYPE);
        }
        self
    }

    pub(crate) async fn to(self, app: &Router) -> Answer {
        let request = self
            .request
            .body(Body::from(self.body))
            .expect("the request is well-formed");
        let response = app
            .clone()
            .oneshot(request)
            .await
            .expect("routers do not fail");
        let (parts, body) = response.into_parts();
        let content_type = parts.headers.get(header::CONTENT_TYPE);
        Answer {
            status: parts.status,
            content_type: content_type.map_or("", |v| v.to_str().unwrap()).to_owned(),
            body: String::from_utf8(body.collect().await.unwrap().to_bytes().into()).unwrap(),
        }
    }
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.body);
        assert_eq!(self.content_type, "application/json");
        serde_json::from_str(&self.body).unwrap()
    }

    /// That it was refused with this status, for this reason, and that nothing was signed.
    #[track_caller]
    pub(crate) fn refused(&self, status: StatusCode, reason: &str) {
        assert_eq!(self.status, status, "{}", self.body);
        assert!(
            self.body.contains(reason),
            "{:?} is not in {:?}",
            reason,
            self.body
        );
        assert!(!self.body.contains(KEY), "{}", self.body);
    }

    /// That access was denied for this reason, which only debug builds tell.
    #[track_caller]
    pub(crate) fn denied(&self, reason: &str) {
        let reason = if cfg!(debug_assertions) {
            reason
        } else {
            "Forbidden"
        };
        self.refused(StatusCode::FORBIDDEN, reason);
    }
}
