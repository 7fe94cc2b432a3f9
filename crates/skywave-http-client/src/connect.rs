//! One time limit around everything that opens a connection, and the rule about addresses that
//! stand in URLs: [`Bounded`].

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use tower_service::Service;

use crate::BoxError;
use crate::address::is_public;
use crate::resolve::{NotPublic, literal};

/// A connector that gives up after a while. The limit holds for name lookup, TCP and TLS together,
/// so that a server that accepts and then says nothing is found out, too.
#[derive(Clone, Debug)]
pub(crate) struct Bounded<C> {
    pub(crate) connector: C,
    pub(crate) limit: Duration,
    /// Whether addresses in URLs are judged: only names go through the resolver, which judges them.
    pub(crate) public_only: bool,
}

impl<C> Service<Uri> for Bounded<C>
where
    C: Service<Uri, Error = BoxError>,
    C::Future: Send + 'static,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, address: Uri) -> Self::Future {
        if self.public_only
            && let Some(literal) = address.host().and_then(literal)
            && !is_public(literal)
        {
            return Box::pin(async move { Err(NotPublic(literal).into()) });
        }
        let connecting = self.connector.call(address);
        let limit = self.limit;
        Box::pin(async move {
            match tokio::time::timeout(limit, connecting).await {
                Ok(connected) => connected,
                Err(_) => Err(TimedOut(limit).into()),
            }
        })
    }
}

/// Why a connection was given up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimedOut(pub(crate) Duration);

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not connected within {:?}", self.0)
    }
}

impl std::error::Error for TimedOut {}
