//! Who may open a connection: the one question that every transport asks before it opens one.

use http::Request;
use http::header::ORIGIN;
use skywave_engine::Slot;
use skywave_protocol::{Origins, Rejection};

use crate::admission::Seat;
use crate::node::Node;
use crate::peer::Peer;

/// Whose connection it is to be, its place among those of its app, and among all of them.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) slot: Slot,
    /// Held for as long as the connection is open.
    pub(crate) seat: Option<Box<Seat>>,
}

/// Decides whether the peer of `request` may open a connection to the app with this key: by TLS
/// or without, from a page of this origin, from its address, and at all.
pub(crate) fn admit<B>(
    node: &Node,
    key: &str,
    request: &Request<B>,
) -> Result<Admitted, Rejection> {
    let app = node
        .engine
        .apps()
        .by_key(key)
        .cloned()
        .ok_or(Rejection::UnknownApp)?;
    let settings = app.settings();
    if !settings.enabled {
        return Err(Rejection::AppDisabled);
    }
    let peer = request.extensions().get::<Peer>().copied();
    let peer = peer.unwrap_or_default();
    if settings.tls_only && !peer.secure {
        return Err(Rejection::TlsRequired);
    }
    check_origin(&settings.origins, request)?;
    let slot = app.slot()?;
    let seat = node.admission.seat(peer.address, node.millisecond())?;
    drop(settings);
    Ok(Admitted { slot, seat })
}

/// RFC 6454 §7.3: a browser sends one `Origin` at most.
fn check_origin<B>(origins: &Origins, request: &Request<B>) -> Result<(), Rejection> {
    let mut headers = request.headers().get_all(ORIGIN).iter();
    let allowed = match (headers.next(), headers.next()) {
        (None, _) => origins.allow(None),
        // What is not ASCII is no origin, but it is not missing either.
        (Some(origin), None) => origins.allow(Some(origin.to_str().unwrap_or_default())),
        (Some(_), Some(_)) => origins.are_any(),
    };
    if allowed {
        return Ok(());
    }
    let origin = request.headers().get(ORIGIN);
    let origin = origin.map_or(&b""[..], |origin| origin.as_bytes());
    Err(Rejection::OriginNotAllowed {
        origin: String::from_utf8_lossy(origin).as_ref().into(),
    })
}
