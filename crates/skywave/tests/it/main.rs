//! What an application sees, through its public API and its routes.
//!
//! Tests whose name begins with `b` and a number are about that bug of the documented system's
//! published source: what must not come back. `docs/behaviours.md` lists them, and which test shows
//! which documented behaviour (`f` and a number: a test for that behaviour alone).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[cfg(feature = "ably")]
mod ably;
mod authorisation;
mod batches;
mod behaviours;
mod building;
mod client_options;
#[cfg(all(feature = "config", feature = "embedded"))]
mod configuration;
mod counters;
mod csrf;
mod custom_handler;
#[cfg(feature = "testing")]
mod driver_suite;
#[cfg(feature = "embedded")]
mod embedded;
#[cfg(all(feature = "embedded", feature = "encryption"))]
mod encryption;
mod extractor;
#[cfg(feature = "facade")]
mod facade;
mod frameworks;
mod later;
mod logging;
#[cfg(feature = "pusher")]
mod pusher;
mod sending;
mod stage;
#[cfg(feature = "testing")]
mod testing;
#[cfg(feature = "derive")]
mod typed;
#[cfg(feature = "pusher")]
mod webhooks;
