//! What sends: [`Broadcast`], bound to an actor and, in a request, to its connection.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;
use serde::Serialize;
use skywave_protocol::SocketId;

use crate::actor::Actor;
use crate::authorize::InvalidRequest;
use crate::broadcaster::Broadcaster;
use crate::channel::IntoChannels;
use crate::connection::Connection;
use crate::driver::Driver;
use crate::driver::IntoDriver;
use crate::error::Error;
use crate::event::CanBroadcast;
use crate::sending::Sending;
use crate::to::To;

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
    pub(crate) connection: Option<Connection>,
    /// The names of the drivers; `None` is the default driver.
    drivers: Option<Vec<String>>,
}

impl Broadcast {
    pub(crate) fn new(
        broadcaster: Broadcaster,
        actor: Actor,
        connection: Option<Connection>,
    ) -> Self {
        Self {
            broadcaster,
            actor,
            connection,
            drivers: None,
        }
    }

    /// The same with another driver. Whether there is one of this name is told by the sending.
    #[must_use]
    pub fn driver(&self, name: impl Into<String>) -> Self {
        self.drivers([name])
    }

    /// The same with several drivers: every event goes through each of them, in this order.
    ///
    /// Everything is checked for all drivers before the first is called. They are independent all
    /// the same: one that fails does not keep the others from sending, and
    /// [`Error::SomeDrivers`](crate::Error::SomeDrivers) says which did.
    ///
    /// ```
    /// # use skywave::{Broadcast, Error};
    /// async fn everywhere(broadcast: Broadcast) -> Result<(), Error> {
    ///     broadcast.drivers(["embedded", "ably"]).to("news").message("hello").await?;
    ///     Ok(())
    /// }
    /// ```
    #[must_use]
    pub fn drivers<N: Into<String>>(&self, names: impl IntoIterator<Item = N>) -> Self {
        Self {
            drivers: Some(names.into_iter().map(N::into).collect()),
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

    /// Sends an event that knows its channels, its name and its data, if its
    /// [condition](CanBroadcast::broadcast_when) holds.
    pub fn emit(&self, event: impl CanBroadcast) -> Sending {
        if !event.broadcast_when() {
            let sending = self.to(event.broadcast_on());
            return sending.event(event.broadcast_as(), ()).unwanted();
        }
        self.to(event.broadcast_on())
            .event(event.broadcast_as(), event.broadcast_with())
    }

    /// The drivers with their names, each once.
    pub(crate) fn chosen(&self) -> Result<Vec<NamedDriver<'_>>, Error> {
        let Some(names) = &self.drivers else {
            return Ok(vec![self.broadcaster.chosen(None)?]);
        };
        let mut chosen: Vec<(&str, _)> = Vec::with_capacity(names.len());
        for name in names {
            if !chosen.iter().any(|(known, _)| known == name) {
                chosen.push(self.broadcaster.chosen(Some(name))?);
            }
        }
        if chosen.is_empty() {
            let known = self.broadcaster.driver_names();
            return Err(Error::NoDrivers { known });
        }
        Ok(chosen)
    }

    /// On whose behalf it sends.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The connection that the request came from, as its `X-Socket-ID` header says, if it has a
    /// socket id.
    #[must_use]
    pub fn socket_id(&self) -> Option<SocketId> {
        self.connection.as_ref().and_then(Connection::socket_id)
    }

    /// The connection that the request came from, as its `X-Socket-ID` header says.
    #[must_use]
    pub fn connection(&self) -> Option<&Connection> {
        self.connection.as_ref()
    }
}

impl<S> FromRequestParts<S> for Broadcast
where
    S: Send + Sync,
    Broadcaster: FromRef<S>,
{
    type Rejection = InvalidRequest;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, InvalidRequest> {
        let broadcaster = Broadcaster::from_ref(state);
        Self::bound(broadcaster, parts.clone()).await
    }
}

impl Broadcast {
    /// What sends on behalf of a request's user, and knows its connection.
    pub(crate) async fn bound(
        broadcaster: Broadcaster,
        parts: Parts,
    ) -> Result<Self, InvalidRequest> {
        let connection = match parts.headers.get(SOCKET_ID) {
            None => None,
            Some(value) => {
                let connection = Connection::parse(value.to_str().unwrap_or_default());
                Some(connection.map_err(|problem| {
                    InvalidRequest::unprocessable(format!("header `{SOCKET_ID}`: {problem}"))
                })?)
            }
        };
        let user = broadcaster.authoriser().user_id(parts).await;
        Ok(Self::new(
            broadcaster,
            user.map_or(Actor::Visitor, Actor::User),
            connection,
        ))
    }
}

/// A driver with its name.
pub(crate) type NamedDriver<'a> = (&'a str, &'a Arc<dyn Driver>);

/// The header in which a page names its own connection.
const SOCKET_ID: &str = "x-socket-id";
