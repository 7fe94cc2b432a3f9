//! From a server's name to the addresses that are connected to: [`Lookup`], and the rule about
//! addresses of one's own network.
//!
//! The addresses that were judged are the ones that are connected to: a name is looked up once per
//! connection, so that a server of names cannot give one address to the judge and another to the
//! socket.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower_service::Service;

use crate::BoxError;
use crate::address::is_public;

/// Who knows the addresses of names.
#[derive(Clone, Default)]
pub enum Lookup {
    /// The system.
    #[default]
    System,
    /// A function, which must not wait.
    With(Arc<Find>),
}

/// The addresses of a name.
pub type Find = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "System",
            Self::With(_) => "With(..)",
        })
    }
}

/// Looks names up for a connector, and leaves out the addresses that are not to be connected to.
#[derive(Clone, Debug)]
pub(crate) struct Resolver {
    lookup: Lookup,
    system: GaiResolver,
    public_only: bool,
}

impl Resolver {
    pub(crate) fn new(lookup: Lookup, public_only: bool) -> Self {
        Self {
            lookup,
            system: GaiResolver::new(),
            public_only,
        }
    }
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let Self {
            lookup,
            mut system,
            public_only,
        } = self.clone();
        Box::pin(async move {
            let mut found: Vec<SocketAddr> = match lookup {
                Lookup::System => system.call(name).await?.collect(),
                // The connector puts the port in the place of the zero.
                Lookup::With(find) => find(name.as_str())?
                    .into_iter()
                    .map(|address| SocketAddr::new(address, 0))
                    .collect(),
            };
            if public_only {
                let first = found.first().copied();
                found.retain(|address| is_public(address.ip()));
                if let (Some(first), true) = (first, found.is_empty()) {
                    return Err(NotPublic(first.ip()).into());
                }
            }
            Ok(found.into_iter())
        })
    }
}

/// The address that stands in place of a name in a URL, if one does: connectors do not look it up.
pub(crate) fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .ok()
}

/// Why an address was not connected to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NotPublic(pub(crate) IpAddr);

impl fmt::Display for NotPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} is not an address of the public internet, and others are not allowed",
            self.0
        )
    }
}

impl std::error::Error for NotPublic {}
