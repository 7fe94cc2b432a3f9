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
use tokio::time::sleep;

use crate::endpoint::{Entrance, Listening};
use crate::guest::{self, Guest};
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
    loop {
        match listener.accept().await {
            Ok((socket, address)) => {
                worker.node.counters.sockets.add_one();
                // Who has too many handshakes open already is not worth a word.
                if let Some(guest) = Guest::at(&entrance, address, &worker.node) {
                    guest::receive(&worker, socket, guest).await;
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

const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
