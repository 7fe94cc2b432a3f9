//! The byte stream below a connection: a raw TCP socket on the fast path, anything else boxed.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A stream owned by a worker. All methods take `&self`, since writers come from the flush of a
/// channel as well as from the connection's own task; no borrow outlives a call.
pub(crate) struct Stream {
    io: RefCell<Io>,
}

enum Io {
    Tcp(TcpStream),
    Boxed(Pin<Box<dyn Duplex>>),
}

/// A stream on its way to a worker: taken out of the HTTP server, not yet registered there.
pub(crate) enum Arriving {
    Tcp(std::net::TcpStream),
    Boxed(Pin<Box<dyn Duplex>>),
}

/// What a stream that is not a plain TCP socket must be able to do (TLS, a test's pipe).
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> Duplex for T {}

/// Takes the raw socket out of an upgraded HTTP connection, with the bytes read ahead.
///
/// The socket comes out of hyper's own connection or of `hyper_util`'s automatic one (which is
/// what `axum::serve` runs on); any other stream stays wrapped and is boxed.
pub(crate) fn take_tcp(upgraded: Upgraded) -> Result<(TcpStream, Bytes), Upgraded> {
    use hyper_util::server::conn::auto;

    match auto::upgrade::downcast::<TokioIo<TcpStream>>(upgraded) {
        Ok(parts) => Ok((parts.io.into_inner(), parts.read_buf)),
        Err(upgraded) => upgraded
            .downcast::<TokioIo<TcpStream>>()
            .map(|parts| (parts.io.into_inner(), parts.read_buf)),
    }
}

impl Arriving {
    /// Lifts an upgraded connection off the runtime it lives on.
    pub(crate) fn from_upgraded(upgraded: Upgraded) -> io::Result<(Self, Bytes)> {
        match take_tcp(upgraded) {
            Ok((tcp, read_ahead)) => {
                // Frames are whole messages, and HTTP servers seldom set this by themselves.
                let _ = tcp.set_nodelay(true);
                Ok((Self::Tcp(tcp.into_std()?), read_ahead))
            }
            Err(other) => Ok((Self::Boxed(Box::pin(TokioIo::new(other))), Bytes::new())),
        }
    }

    /// Registers the stream with the runtime of the current worker.
    pub(crate) fn land(self) -> io::Result<Stream> {
        match self {
            Self::Tcp(tcp) => Ok(TcpStream::from_std(tcp)?.into()),
            Self::Boxed(boxed) => Ok(Stream {
                io: RefCell::new(Io::Boxed(boxed)),
            }),
        }
    }
}

impl From<TcpStream> for Stream {
    fn from(tcp: TcpStream) -> Self {
        Self {
            io: RefCell::new(Io::Tcp(tcp)),
        }
    }
}

impl Stream {
    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        ready!(self.io.borrow_mut().duplex().poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    pub(crate) fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.io.borrow_mut().duplex().poll_write(cx, bytes)
    }

    /// Pushes out what a boxed stream holds back; a TCP socket holds nothing back.
    pub(crate) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.borrow_mut().duplex().poll_flush(cx)
    }

    /// Ends the sending side, so that the peer finds the end of the stream behind what was sent.
    pub(crate) fn poll_end(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.borrow_mut().duplex().poll_shutdown(cx)
    }

    /// Writes what the socket takes at once, from anywhere on the worker.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when it takes nothing; always for a boxed stream, whose bytes go through the
    /// connection's own task.
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match &*self.io.borrow() {
            Io::Tcp(tcp) => tcp.try_write(bytes),
            Io::Boxed(_) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl Io {
    fn duplex(&mut self) -> Pin<&mut (dyn Duplex + 'static)> {
        match self {
            Self::Tcp(tcp) => Pin::<&mut TcpStream>::new(tcp),
            Self::Boxed(boxed) => boxed.as_mut(),
        }
    }
}
