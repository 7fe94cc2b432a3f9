//! Event broadcasting from an application to browsers.
//!
//! An [axum] application sends events to channels; the browsers that listen to a channel get them
//! through the Pusher client they already know (pusher-js, Laravel Echo). The server that carries
//! the events is [embedded](driver) in the application: no account, no second process, no second
//! port.
//!
//! ```no_run
//! # #[cfg(all(feature = "derive", feature = "embedded"))] mod quick_start {
//! use axum::Router;
//! use axum::routing::{get, post};
//! use serde::Serialize;
//! use skywave::{Broadcast, Broadcaster, CanBroadcast, ClientOptions, Embedded, Error};
//!
//! #[derive(Serialize, CanBroadcast)]
//! #[broadcast(channel = "releases")]
//! struct NewRelease {
//!     version: String,
//! }
//!
//! async fn release(broadcast: Broadcast) -> Result<(), Error> {
//!     broadcast.emit(NewRelease { version: "4.0.0".into() }).await?;
//!     Ok(())
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let broadcaster =
//!         Broadcaster::builder().driver("embedded", Embedded::generated()).build()?;
//!     let app = Router::new()
//!         .route("/release", post(release))
//!         .route("/client.json", get(|options: ClientOptions| async { options }))
//!         .merge(broadcaster.routes())
//!         .with_state(broadcaster);
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//!     Ok(axum::serve(listener, app).await?)
//! }
//! # }
//! ```
//!
//! The page:
//!
//! ```js
//! const { key, options } = await (await fetch("/client.json")).json();
//! const pusher = new Pusher(key, options);
//! pusher.subscribe("releases").bind("NewRelease", (event) => alert(event.version));
//! ```
//!
//! # Who is who
//!
//! * [`Broadcaster`] holds drivers and rules, lives in the application's state, and is bound to
//!   nobody, so it cannot send. A [`Builder`] makes it.
//! * [`Broadcast`] sends on behalf of an [`Actor`]. In a handler it is an extractor, bound to the
//!   request's user and connection; elsewhere [`as_system`](Broadcaster::as_system) and
//!   [`as_user`](Broadcaster::as_user) say who is sending.
//! * [`CanBroadcast`] is an event as a type; [`Channel`](struct@Channel) a channel, whose prefix
//!   decides who may listen: everyone, or with `private-` and `presence-` those whom the
//!   application [authorises](Builder::authorize). Channels can be [types](typed), too.
//! * [`driver::Driver`] is what delivers.
//!
//! # Private channels
//!
//! The client asks the application for a signature. [`Broadcaster::routes`] answers, by rules for
//! patterns of channel names:
//!
//! ```
//! use serde_json::json;
//! use skywave::{Broadcaster, BroadcastUser, Member, Null};
//!
//! #[derive(Clone)]
//! struct User {
//!     id: u64,
//!     name: String,
//! }
//!
//! impl BroadcastUser for User {
//!     fn broadcast_id(&self) -> String {
//!         self.id.to_string()
//!     }
//! }
//!
//! let broadcaster = Broadcaster::builder()
//!     .driver("null", Null)
//!     // Who is logged in: here what a layer left in the request.
//!     .users(|parts| async move { parts.extensions.get::<User>().cloned() })
//!     // Yes or no.
//!     .authorize("private-users.{id}", |user: &User, id: u64| user.id == id)
//!     // Who they are to the others.
//!     .join("presence-room.{room}", |user: &User, _room: String| {
//!         Some(Member::new(user.id).info(json!({ "name": user.name })))
//!     })
//!     .build()?;
//! # Ok::<(), skywave::BuildError>(())
//! ```
//!
//! # Features
//!
//! | feature | default | what |
//! |---|---|---|
//! | `ably` | no | the `Ably` driver |
//! | `facade` | no | `facade::broadcast()`: the broadcaster without passing it around |
//! | `config` | yes | [`config`]: a TOML file or environment variables say which drivers there are |
//! | `embedded` | yes | the `Embedded` driver, the server in the application's process |
//! | `derive` | yes | `#[derive(CanBroadcast)]`, `#[derive(Channel)]` |
//! | `encryption` | no | encrypted channels, with a driver's `encryption_master_key` |
//! | `pusher` | no | the `Pusher` driver, for hosted Pusher and servers with its HTTP API, and `Webhook`s of those |
//! | `webhooks` | no | `Embedded::webhook`: the embedded server tells others over HTTP what happens in channels |
//! | `testing` | no | `testing`: a fake broadcaster and simulated browsers, for your dev-dependencies |

mod actor;
mod authorize;
mod broadcast;
mod broadcaster;
mod builder;
mod channel;
mod client_options;
#[cfg(feature = "config")]
pub mod config;
mod connection;
mod counters;
pub mod driver;
mod error;
mod event;
#[cfg(feature = "facade")]
pub mod facade;
mod later;
mod paths;
mod pattern;
mod report;
mod rule;
mod ruling;
mod sending;
#[cfg(feature = "testing")]
pub mod testing;
mod to;
pub mod typed;
mod user;
#[cfg(feature = "pusher")]
mod webhook;

pub use skywave_protocol::{ChannelKind, SocketId};

pub use crate::actor::Actor;
pub use crate::authorize::{
    AuthError, AuthReply, AuthRequest, ChannelRequest, InvalidRequest, UserRequest,
};
pub use crate::broadcast::Broadcast;
pub use crate::broadcaster::Broadcaster;
pub use crate::builder::Builder;
pub use crate::channel::{
    Channel, EncryptedChannel, IntoChannels, PresenceChannel, PrivateChannel,
};
pub use crate::client_options::{ClientOptions, Page};
pub use crate::connection::{Connection, ConnectionKey};
pub use crate::counters::Counters;
#[cfg(feature = "ably")]
pub use crate::driver::Ably;
#[cfg(feature = "embedded")]
pub use crate::driver::Embedded;
pub use crate::driver::{Log, Null};
#[cfg(feature = "pusher")]
pub use crate::driver::{Pusher, PusherApi};
pub use crate::error::{BuildError, Error};
pub use crate::event::CanBroadcast;
pub use crate::later::{NotQueued, QueueSettings, QueueStatus, Undelivered};
pub use crate::paths::IntoPaths;
pub use crate::report::{DriverFailure, Report, SkipReason, Skipped};
pub use crate::rule::{AsyncRule, PublishPrivate, Rule, Unruled, Verdict};
pub use crate::sending::Sending;
pub use crate::to::To;
pub use crate::typed::{Authorize, Join, TypedChannel};
pub use crate::user::{BroadcastUser, Member, NoUser};
#[cfg(feature = "pusher")]
pub use crate::webhook::{Webhook, WebhookError, WebhookEvent, WebhookKeys};
#[cfg(feature = "derive")]
pub use skywave_derive::{CanBroadcast, Channel};

/// The guide's Rust blocks are compiled as documentation tests.
#[cfg(all(doctest, feature = "derive", feature = "embedded"))]
mod guide {
    #[cfg(feature = "ably")]
    #[doc = include_str!("../../../docs/ably.md")]
    struct Ably;
    #[doc = include_str!("../../../README.md")]
    struct Readme;
    #[doc = include_str!("../../../docs/quick-start.md")]
    struct QuickStart;
    #[doc = include_str!("../../../docs/events.md")]
    struct Events;
    #[doc = include_str!("../../../docs/channels.md")]
    struct Channels;
    #[doc = include_str!("../../../docs/authorisation.md")]
    struct Authorisation;
    #[cfg(feature = "config")]
    #[doc = include_str!("../../../docs/configuration.md")]
    struct Configuration;
    #[cfg(feature = "pusher")]
    #[doc = include_str!("../../../docs/drivers.md")]
    struct Drivers;
    #[doc = include_str!("../../../docs/clients.md")]
    struct Clients;
    #[cfg(feature = "testing")]
    #[doc = include_str!("../../../docs/coming-from.md")]
    struct ComingFrom;
    #[doc = include_str!("../../../docs/sending.md")]
    struct Sending;
    #[doc = include_str!("../../../docs/server.md")]
    struct Server;
    #[doc = include_str!("../../../docs/typed-channels.md")]
    struct TypedChannels;
    #[cfg(feature = "testing")]
    #[doc = include_str!("../../../docs/testing.md")]
    struct Testing;
}
