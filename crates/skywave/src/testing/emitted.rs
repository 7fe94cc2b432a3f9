//! What was sent ([`Emitted`]) and not sent ([`SkippedEvent`]), and the ways to say what one
//! expects ([`Expected`]).

use std::any::type_name;
use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::Value;
use skywave_protocol::SocketId;

use crate::channel::Channel;
use crate::driver::Envelope;
use crate::event::{CanBroadcast, own_name};
use crate::report::SkipReason;

/// An event as a driver was given it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Emitted {
    /// Where it went, in the order given.
    pub channels: Vec<Channel>,
    /// Its name.
    pub event: String,
    /// Its data.
    pub data: Value,
    /// The connection that did not get it.
    pub except: Option<SocketId>,
    /// The id of the user none of whose connections got it.
    pub except_user: Option<String>,
    /// The name of the driver that was to deliver it.
    pub driver: String,
}

impl Emitted {
    pub(super) fn new(driver: &str, envelope: &Envelope) -> Self {
        let channels = envelope.channels.iter();
        Self {
            channels: channels.map(|name| Channel::new(name.as_str())).collect(),
            event: envelope.event.to_string(),
            data: json(&envelope.data),
            except: envelope.except,
            except_user: envelope.except_user.clone(),
            driver: driver.to_owned(),
        }
    }

    /// Whether it went to this channel, among others perhaps.
    #[must_use]
    pub fn is_on(&self, channel: &Channel) -> bool {
        self.channels.contains(channel)
    }
}

/// One line: the name, the channels, the data, and who was left out.
impl fmt::Display for Emitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let channels: Vec<_> = self.channels.iter().map(Channel::name).collect();
        write!(
            f,
            "{} on {}: {}",
            self.event,
            channels.join(", "),
            self.data
        )?;
        match (self.except, &self.except_user) {
            (Some(socket_id), None) => write!(f, " (not to {socket_id})"),
            (None, Some(user)) => write!(f, " (not to user `{user}`)"),
            (Some(socket_id), Some(user)) => write!(f, " (not to user `{user}` and {socket_id})"),
            (None, None) => Ok(()),
        }
    }
}

/// A channel that an event was not sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SkippedEvent {
    /// The event's name.
    pub event: String,
    /// The channel.
    pub channel: Channel,
    /// Why nothing was sent to it.
    pub reason: SkipReason,
}

impl fmt::Display for SkippedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}: {}", self.event, self.channel, self.reason)
    }
}

/// Which events an assertion is about:
///
/// * `"OrderShipped"`: those of this name;
/// * `("OrderShipped", json!({ .. }))`: those of this name with exactly this data;
/// * `|shipped: &OrderShipped| shipped.order_id == 7`: those that can be read as this type, have
///   the name it gives them, and fit the closure. The type is `Deserialize` and its data is what
///   it [broadcasts with](CanBroadcast::broadcast_with) by default: itself.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which events are expected",
    label = "expected a name, a name with data, or a closure like `|event: &OrderShipped| ..`",
    note = "the event type of a closure implements `CanBroadcast` and `serde::Deserialize`"
)]
pub trait Expected<Form> {
    /// Whether the event is one of those; if not, what is to be said about it.
    #[doc(hidden)]
    fn fits(&self, emitted: &Emitted) -> Result<(), Option<String>>;

    /// The events as the message of a failed assertion names them.
    #[doc(hidden)]
    fn describe(&self) -> String;
}

impl Expected<()> for &str {
    fn fits(&self, emitted: &Emitted) -> Result<(), Option<String>> {
        if emitted.event == *self {
            Ok(())
        } else {
            Err(None)
        }
    }

    fn describe(&self) -> String {
        format!("`{self}`")
    }
}

impl Expected<()> for (&str, Value) {
    fn fits(&self, emitted: &Emitted) -> Result<(), Option<String>> {
        self.0.fits(emitted)?;
        if emitted.data == self.1 {
            Ok(())
        } else {
            Err(Some("other data".to_owned()))
        }
    }

    fn describe(&self) -> String {
        format!("`{}` with {}", self.0, self.1)
    }
}

impl<E, F> Expected<(E,)> for F
where
    E: CanBroadcast + DeserializeOwned,
    F: Fn(&E) -> bool,
{
    fn fits(&self, emitted: &Emitted) -> Result<(), Option<String>> {
        match serde_json::from_value::<E>(emitted.data.clone()) {
            Ok(event) if event.broadcast_as() != emitted.event => Err(None),
            Ok(event) if self(&event) => Ok(()),
            Ok(_) => Err(Some("does not fit".to_owned())),
            // Which name the type gives its events is only known from a value of it.
            Err(error) if emitted.event == own_name(type_name::<E>()) => Err(Some(format!(
                "cannot be read as `{}`: {error}",
                type_name::<E>()
            ))),
            Err(_) => Err(None),
        }
    }

    fn describe(&self) -> String {
        format!("`{}` that fits", own_name(type_name::<E>()))
    }
}

/// Data as it travels: JSON text, or text that is none.
pub(super) fn json(data: &str) -> Value {
    serde_json::from_str(data).unwrap_or_else(|_| Value::String(data.to_owned()))
}
