//! The bodies of requests that publish: `POST /apps/ID/events` and `POST /apps/ID/batch_events`.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::json::object;
use crate::{ChannelName, EventName, Limits, Rejection, SocketId};

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
#[derive(Deserialize)]
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
