//! Where a server accepts connections: an address, a path, or a socket that is open already.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
#[cfg(unix)]
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
#[cfg(unix)]
use std::sync::Arc;
#[cfg(feature = "tls")]
use std::sync::atomic::AtomicUsize;

use socket2::{Domain, Protocol, Socket, Type};

use crate::proxies::Proxies;
#[cfg(unix)]
use crate::socket_file::{self, SocketFile};
#[cfg(feature = "tls")]
use crate::tls::Tls;

/// Where a server accepts connections; see [`Server::listen_at`](crate::Server::listen_at).
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use skywave_server::Endpoint;
///
/// let loopback = Endpoint::tcp("127.0.0.1:6001".parse()?);
/// // IPv4 as well, on systems that can.
/// let everywhere = Endpoint::tcp("[::]:6001".parse()?);
/// let behind_nginx = Endpoint::unix("/run/skywave/skywave.sock").mode(0o666);
/// // A socket that a service manager opened.
/// let inherited = Endpoint::from(std::net::TcpListener::bind("127.0.0.1:0")?);
/// # drop((loopback, everywhere, behind_nginx, inherited));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Endpoint {
    source: Source,
    ipv6_only: bool,
    #[cfg(unix)]
    mode: u32,
    entrance: Entrance,
}

/// What happens to whoever comes in at an endpoint, before HTTP.
#[derive(Debug, Default)]
pub(crate) struct Entrance {
    pub(crate) proxies: Option<Proxies>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Tls>,
    /// Counts who came in, to deal them out to the workers.
    #[cfg(feature = "tls")]
    pub(crate) turn: AtomicUsize,
}

#[derive(Debug)]
enum Source {
    At(Place),
    Open(Listening),
}

/// An address that connections can be made to. `Display` is `127.0.0.1:6001`, or a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// An address and a port of TCP.
    Tcp(SocketAddr),
    /// The path of a Unix socket; empty when the socket has none.
    Unix(PathBuf),
}

impl Endpoint {
    /// Connections over TCP. Port 0 takes any free port; `[::]` takes those over IPv4 as well.
    pub fn tcp(address: SocketAddr) -> Self {
        Self::new(Source::At(Place::Tcp(address)))
    }

    /// Connections over a Unix socket. A socket that a process left behind when it ended is
    /// replaced, one that somebody listens on is not. The file is removed when the server stops.
    #[cfg(unix)]
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self::new(Source::At(Place::Unix(path.into())))
    }

    /// Takes IPv6 only at `[::]`, so that `0.0.0.0` can have an endpoint of its own.
    #[must_use]
    pub fn ipv6_only(self) -> Self {
        Self {
            ipv6_only: true,
            ..self
        }
    }

    /// Who may connect to a Unix socket, as the mode of its file. Default `0o660`: its owner and
    /// its group.
    #[cfg(unix)]
    #[must_use]
    pub fn mode(self, mode: u32) -> Self {
        Self { mode, ..self }
    }

    /// Takes the word of these proxies for who a peer is. Everyone else is whom the socket says.
    #[must_use]
    pub fn behind(mut self, proxies: Proxies) -> Self {
        self.entrance.proxies = Some(proxies);
        self
    }

    /// Speaks TLS, and nothing else.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.entrance.tls = Some(tls);
        self
    }

    fn new(source: Source) -> Self {
        Self {
            source,
            ipv6_only: false,
            #[cfg(unix)]
            mode: 0o660,
            entrance: Entrance::default(),
        }
    }

    /// Opens the socket; gives it with where it is, and what is to happen to who comes in.
    pub(crate) fn open(self) -> io::Result<(Listening, Place, Entrance)> {
        let (listening, place) = match self.source {
            Source::At(Place::Tcp(address)) => {
                Listening::Tcp(bind(address, self.ipv6_only)?).ready()
            }
            #[cfg(unix)]
            Source::At(Place::Unix(path)) => {
                let (listener, file) = socket_file::bind(path.clone(), self.mode)?;
                let listening = Listening::Unix(listener, Some(Arc::new(file)));
                // The socket itself knows only the name that it had before it was moved there.
                listening
                    .ready()
                    .map(|(ready, _)| (ready, Place::Unix(path)))
            }
            #[cfg(not(unix))]
            Source::At(Place::Unix(_)) => Err(io::ErrorKind::Unsupported.into()),
            Source::Open(listening) => listening.ready(),
        }?;
        Ok((listening, place, self.entrance))
    }
}

impl Entrance {
    /// The proxies whose word counts, when the socket's peer is one of them.
    pub(crate) fn proxies_at(&self, address: Option<IpAddr>) -> Option<&Proxies> {
        self.proxies
            .as_ref()
            .filter(|proxies| proxies.include(address))
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self::tcp(address)
    }
}

/// A socket that listens already: inherited from a service manager, or from a process before.
impl From<TcpListener> for Endpoint {
    fn from(listener: TcpListener) -> Self {
        Self::new(Source::Open(Listening::Tcp(listener)))
    }
}

/// A socket that listens already. Its file is left to whoever made it.
#[cfg(unix)]
impl From<UnixListener> for Endpoint {
    fn from(listener: UnixListener) -> Self {
        Self::new(Source::Open(Listening::Unix(listener, None)))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// A listening socket that is on no runtime yet.
#[derive(Debug)]
pub(crate) enum Listening {
    Tcp(TcpListener),
    /// With the file to remove when the last worker listens no more.
    #[cfg(unix)]
    Unix(UnixListener, Option<Arc<SocketFile>>),
}

impl Listening {
    /// Prepares the socket for a runtime; tells where it is.
    fn ready(self) -> io::Result<(Self, Place)> {
        let place = match &self {
            Self::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                Place::Tcp(listener.local_addr()?)
            }
            #[cfg(unix)]
            Self::Unix(listener, _) => {
                listener.set_nonblocking(true)?;
                let address = listener.local_addr()?;
                Place::Unix(address.as_pathname().map(Into::into).unwrap_or_default())
            }
        };
        Ok((self, place))
    }

    /// The same socket for another worker.
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        match self {
            Self::Tcp(listener) => listener.try_clone().map(Self::Tcp),
            #[cfg(unix)]
            Self::Unix(listener, file) => listener
                .try_clone()
                .map(|listener| Self::Unix(listener, file.clone())),
        }
    }
}

fn bind(address: SocketAddr, ipv6_only: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        // What it is by default differs between systems.
        socket.set_only_v6(ipv6_only)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Handshakes that may wait while a worker is busy; the kernel caps it at its own limit.
pub(crate) const BACKLOG: i32 = 4096;
