//! A listener for operators: health, readiness and metrics, on a thread of its own.
//!
//! It answers even when every worker is stuck, which is when its answers are wanted most. Whoever
//! can reach it can read it, so it belongs on an address that only operators reach.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use skywave_protocol::Rejection;
use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::net::UnixListener;
use tokio::sync::oneshot;

use crate::drain::Stage;
use crate::endpoint::Listening;
use crate::http::{Reply, ResponseBody, health, readiness, refusal};
use crate::metrics;
use crate::node::Node;
use crate::stream::Duplex;

/// The body of the thread: answers until the other end of `end` is dropped, or until somebody else
/// has taken over the socket.
pub(crate) fn run(
    node: Arc<Node>,
    listening: Listening,
    end: oneshot::Receiver<()>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = Listener::new(listening)?;
        let accepting = tokio::spawn(accept(Arc::clone(&node), listener)).abort_handle();
        tokio::spawn(async move {
            let mut stages = node.stage.subscribe();
            let handed_over = stages.wait_for(|stage| match stage {
                Stage::Leaving(drain) | Stage::Draining(drain) => drain.handed_over,
                Stage::Serving | Stage::Stopping => false,
            });
            if handed_over.await.is_ok() {
                accepting.abort();
            }
        });
        // Nobody sends anything.
        let _ = end.await;
        Ok(())
    })
}

async fn accept(node: Arc<Node>, listener: Listener) {
    loop {
        match listener.accept().await {
            Ok(stream) => drop(tokio::spawn(serve(Arc::clone(&node), stream))),
            Err(error) => {
                tracing::warn!(%error, "cannot accept an operator's connection, trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(
        UnixListener,
        #[expect(dead_code, reason = "the file is removed when this is dropped")]
        Option<Arc<crate::socket_file::SocketFile>>,
    ),
}

impl Listener {
    fn new(listening: Listening) -> io::Result<Self> {
        match listening {
            Listening::Tcp(listener) => TcpListener::from_std(listener).map(Self::Tcp),
            #[cfg(unix)]
            Listening::Unix(listener, file) => {
                let listener = UnixListener::from_std(listener)?;
                Ok(Self::Unix(listener, file))
            }
        }
    }

    async fn accept(&self) -> io::Result<Pin<Box<dyn Duplex>>> {
        match self {
            Self::Tcp(listener) => Ok(Box::pin(listener.accept().await?.0)),
            #[cfg(unix)]
            Self::Unix(listener, _) => Ok(Box::pin(listener.accept().await?.0)),
        }
    }
}

async fn serve(node: Arc<Node>, stream: Pin<Box<dyn Duplex>>) {
    let service = service_fn(|request: Request<Incoming>| {
        let reply = answer(&node, request.method(), request.uri().path());
        async { Ok::<_, Infallible>(reply) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "an operator's connection failed");
    }
}

fn answer(node: &Node, method: &Method, path: &str) -> Reply {
    match path {
        "/healthz" => health(node, method),
        "/readyz" => readiness(node, method),
        "/metrics" if *method == Method::GET => {
            let mut reply = Response::new(ResponseBody::full(node.metrics()));
            let headers = reply.headers_mut();
            headers.insert(
                CONTENT_TYPE,
                HeaderValue::from_static(metrics::CONTENT_TYPE),
            );
            reply
        }
        "/metrics" => refusal(&Rejection::MethodNotAllowed),
        _ => refusal(&Rejection::PathNotFound),
    }
}

/// How long the head of a request may take.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(100);
