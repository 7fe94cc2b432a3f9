//! From an accepted socket to a connection: what a proxy says first, TLS where the endpoint speaks
//! it, then HTTP.

use std::cell::Cell;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use http::header::CONNECTION;
use http::{HeaderValue, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
#[cfg(feature = "tls")]
use tokio::net::TcpStream;
#[cfg(all(feature = "tls", unix))]
use tokio::net::UnixStream;
use tokio::task::spawn_local;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use crate::admission::Knock;
use crate::arrival::{Arrival, Visit};
use crate::drain::Stage;
use crate::endpoint::Entrance;
use crate::front::{Exit, Front, Rewound};
use crate::http::{Answer, answer};
use crate::node::Node;
use crate::peer::Peer;
use crate::proxies::Proxies;
use crate::serve::admit;
#[cfg(feature = "tls")]
use crate::stream::Arriving;
use crate::stream::{Transport, take};
use crate::worker::Worker;

/// Who holds a socket that was accepted, and where they came in.
pub(crate) struct Guest {
    entrance: Arc<Entrance>,
    peer: Peer,
    knock: Option<Knock>,
    /// Whether a proxy has said who the peer is, so that no header of a request can.
    introduced: bool,
}

impl Guest {
    /// Who came in, unless the address has too many handshakes open. Those of proxies are not
    /// counted: whose they are is not known yet.
    pub(crate) fn at(
        entrance: &Arc<Entrance>,
        address: Option<IpAddr>,
        node: &Node,
    ) -> Option<Self> {
        let knock = match entrance.proxies_at(address) {
            Some(_) => None,
            None => node.admission.knock(address, node.millisecond()).ok()?,
        };
        let peer = Peer {
            address,
            secure: false,
        };
        Some(Self {
            entrance: Arc::clone(entrance),
            peer,
            knock,
            introduced: false,
        })
    }
}

/// Serves a socket in a task of its own, on this worker or on the one whose turn it is.
pub(crate) async fn receive<S: Transport>(worker: &Rc<Worker>, socket: S, guest: Guest) {
    #[cfg(feature = "tls")]
    if guest.entrance.tls.is_some()
        && let Some(turn) = worker.another_in_turn(&guest.entrance.turn)
    {
        match socket.depart() {
            Ok(arriving) => turn.send(Arrival::Guest(arriving, guest)).await,
            Err(error) => tracing::warn!(%error, "a connection could not change workers"),
        }
        return;
    }
    spawn_local(welcome(Rc::clone(worker), socket, guest));
}

/// Serves a socket that was accepted on another worker.
#[cfg(feature = "tls")]
pub(crate) fn land(worker: &Rc<Worker>, arriving: Arriving, guest: Guest) {
    let worker = Rc::clone(worker);
    match arriving {
        Arriving::Tcp(tcp) => match TcpStream::from_std(tcp) {
            Ok(tcp) => drop(spawn_local(welcome(worker, tcp, guest))),
            Err(error) => tracing::warn!(%error, "a connection was lost on its way to a worker"),
        },
        #[cfg(unix)]
        Arriving::Unix(unix) => match UnixStream::from_std(unix) {
            Ok(unix) => drop(spawn_local(welcome(worker, unix, guest))),
            Err(error) => tracing::warn!(%error, "a connection was lost on its way to a worker"),
        },
        Arriving::Boxed(_) => tracing::error!("what was accepted is always a socket"),
    }
}

/// Lets the proxy introduce its client and shakes hands, where that has to be.
async fn welcome<S: Transport>(worker: Rc<Worker>, mut socket: S, mut guest: Guest) {
    let proxies = guest.entrance.proxies_at(guest.peer.address);
    if let Some(proxies) = proxies.filter(|proxies| proxies.speak_first()) {
        let header = Box::pin(proxies.read_header(guest.peer, &mut socket));
        let peer = match timeout(worker.settings.request_timeout, header).await {
            Ok(Ok(peer)) => peer,
            Ok(Err(error)) => {
                return tracing::debug!(%error, "a proxy did not introduce its client");
            }
            Err(_) => return tracing::debug!("a proxy took too long to introduce its client"),
        };
        let now = worker.node.millisecond();
        let Ok(knock) = worker.node.admission.knock(peer.address, now) else {
            return worker.node.counters.turned_away.add_one();
        };
        guest = Guest {
            peer,
            knock,
            introduced: true,
            ..guest
        };
    }
    #[cfg(feature = "tls")]
    if let Some(tls) = &guest.entrance.tls {
        let handshake = Box::pin(tls.acceptor().accept(socket));
        let socket = match timeout(worker.settings.request_timeout, handshake).await {
            Ok(Ok(socket)) => socket,
            Ok(Err(error)) => {
                worker.node.counters.tls_failed.add_one();
                return tracing::debug!(%error, "a TLS handshake failed");
            }
            Err(_) => {
                worker.node.counters.tls_failed.add_one();
                return tracing::debug!("a TLS handshake took too long");
            }
        };
        guest.peer.secure = true;
        return Box::pin(serve_http(worker, socket, guest)).await;
    }
    serve_http(worker, socket, guest).await;
}

/// Serves HTTP requests until the peer closes or upgrades, or takes too long over one.
async fn serve_http<T: Transport>(worker: Rc<Worker>, mut transport: T, guest: Guest) {
    let (entrance, peer) = (guest.entrance, guest.peer);
    let proxies = match guest.introduced {
        true => None,
        false => entrance.proxies_at(peer.address),
    };
    let mut knock = guest.knock;
    let mut front = Front::new(&worker, (peer, proxies), &mut knock);
    match front.attend(&mut transport).await {
        Ok(Exit::Closed) => {}
        Ok(Exit::Upgraded(visit)) => enter(worker, transport, visit).await,
        Ok(Exit::Other(read)) => {
            let rewound = Rewound::new(transport, read);
            Box::pin(serve_all(&worker, rewound, (peer, proxies), knock)).await;
        }
        Err(error) => tracing::debug!(%error, "an HTTP connection failed"),
    }
}

/// Serves requests of all kinds.
async fn serve_all<T: Transport>(
    worker: &Rc<Worker>,
    stream: Rewound<T>,
    (peer, proxies): (Peer, Option<&Proxies>),
    knock: Option<Knock>,
) {
    let request_timeout = worker.settings.request_timeout;
    let knock = Cell::new(knock);
    let service = service_fn(|mut request: http::Request<Incoming>| {
        drop(knock.take());
        let peer = proxies.map_or(peer, |proxies| {
            proxies.read_headers(peer, request.headers())
        });
        request.extensions_mut().insert(peer);
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
                    spawn_local(enter_upgraded::<T>(Rc::clone(worker), upgrade, visit));
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
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    if let Err(error) = connection.await {
        tracing::debug!(%error, "an HTTP connection failed");
    }
}

const CLOSE: HeaderValue = HeaderValue::from_static("close");
const SWITCHING_PROTOCOLS: StatusCode = StatusCode::SWITCHING_PROTOCOLS;

/// Of a request's head; beyond that the answer is 431 (security checklist 13).
const MAX_HEADERS: usize = 64;
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// Makes a connection of a stream that hyper served so far, once the handshake is answered.
async fn enter_upgraded<T: Transport>(worker: Rc<Worker>, upgrade: OnUpgrade, mut visit: Visit) {
    match upgrade.await.map(take::<Rewound<T>>) {
        Ok(Ok((rewound, read_ahead))) => {
            let (transport, unread) = rewound.into_parts();
            visit.read_ahead = [read_ahead, unread].concat().into();
            enter(worker, transport, visit).await;
        }
        Ok(Err(_)) => tracing::error!("a listener's connection is always a transport of its kind"),
        Err(error) => tracing::debug!(%error, "a handshake was not completed"),
    }
}

/// Makes a connection of the transport, on this worker or on one with clearly fewer of them.
async fn enter<T: Transport>(worker: Rc<Worker>, transport: T, visit: Visit) {
    let arriving = match transport.depart() {
        Ok(arriving) => arriving,
        Err(error) => return tracing::warn!(%error, "a connection could not leave its runtime"),
    };
    match worker.less_busy_peer().filter(|_| T::MOVES) {
        None => admit(&worker, arriving, visit),
        Some(peer) => peer.send(Arrival::Connection(arriving, visit)).await,
    }
}
