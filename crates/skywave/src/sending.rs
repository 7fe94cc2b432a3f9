//! One sending: its steps ([`To`]), and the checks between the application and the driver
//! ([`Sending`]).
//!
//! Data is encoded when the sending is made, so that a value need not live until the `await`.
//! Awaiting checks everything first (driver, channels, event name, size), then leaves out what the
//! actor may not send to, and calls the driver once for all remaining channels: an event goes out
//! whole or not at all.

use std::borrow::Cow;
use std::future::IntoFuture;

use serde::Serialize;
use skywave_protocol::{ChannelName, EventName, Limits, NameError};
use tracing::Instrument;

use crate::actor::Actor;
use crate::broadcast::Broadcast;
use crate::channel::Channel;
use crate::counters::Count;
use crate::driver::{BoxFuture, Envelope, sealed};
use crate::error::{BoxError, Error};
use crate::report::{Report, SkipReason, Skipped};
use crate::rule::PublishPrivate;

/// A sending that has its channels and wants to know what to send.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until an event or a message is added and awaited"]
pub struct To {
    broadcast: Broadcast,
    channels: Vec<Channel>,
    event: Cow<'static, str>,
}

impl To {
    pub(crate) fn new(broadcast: Broadcast, channels: Vec<Channel>) -> Self {
        Self {
            broadcast,
            channels,
            event: Cow::Borrowed(BASE_EVENT),
        }
    }

    /// An event with its name and data, which may be anything that serialises.
    pub fn event(self, name: impl Into<String>, data: impl Serialize) -> Sending {
        let Self {
            broadcast,
            channels,
            ..
        } = self;
        let data = serde_json::to_string(&data).map_err(BoxError::from);
        Sending {
            broadcast,
            channels,
            event: name.into(),
            data,
            to_others: false,
        }
    }

    /// Only a message, as event `base-event` unless it is [named](Self::named): text is sent as
    /// `{"message": text}`, every other value as it is.
    pub fn message(self, message: impl Serialize) -> Sending {
        let event = self.event.clone().into_owned();
        let mut sending = self.event(event, message);
        sending.data = sending.data.map(|data| {
            if data.starts_with('"') {
                format!("{{\"message\":{data}}}")
            } else {
                data
            }
        });
        sending
    }

    /// The name of the event that carries the message.
    pub fn named(self, event: impl Into<String>) -> Self {
        Self {
            event: Cow::Owned(event.into()),
            ..self
        }
    }
}

/// An event with everything it needs, to be awaited: `Ok` means that the driver accepted it for all
/// channels of the [`Report`].
///
/// # Errors
///
/// Any [`Error`]; then it was sent to no channel.
///
/// # Cancel safety
///
/// Dropped before it is ready, the event was sent to all channels or to none.
#[derive(Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct Sending {
    broadcast: Broadcast,
    channels: Vec<Channel>,
    event: String,
    /// JSON text.
    data: Result<String, BoxError>,
    to_others: bool,
}

impl Sending {
    /// Under another name.
    pub fn named(self, event: impl Into<String>) -> Self {
        Self {
            event: event.into(),
            ..self
        }
    }

    /// To everyone but the connection that the request came from: the one in its `X-Socket-ID`
    /// header. Without that header, and outside of requests, nobody is left out.
    pub fn to_others(self) -> Self {
        Self {
            to_others: true,
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

    async fn send(self) -> Result<Report, Error> {
        let Self {
            broadcast,
            channels,
            event,
            data,
            to_others,
        } = self;
        let (driver_name, driver) = broadcast.broadcaster.chosen(broadcast.driver.as_deref())?;
        let limits = driver.limits();
        broadcast.broadcaster.check_types(&channels)?;
        let channels = checked_channels(&event, channels, &limits)?;
        let name = EventName::parse(&event).map_err(|problem| Error::InvalidEvent {
            name: event.clone(),
            problem,
        })?;
        let data = data.map_err(|source| Error::Unserialisable {
            event: event.clone(),
            source,
        })?;
        let data = sealed((driver_name, driver.as_ref()), &channels, data)?;
        if data.len() > limits.event_bytes {
            let (bytes, limit) = (data.len(), limits.event_bytes);
            return Err(Error::TooLarge {
                event,
                bytes,
                limit,
            });
        }

        let mut report = Report::default();
        let mut allowed = Vec::with_capacity(channels.len());
        for name in channels {
            let channel = Channel::new(name.as_str());
            match broadcast.refusal(&name) {
                None => {
                    allowed.push(name);
                    report.sent.push(channel);
                }
                Some(reason) => {
                    tracing::warn!(%channel, event, "skipped a channel: {reason}");
                    broadcast.broadcaster.count(Count::Skipped);
                    report.skipped.push(Skipped { channel, reason });
                }
            }
        }
        if !report.skipped.is_empty() {
            driver.skipped(&name, &report.skipped);
        }
        if !allowed.is_empty() {
            let except = broadcast.socket_id.filter(|_| to_others);
            let envelope = Envelope {
                channels: allowed,
                event: name,
                data,
                except,
            };
            let span = tracing::debug_span!("publish", driver = driver_name, event);
            let published = driver.publish(&envelope).instrument(span).await;
            broadcast.broadcaster.count(match published {
                Ok(()) => Count::Published,
                Err(_) => Count::Failed,
            });
            published.map_err(|source| Error::Driver {
                driver: driver_name.to_owned(),
                source,
            })?;
        }
        Ok(report)
    }
}

impl IntoFuture for Sending {
    type Output = Result<Report, Error>;
    type IntoFuture = BoxFuture<'static, Result<Report, Error>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl Broadcast {
    /// Why the actor may not send to the channel. The kind decides, however the channel was named.
    fn refusal(&self, channel: &ChannelName) -> Option<SkipReason> {
        let visitor = self.actor == Actor::Visitor
            && self.broadcaster.publish_private() == PublishPrivate::LoggedIn;
        (visitor && channel.kind().needs_authorisation()).then_some(SkipReason::NotLoggedIn)
    }
}

/// The channels with valid names, each once, in the order given.
fn checked_channels(
    event: &str,
    channels: Vec<Channel>,
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

/// The event of a message without a name, as the documents' first versions had it.
const BASE_EVENT: &str = "base-event";
