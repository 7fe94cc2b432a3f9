//! The in-memory heart of one Skywave node: apps, channels, subscriptions, presence and fan-out.
//!
//! An [`Engine`] is shared by all threads. It knows, for every occupied channel of every [`App`],
//! which workers have subscribers and who is present. Each worker thread owns one [`Shard`]: the
//! [`Connection`]s that live on that thread and, per channel, a dense list of its subscribers.
//!
//! ```text
//! publish ─▶ Engine: lock the channel, encode once ─▶ inbox of every worker with subscribers
//!                                                        │ end of the worker's tick
//!                                                        ▼
//!            Shard: join the tick's frames per channel ─▶ one write per subscriber (Link)
//! ```
//!
//! # What it promises
//!
//! * **One order.** Events of a channel reach every subscriber in the order in which they were
//!   published, because the frame is put into all inboxes while the channel is locked.
//! * **No surprise at the door.** A new subscriber gets everything published after its
//!   `subscription_succeeded` and nothing published before it; the member list it is shown and the
//!   member events that follow fit together.
//! * **Tenants apart.** Channels hang off their app; no name is ever joined with an app's.
//! * **Bounded.** An inbox refuses publishes above [`Inbox::BYTES`]; what a slow reader may pile up
//!   is the [`Link`]'s bound.
//!
//! # What it leaves to others
//!
//! Sockets, HTTP, TLS, time and randomness: bytes leave through [`Link`], the clock and socket ids
//! come in as arguments, and being woken up is a [`std::task::Waker`].

mod app;
mod cache;
mod connection;
mod count;
mod counters;
mod directory;
mod engine;
mod except;
mod inbox;
mod listeners;
mod local;
mod membership;
mod observer;
mod occupied;
mod presence;
mod rate;
mod session;
mod shard;
mod shelves;
mod usage;
mod users;
mod webhooks;

pub use app::{App, AppSettings, Apps, DuplicateApp};
pub use connection::{Connection, Link};
pub use counters::Counters;
pub use engine::{Engine, Publication};
pub use except::Except;
pub use inbox::Inbox;
pub use observer::{Observer, Occurrence};
pub use occupied::Occupancy;
pub use shard::Shard;
pub use usage::Slot;
pub use webhooks::{WebhookEndpoint, Webhooks};

/// Appends `message` as one finished WebSocket text frame.
///
/// The frame is what every recipient gets, whichever worker it lives on: encode once, share.
pub fn encode_frame(message: &skywave_protocol::ServerMessage<'_>, out: &mut Vec<u8>) {
    skywave_websocket::frame::text_with(out, |payload| message.encode(payload));
}
