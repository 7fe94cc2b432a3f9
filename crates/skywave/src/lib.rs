//! Event broadcasting from an application to browsers.

mod channel;
mod event;

pub use skywave_protocol::ChannelKind;

pub use crate::channel::{Channel, IntoChannels, PresenceChannel, PrivateChannel};
pub use crate::event::CanBroadcast;
#[cfg(feature = "derive")]
pub use skywave_derive::CanBroadcast;
