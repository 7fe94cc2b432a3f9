//! The bodies of requests that publish: `POST /apps/ID/events` and `POST /apps/ID/batch_events`.

use std::borrow::Cow;
use std::slice;

use serde::Deserialize;
use serde::de::MapAccess;
use serde::de::value::MapAccessDeserializer;

use crate::json::object;
use crate::request::text;
use crate::said::{Expected, Said};
use crate::{ChannelName, Limits, Rejection, SocketId, VerifiedRequest};

/// An event to publish, in the words of the request where those need no decoding. Channels HTTP API,
/// "POST event".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriggerRequest<'a> {
    /// The event's name: a valid [`EventName`](crate::EventName).
    pub name: Cow<'a, str>,
    /// The event's data, delivered as it is.
    pub data: Cow<'a, str>,
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

impl<'a> TriggerRequest<'a> {
    /// Reads the body. Either `channels` or `channel` says where the event goes.
    ///
    /// # Errors
    ///
    /// [`Rejection::InvalidBody`] if it is not a JSON object, [`Rejection::MissingField`] and
    /// [`Rejection::InvalidField`] with the field's name, and what breaks `limits`:
    /// [`Rejection::InvalidEventName`], [`Rejection::EventTooLarge`],
    /// [`Rejection::TooManyChannels`], [`Rejection::InvalidChannelName`].
    pub fn parse(body: &'a [u8], limits: &Limits) -> Result<Self, Rejection> {
        parse_object::<Fields<'_>>(body)?.read(limits)
    }

    /// Reads an event from a verified request: what its body does not say may stand in its query, as
    /// `name`, `data`, `channel` or the list `channels[]`, `socket_id` and `info`.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn parse_request(
        request: &VerifiedRequest<'_, 'a>,
        body: &'a [u8],
        limits: &Limits,
    ) -> Result<Self, Rejection> {
        let query = Query::of(request)?;
        // Whoever says all in the query sends no body.
        let body = if body.is_empty() { b"{}" } else { body };
        let mut fields: Fields<'_> = parse_object(body)?;
        fields.complete(query);
        fields.read(limits)
    }

    /// Reads a request of the older form `POST /apps/ID/channels/NAME/events`: name and exclusion are
    /// in the query, and the whole body is the event's data. Channels HTTP API, deprecated.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse), and [`Rejection::InvalidBody`] if the body is not text.
    pub fn parse_deprecated(
        request: &VerifiedRequest<'_, 'a>,
        channel: &'a str,
        body: &'a [u8],
        limits: &Limits,
    ) -> Result<Self, Rejection> {
        let data = str::from_utf8(body).map_err(|_| Rejection::InvalidBody {
            reason: "expected UTF-8".into(),
        })?;
        let query = Query {
            data: Some(data.into()),
            channel: Some(channel.into()),
            channels: Said::Nothing,
            ..Query::of(request)?
        };
        let mut fields = Fields::default();
        fields.complete(query);
        fields.read(limits)
    }

    /// Reads the body of a batch, `{"batch": [event, ..]}`, each event as in [`parse`](Self::parse).
    /// Channels HTTP API, "POST batch events".
    ///
    /// # Errors
    ///
    /// As there for the first event that is wrong, and [`Rejection::BatchTooLarge`].
    pub fn parse_batch(body: &'a [u8], limits: &Limits) -> Result<Vec<Self>, Rejection> {
        const LIST: &str = "a list of events";
        const ONE: &str = "one channel, as the event is in a batch";
        let not_list = || Rejection::InvalidField {
            field: "batch",
            expected: LIST,
        };
        let Batch { batch } = parse_object(body)?;
        let Some(events) = batch.right(not_list)? else {
            return Err(Rejection::MissingField { field: "batch" });
        };
        if events.len() > limits.events_per_batch {
            let (given, limit) = (events.len(), limits.events_per_batch);
            return Err(Rejection::BatchTooLarge { given, limit });
        }
        let read = |fields: Fields<'a>| {
            let event = fields.read(limits)?;
            match event.channels[..] {
                [_] => Ok(event),
                _ => Err(Rejection::InvalidField {
                    field: "channels",
                    expected: ONE,
                }),
            }
        };
        events.into_iter().map(read).collect()
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
    #[serde(borrow, default)]
    batch: Said<Vec<Fields<'a>>>,
}

fn parse_object<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Rejection> {
    let invalid = |reason| Rejection::InvalidBody { reason };
    let body = str::from_utf8(body).map_err(|_| invalid("expected UTF-8".into()))?;
    object(body).map_err(invalid)
}

/// The fields of an event as they were sent.
#[derive(Default, Deserialize)]
#[serde(default, expecting = "a JSON object")]
struct Fields<'a> {
    #[serde(borrow)]
    name: Said<Cow<'a, str>>,
    #[serde(borrow)]
    data: Said<Cow<'a, str>>,
    #[serde(borrow)]
    channels: Said<Vec<Cow<'a, str>>>,
    #[serde(borrow)]
    channel: Said<Cow<'a, str>>,
    #[serde(borrow)]
    socket_id: Said<Cow<'a, str>>,
    #[serde(borrow)]
    info: Said<Cow<'a, str>>,
}

impl<'de: 'a, 'a> Expected<'de> for Fields<'a> {
    fn from_object<A: MapAccess<'de>>(object: A) -> Result<Option<Self>, A::Error> {
        Self::deserialize(MapAccessDeserializer::new(object)).map(Some)
    }
}

impl<'a> Fields<'a> {
    /// Fills in what the query says and the body does not.
    fn complete(&mut self, query: Query<'a>) {
        // A body that names channels in either way is not added to.
        if self.channels.is_nothing() && self.channel.is_nothing() {
            self.channels = query.channels;
            fill(&mut self.channel, query.channel);
        }
        fill(&mut self.name, query.name);
        fill(&mut self.data, query.data);
        fill(&mut self.socket_id, query.socket_id);
        fill(&mut self.info, query.info);
    }

    fn read(self, limits: &Limits) -> Result<TriggerRequest<'a>, Rejection> {
        let Self {
            name,
            data,
            channels,
            channel,
            socket_id,
            info,
        } = self;
        let name = required("name", name)?;
        limits.event_name(&name)?;
        let channels = read_channels(channels, channel, limits)?;
        let data = required("data", data)?;
        limits.event_data(&data)?;
        let wrong = || Rejection::InvalidField {
            field: "socket_id",
            expected: "a socket id such as 1234.5678",
        };
        let socket_id = match socket_id.right(wrong)? {
            Some(text) => Some(SocketId::parse(&text).map_err(|_| wrong())?),
            None => None,
        };
        let info = info.right(|| Rejection::InvalidField {
            field: "info",
            expected: "a comma-separated list",
        })?;
        Ok(TriggerRequest {
            name,
            data,
            channels,
            socket_id,
            info: info.map_or_else(Info::default, |list| Info::of_event(&list)),
        })
    }
}

/// The same fields, as far as they stand in the query.
#[derive(Default)]
struct Query<'a> {
    name: Option<Cow<'a, str>>,
    data: Option<Cow<'a, str>>,
    channels: Said<Vec<Cow<'a, str>>>,
    channel: Option<Cow<'a, str>>,
    socket_id: Option<Cow<'a, str>>,
    info: Option<Cow<'a, str>>,
}

impl<'a> Query<'a> {
    fn of(request: &VerifiedRequest<'_, 'a>) -> Result<Self, Rejection> {
        const TEXT: &str = "UTF-8";
        if request.is_bare() {
            return Ok(Self::default());
        }
        let text = |field, value: Cow<'a, [u8]>| {
            text(value).ok_or(Rejection::InvalidField {
                field,
                expected: TEXT,
            })
        };
        let one = |field| {
            let value = request.value(field).map(|value| text(field, value));
            value.transpose()
        };
        let channels: Vec<_> = request
            .list("channels")
            .into_iter()
            .map(|value| text("channels", value))
            .collect::<Result<_, _>>()?;
        let channels = match (channels.is_empty(), one("channels")?) {
            (false, _) => Said::Right(channels),
            (true, None) => Said::Nothing,
            // One text is no list of texts.
            (true, Some(_)) => Said::Wrong,
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
}

fn fill<'a>(field: &mut Said<Cow<'a, str>>, value: Option<Cow<'a, str>>) {
    if let (Said::Nothing, Some(value)) = (&field, value) {
        *field = Said::Right(value);
    }
}

fn read_channels(
    channels: Said<Vec<Cow<'_, str>>>,
    channel: Said<Cow<'_, str>>,
    limits: &Limits,
) -> Result<Vec<ChannelName>, Rejection> {
    const FIELD: &str = "channels";
    let wrong = || Rejection::InvalidField {
        field: FIELD,
        expected: "a list of at least one channel name",
    };
    let (many, one);
    let names = match channels.right(wrong)? {
        Some(names) => {
            many = names;
            &many[..]
        }
        None => {
            one = channel.right(|| not_text("channel"))?;
            let name = one.as_ref();
            slice::from_ref(name.ok_or(Rejection::MissingField { field: FIELD })?)
        }
    };
    if names.is_empty() {
        return Err(wrong());
    }
    if names.len() > limits.channels_per_event {
        let (given, limit) = (names.len(), limits.channels_per_event);
        return Err(Rejection::TooManyChannels { given, limit });
    }
    let mut channels = Vec::with_capacity(names.len());
    for name in names {
        let channel = limits.channel_name(name)?;
        if !channels.contains(&channel) {
            channels.push(channel);
        }
    }
    Ok(channels)
}

fn required<'a>(field: &'static str, said: Said<Cow<'a, str>>) -> Result<Cow<'a, str>, Rejection> {
    said.right(|| not_text(field))?
        .ok_or(Rejection::MissingField { field })
}

fn not_text(field: &'static str) -> Rejection {
    Rejection::InvalidField {
        field,
        expected: "a string",
    }
}
