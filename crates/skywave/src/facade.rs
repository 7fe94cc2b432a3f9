//! The broadcaster without passing it around: [`broadcast()`], from anywhere.
//!
//! The documents' applications import a `Broadcast` that is simply there. This is that, for those
//! who want it; everything else in this crate works without it.
//!
//! ```
//! use serde_json::json;
//! use skywave::{Broadcaster, Error, Null, facade};
//!
//! /// Somewhere deep, without state and without arguments.
//! async fn release() -> Result<(), Error> {
//!     facade::broadcast()?.channel("releases", "NewRelease", json!({ "version": "4.0" })).await?;
//!     Ok(())
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let broadcaster = Broadcaster::builder().driver("null", Null).build()?;
//! facade::set(broadcaster.clone())?; // once, at start
//! let app: axum::Router = axum::Router::new()
//!     .route("/release", axum::routing::post(release))
//!     // Binds what handlers send to the request's user and connection.
//!     .layer(axum::middleware::from_fn_with_state(broadcaster, facade::bind));
//! # release().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Where it comes from
//!
//! 1. The [`scope`] that the code runs in: a request behind [`bind`], or a test.
//! 2. The broadcaster that was [`set`] for the whole program. It is bound to nobody, so what it
//!    sends is sent for a visitor, and private and presence channels are skipped.
//!    Jobs say who they are: `facade::broadcaster()?.as_system()`.
//!
//! # What it costs
//!
//! * A function's signature no longer tells that it sends, and nothing at compile time ensures that
//!   a broadcaster was set; the error at run time says so.
//! * A scope ends where another task begins: what [`tokio::spawn`] or a thread runs sends for a
//!   visitor again, unless the [`Broadcast`] is moved into it, or a [`scope`] put around it.
//! * There is one broadcaster per program. Tests that run in parallel use a [`scope`] each instead
//!   of [`set`].

use std::fmt;
use std::sync::OnceLock;

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::actor::Actor;
use crate::broadcast::Broadcast;
use crate::broadcaster::Broadcaster;
use crate::error::Error;

/// Sets the broadcaster of the program, once.
///
/// # Errors
///
/// [`AlreadySet`] when there is one; it stays.
pub fn set(broadcaster: Broadcaster) -> Result<(), AlreadySet> {
    BROADCASTER.set(broadcaster).map_err(|_| AlreadySet)
}

/// What sends here: bound to the request or the test whose [`scope`] this is, else to a visitor.
///
/// # Errors
///
/// [`Error::FacadeNotSet`] outside of any scope before [`set`].
pub fn broadcast() -> Result<Broadcast, Error> {
    if let Ok(broadcast) = SCOPE.try_with(Broadcast::clone) {
        return Ok(broadcast);
    }
    let broadcaster = BROADCASTER.get().ok_or(Error::FacadeNotSet)?;
    Ok(Broadcast::new(broadcaster.clone(), Actor::Visitor, None))
}

/// The broadcaster of the scope, else of the program.
///
/// # Errors
///
/// [`Error::FacadeNotSet`] outside of any scope before [`set`].
pub fn broadcaster() -> Result<Broadcaster, Error> {
    Ok(broadcast()?.broadcaster)
}

/// Runs a future in which [`broadcast()`] is this one.
///
/// ```
/// use skywave::{Broadcaster, Error, Null, facade};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// async fn greet() -> Result<(), Error> {
///     facade::broadcast()?.to("private-users.7").message("hello").await?;
///     Ok(())
/// }
///
/// let broadcaster = Broadcaster::builder().driver("null", Null).build()?;
/// facade::scope(broadcaster.as_user(7), greet()).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Cancel safety
///
/// That of the future.
pub async fn scope<F: Future>(broadcast: Broadcast, future: F) -> F::Output {
    SCOPE.scope(broadcast, future).await
}

/// A middleware that runs every request in the [`scope`] of its own user and connection, for
/// `axum::middleware::from_fn_with_state(broadcaster, facade::bind)`.
///
/// The user is looked up once for every request, whether it sends or not. A malformed
/// `X-Socket-ID` is refused as it is by the extractor.
pub async fn bind(
    State(broadcaster): State<Broadcaster>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    match Broadcast::from_request_parts(&mut parts, &broadcaster).await {
        Ok(broadcast) => scope(broadcast, next.run(Request::from_parts(parts, body))).await,
        Err(refusal) => refusal.into_response(),
    }
}

/// The program has a broadcaster already: [`set`] is called once, at start. Tests use [`scope`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AlreadySet;

impl fmt::Display for AlreadySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the facade has a broadcaster already: call `facade::set` once, at start, and \
             `facade::scope` in tests",
        )
    }
}

impl std::error::Error for AlreadySet {}

tokio::task_local! {
    static SCOPE: Broadcast;
}

static BROADCASTER: OnceLock<Broadcaster> = OnceLock::new();
