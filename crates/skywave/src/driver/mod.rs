//! What delivers events: the [`Driver`] trait, the [`Envelope`] that every driver gets, and the
//! drivers that come with the crate.
//!
//! An application names its drivers when it builds its broadcaster and sends through the first,
//! the default, unless it says [`driver(name)`](crate::Broadcast::driver). A driver of your own
//! implements [`Driver`]; everything before it (names, limits, who may send, encoding) is done by
//! then, once and the same for all drivers.
//!
//! ```text
//! embedded  our own server in this process (feature `embedded`)
//! log       writes events to the log, delivers nothing
//! null      accepts everything, delivers nothing
//! pusher    hosted Pusher, or any server with its HTTP API (feature `pusher`)
//! ably      Ably, by its REST API (feature `ably`)
//! handle    a driver as an authorisation handler sees it
//! token     tokens, for drivers whose clients are admitted by one
//! ```

#[cfg(feature = "ably")]
pub(crate) mod ably;
#[cfg(feature = "embedded")]
pub(crate) mod embedded;
mod encryption;
mod handle;
mod log;
#[cfg(feature = "encryption")]
mod master_key;
mod null;
#[cfg(feature = "pusher")]
pub(crate) mod pusher;
mod token;

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
#[cfg(feature = "ably")]
use std::sync::OnceLock;

use axum::Router;
#[cfg(feature = "testing")]
use skywave_engine::Except;
#[cfg(feature = "_http")]
pub use skywave_http_client::HttpError;
#[cfg(feature = "webhooks")]
pub use skywave_protocol::WebhookKind;
pub use skywave_protocol::{ChannelName, EventName, Limits, SocketId};
#[cfg(all(feature = "embedded", not(feature = "testing")))]
use skywave_server::Except;
#[cfg(feature = "webhooks")]
pub use skywave_server::WebhookEndpoint;

#[cfg(feature = "ably")]
pub use self::ably::{Ably, AblyError, AblyNames, AblyToken};
#[cfg(feature = "embedded")]
pub use self::embedded::Embedded;
pub use self::encryption::Encryption;
pub(crate) use self::encryption::{sealed, unlocked};
pub use self::handle::DriverHandle;
pub use self::log::Log;
#[cfg(feature = "encryption")]
pub use self::master_key::MasterKey;
pub use self::null::Null;
#[cfg(feature = "pusher")]
pub use self::pusher::{
    BatchEvent, CachedEvent, ChannelAttribute, ChannelInfo, ChannelState, Pusher, PusherApi,
};
pub use self::token::{Grant, SignToken, Token};
use crate::authorize::AuthReply;
use crate::client_options::{ClientOptions, Page};
use crate::connection::{Connection, ConnectionKey};
use crate::error::BoxError;
use crate::report::Skipped;

/// The future of [`Driver::publish`]: boxed, because drivers are chosen by name at run time.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A delivery backend.
///
/// Signing is local computing, so only [`publish`](Self::publish) is asynchronous.
pub trait Driver: Send + Sync + 'static {
    /// Takes the event for all channels of the envelope, or for none of them: `Ok` means that the
    /// event is on its way to every channel, an error that it is on its way to none. A backend that
    /// cannot take all channels at once says in the error which it
    /// [had taken](DriverError::after_sending_to).
    ///
    /// # Errors
    ///
    /// Whatever keeps the backend from accepting the event.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped before it is ready, the event may have been accepted or not.
    fn publish<'a>(&'a self, envelope: &'a Envelope) -> BoxFuture<'a, Result<(), DriverError>>;

    /// Signs that the connection `socket_id` may subscribe to `channel`. For a presence channel
    /// `channel_data` is the member as JSON text; exactly these bytes are signed and returned
    /// (Channels protocol, "Authorizing users").
    ///
    /// # Errors
    ///
    /// Whatever keeps the driver from signing.
    fn authorize(
        &self,
        socket_id: SocketId,
        channel: &ChannelName,
        channel_data: Option<&str>,
    ) -> Result<AuthReply, DriverError>;

    /// Signs that the connection `socket_id` is the user of `user_data`, JSON text with an `id`
    /// (Channels protocol, "Authenticating users").
    ///
    /// # Errors
    ///
    /// Whatever keeps the driver from signing.
    fn authenticate(&self, socket_id: SocketId, user_data: &str) -> Result<AuthReply, DriverError>;

    /// What a page passes to its client so that it reaches this driver's server. Where the page
    /// asks for authorisation is added by the broadcaster.
    fn client_options(&self, page: &Page) -> ClientOptions;

    /// Routes that the driver needs in the application's router. At most one driver of a
    /// broadcaster may bring routes.
    fn routes(&self) -> Option<Router> {
        None
    }

    /// Whether the driver can keep an event from this connection, as
    /// [`to_others`](crate::Sending::to_others) asks. If not, the sending fails before it comes to
    /// the driver. By default it can for every [`SocketId`], which it then finds in
    /// [`Envelope::except`]; keys are in [`Envelope::except_key`].
    fn can_leave_out(&self, connection: &Connection) -> bool {
        matches!(connection, Connection::SocketId(_))
    }

    /// Whether the driver can keep an event from all connections of a user, as
    /// [`to_other_users`](crate::Sending::to_other_users) asks. If not, the sending fails before it
    /// comes to the driver. By default it cannot; one that can finds the user in
    /// [`Envelope::except_user`].
    fn can_leave_out_users(&self) -> bool {
        false
    }

    /// For drivers whose clients ask for one token, where those of the Channels protocol ask for a
    /// signature per channel: what signs it. By default there is none.
    fn tokens(&self) -> Option<&dyn SignToken> {
        None
    }

    /// Hears of the channels that an event meant for this driver was not sent to, and why; by
    /// default it does not care. They are in the sender's [`Report`](crate::Report) and in the log
    /// already.
    fn skipped(&self, event: &EventName, skipped: &[Skipped]) {
        let _ = (event, skipped);
    }

    /// What becomes of data for encrypted channels before it gets here. By default they cannot be
    /// sent to.
    fn encryption(&self) -> Encryption {
        Encryption::Unavailable
    }

    /// What the backend takes; by default, what the hosted service documents.
    fn limits(&self) -> Limits {
        Limits::default()
    }
}

/// What [`Builder::driver`](crate::Builder::driver) takes: a [`Driver`], or the settings of one
/// that has to be started first.
pub trait IntoDriver: Send + 'static {
    /// Checks the settings and starts the driver.
    ///
    /// # Errors
    ///
    /// A mistake in the settings, or whatever keeps the driver from starting.
    fn into_driver(self) -> Result<Arc<dyn Driver>, DriverError>;
}

impl<D: Driver> IntoDriver for D {
    fn into_driver(self) -> Result<Arc<dyn Driver>, DriverError> {
        Ok(Arc::new(self))
    }
}

/// Whether a setting is one of the documents' placeholders: `29382xx..`, `api:key`.
#[cfg(any(feature = "config", feature = "embedded", feature = "_http"))]
pub(crate) fn is_placeholder(value: &str) -> bool {
    // Not a path such as `../..`.
    let dots = value.ends_with("..") && value != ".." && !value.ends_with("/..");
    dots || value == "api:key"
}

/// One event on its way to a driver: checked, and encoded once.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Envelope {
    /// Where it goes: at least one channel, each once, no more than [`Driver::limits`] allow.
    pub channels: Vec<ChannelName>,
    /// Its name.
    pub event: EventName,
    /// Its data as JSON text, [encrypted](Driver::encryption) if the channel is.
    pub data: String,
    /// The connection that does not get it.
    pub except: Option<SocketId>,
    /// The same for a connection with a key; only for drivers that
    /// [can leave it out](Driver::can_leave_out).
    pub except_key: Option<ConnectionKey>,
    /// The id of the user none of whose connections gets it; only for drivers that
    /// [can leave out users](Driver::can_leave_out_users). The connection in
    /// [`except`](Self::except), if there is one, does not get it either.
    pub except_user: Option<String>,
    /// Its identity, once a driver has given it one: the same whenever the envelope is sent again.
    #[cfg(feature = "ably")]
    pub(crate) id: OnceLock<String>,
}

#[cfg(any(feature = "embedded", feature = "testing"))]
impl Envelope {
    /// Who does not get it, as the engine takes it.
    pub(crate) fn excluded(&self) -> Option<Except<'_>> {
        match (self.except_user.as_deref(), self.except) {
            (Some(user), Some(socket_id)) => Some(Except::UserAt(user, socket_id)),
            (Some(user), None) => Some(Except::User(user)),
            (None, socket_id) => socket_id.map(Except::Connection),
        }
    }
}

/// Why a driver could not do what it was asked: a text, and the error behind it if there is one.
#[derive(Debug)]
pub struct DriverError {
    message: String,
    source: Option<BoxError>,
    sent_to: Vec<ChannelName>,
}

impl DriverError {
    /// An error of this text.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            source: None,
            sent_to: Vec::new(),
        }
    }

    /// The same with the error that caused it, kept as its source.
    #[must_use]
    pub fn caused_by(self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self {
            source: Some(source.into()),
            ..self
        }
    }

    /// The same for a driver that could not send to all channels at once, and had sent to these
    /// before it failed.
    #[must_use]
    pub fn after_sending_to(self, channels: Vec<ChannelName>) -> Self {
        Self {
            sent_to: channels,
            ..self
        }
    }

    /// The channels that the event was sent to all the same. Mostly there are none.
    #[must_use]
    pub fn sent_to(&self) -> &[ChannelName] {
        &self.sent_to
    }
}

impl fmt::Display for DriverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match self.sent_to.as_slice() {
            [] => Ok(()),
            [only] => write!(f, " (after sending to `{only}`)"),
            [first, .., last] => {
                let count = self.sent_to.len();
                write!(
                    f,
                    " (after sending to {count} channels, `{first}` to `{last}`)"
                )
            }
        }
    }
}

impl StdError for DriverError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source
            .as_ref()
            .map(|source| source.as_ref() as &(dyn StdError + 'static))
    }
}
