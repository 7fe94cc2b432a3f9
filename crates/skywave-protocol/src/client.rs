//! Messages from a client to the server.
//!
//! Clients differ in small ways and all of them are served: keys that are not known are ignored,
//! `null` counts as absent, and the `data` of a protocol event may be an object or a string that
//! holds one.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::{object, reason};
use crate::{Excerpt, Rejection};

/// A message from a client. Names, signatures and sizes in it are not checked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientMessage<'a> {
    /// `pusher:ping`, to be answered with [`ServerMessage::Pong`](crate::ServerMessage::Pong).
    Ping,
    /// `pusher:pong`.
    Pong,
    /// `pusher:subscribe`.
    Subscribe(Subscribe<'a>),
    /// `pusher:unsubscribe`; there is no answer.
    Unsubscribe {
        /// The channel's name.
        channel: Cow<'a, str>,
    },
    /// `pusher:signin`.
    SignIn {
        /// `KEY:SIGNATURE` over `user_data`; empty if it was not sent.
        auth: Cow<'a, str>,
        /// The user as the app describes it, JSON as signed.
        user_data: Cow<'a, str>,
    },
    /// `client-…`, for the other subscribers of the channel.
    ClientEvent {
        /// The event's name, `client-` included.
        event: Cow<'a, str>,
        /// The channel's name.
        channel: Cow<'a, str>,
        /// The text to forward: a string's contents, or the JSON of anything else.
        data: Cow<'a, str>,
    },
}

/// What a client sends to subscribe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribe<'a> {
    /// The channel's name.
    pub channel: Cow<'a, str>,
    /// `KEY:SIGNATURE`; some clients send an empty one for public channels.
    pub auth: Option<Cow<'a, str>>,
    /// The member as the app describes it. Part of what is signed whenever it is there, whatever
    /// the channel's kind.
    pub channel_data: Option<Cow<'a, str>>,
}

impl<'a> ClientMessage<'a> {
    /// Reads one text message.
    ///
    /// # Errors
    ///
    /// [`Rejection::InvalidMessage`] if it is not a JSON object or lacks what its event needs,
    /// [`Rejection::MissingUserData`] and [`Rejection::InvalidClientEvent`] for what they name, and
    /// [`Rejection::UnsupportedEvent`] for an event that clients do not send.
    pub fn parse(text: &'a str) -> Result<Self, Rejection> {
        let envelope: Envelope<'a> = object(text).map_err(invalid)?;
        let Some(Text(event)) = envelope.event else {
            return Err(invalid("expected an event".into()));
        };
        match &*event {
            "pusher:ping" => Ok(Self::Ping),
            "pusher:pong" => Ok(Self::Pong),
            "pusher:subscribe" => {
                let data = Data::read(envelope.data)?;
                Ok(Self::Subscribe(Subscribe {
                    channel: data.channel.ok_or_else(missing_channel)?,
                    auth: data.auth,
                    channel_data: data.channel_data,
                }))
            }
            "pusher:unsubscribe" => Ok(Self::Unsubscribe {
                channel: Data::read(envelope.data)?
                    .channel
                    .ok_or_else(missing_channel)?,
            }),
            "pusher:signin" => {
                let data = Data::read(envelope.data)?;
                Ok(Self::SignIn {
                    auth: data.auth.unwrap_or_default(),
                    user_data: data.user_data.ok_or(Rejection::MissingUserData)?,
                })
            }
            name if name.starts_with("client-") => {
                let (Some(Text(channel)), Some(data)) = (envelope.channel, envelope.data) else {
                    return Err(Rejection::InvalidClientEvent);
                };
                Ok(Self::ClientEvent {
                    event,
                    channel,
                    data: forwarded(data)?,
                })
            }
            name => Err(Rejection::UnsupportedEvent { event: name.into() }),
        }
    }
}

#[derive(Deserialize)]
#[serde(expecting = "a JSON object")]
struct Envelope<'a> {
    #[serde(borrow)]
    event: Option<Text<'a>>,
    #[serde(borrow)]
    channel: Option<Text<'a>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// The `data` of the protocol's own events.
#[derive(Default)]
struct Data<'a> {
    channel: Option<Cow<'a, str>>,
    auth: Option<Cow<'a, str>>,
    channel_data: Option<Cow<'a, str>>,
    user_data: Option<Cow<'a, str>>,
}

impl<'a> Data<'a> {
    fn read(data: Option<&'a RawValue>) -> Result<Self, Rejection> {
        let Some(data) = data else {
            return Ok(Self::default());
        };
        let json = data.get();
        if !json.starts_with('"') {
            return Self::from_object(json);
        }
        let json: String = serde_json::from_str(json).map_err(|error| invalid(reason(&error)))?;
        let data = Data::from_object(&json)?;
        let owned = |text: Option<Cow<'_, str>>| text.map(|text| Cow::Owned(text.into_owned()));
        Ok(Self {
            channel: owned(data.channel),
            auth: owned(data.auth),
            channel_data: owned(data.channel_data),
            user_data: owned(data.user_data),
        })
    }

    fn from_object(json: &'a str) -> Result<Self, Rejection> {
        let fields: Fields<'a> = object(json)
            .map_err(|reason| invalid(Excerpt::from(format!("data: {reason}").as_str())))?;
        let text = |text: Option<Text<'a>>| text.map(|Text(text)| text);
        Ok(Self {
            channel: text(fields.channel),
            auth: text(fields.auth),
            channel_data: text(fields.channel_data),
            user_data: text(fields.user_data),
        })
    }
}

#[derive(Deserialize)]
#[serde(expecting = "a JSON object")]
struct Fields<'a> {
    #[serde(borrow)]
    channel: Option<Text<'a>>,
    #[serde(borrow)]
    auth: Option<Text<'a>>,
    #[serde(borrow)]
    channel_data: Option<Text<'a>>,
    #[serde(borrow)]
    user_data: Option<Text<'a>>,
}

/// A string that is borrowed from the message unless it has escapes: serde does not borrow through
/// an `Option` by itself.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

fn forwarded(data: &RawValue) -> Result<Cow<'_, str>, Rejection> {
    let json = data.get();
    if !json.starts_with('"') {
        return Ok(Cow::Borrowed(json));
    }
    serde_json::from_str(json)
        .map(|Text(text)| text)
        .map_err(|error| invalid(reason(&error)))
}

fn missing_channel() -> Rejection {
    invalid("expected data.channel".into())
}

fn invalid(reason: Excerpt) -> Rejection {
    Rejection::InvalidMessage { reason }
}
