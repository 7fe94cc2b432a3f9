//! One sending ([`Sending`]): the checks between the application and the driver.
//!
//! Data is encoded when the sending is made, so that a value need not live until the `await`.
//! Awaiting checks everything first (driver, channels, event name, size), then leaves out what the
//! actor may not send to, and calls the driver once for all remaining channels: an event goes out
//! whole or not at all. [`Sending::later`] checks the same and leaves the call to a
//! [queue](crate::later).

use std::future::IntoFuture;
use std::sync::Arc;
#[cfg(feature = "ably")]
use std::sync::OnceLock;

use serde::Serialize;
use skywave_protocol::{ChannelName, EventName, Limits, NameError};
use tracing::Instrument;

use crate::actor::Actor;
use crate::broadcast::{Broadcast, NamedDriver};
use crate::broadcaster::Broadcaster;
use crate::channel::Channel;
use crate::connection::{Connection, ConnectionKey};
use crate::counters::Count;
use crate::driver::{BoxFuture, Envelope, sealed};
use crate::error::{BoxError, Error, chain};
use crate::later::Delivery;
use crate::report::{DriverFailure, Report, SkipReason, Skipped};
use crate::rule::PublishPrivate;

/// An event with everything it needs, to be awaited: `Ok` means that the driver accepted it for all
/// channels of the [`Report`]. [`later`](Self::later) sends it in the background instead.
///
/// # Errors
///
/// Any [`Error`]; then it was sent to no channel, unless the error says otherwise.
///
/// # Cancel safety
///
/// Dropped before it is ready, the event was sent to all channels or to none, by every driver.
#[derive(Debug)]
#[must_use = "nothing is sent until it is awaited, or told to go `later`"]
pub struct Sending {
    broadcast: Broadcast,
    channels: Vec<Channel>,
    event: String,
    /// JSON text.
    data: Result<String, BoxError>,
    /// What is sent where the data is too large.
    smaller: Option<Result<String, BoxError>>,
    audience: Audience,
    or_log: bool,
    /// Whether the event's own condition holds.
    wanted: bool,
}

/// Which subscribers get an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Audience {
    Everyone,
    /// All but the request's connection.
    Others,
    /// All but those of the request's user, and the request's connection.
    OtherUsers,
}

impl Sending {
    /// An event with its data, to everyone.
    pub(crate) fn new(
        broadcast: Broadcast,
        channels: Vec<Channel>,
        event: String,
        data: Result<String, BoxError>,
    ) -> Self {
        Self {
            broadcast,
            channels,
            event,
            data,
            smaller: None,
            audience: Audience::Everyone,
            or_log: false,
            wanted: true,
        }
    }

    /// Under another name.
    pub fn named(self, event: impl Into<String>) -> Self {
        Self {
            event: event.into(),
            ..self
        }
    }

    /// To everyone but the connection that the request came from: the one in its `X-Socket-ID`
    /// header. Without that header, and outside of requests, nobody is left out. A connection that
    /// the driver cannot leave out, because it is one of another service, is an
    /// [error](Error::NotLeftOut).
    pub fn to_others(self) -> Self {
        Self {
            audience: Audience::Others,
            ..self
        }
    }

    /// To everyone but the user on whose behalf it is sent: to none of the user's connections that
    /// the server knows as theirs, which are those that have
    /// [signed in](crate::AuthRequest::User) and, on presence channels, those of the member with the
    /// user's id. Nor to the connection that the request came from, as
    /// [`to_others`](Self::to_others), in whose place it stands. A visitor's requests and the
    /// application itself have no user to be left out.
    ///
    /// It is for servers of ours; drivers for other ones answer with an [error](Error::NotLeftOut).
    pub fn to_other_users(self) -> Self {
        Self {
            audience: Audience::OtherUsers,
            ..self
        }
    }

    /// Does not let a driver that fails fail the caller: the failure is logged as an error and
    /// counted, and the [`Report`] has the channels as [skipped](SkipReason::DriverFailed). What is
    /// wrong with the event itself (names, size, an unknown driver) is an error all the same.
    ///
    /// [`Builder::driver_failure`](crate::Builder::driver_failure) says so for every sending.
    pub fn or_log(self) -> Self {
        Self {
            or_log: true,
            ..self
        }
    }

    /// What to send where the data has more bytes than the driver takes; without it that is an
    /// [error](Error::TooLarge). Mostly it is what a page needs to fetch the rest:
    ///
    /// ```
    /// # use skywave::{Broadcast, Error};
    /// # use serde_json::json;
    /// # #[derive(serde::Serialize)] struct Article { id: u64 }
    /// # async fn f(broadcast: Broadcast, article: Article) -> Result<(), Error> {
    /// broadcast
    ///     .channel("articles", "ArticleChanged", &article)
    ///     .if_too_large(json!({ "id": article.id, "fetch": true }))
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn if_too_large(self, data: impl Serialize) -> Self {
        Self {
            smaller: Some(serde_json::to_string(&data).map_err(BoxError::from)),
            ..self
        }
    }

    /// Sends it in the background: everything is checked now, the driver is called soon, and again
    /// if it fails. Does not wait. The [`Report`] has the channels that the event is queued for
    /// under `sent`.
    ///
    /// Events of one channel are sent in the order in which they were queued; they may be overtaken
    /// by events that are awaited. The queue is [bounded](crate::QueueSettings), and in memory:
    /// [`Broadcaster::close`](crate::Broadcaster::close) waits for it before the application ends,
    /// [`Broadcaster::queue`](crate::Broadcaster::queue) tells what became of it.
    ///
    /// # Errors
    ///
    /// Whatever awaiting reports before it calls the driver, and [`Error::NotQueued`] when the queue
    /// is full or closed, or there is no tokio runtime. After [`or_log`](Self::or_log) the latter is
    /// logged, too.
    pub fn later(self) -> Result<Report, Error> {
        let Prepared {
            broadcaster,
            report,
            deliveries,
            or_log,
        } = self.prepared()?;
        let Some(event) = deliveries.first().map(|d| d.envelope.event.to_string()) else {
            return Ok(report);
        };
        match broadcaster.put_in_queue(deliveries) {
            Ok(()) => Ok(report),
            Err(problem) => {
                let error = Error::NotQueued { event, problem };
                if !or_log {
                    return Err(error);
                }
                tracing::error!(error = %chain(&error), "a broadcast failed");
                Ok(report.unsent(SkipReason::NotQueued))
            }
        }
    }

    /// Not to be sent: the event's own condition does not hold.
    pub(crate) fn unwanted(self) -> Self {
        Self {
            wanted: false,
            ..self
        }
    }

    /// Warns when the arguments seem to be in the order of the documents' first versions.
    pub(crate) fn warn_of_bare_text(&self) {
        if self.data.as_ref().is_ok_and(|data| data.starts_with('"')) {
            tracing::warn!(
                event = self.event,
                "the data of an event is bare text; if it is meant to be the event's name: the \
                 order is channel(channels, event, data), and to(channels).message(text) sends text"
            );
        }
    }

    /// Checks everything, and leaves out what the actor may not send to.
    fn prepared(self) -> Result<Prepared, Error> {
        let broadcaster = self.broadcast.broadcaster.clone();
        broadcaster.check_types(&self.channels)?;
        let chosen = self.broadcast.chosen()?;
        let checked = chosen.into_iter().map(|driver| self.checked(driver));
        let checked = checked.collect::<Result<Vec<_>, _>>()?;

        let mut report = Report::default();
        let mut deliveries = Vec::with_capacity(checked.len());
        for (at, mut delivery) in checked.into_iter().enumerate() {
            let envelope = &mut delivery.envelope;
            // The same for every driver: they differ in their limits only.
            let skipped = self.leave_out(&mut envelope.channels, at == 0);
            if !skipped.is_empty() {
                delivery.driver.skipped(&envelope.event, &skipped);
            }
            if at == 0 {
                let sent = envelope.channels.iter();
                report.sent = sent.map(|name| Channel::new(name.as_str())).collect();
                report.skipped = skipped;
            }
            if !envelope.channels.is_empty() {
                deliveries.push(delivery);
            }
        }
        let or_log = self.or_log || broadcaster.driver_failure() == DriverFailure::Log;
        Ok(Prepared {
            broadcaster,
            report,
            deliveries,
            or_log,
        })
    }

    /// The event for one driver, within its limits.
    fn checked(&self, named: NamedDriver<'_>) -> Result<Delivery, Error> {
        let (driver_name, driver) = named;
        let limits = driver.limits();
        let channels = checked_channels(&self.event, &self.channels, &limits)?;
        let event = EventName::parse(&self.event).map_err(|problem| Error::InvalidEvent {
            name: self.event.clone(),
            problem,
        })?;
        let data = self.data_for(named, &channels, limits.event_bytes)?;
        let except = self.left_out(named)?;
        let envelope = Envelope {
            channels,
            event,
            data,
            except: except.and_then(Connection::socket_id),
            except_key: except.and_then(Connection::key).cloned(),
            except_user: self.user_left_out(named)?.map(str::to_owned),
            #[cfg(feature = "ably")]
            id: OnceLock::new(),
        };
        Ok(Delivery {
            driver_name: driver_name.to_owned(),
            driver: Arc::clone(driver),
            envelope,
        })
    }

    /// The connection that does not get the event, if the driver can leave it out.
    fn left_out(&self, (name, driver): NamedDriver<'_>) -> Result<Option<&Connection>, Error> {
        let connection = self.broadcast.connection.as_ref();
        let Some(connection) = connection.filter(|_| self.audience != Audience::Everyone) else {
            return Ok(None);
        };
        let client = connection.key().and_then(ConnectionKey::client_id);
        let reason = match (connection, client) {
            (Connection::SocketId(id), _) if !driver.can_leave_out(connection) => {
                format!("connections of driver `{name}` have no socket ids such as {id}")
            }
            (Connection::Key(_), _) if !driver.can_leave_out(connection) => {
                format!(
                    "connections of driver `{name}` have no keys such as the one in `x-socket-id`"
                )
            }
            // Whatever a page says, its request is not to speak for somebody else.
            (_, Some(client)) if self.broadcast.actor != Actor::User(client.to_owned()) => format!(
                "the connection is said to be of client `{client}`, the request is of {}",
                self.broadcast.actor
            ),
            _ => return Ok(Some(connection)),
        };
        Err(Error::NotLeftOut {
            event: self.event.clone(),
            driver: name.to_owned(),
            reason,
        })
    }

    /// The user none of whose connections gets the event, if the driver can leave them out.
    fn user_left_out(&self, (name, driver): NamedDriver<'_>) -> Result<Option<&str>, Error> {
        match (self.audience, &self.broadcast.actor) {
            (Audience::OtherUsers, Actor::User(_)) if !driver.can_leave_out_users() => {
                Err(Error::NotLeftOut {
                    event: self.event.clone(),
                    driver: name.to_owned(),
                    reason: format!(
                        "driver `{name}` cannot leave out all connections of a user, only one"
                    ),
                })
            }
            (Audience::OtherUsers, Actor::User(id)) => Ok(Some(id)),
            _ => Ok(None),
        }
    }

    /// The data, or what is to be sent in its place, encrypted if the channel is, if it has no more
    /// bytes than that.
    fn data_for(
        &self,
        (driver_name, driver): NamedDriver<'_>,
        channels: &[ChannelName],
        limit: usize,
    ) -> Result<String, Error> {
        let event = || self.event.clone();
        let mut bytes = 0;
        let choices = [Some(&self.data), self.smaller.as_ref()];
        for data in choices.into_iter().flatten() {
            let data = data.as_ref().map_err(|source| Error::Unserialisable {
                event: event(),
                source: source.to_string().into(),
            })?;
            let data = sealed((driver_name, driver.as_ref()), channels, data.clone())?;
            if data.len() <= limit {
                return Ok(data);
            }
            bytes = data.len();
        }
        Err(Error::TooLarge {
            event: event(),
            bytes,
            limit,
        })
    }

    /// Takes out the channels that the event does not go to. `first` is when that is news.
    fn leave_out(&self, channels: &mut Vec<ChannelName>, first: bool) -> Vec<Skipped> {
        let mut skipped = Vec::new();
        channels.retain(|name| {
            let Some(reason) = self.refusal(name) else {
                return true;
            };
            let channel = Channel::new(name.as_str());
            if first {
                let event = &self.event;
                match reason {
                    SkipReason::Condition => {
                        tracing::debug!(%channel, event, "skipped a channel: {reason}");
                    }
                    _ => tracing::warn!(%channel, event, "skipped a channel: {reason}"),
                }
                self.broadcast.broadcaster.count(Count::Skipped);
            }
            skipped.push(Skipped { channel, reason });
            false
        });
        skipped
    }

    /// Why the event is not sent to the channel. The kind decides, however the channel was named.
    fn refusal(&self, channel: &ChannelName) -> Option<SkipReason> {
        if !self.wanted {
            return Some(SkipReason::Condition);
        }
        let visitor = self.broadcast.actor == Actor::Visitor
            && self.broadcast.broadcaster.publish_private() == PublishPrivate::LoggedIn;
        (visitor && channel.kind().needs_authorisation()).then_some(SkipReason::NotLoggedIn)
    }
}

/// An event that was checked: what is left to do is calling the drivers.
struct Prepared {
    broadcaster: Broadcaster,
    report: Report,
    /// For every driver, unless there is nothing to send.
    deliveries: Vec<Delivery>,
    or_log: bool,
}

impl Prepared {
    async fn send(self) -> Result<Report, Error> {
        let mut accepted = Vec::new();
        let mut failed = Vec::new();
        for Delivery {
            driver_name,
            driver,
            envelope,
        } in self.deliveries
        {
            let span =
                tracing::debug_span!("publish", driver = driver_name, event = %envelope.event);
            match driver.publish(&envelope).instrument(span).await {
                Ok(()) => {
                    self.broadcaster.count(Count::Published);
                    accepted.push(driver_name);
                }
                Err(source) => {
                    self.broadcaster.count(Count::Failed);
                    failed.push((driver_name, source));
                }
            }
        }
        let Some(error) = Error::of_drivers(accepted.clone(), failed) else {
            return Ok(self.report);
        };
        if !self.or_log {
            return Err(error);
        }
        tracing::error!(error = %chain(&error), "a broadcast failed");
        match accepted.as_slice() {
            [] => Ok(self.report.unsent(SkipReason::DriverFailed)),
            _ => Ok(self.report),
        }
    }
}

impl IntoFuture for Sending {
    type Output = Result<Report, Error>;
    type IntoFuture = BoxFuture<'static, Result<Report, Error>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.prepared()?.send().await })
    }
}

/// The channels with valid names, each once, in the order given.
fn checked_channels(
    event: &str,
    channels: &[Channel],
    limits: &Limits,
) -> Result<Vec<ChannelName>, Error> {
    let mut names: Vec<ChannelName> = Vec::with_capacity(channels.len());
    for channel in channels {
        let name =
            checked_name(channel.name(), limits).map_err(|problem| Error::InvalidChannel {
                name: channel.name().to_owned(),
                problem,
            })?;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let (count, limit) = (names.len(), limits.channels_per_event);
    match count {
        0 => Err(Error::NoChannels {
            event: event.to_owned(),
        }),
        _ if count > limit => Err(Error::TooManyChannels {
            event: event.to_owned(),
            count,
            limit,
        }),
        _ => Ok(names),
    }
}

fn checked_name(name: &str, limits: &Limits) -> Result<ChannelName, NameError> {
    let limit = limits.channel_name_bytes.min(ChannelName::MAX_LENGTH);
    if name.len() > limit {
        return Err(NameError::TooLong {
            length: name.len(),
            limit,
        });
    }
    ChannelName::parse(name)
}
