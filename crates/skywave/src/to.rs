//! The first steps of a sending: [`To`], which has its channels.

use std::borrow::Cow;

use serde::Serialize;

use crate::broadcast::Broadcast;
use crate::channel::Channel;
use crate::error::BoxError;
use crate::sending::Sending;

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
        let data = serde_json::to_string(&data).map_err(BoxError::from);
        Sending::new(self.broadcast, self.channels, name.into(), data)
    }

    /// Only a message, as event `base-event` unless it is [named](Self::named): text is sent as
    /// `{"message": text}`, every other value as it is.
    pub fn message(self, message: impl Serialize) -> Sending {
        let data = serde_json::to_string(&message).map_err(BoxError::from);
        let data = data.map(|data| {
            if data.starts_with('"') {
                format!("{{\"message\":{data}}}")
            } else {
                data
            }
        });
        Sending::new(self.broadcast, self.channels, self.event.into_owned(), data)
    }

    /// The name of the event that carries the message.
    pub fn named(self, event: impl Into<String>) -> Self {
        Self {
            event: Cow::Owned(event.into()),
            ..self
        }
    }
}

/// The event of a message without a name, as the documents' first versions had it.
const BASE_EVENT: &str = "base-event";
