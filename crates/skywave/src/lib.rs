//! Event broadcasting from an application to browsers.

mod actor;
mod authorize;
mod broadcast;
mod broadcaster;
mod builder;
mod channel;
mod client_options;
pub mod driver;
mod error;
mod event;
mod paths;
mod pattern;
mod report;
mod rule;
mod sending;
mod user;

pub use skywave_protocol::{ChannelKind, SocketId};

pub use crate::actor::Actor;
pub use crate::authorize::{
    AuthError, AuthReply, AuthRequest, ChannelRequest, InvalidRequest, UserRequest,
};
pub use crate::broadcast::Broadcast;
pub use crate::broadcaster::Broadcaster;
pub use crate::builder::Builder;
pub use crate::channel::{Channel, IntoChannels, PresenceChannel, PrivateChannel};
pub use crate::client_options::{ClientOptions, Page};
pub use crate::driver::Null;
pub use crate::error::{BuildError, Error};
pub use crate::event::CanBroadcast;
pub use crate::paths::IntoPaths;
pub use crate::report::{Report, SkipReason, Skipped};
pub use crate::rule::{AsyncRule, PublishPrivate, Rule, Unruled, Verdict};
pub use crate::sending::{Sending, To};
pub use crate::user::{BroadcastUser, Member, NoUser};
#[cfg(feature = "derive")]
pub use skywave_derive::CanBroadcast;
