//! A listening socket on a worker: connections are accepted where they will live.
//!
//! All workers accept from one listening socket. Whoever accepts keeps the connection, unless it
//! already has clearly more of them than the least busy worker; so they spread evenly, and few are
//! moved.

use std::cell::Cell;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use http::header::CONNECTION;
use http::{HeaderValue, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};
use tokio::task::spawn_local;
use tokio::time::error::Elapsed;
use tokio::time::{sleep, timeout};

use crate::admission::Knock;
use crate::arrival::{Arrival, Visit};
use crate::drain::Stage;
use crate::endpoint::Listening;
use crate::http::{Answer, answer};
use crate::peer::Peer;
use crate::serve::admit;
use crate::stream::{Raw, take};
use crate::worker::Worker;

/// A listening socket on a worker's runtime.
trait Listener {
    type Socket: Raw;

    /// The next connection, with its address where it has one.
    async fn accept(&self) -> io::Result<(Self::Socket, Option<IpAddr>)>;
}

impl Listener for TcpListener {
    type Socket = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, Option<IpAddr>)> {
        let (stream, address) = TcpListener::accept(self).await?;
        // Frames are whole messages: waiting for more to send only delays them.
        let _ = stream.set_nodelay(true);
        Ok((stream, Some(address.ip().to_canonical())))
    }
}

#[cfg(unix)]
impl Listener for UnixListener {
    type Socket = UnixStream;

    async fn accept(&self) -> io::Result<(UnixStream, Option<IpAddr>)> {
        let (stream, _) = UnixListener::accept(self).await?;
        Ok((stream, None))
    }
}

/// Accepts connections for as long as the worker lives.
pub(crate) async fn accept(worker: Rc<Worker>, listening: Listening) {
    let error = match listening {
        Listening::Tcp(listener) => match TcpListener::from_std(listener) {
            Ok(listener) => return accept_from(worker, listener).await,
            Err(error) => error,
        },
        #[cfg(unix)]
        Listening::Unix(listener, _file) => match UnixListener::from_std(listener) {
            Ok(listener) => return accept_from(worker, listener).await,
            Err(error) => error,
        },
    };
    tracing::error!(%error, "cannot listen on this worker");
}

async fn accept_from(worker: Rc<Worker>, listener: impl Listener) {
    loop {
        match listener.accept().await {
            Ok((socket, address)) => {
                let now = worker.node.millisecond();
                // Who has too many handshakes open already is not worth a word.
                if let Ok(knock) = worker.node.admission.knock(address, now) {
                    let peer = Peer {
                        address,
                        secure: false,
                    };
                    spawn_local(serve_http(Rc::clone(&worker), socket, peer, knock));
                }
            }
            Err(error) => {
                // Out of descriptors, most likely: those who are connected go on.
                tracing::warn!(%error, "cannot accept a connection, trying again");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

const CLOSE: HeaderValue = HeaderValue::from_static("close");
const SWITCHING_PROTOCOLS: StatusCode = StatusCode::SWITCHING_PROTOCOLS;

const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves HTTP requests until the peer closes or upgrades, or takes too long over one.
async fn serve_http<S: Raw>(worker: Rc<Worker>, socket: S, peer: Peer, knock: Option<Knock>) {
    let request_timeout = worker.settings.request_timeout;
    let knock = Cell::new(knock);
    let service = service_fn(|mut request: http::Request<Incoming>| {
        drop(knock.take());
        request.extensions_mut().insert(peer);
        let worker = Rc::clone(&worker);
        async move {
            let _counted = worker.mailbox().count_request();
            // All that an answer waits for is the request's body.
            let answered = timeout(request_timeout, answer(&worker.node, request));
            let mut response = match answered.await? {
                Answer::Response(response) => response,
                Answer::Upgrade {
                    response,
                    upgrade,
                    visit,
                } => {
                    spawn_local(enter::<S>(Rc::clone(&worker), upgrade, visit));
                    response
                }
            };
            if worker.node.stage() != Stage::Serving && response.status() != SWITCHING_PROTOCOLS {
                // Whoever has more to ask had better ask those who stay.
                response.headers_mut().insert(CONNECTION, CLOSE);
            }
            Ok::<_, Elapsed>(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(request_timeout)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(socket), service)
        .with_upgrades();
    if let Err(error) = connection.await {
        tracing::debug!(%error, "an HTTP connection failed");
    }
}

/// Of a request's head; beyond that the answer is 431 (security checklist 13).
const MAX_HEADERS: usize = 64;
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// Makes a connection of the socket, once the handshake is answered.
async fn enter<S: Raw>(worker: Rc<Worker>, upgrade: hyper::upgrade::OnUpgrade, mut visit: Visit) {
    match upgrade.await.map(take::<S>) {
        Ok(Ok((socket, read_ahead))) => {
            visit.read_ahead = read_ahead;
            match worker.less_busy_peer() {
                None => admit(&worker, socket.into(), visit),
                Some(peer) => match socket.depart() {
                    Ok(arriving) => peer.send(Arrival::Connection(arriving, visit)).await,
                    Err(error) => tracing::warn!(%error, "a connection could not change workers"),
                },
            }
        }
        Ok(Err(_)) => tracing::error!("a listener's connection is always a socket of its kind"),
        Err(error) => tracing::debug!(%error, "a handshake was not completed"),
    }
}
