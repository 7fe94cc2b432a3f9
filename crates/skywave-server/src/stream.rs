//! The byte stream below a connection: a raw socket on the fast path, anything else boxed.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
#[cfg(feature = "tls")]
use tokio_rustls::server::TlsStream;

/// A stream owned by a worker.
pub(crate) enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
    Boxed(Pin<Box<dyn Duplex>>),
}

/// A stream on its way to a worker: taken out of the HTTP server, not yet registered there.
pub(crate) enum Arriving {
    Tcp(std::net::TcpStream),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixStream),
    Boxed(Pin<Box<dyn Duplex>>),
}

/// What a stream that is not a plain socket must be able to do (TLS, a test's pipe).
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> Duplex for T {}

/// What a listener of the server's own carries HTTP over, and then a connection.
pub(crate) trait Transport:
    AsyncRead + AsyncWrite + Unpin + Send + Into<Stream> + 'static
{
    /// Whether it can be taken off the runtime it is on.
    const MOVES: bool;

    /// Makes it ready for another runtime.
    fn depart(self) -> io::Result<Arriving>;
}

impl Transport for TcpStream {
    const MOVES: bool = true;

    fn depart(self) -> io::Result<Arriving> {
        self.into_std().map(Arriving::Tcp)
    }
}

#[cfg(unix)]
impl Transport for UnixStream {
    const MOVES: bool = true;

    fn depart(self) -> io::Result<Arriving> {
        self.into_std().map(Arriving::Unix)
    }
}

#[cfg(feature = "tls")]
impl<S: Transport> Transport for TlsStream<S> {
    /// The socket below it stays where its handshake was.
    const MOVES: bool = false;

    fn depart(self) -> io::Result<Arriving> {
        Ok(Arriving::Boxed(Box::pin(self)))
    }
}

/// Takes a socket of type `S` out of an upgraded HTTP connection, with the bytes read ahead.
///
/// The socket comes out of hyper's own connection or of `hyper_util`'s automatic one (which is
/// what `axum::serve` runs on).
pub(crate) fn take<S>(upgraded: Upgraded) -> Result<(S, Bytes), Upgraded>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    use hyper_util::server::conn::auto;

    match auto::upgrade::downcast::<TokioIo<S>>(upgraded) {
        Ok(parts) => Ok((parts.io.into_inner(), parts.read_buf)),
        Err(upgraded) => upgraded
            .downcast::<TokioIo<S>>()
            .map(|parts| (parts.io.into_inner(), parts.read_buf)),
    }
}

impl Arriving {
    /// Lifts an upgraded connection off the runtime it lives on; what is no plain socket stays
    /// wrapped and is boxed.
    pub(crate) fn from_upgraded(upgraded: Upgraded) -> io::Result<(Self, Bytes)> {
        let upgraded = match take::<TcpStream>(upgraded) {
            Ok((tcp, read_ahead)) => {
                // Frames are whole messages, and HTTP servers seldom set this by themselves.
                let _ = tcp.set_nodelay(true);
                return Ok((tcp.depart()?, read_ahead));
            }
            Err(other) => other,
        };
        #[cfg(unix)]
        let upgraded = match take::<UnixStream>(upgraded) {
            Ok((unix, read_ahead)) => return Ok((unix.depart()?, read_ahead)),
            Err(other) => other,
        };
        Ok((Self::Boxed(Box::pin(TokioIo::new(upgraded))), Bytes::new()))
    }

    /// Registers the stream with the runtime of the current worker.
    pub(crate) fn land(self) -> io::Result<Stream> {
        match self {
            Self::Tcp(tcp) => Ok(TcpStream::from_std(tcp)?.into()),
            #[cfg(unix)]
            Self::Unix(unix) => Ok(UnixStream::from_std(unix)?.into()),
            Self::Boxed(boxed) => Ok(Stream::Boxed(boxed)),
        }
    }
}

impl From<TcpStream> for Stream {
    fn from(tcp: TcpStream) -> Self {
        Self::Tcp(tcp)
    }
}

#[cfg(unix)]
impl From<UnixStream> for Stream {
    fn from(unix: UnixStream) -> Self {
        Self::Unix(unix)
    }
}

#[cfg(feature = "tls")]
impl<S: Transport> From<TlsStream<S>> for Stream {
    fn from(tls: TlsStream<S>) -> Self {
        Self::Boxed(Box::pin(tls))
    }
}

impl Stream {
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        ready!(self.duplex().poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.duplex().poll_write(cx, bytes)
    }

    /// Pushes out what a boxed stream holds back; a socket holds nothing back.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.duplex().poll_flush(cx)
    }

    /// Ends the sending side, so that the peer finds the end of the stream behind what was sent.
    pub(crate) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.duplex().poll_shutdown(cx)
    }

    /// Ends a boxed stream in its own words before it is dropped, without waiting: TLS tells an end
    /// from a cut (RFC 8446 §6.1). To a socket the two are one.
    pub(crate) fn say_goodbye(&mut self, cx: &mut Context<'_>) {
        if let Self::Boxed(boxed) = self {
            let _ = boxed.as_mut().poll_shutdown(cx);
        }
    }

    /// Writes what the socket takes at once, from anywhere on the worker.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when it takes nothing; always for a boxed stream, whose bytes go through the
    /// connection's own task.
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(tcp) => send_now(tcp, bytes),
            #[cfg(unix)]
            Self::Unix(unix) => unix.try_write(bytes),
            Self::Boxed(_) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn duplex(&mut self) -> Pin<&mut (dyn Duplex + 'static)> {
        match self {
            Self::Tcp(tcp) => Pin::<&mut TcpStream>::new(tcp),
            #[cfg(unix)]
            Self::Unix(unix) => Pin::<&mut UnixStream>::new(unix),
            Self::Boxed(boxed) => boxed.as_mut(),
        }
    }
}

/// Sends what a socket takes at once.
///
/// tokio would look first whether it holds the socket for writable, which is memory that nothing else of
/// a delivery touches. Here it is always worth a try: while a socket takes nothing, its bytes wait in the
/// outbox and nobody comes here; and when it takes nothing now, the connection's task finds that out in
/// tokio's own way.
#[cfg(target_os = "linux")]
fn send_now(tcp: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    /// Of `sys/socket.h`: an error instead of a signal when the peer is gone, as std has it.
    const MSG_NOSIGNAL: i32 = 0x4000;
    socket2::SockRef::from(tcp).send_with_flags(bytes, MSG_NOSIGNAL)
}

#[cfg(not(target_os = "linux"))]
fn send_now(tcp: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    tcp.try_write(bytes)
}
