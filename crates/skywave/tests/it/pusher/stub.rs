//! A strict server: it checks every request's signature by the protocol's own rules, keeps the
//! request, and answers what it is told.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::serve::ListenerExt;
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::Value;
use skywave_protocol::SignedRequest;
use tokio::net::TcpListener;

use crate::stage::credentials;

/// A request as it came in.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) path: String,
    /// The query without what signing adds.
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Asked {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("the body is JSON")
    }
}

#[derive(Clone, Default)]
pub(super) struct Stub {
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    answers: Arc<Mutex<VecDeque<(u16, String)>>>,
    connections: Arc<AtomicUsize>,
}

impl Stub {
    /// A server that gives these answers, one per request, and then `{}` for ever.
    pub(super) async fn answering(answers: &[(u16, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let answers = answers
            .iter()
            .map(|(status, body)| (*status, (*body).to_owned()));
        let stub = Self {
            port: listener.local_addr().unwrap().port(),
            answers: Arc::new(Mutex::new(answers.collect())),
            ..Self::default()
        };
        let connections = Arc::clone(&stub.connections);
        let listener = listener.tap_io(move |_| {
            connections.fetch_add(1, Ordering::SeqCst);
        });
        let app = Router::new().fallback(answer).with_state(stub.clone());
        tokio::spawn(async { axum::serve(listener, app).await });
        stub
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

    /// How many connections there were.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// What may stand before the server's own paths.
pub(super) const PREFIX: &str = "/sockets";

async fn answer(
    State(stub): State<Stub>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let target = uri.path_and_query().unwrap().as_str();
    // As a proxy would take it off.
    let target = target.strip_prefix(PREFIX).unwrap_or(target);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let signed = SignedRequest::parse(method.as_str(), target).expect("the query is well-formed");
    credentials()
        .verify_request(&signed, &body, now.as_secs())
        .expect("the request is signed");
    // A question without a body has no digest of one: that is left to be seen.
    let mut signing = vec![
        "auth_key=",
        "auth_timestamp=",
        "auth_version=",
        "auth_signature=",
    ];
    if method == Method::POST {
        signing.push("body_md5=");
    }
    let own = uri.query().unwrap_or_default().split('&');
    let own = own.filter(|pair| !signing.iter().any(|name| pair.starts_with(name)));
    stub.asked.lock().unwrap().push(Asked {
        path: uri.path().to_owned(),
        query: own.collect::<Vec<_>>().join("&"),
        method,
        headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    });
    let next = stub.answers.lock().unwrap().pop_front();
    let (status, body) = next.unwrap_or((200, "{}".to_owned()));
    (StatusCode::from_u16(status).unwrap(), body)
}
