//! HTTP as a client speaks it: for the drivers that publish over the network, and for webhooks.
//!
//! One [`HttpClient`] per purpose: a pool of kept connections, TLS by rustls with Mozilla's roots
//! and at most one root of one's own. Every call is bounded in time ([`Settings::timeout`], all
//! attempts included) and in the bytes it reads ([`Settings::body_limit`]), and every failure is an
//! [`HttpError`] that says whether the request may have arrived. A [`Retry`] repeats a request only
//! where that is safe.
//!
//! What a request says, how it is signed and what an answer means is up to the callers.
//!
//! ```text
//! resolve  from a name to the addresses that are connected to
//! address  which of them are of the public internet
//! connect  one time limit around name lookup, TCP and TLS
//! tls      which certificates are trusted
//! retry    when and after how long a request is repeated
//! error    what went wrong, without secrets
//! ```

mod address;
mod connect;
mod error;
mod resolve;
mod retry;
#[cfg(test)]
mod tests;
mod tls;

use std::error::Error as StdError;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{CaptureConnection, HttpConnector, capture_connection};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, sleep, timeout, timeout_at};

pub use self::address::is_public;
use self::connect::{Bounded, TimedOut};
pub use self::error::HttpError;
use self::resolve::Resolver;
pub use self::resolve::{Find, Lookup};
pub use self::retry::{Backoff, Repeat, Retry};
pub use self::tls::{CertificateError, config as tls_config};

/// What every call of a client keeps to.
#[derive(Clone, Debug)]
pub struct Settings {
    /// For one connection, TLS included.
    pub connect_timeout: Duration,
    /// For one call, from the first attempt to the last byte of the answer.
    pub timeout: Duration,
    /// Bytes that are read of an answer.
    pub body_limit: usize,
    /// Certificates in PEM that are trusted beside Mozilla's, for servers with a root of their own.
    pub root_certificate: Option<Vec<u8>>,
    /// Whether only [public](is_public) addresses are connected to: for addresses that somebody
    /// else chose. They are judged after their names were looked up.
    pub public_only: bool,
    /// Who knows the addresses of names.
    pub lookup: Lookup,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(10),
            body_limit: 4 << 20,
            root_certificate: None,
            public_only: false,
            lookup: Lookup::System,
        }
    }
}

/// A pool of connections, to any number of servers. Cheap to clone.
///
/// Its calls need a tokio runtime with time and network enabled; a kept connection belongs to the
/// runtime that opened it.
#[derive(Clone, Debug)]
pub struct HttpClient {
    pool: Client<Bounded<HttpsConnector<HttpConnector<Resolver>>>, Full<Bytes>>,
    timeout: Duration,
    body_limit: usize,
}

impl HttpClient {
    /// A client without connections.
    ///
    /// # Errors
    ///
    /// When the root certificate is none.
    pub fn new(settings: &Settings) -> Result<Self, CertificateError> {
        let tls = tls::config(settings.root_certificate.as_deref())?;
        let resolver = Resolver::new(settings.lookup.clone(), settings.public_only);
        let mut tcp = HttpConnector::new_with_resolver(resolver);
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let pool = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(Bounded {
                connector,
                limit: settings.connect_timeout,
                public_only: settings.public_only,
            });
        Ok(Self {
            pool,
            timeout: settings.timeout,
            body_limit: settings.body_limit,
        })
    }

    /// Sends the request, whose address is absolute, and reads the whole answer. Any status of
    /// the 2xx is an answer; the meaning of the others, redirects too, is failure.
    ///
    /// # Errors
    ///
    /// The failure of the last attempt.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, the request may have arrived or not.
    pub async fn call(
        &self,
        request: Request<Bytes>,
        retry: &Retry,
    ) -> Result<Response<Bytes>, HttpError> {
        let deadline = Instant::now() + self.timeout;
        let server = server(&request);
        let mut attempt = 0;
        loop {
            let mut request = request.clone().map(Full::new);
            let connection = capture_connection(&mut request);
            let error = match timeout_at(deadline, self.attempt(request, &server)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => error,
                Err(_) => self.timed_out(&connection, server.clone()),
            };
            let Some(pause) = retry.pause(attempt, &error) else {
                return Err(error);
            };
            // A pause that outlasts the call would hide what went wrong behind a timeout.
            if Instant::now() + pause >= deadline {
                return Err(error);
            }
            tracing::debug!(%error, ?pause, "a request is repeated");
            sleep(pause).await;
            attempt += 1;
        }
    }

    /// Sends the request once and waits for the head of a 2xx, whatever follows it: for servers
    /// that only say that they got something. A redirect is a failure.
    ///
    /// # Errors
    ///
    /// As for [`call`](Self::call).
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, the request may have arrived or not.
    pub async fn acknowledged(&self, request: Request<Bytes>) -> Result<StatusCode, HttpError> {
        let server = server(&request);
        let mut request = request.map(Full::new);
        let connection = capture_connection(&mut request);
        let exchange = async {
            let answer = self.pool.request(request).await;
            let answer = answer.map_err(|error| error::of_exchange(&error, &server))?;
            let status = answer.status();
            if !status.is_success() {
                return self.whole(answer, &server).await.map(|_| status);
            }
            // Only a connection whose answer was read can be kept.
            let rest = Limited::new(answer.into_body(), self.body_limit).collect();
            let _ = timeout(LEFTOVERS, rest).await;
            Ok(status)
        };
        let outcome = timeout(self.timeout, exchange).await;
        outcome.unwrap_or_else(|_| Err(self.timed_out(&connection, server.clone())))
    }

    fn timed_out(&self, connection: &CaptureConnection, server: String) -> HttpError {
        let limit = self.timeout;
        if connection.connection_metadata().is_none() {
            let problem = TimedOut(limit).to_string();
            return HttpError::Connect { server, problem };
        }
        HttpError::Timeout { server, limit }
    }

    async fn attempt(
        &self,
        request: Request<Full<Bytes>>,
        server: &str,
    ) -> Result<Response<Bytes>, HttpError> {
        let answer = self.pool.request(request).await;
        let answer = answer.map_err(|error| error::of_exchange(&error, server))?;
        self.whole(answer, server).await
    }

    /// Reads the body; anything but a 2xx is failure.
    async fn whole(
        &self,
        answer: Response<Incoming>,
        server: &str,
    ) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, self.body_limit)
            .collect()
            .await
            .map_err(|error| HttpError::Broken {
                server: server.to_owned(),
                problem: if error.is::<LengthLimitError>() {
                    format!("the answer has more than {} bytes", self.body_limit)
                } else {
                    format!("the answer ended early: {}", error::innermost(&*error))
                },
            })?
            .to_bytes();
        if parts.status.is_success() {
            return Ok(Response::from_parts(parts, body));
        }
        Err(HttpError::Status {
            server: server.to_owned(),
            status: parts.status.as_u16(),
            text: text(&body, parts.status),
        })
    }
}

/// `host:port` of a request's address, which is all that errors tell of it: its query may hold a
/// signature.
fn server(request: &Request<Bytes>) -> String {
    let uri = request.uri();
    let secure = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
    format!("{}:{port}", uri.host().unwrap_or("?"))
}

/// What a server says about a failure, for an error: its text in one piece and not too long, or
/// the status's own name.
fn text(body: &[u8], status: StatusCode) -> String {
    let text = String::from_utf8_lossy(body);
    let mut short: String = text.trim().chars().take(TEXT).collect();
    if short.is_empty() {
        return status.canonical_reason().unwrap_or("no text").to_owned();
    }
    if text.trim().chars().nth(TEXT).is_some() {
        short.push('…');
    }
    short
}

/// An error of any type, as connectors have them.
type BoxError = Box<dyn StdError + Send + Sync>;

/// How long an unused connection is kept: less than servers do, so that a request seldom meets a
/// connection that is being closed.
const IDLE: Duration = Duration::from_secs(15);

/// How long the rest of an acknowledgement may take, before its connection is given up.
const LEFTOVERS: Duration = Duration::from_millis(100);

/// Characters of a server's text that an error keeps.
const TEXT: usize = 2_000;
