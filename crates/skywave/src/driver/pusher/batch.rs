//! Many events at once (HTTP API, "POST batch events"), and events for one user.

use serde::Serialize;
use skywave_protocol::{ChannelKind, ChannelName, EventName, Limits, NameError, SocketId};

use super::PusherApi;
use super::deliver::Event;
use crate::driver::{DriverError, sealed};
use crate::error::{BoxError, Error};

/// One event of a [batch](PusherApi::publish_batch).
#[derive(Debug)]
pub struct BatchEvent {
    channel: String,
    event: String,
    data: Result<String, BoxError>,
    except: Option<SocketId>,
}

impl BatchEvent {
    /// An event for one channel, by the channel's full name.
    pub fn new(channel: impl Into<String>, event: impl Into<String>, data: impl Serialize) -> Self {
        Self {
            channel: channel.into(),
            event: event.into(),
            data: serde_json::to_string(&data).map_err(BoxError::from),
            except: None,
        }
    }

    /// To everyone but this connection.
    #[must_use]
    pub fn except(self, socket_id: SocketId) -> Self {
        Self {
            except: Some(socket_id),
            ..self
        }
    }

    fn checked(self, api: &PusherApi) -> Result<Entry, Error> {
        let limits = api.request_limits();
        let channel = checked_channel(&self.channel, limits)?;
        let event = self.event;
        EventName::parse(&event).map_err(|problem| Error::InvalidEvent {
            name: event.clone(),
            problem,
        })?;
        let data = self.data.map_err(|source| Error::Unserialisable {
            event: event.clone(),
            source,
        })?;
        let data = sealed(("pusher", api), std::slice::from_ref(&channel), data)?;
        let (bytes, limit) = (data.len(), limits.event_bytes);
        if bytes > limit {
            return Err(Error::TooLarge {
                event,
                bytes,
                limit,
            });
        }
        Ok(Entry {
            channel,
            name: event,
            data,
            socket_id: self.except.as_ref().map(SocketId::to_string),
        })
    }
}

/// The same as it travels.
#[derive(Serialize)]
struct Entry {
    channel: ChannelName,
    name: String,
    data: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    socket_id: Option<String>,
}

#[derive(Serialize)]
struct Batch<'a> {
    batch: &'a [Entry],
}

impl PusherApi {
    /// Publishes different events to different channels, ten in a request, in the order given. All
    /// are checked before the first request.
    ///
    /// Unlike a [`Broadcast`](crate::Broadcast) it is on nobody's behalf, so nothing is skipped.
    ///
    /// # Errors
    ///
    /// What a sending's [`Error`] may be. After a failed request [`Error::sent_to`] has the
    /// channels of the events before it, one per event; those after it were not sent.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready, some of the events were sent.
    pub async fn publish_batch(
        &self,
        events: impl IntoIterator<Item = BatchEvent>,
    ) -> Result<(), Error> {
        let entries: Vec<_> = events
            .into_iter()
            .map(|event| event.checked(self))
            .collect::<Result<_, _>>()?;
        let mut sent = Vec::new();
        for batch in entries.chunks(EVENTS_PER_BATCH) {
            let failed = |error: DriverError, sent| Error::Driver {
                driver: "pusher".to_owned(),
                source: error.after_sending_to(sent),
            };
            let body = match serde_json::to_vec(&Batch { batch }) {
                Ok(body) => body,
                Err(error) => {
                    let error = DriverError::new("the batch cannot be written").caused_by(error);
                    return Err(failed(error, sent));
                }
            };
            if let Err(error) = self.post("/batch_events", body).await {
                let error = DriverError::new("the request failed").caused_by(error);
                return Err(failed(error, sent));
            }
            sent.extend(batch.iter().map(|entry| entry.channel.clone()));
        }
        Ok(())
    }

    /// Publishes an event to all connections that are signed in as this user.
    ///
    /// # Errors
    ///
    /// As for [`publish_batch`](Self::publish_batch).
    pub async fn send_to_user(
        &self,
        user_id: &str,
        event: impl Into<String>,
        data: impl Serialize,
    ) -> Result<(), Error> {
        let channel = format!("{}{user_id}", ChannelKind::ServerToUser.prefix());
        let entry = BatchEvent::new(channel, event, data).checked(self)?;
        let channels = [entry.channel];
        let event = Event::new(&entry.name, &entry.data, &channels);
        let published = self.publish_event(&event).await;
        published.map_err(|source| Error::Driver {
            driver: "pusher".to_owned(),
            source,
        })
    }
}

/// The name as the protocol and the server take it.
pub(super) fn checked_channel(name: &str, limits: &Limits) -> Result<ChannelName, Error> {
    let limit = limits.channel_name_bytes.min(ChannelName::MAX_LENGTH);
    let checked = if name.len() > limit {
        let length = name.len();
        Err(NameError::TooLong { length, limit })
    } else {
        ChannelName::parse(name)
    };
    checked.map_err(|problem| Error::InvalidChannel {
        name: name.to_owned(),
        problem,
    })
}

/// What the HTTP API takes in one request.
const EVENTS_PER_BATCH: usize = 10;
