//! A listening socket on a worker: connections are accepted where they will live.
//!
//! All workers accept from one listening socket. Whoever accepts keeps the connection, unless it
//! already has clearly more of them than the least busy worker; so they spread evenly, and few are
//! moved.

use std::rc::Rc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;
use tokio::time::error::Elapsed;
use tokio::time::{sleep, timeout};

use crate::arrival::{Arrival, Visit};
use crate::http::{Answer, answer};
use crate::serve::admit;
use crate::stream::{Arriving, take_tcp};
use crate::worker::Worker;

/// Accepts connections for as long as the worker lives.
pub(crate) async fn accept(worker: Rc<Worker>, listener: std::net::TcpListener) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "cannot listen on this worker"),
    };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Frames are whole messages: waiting for more to send only delays them.
                let _ = stream.set_nodelay(true);
                spawn_local(serve_http(Rc::clone(&worker), stream));
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

/// Serves HTTP requests until the peer closes or upgrades, or takes too long over one.
async fn serve_http(worker: Rc<Worker>, stream: TcpStream) {
    let request_timeout = worker.settings.request_timeout;
    let service = service_fn(|request: http::Request<Incoming>| {
        let worker = Rc::clone(&worker);
        async move {
            // All that an answer waits for is the request's body.
            let answered = timeout(request_timeout, answer(&worker.node, request));
            let response = match answered.await? {
                Answer::Response(response) => response,
                Answer::Upgrade {
                    response,
                    upgrade,
                    visit,
                } => {
                    spawn_local(enter(worker, upgrade, visit));
                    response
                }
            };
            Ok::<_, Elapsed>(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(request_timeout)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    if let Err(error) = connection.await {
        tracing::debug!(%error, "an HTTP connection failed");
    }
}

/// Makes a connection of the stream, once the handshake is answered.
async fn enter(worker: Rc<Worker>, upgrade: hyper::upgrade::OnUpgrade, mut visit: Visit) {
    match upgrade.await.map(take_tcp) {
        Ok(Ok((tcp, read_ahead))) => {
            visit.read_ahead = read_ahead;
            match worker.less_busy_peer() {
                None => admit(&worker, tcp.into(), visit),
                Some(peer) => match tcp.into_std() {
                    Ok(tcp) => {
                        let arrival = Arrival::Connection(Arriving::Tcp(tcp), visit);
                        peer.send(arrival).await;
                    }
                    Err(error) => tracing::warn!(%error, "a connection could not change workers"),
                },
            }
        }
        Ok(Err(_)) => tracing::error!("a listener's connection is always plain TCP"),
        Err(error) => tracing::debug!(%error, "a handshake was not completed"),
    }
}
