//! The Pusher Channels protocol as types: names, messages, signatures, refusals, limits.
//!
//! A peer's bytes become values here and values become bytes: [`ClientMessage::parse`] reads what a
//! client sends, [`ServerMessage::encode`] writes what it gets, [`TriggerRequest::parse`] reads the
//! body of a publish request, [`Credentials`] signs and verifies, and [`Rejection`] is every
//! refusal a peer can see, with its one close code, error code and HTTP status. [`Origins`] is whose
//! pages may connect.
//!
//! The crate does no I/O, reads no clock, uses no randomness and does not panic, whatever it is
//! given: time comes in as an argument, and sockets, timers and subscriptions belong to the crates
//! above.
//!
//! ```
//! use skywave_protocol::{ChannelName, ClientMessage, ServerMessage};
//!
//! let text = r#"{"event":"pusher:subscribe","data":{"channel":"news"}}"#;
//! let ClientMessage::Subscribe(subscribe) = ClientMessage::parse(text)? else {
//!     panic!("a subscription was sent");
//! };
//! let channel = ChannelName::parse(&subscribe.channel)?;
//!
//! let mut answer = Vec::new();
//! ServerMessage::SubscriptionSucceeded { channel: &channel, presence: None }.encode(&mut answer);
//! assert_eq!(
//!     answer,
//!     br#"{"event":"pusher_internal:subscription_succeeded","channel":"news","data":"{}"}"#
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod channel;
mod client;
mod credentials;
mod event;
mod excerpt;
mod fallback;
mod hex;
mod json;
mod limits;
mod member;
mod origin;
mod rejection;
mod request;
mod said;
mod secret;
mod server;
mod socket_id;
mod trigger;
mod unix_time;
mod watchlist;
mod webhook;

pub use channel::{ChannelKind, ChannelName, NameError};
pub use client::{ClientMessage, Subscribe};
pub use credentials::Credentials;
pub use event::{EventName, EventNameError};
pub use excerpt::Excerpt;
pub use fallback::{FallbackLine, fallback_messages};
pub use limits::Limits;
pub use member::Member;
pub use origin::{OriginRule, OriginRuleError, Origins};
pub use rejection::Rejection;
pub use request::{SignedRequest, VerifiedRequest};
pub use secret::Secret;
pub use server::ServerMessage;
pub use socket_id::{ParseSocketIdError, SocketId};
pub use trigger::{Info, TriggerRequest};
pub use unix_time::UnixTime;
pub use watchlist::Watchlist;
pub use webhook::{UnknownWebhookKind, WebhookKind};
