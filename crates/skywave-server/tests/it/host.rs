//! An application that carries the server's routes on its own port, or on any stream.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::serve::ListenerExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use skywave_server::{ResponseBody, Server};
use socket2::{SockRef, Socket};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use crate::node::{LOOPBACK, PATIENCE};
use crate::wire::{PONG, Wire, frame};

/// The application's own runtime, on which its requests are handled.
pub(crate) struct Host {
    runtime: Runtime,
}

impl Host {
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime starts");
        Self { runtime }
    }

    /// Serves the server's routes, and a page of its own, with axum.
    pub(crate) fn axum(&self, server: &Server) -> SocketAddr {
        self.axum_tapped(server, |_| {})
    }

    /// The same; gives a second hold on each socket that is accepted, which keeps it open.
    pub(crate) fn axum_watched(&self, server: &Server) -> (SocketAddr, Receiver<Socket>) {
        let (accepted, sockets) = channel();
        let address = self.axum_tapped(server, move |stream| {
            let socket = SockRef::from(stream).try_clone();
            let _ = accepted.send(socket.expect("a descriptor is left"));
        });
        (address, sockets)
    }

    fn axum_tapped(
        &self,
        server: &Server,
        tap: impl Fn(&TcpStream) + Send + 'static,
    ) -> SocketAddr {
        let server = server.clone();
        let fallback = move |request: Request| {
            let server = server.clone();
            async move { server.handle(request).await.map(Body::new) }
        };
        let page = axum::routing::get(|| async { "the application's page" });
        let router = Router::new().route("/page", page).fallback(fallback);
        let listener = self
            .runtime
            .block_on(TcpListener::bind(LOOPBACK))
            .expect("there is a free port");
        let address = listener.local_addr().expect("it is bound");
        let listener = listener.tap_io(move |stream| tap(stream));
        self.runtime
            .spawn(async { axum::serve(listener, router).await });
        address
    }

    /// Serves the server's routes with hyper on every connection to a port.
    pub(crate) fn hyper(&self, server: &Server) -> SocketAddr {
        let listener = self
            .runtime
            .block_on(TcpListener::bind(LOOPBACK))
            .expect("there is a free port");
        let address = listener.local_addr().expect("it is bound");
        let server = server.clone();
        self.runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(server.clone(), stream));
            }
        });
        address
    }

    /// Serves the server's routes on one stream of any type.
    pub(crate) fn stream<S>(&self, server: &Server, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        self.runtime.spawn(serve(server.clone(), stream));
    }

    /// Serves the server's routes on a socket that is no TCP socket, wrapped by `wrap`. Gives the
    /// other end.
    pub(crate) fn foreign<S>(
        &self,
        server: &Server,
        wrap: impl FnOnce(tokio::net::UnixStream) -> S,
    ) -> UnixStream
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (near, far) = UnixStream::pair().expect("descriptors are left");
        far.set_nonblocking(true).expect("a socket");
        let _guard = self.runtime.enter();
        let far = tokio::net::UnixStream::from_std(far).expect("a socket");
        self.stream(server, wrap(far));
        near
    }

    /// Handles one request without a connection below it.
    pub(crate) fn handle(
        &self,
        server: &Server,
        request: http::Request<String>,
    ) -> http::Response<ResponseBody> {
        self.runtime.block_on(server.handle(request))
    }
}

async fn serve<S>(server: Server, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: http::Request<Incoming>| {
        let server = server.clone();
        async move { Ok::<_, Infallible>(server.handle(request).await) }
    });
    // A peer that misbehaves is what some of the tests are about.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
}

/// A stream that does something of its own before every read.
pub(crate) struct Spied<S, F> {
    stream: S,
    on_read: F,
}

impl<S, F> Spied<S, F> {
    pub(crate) fn new(stream: S, on_read: F) -> Self {
        Self { stream, on_read }
    }
}

/// Hides from the server what kind of stream it is.
pub(crate) fn wrapped<S>(stream: S) -> Spied<S, fn()> {
    Spied::new(stream, || {})
}

/// Whether this code runs on a worker of a server.
pub(crate) fn on_a_worker() -> bool {
    let thread = std::thread::current();
    thread
        .name()
        .is_some_and(|name| name.starts_with("skywave-worker"))
}

impl<S: AsyncRead + Unpin, F: FnMut() + Unpin> AsyncRead for Spied<S, F> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        (self.on_read)();
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin, F: Unpin> AsyncWrite for Spied<S, F> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A worker held up in the middle of its work, until this is dropped.
pub(crate) struct Held {
    _release: Sender<()>,
    _connection: Wire,
}

impl Host {
    /// Holds up a worker of the server: the only one, when the test wants to know which.
    pub(crate) fn hold_worker(&self, server: &Server) -> Held {
        let (release, released) = channel::<()>();
        let (entered, has_entered) = channel();
        let armed = Arc::new(AtomicBool::new(false));
        let trap = Arc::clone(&armed);
        let stream = self.foreign(server, |stream| {
            Spied::new(stream, move || {
                if on_a_worker() && trap.swap(false, Ordering::SeqCst) {
                    let _ = entered.send(());
                    let _ = released.recv();
                }
            })
        });
        let mut connection = Wire::over(stream);
        connection.open();
        armed.store(true, Ordering::SeqCst);
        connection.send(frame(PONG, ""));
        has_entered
            .recv_timeout(PATIENCE)
            .expect("the worker reads");
        Held {
            _release: release,
            _connection: connection,
        }
    }
}
