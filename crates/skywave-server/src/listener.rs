//! A listening socket on a worker: connections are accepted where they will live.
//!
//! All workers accept from one listening socket. Whoever accepts keeps the connection, unless it
//! already has clearly more of them than the least busy worker; so they spread evenly, and few are
//! moved. Those that speak TLS cannot be moved later, and are dealt out before they begin.

use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{sleep, timeout};

use crate::endpoint::{Entrance, Listening};
use crate::guest::{self, Guest};
use crate::node::Node;
use crate::stream::Transport;
use crate::worker::Worker;

/// A listening socket on a worker's runtime.
trait Listener {
    type Socket: Transport;

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
pub(crate) async fn accept(worker: Rc<Worker>, listening: Listening, entrance: Arc<Entrance>) {
    let error = match listening {
        Listening::Tcp(listener) => match TcpListener::from_std(listener) {
            Ok(listener) => return accept_from(worker, listener, entrance).await,
            Err(error) => error,
        },
        #[cfg(unix)]
        Listening::Unix(listener, _file) => match UnixListener::from_std(listener) {
            Ok(listener) => return accept_from(worker, listener, entrance).await,
            Err(error) => error,
        },
    };
    tracing::error!(%error, "cannot listen on this worker");
}

async fn accept_from(worker: Rc<Worker>, listener: impl Listener, entrance: Arc<Entrance>) {
    let mut spare = spare();
    loop {
        match listener.accept().await {
            Ok((socket, address)) => {
                worker.node.counters.sockets.add_one();
                if spare.is_none() {
                    spare = self::spare();
                }
                if spare.is_none() {
                    // It got the very last one, which is worth more to those who come later.
                    drop(socket);
                    spare = self::spare();
                    worker.node.counters.turned_away.add_one();
                    continue;
                }
                // Who has too many handshakes open already is not worth a word.
                if let Some(guest) = Guest::at(&entrance, address, &worker.node) {
                    guest::receive(&worker, socket, guest).await;
                } else {
                    worker.node.counters.turned_away.add_one();
                }
            }
            Err(error) => {
                if is_shortage(&error) {
                    turn_away(&worker.node, &listener, &mut spare).await;
                }
                worker.node.complain(&error);
                // Those who are connected go on; by the time they leave, there is room again.
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Closes connections that wait although there is no descriptor for them, with the one that was
/// kept for this: to be refused at once is better than to wait for nothing.
async fn turn_away(node: &Node, listener: &impl Listener, spare: &mut Option<socket2::Socket>) {
    for _ in 0..MAX_TURNED_AWAY {
        if spare.take().is_none() {
            break;
        }
        let waiting = timeout(Duration::ZERO, listener.accept()).await;
        let is_one = matches!(waiting, Ok(Ok(_)));
        drop(waiting);
        *spare = self::spare();
        if !is_one {
            break;
        }
        node.counters.turned_away.add_one();
    }
}

/// A descriptor to be given up when there is no other.
fn spare() -> Option<socket2::Socket> {
    socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).ok()
}

/// Whether the process or the system is out of descriptors.
fn is_shortage(error: &io::Error) -> bool {
    cfg!(unix) && matches!(error.raw_os_error(), Some(ENFILE | EMFILE))
}

const ENFILE: i32 = 23;
const EMFILE: i32 = 24;

/// In one pause between attempts; a bound, so that other tasks get their turn.
const MAX_TURNED_AWAY: usize = 64;

const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
