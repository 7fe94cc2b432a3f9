//! The byte stream below a connection: a raw socket on the fast path, anything else boxed.
//!
//! Nothing here waits: what cannot be done now is [`Poll::Pending`], and the connection is served again
//! when it can ([`crate::readiness`]).

use std::io;
#[cfg(unix)]
use std::io::{Read, Write};
#[cfg(unix)]
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
#[cfg(feature = "tls")]
use tokio_rustls::server::TlsStream;

use crate::calls::Caller;
use crate::readiness::Readiness;

/// A stream owned by a worker.
pub(crate) enum Stream {
    #[cfg(unix)]
    Tcp(mio::net::TcpStream, WatchesWrites),
    #[cfg(unix)]
    Unix(mio::net::UnixStream, WatchesWrites),
    Boxed(Box<Calling>),
}

/// Whether it is told when the socket takes something: from the first time that it did not.
#[cfg(unix)]
type WatchesWrites = bool;

/// A stream that calls its connection when it is ready.
pub(crate) struct Calling {
    stream: Pin<Box<dyn Duplex>>,
    caller: Arc<Caller>,
    waker: Waker,
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
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static {
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

    /// Registers the stream with the runtime of the current thread.
    pub(crate) fn land(self) -> io::Result<Pin<Box<dyn Duplex>>> {
        Ok(match self {
            Self::Tcp(tcp) => Box::pin(TcpStream::from_std(tcp)?),
            #[cfg(unix)]
            Self::Unix(unix) => Box::pin(UnixStream::from_std(unix)?),
            Self::Boxed(boxed) => boxed,
        })
    }
}

impl Stream {
    /// The stream of connection `key`, which is served from now on whenever it is ready.
    pub(crate) fn new(arriving: Arriving, key: u32, readiness: &Readiness) -> io::Result<Self> {
        match arriving {
            #[cfg(unix)]
            Arriving::Tcp(tcp) => {
                let mut tcp = mio::net::TcpStream::from_std(tcp);
                readiness.watch(key, &mut tcp)?;
                Ok(Self::Tcp(tcp, false))
            }
            #[cfg(unix)]
            Arriving::Unix(unix) => {
                let mut unix = mio::net::UnixStream::from_std(unix);
                readiness.watch(key, &mut unix)?;
                Ok(Self::Unix(unix, false))
            }
            other => {
                let caller = readiness.calls.caller(key);
                let waker = Waker::from(Arc::clone(&caller));
                // Until it was asked for the first time, it calls nobody.
                waker.wake_by_ref();
                Ok(Self::Boxed(Box::new(Calling {
                    stream: other.land()?,
                    caller,
                    waker,
                })))
            }
        }
    }

    /// It is served now: what happens from here on is a reason to be served again.
    pub(crate) fn is_served(&self) {
        if let Self::Boxed(boxed) = self {
            boxed.caller.is_answered();
        }
    }

    /// Has a socket watched for whether it takes something; others watch themselves.
    #[cfg_attr(not(unix), expect(unused_variables, reason = "there are no sockets"))]
    pub(crate) fn watch_writes(&mut self, key: u32, readiness: &Readiness) -> io::Result<()> {
        match self {
            #[cfg(unix)]
            Self::Tcp(tcp, watches @ false) => {
                *watches = true;
                readiness.watch_writes(key, tcp)
            }
            #[cfg(unix)]
            Self::Unix(unix, watches @ false) => {
                *watches = true;
                readiness.watch_writes(key, unix)
            }
            _ => Ok(()),
        }
    }

    /// Reads what is there.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        match self {
            #[cfg(unix)]
            Self::Tcp(tcp, _) => at_once(|| tcp.read(buffer)),
            #[cfg(unix)]
            Self::Unix(unix, _) => at_once(|| unix.read(buffer)),
            Self::Boxed(boxed) => {
                let mut buffer = ReadBuf::new(buffer);
                ready!(boxed.poll(|stream, cx| stream.poll_read(cx, &mut buffer)))?;
                Poll::Ready(Ok(buffer.filled().len()))
            }
        }
    }

    /// Whether a read that did not fill its buffer has read all that was there.
    pub(crate) fn reads_all(&self) -> bool {
        !matches!(self, Self::Boxed(_))
    }

    /// Writes what the stream takes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Boxed(boxed) => boxed.poll(|stream, cx| stream.poll_write(cx, bytes)),
            #[cfg(unix)]
            socket => at_once(|| socket.try_write(bytes)),
        }
    }

    /// Pushes out what a boxed stream holds back; a socket holds nothing back.
    pub(crate) fn flush(&mut self) -> Poll<io::Result<()>> {
        match self {
            Self::Boxed(boxed) => boxed.poll(AsyncWrite::poll_flush),
            #[cfg(unix)]
            _ => Poll::Ready(Ok(())),
        }
    }

    /// Ends the sending side, so that the peer finds the end of the stream behind what was sent.
    pub(crate) fn end(&mut self) -> Poll<io::Result<()>> {
        match self {
            #[cfg(unix)]
            Self::Tcp(tcp, _) => Poll::Ready(tcp.shutdown(Shutdown::Write)),
            #[cfg(unix)]
            Self::Unix(unix, _) => Poll::Ready(unix.shutdown(Shutdown::Write)),
            Self::Boxed(boxed) => boxed.poll(AsyncWrite::poll_shutdown),
        }
    }

    /// Ends a boxed stream in its own words before it is dropped, without waiting: TLS tells an end
    /// from a cut (RFC 8446 §6.1). To a socket the two are one.
    pub(crate) fn say_goodbye(&mut self) {
        if let Self::Boxed(boxed) = self {
            let _ = boxed.poll(AsyncWrite::poll_shutdown);
        }
    }

    /// Writes what the socket takes at once, from anywhere on the worker.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when it takes nothing; always for a boxed stream, whose bytes are written when
    /// its connection is served.
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            #[cfg(unix)]
            Self::Tcp(tcp, _) => (&mut &*tcp).write(bytes),
            #[cfg(unix)]
            Self::Unix(unix, _) => (&mut &*unix).write(bytes),
            Self::Boxed(_) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl Calling {
    /// Asks the stream, which calls the connection when it has more to say.
    fn poll<R>(
        &mut self,
        ask: impl FnOnce(Pin<&mut (dyn Duplex + 'static)>, &mut Context<'_>) -> R,
    ) -> R {
        ask(self.stream.as_mut(), &mut Context::from_waker(&self.waker))
    }
}

/// What a socket that does not wait can do now.
#[cfg(unix)]
fn at_once(mut act: impl FnMut() -> io::Result<usize>) -> Poll<io::Result<usize>> {
    loop {
        match act() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return Poll::Ready(done),
        }
    }
}
