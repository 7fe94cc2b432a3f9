//! What sends: [`Broadcast`], bound to an actor and, in a request, to its connection.

use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;
use serde::Serialize;
use skywave_protocol::SocketId;

use crate::actor::Actor;
use crate::authorize::InvalidRequest;
use crate::broadcaster::Broadcaster;
use crate::channel::IntoChannels;
use crate::driver::IntoDriver;
use crate::error::Error;
use crate::event::CanBroadcast;
use crate::sending::{Sending, To};

/// Sends events on behalf of an [`Actor`].
///
/// In a handler it is an extractor: the actor is the request's user, and [`to_others`] leaves out
/// the connection of the `X-Socket-ID` header. Outside of requests a [`Broadcaster`] makes one:
/// [`as_system`](Broadcaster::as_system), [`as_user`](Broadcaster::as_user). It can be moved into
/// tasks and stays bound to the request it came from.
///
/// Nothing is sent before the [`Sending`] is awaited:
///
/// ```
/// # use skywave::{Broadcast, Error};
/// # use serde_json::json;
/// async fn handler(broadcast: Broadcast) -> Result<(), Error> {
///     broadcast.channel(["c1", "c2"], "event_name", json!({ "key": "value" })).await?;
///     broadcast.to("c1").event("subscribed", json!({ "plan": "pro" })).to_others().await?;
///     broadcast.to("c1").message("hello").await?;
///     Ok(())
/// }
/// ```
///
/// [`to_others`]: Sending::to_others
#[derive(Clone, Debug)]
pub struct Broadcast {
    pub(crate) broadcaster: Broadcaster,
    pub(crate) actor: Actor,
    pub(crate) socket_id: Option<SocketId>,
    /// The driver's name; `None` is the default driver.
    pub(crate) driver: Option<String>,
}

impl Broadcast {
    pub(crate) fn new(broadcaster: Broadcaster, actor: Actor, socket_id: Option<SocketId>) -> Self {
        Self {
            broadcaster,
            actor,
            socket_id,
            driver: None,
        }
    }

    /// The same with another driver. Whether there is one of this name is told by the sending.
    #[must_use]
    pub fn driver(&self, name: impl Into<String>) -> Self {
        Self {
            driver: Some(name.into()),
            ..self.clone()
        }
    }

    /// The same with the driver that was given as a `D`, as in `driver_of::<Embedded>()`. Of several
    /// the default driver, else the first.
    ///
    /// # Errors
    ///
    /// [`Error::NoDriverOfType`] names the drivers there are.
    pub fn driver_of<D: IntoDriver>(&self) -> Result<Self, Error> {
        let name = self.broadcaster.name_of::<D>()?;
        Ok(self.driver(name))
    }

    /// Sends an event with its name and data: the documents' form of version 4.
    ///
    /// In debug builds data that is bare text is sent, but warned of: in the documents' first
    /// versions the message came before the name.
    pub fn channel(
        &self,
        channels: impl IntoChannels,
        event: impl Into<String>,
        data: impl Serialize,
    ) -> Sending {
        let sending = self.to(channels).event(event, data);
        if cfg!(debug_assertions) {
            sending.warn_of_bare_text();
        }
        sending
    }

    /// Starts a sending with the channels, one or several.
    pub fn to(&self, channels: impl IntoChannels) -> To {
        To::new(self.clone(), channels.into_channels())
    }

    /// Sends an event that knows its channels, its name and its data.
    pub fn emit(&self, event: impl CanBroadcast) -> Sending {
        self.to(event.broadcast_on())
            .event(event.broadcast_as(), event.broadcast_with())
    }

    /// On whose behalf it sends.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The connection that the request came from, as its `X-Socket-ID` header says.
    #[must_use]
    pub fn socket_id(&self) -> Option<SocketId> {
        self.socket_id
    }
}

impl<S> FromRequestParts<S> for Broadcast
where
    S: Send + Sync,
    Broadcaster: FromRef<S>,
{
    type Rejection = InvalidRequest;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, InvalidRequest> {
        let socket_id = match parts.headers.get(SOCKET_ID) {
            None => None,
            Some(value) => {
                let id = SocketId::parse(value.to_str().unwrap_or_default());
                Some(id.map_err(|problem| {
                    InvalidRequest::unprocessable(format!("header `{SOCKET_ID}`: {problem}"))
                })?)
            }
        };
        let broadcaster = Broadcaster::from_ref(state);
        let user = broadcaster.authoriser().user_id(parts.clone()).await;
        Ok(Self::new(
            broadcaster,
            user.map_or(Actor::Visitor, Actor::User),
            socket_id,
        ))
    }
}

/// The header in which a page names its own connection.
const SOCKET_ID: &str = "x-socket-id";
