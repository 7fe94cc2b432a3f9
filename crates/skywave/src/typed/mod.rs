//! Channels as types: a type with a pattern is the contract between what is sent, who may listen,
//! and what the tests say.
//!
//! `#[derive(Channel)]` implements [`TypedChannel`]: the type's fields are the parameters of its
//! name, in both directions. A value stands for its channel wherever a channel is named. Rules take
//! it instead of a pattern and parameters: as closures
//! ([`authorize_channel`](crate::Builder::authorize_channel),
//! [`join_channel`](crate::Builder::join_channel)), or as implementations of [`Authorize`] and
//! [`Join`] that [`channel`](crate::Builder::channel) registers.
//!
//! The second way has a guarantee: an event whose channel is given as
//! `#[broadcast(on = OrderChannel { .. })]`, or as [`ruled`]`(OrderChannel { .. })`, does not compile
//! unless the channel's type says who may listen to it.
//!
//! ```
//! # #[cfg(feature = "derive")] mod example {
//! use serde::Serialize;
//! use skywave::typed::BoxError;
//! use skywave::{Authorize, Broadcaster, BuildError, CanBroadcast, Channel, Null};
//!
//! #[derive(Channel)]
//! #[channel(private = "orders.{order}")]
//! struct OrderChannel {
//!     order: u64,
//! }
//!
//! impl Authorize for OrderChannel {
//!     type User = String;
//!     type State = ();
//!
//!     async fn authorize(&self, user: &String, _: &()) -> Result<bool, BoxError> {
//!         Ok(user == "ada" && self.order == 7)
//!     }
//! }
//!
//! #[derive(Serialize, CanBroadcast)]
//! #[broadcast(on = OrderChannel { order: self.order_id })]
//! struct OrderShipped {
//!     order_id: u64,
//! }
//!
//! fn broadcaster() -> Result<Broadcaster, BuildError> {
//!     Broadcaster::builder()
//!         .driver("null", Null)
//!         .users(|_parts| async { Some("ada".to_owned()) })
//!         .channel::<OrderChannel>()
//!         .build()
//! }
//! # }
//! ```
//!
//! ```text
//! name   a value ↔ a channel's name
//! rules  who may listen to a type's channels, and the builder's methods for it
//! ```

mod name;
mod rules;

pub(crate) use self::name::Origin;
#[doc(hidden)]
pub use self::name::to_channel;
pub use self::name::{
    InvalidParameter, Kind, OtherChannel, Presence, Private, Public, TypedChannel,
};
pub use self::rules::{Authorize, Join, Registered, Ruled, RuledBy, RuledFor, ruled};
pub use crate::error::{BoxError, NoRule};
#[doc(hidden)]
pub use crate::rule::Values;
