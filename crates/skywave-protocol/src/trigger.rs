//! The bodies of requests that publish: `POST /apps/ID/events` and `POST /apps/ID/batch_events`.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};

use crate::json::object;
use crate::{ChannelName, EventName, Limits, Rejection, SocketId, VerifiedRequest};

/// An event to publish. Channels HTTP API, "POST event".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriggerRequest {
    /// The event's name.
    pub name: EventName,
    /// The event's data, delivered as it is.
    pub data: String,
    /// The channels to publish on, at least one and each once, in the order sent.
    pub channels: Vec<ChannelName>,
    /// The connection that is not to receive the event.
    pub socket_id: Option<SocketId>,
    /// What the answer should say about the channels.
    pub info: Info,
}

/// The attributes of channels that a request asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// Distinct members of presence channels.
    pub user_count: bool,
    /// Subscribed connections.
    pub subscription_count: bool,
    /// What a cache channel holds; only in questions about a single channel.
    pub cache: bool,
}

impl TriggerRequest {
    /// Reads the body. Either `channels` or `channel` says where the event goes.
    ///
    /// # Errors
    ///
    /// [`Rejection::InvalidBody`] if it is not a JSON object, [`Rejection::MissingField`] and
    /// [`Rejection::InvalidField`] with the field's name, and what breaks `limits`:
    /// [`Rejection::InvalidEventName`], [`Rejection::EventTooLarge`],
    /// [`Rejection::TooManyChannels`], [`Rejection::InvalidChannelName`].
    pub fn parse(body: &[u8], limits: &Limits) -> Result<Self, Rejection> {
        Self::of(&parse_object(body)?, limits)
    }

    /// Reads an event from a verified request: what its body does not say may stand in its query, as
    /// `name`, `data`, `channel` or the list `channels[]`, `socket_id` and `info`.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn parse_request(
        request: &VerifiedRequest<'_, '_>,
        body: &[u8],
        limits: &Limits,
    ) -> Result<Self, Rejection> {
        let query = Query::of(request)?;
        // Whoever says all in the query sends no body.
        let body = if body.is_empty() { b"{}" } else { body };
        let mut fields: Body<'_> = parse_object(body)?;
        query.complete(&mut fields);
        Self::of(&fields, limits)
    }

    /// Reads a request of the older form `POST /apps/ID/channels/NAME/events`: name and exclusion are
    /// in the query, and the whole body is the event's data. Channels HTTP API, deprecated.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse), and [`Rejection::InvalidBody`] if the body is not text.
    pub fn parse_deprecated(
        request: &VerifiedRequest<'_, '_>,
        channel: &str,
        body: &[u8],
        limits: &Limits,
    ) -> Result<Self, Rejection> {
        let data = str::from_utf8(body).map_err(|_| Rejection::InvalidBody {
            reason: "expected UTF-8".into(),
        })?;
        let mut query = Query::of(request)?;
        query.data = json(data);
        query.channel = json(channel);
        query.channels = None;
        let mut fields = Body::default();
        query.complete(&mut fields);
        Self::of(&fields, limits)
    }

    /// Reads the body of a batch, `{"batch": [event, ..]}`, each event as in [`parse`](Self::parse).
    /// Channels HTTP API, "POST batch events".
    ///
    /// # Errors
    ///
    /// As there for the first event that is wrong, and [`Rejection::BatchTooLarge`].
    pub fn parse_batch(body: &[u8], limits: &Limits) -> Result<Vec<Self>, Rejection> {
        const LIST: &str = "a list of events";
        const ONE: &str = "one channel, as the event is in a batch";
        let Batch { batch } = parse_object(body)?;
        let events: Vec<&RawValue> = match batch {
            None => return Err(Rejection::MissingField { field: "batch" }),
            Some(json) => {
                serde_json::from_str(json.get()).map_err(|_| Rejection::InvalidField {
                    field: "batch",
                    expected: LIST,
                })?
            }
        };
        if events.len() > limits.events_per_batch {
            let (given, limit) = (events.len(), limits.events_per_batch);
            return Err(Rejection::BatchTooLarge { given, limit });
        }
        events
            .iter()
            .map(|event| {
                let event = Self::of(&parse_object(event.get().as_bytes())?, limits)?;
                match event.channels[..] {
                    [_] => Ok(event),
                    _ => Err(Rejection::InvalidField {
                        field: "channels",
                        expected: ONE,
                    }),
                }
            })
            .collect()
    }

    fn of(body: &Body<'_>, limits: &Limits) -> Result<Self, Rejection> {
        let name: String = required("name", "a string", body.name)?;
        let name = limits.event_name(&name)?;
        let channels = channels(body, limits)?;
        let data: String = required("data", "a string", body.data)?;
        limits.event_data(&data)?;
        let socket_id = optional("socket_id", SOCKET_ID, body.socket_id)?
            .map(|text: String| SocketId::parse(&text))
            .transpose()
            .map_err(|_| Rejection::InvalidField {
                field: "socket_id",
                expected: SOCKET_ID,
            })?;
        let info = optional("info", "a comma-separated list", body.info)?
            .map(|list: String| Info::of_event(&list))
            .unwrap_or_default();
        Ok(Self {
            name,
            data,
            channels,
            socket_id,
            info,
        })
    }
}

impl Info {
    /// What a question asks for: a comma-separated list.
    ///
    /// # Errors
    ///
    /// [`Rejection::InvalidInfo`] for an attribute that channels do not have.
    pub fn of_question(list: &str) -> Result<Self, Rejection> {
        let known =
            |asked: &str| matches!(asked.trim(), "user_count" | "subscription_count" | "cache");
        if list.is_empty() || list.split(',').all(known) {
            Ok(Self::of_event(list))
        } else {
            Err(Rejection::InvalidInfo)
        }
    }

    /// Attributes that are not known, or do not apply, are left out of the answer to an event.
    fn of_event(list: &str) -> Self {
        let asks_for = |attribute| list.split(',').any(|asked| asked.trim() == attribute);
        Self {
            user_count: asks_for("user_count"),
            subscription_count: asks_for("subscription_count"),
            cache: asks_for("cache"),
        }
    }
}

/// The events of a batch, not read yet.
#[derive(Deserialize)]
#[serde(expecting = "a JSON object")]
struct Batch<'a> {
    #[serde(borrow)]
    batch: Option<&'a RawValue>,
}

fn parse_object<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Rejection> {
    let invalid = |reason| Rejection::InvalidBody { reason };
    let body = str::from_utf8(body).map_err(|_| invalid("expected UTF-8".into()))?;
    object(body).map_err(invalid)
}

/// The fields as JSON, so that one of the wrong type can be named.
#[derive(Default, Deserialize)]
#[serde(expecting = "a JSON object")]
struct Body<'a> {
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    channels: Option<&'a RawValue>,
    #[serde(borrow)]
    channel: Option<&'a RawValue>,
    #[serde(borrow)]
    socket_id: Option<&'a RawValue>,
    #[serde(borrow)]
    info: Option<&'a RawValue>,
}

/// The same fields, as far as they stand in the query.
struct Query {
    name: Option<Box<RawValue>>,
    data: Option<Box<RawValue>>,
    channels: Option<Box<RawValue>>,
    channel: Option<Box<RawValue>>,
    socket_id: Option<Box<RawValue>>,
    info: Option<Box<RawValue>>,
}

impl Query {
    fn of(request: &VerifiedRequest<'_, '_>) -> Result<Self, Rejection> {
        const TEXT: &str = "UTF-8";
        let text = |field, value: Cow<'_, [u8]>| {
            let invalid = |_| Rejection::InvalidField {
                field,
                expected: TEXT,
            };
            String::from_utf8(value.into_owned()).map_err(invalid)
        };
        let one = |field| {
            let value = request.value(field).map(|value| text(field, value));
            Ok(value.transpose()?.and_then(json))
        };
        let channels: Vec<String> = request
            .list("channels")
            .into_iter()
            .map(|value| text("channels", value))
            .collect::<Result<_, _>>()?;
        let channels = if channels.is_empty() {
            one("channels")?
        } else {
            json(channels)
        };
        Ok(Self {
            name: one("name")?,
            data: one("data")?,
            channels,
            channel: one("channel")?,
            socket_id: one("socket_id")?,
            info: one("info")?,
        })
    }

    /// Fills in what the body does not say.
    fn complete<'a>(&'a self, body: &mut Body<'a>) {
        body.name = body.name.or(self.name.as_deref());
        body.data = body.data.or(self.data.as_deref());
        // A body that names channels in either way is not added to.
        if body.channels.is_none() && body.channel.is_none() {
            body.channels = self.channels.as_deref();
            body.channel = self.channel.as_deref();
        }
        body.socket_id = body.socket_id.or(self.socket_id.as_deref());
        body.info = body.info.or(self.info.as_deref());
    }
}

fn json(value: impl serde::Serialize) -> Option<Box<RawValue>> {
    to_raw_value(&value).ok()
}

fn channels(body: &Body<'_>, limits: &Limits) -> Result<Vec<ChannelName>, Rejection> {
    const LIST: &str = "a list of at least one channel name";
    let names: Vec<String> = match optional("channels", LIST, body.channels)? {
        Some(names) => names,
        None => match optional("channel", "a string", body.channel)? {
            Some(name) => vec![name],
            None => return Err(Rejection::MissingField { field: "channels" }),
        },
    };
    if names.is_empty() {
        return Err(Rejection::InvalidField {
            field: "channels",
            expected: LIST,
        });
    }
    if names.len() > limits.channels_per_event {
        let (given, limit) = (names.len(), limits.channels_per_event);
        return Err(Rejection::TooManyChannels { given, limit });
    }
    let mut channels = Vec::with_capacity(names.len());
    for name in &names {
        let channel = limits.channel_name(name)?;
        if !channels.contains(&channel) {
            channels.push(channel);
        }
    }
    Ok(channels)
}

fn required<T: DeserializeOwned>(
    field: &'static str,
    expected: &'static str,
    json: Option<&RawValue>,
) -> Result<T, Rejection> {
    optional(field, expected, json)?.ok_or(Rejection::MissingField { field })
}

fn optional<T: DeserializeOwned>(
    field: &'static str,
    expected: &'static str,
    json: Option<&RawValue>,
) -> Result<Option<T>, Rejection> {
    let invalid = |_| Rejection::InvalidField { field, expected };
    json.map(|json| serde_json::from_str(json.get()).map_err(invalid))
        .transpose()
}

const SOCKET_ID: &str = "a socket id such as 1234.5678";
