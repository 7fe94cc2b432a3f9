//! One event as Ably's `Message`, and as a batch for many channels (REST API, "Publish a message"
//! and "Batch publish").

use std::borrow::Cow;

use serde::Serialize;

use crate::connection::ConnectionKey;
use crate::driver::{DriverError, Envelope};

/// A message; its fields as they travel.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Message<'a> {
    name: &'a str,
    data: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<&'a str>,
    /// The same however often the message is sent, so that Ably takes it once.
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
}

/// A message for several channels.
#[derive(Debug, Serialize)]
struct Batch<'a> {
    channels: &'a [Cow<'a, str>],
    messages: [&'a Message<'a>; 1],
}

impl<'a> Message<'a> {
    /// The envelope's event, with an id that is its alone.
    ///
    /// # Errors
    ///
    /// It is over the [limit](LIMIT).
    pub(super) fn new(envelope: &'a Envelope, id: &'a str) -> Result<Self, DriverError> {
        let (data, encoding) = encoded(&envelope.data);
        let key = envelope.except_key.as_ref();
        let message = Self {
            name: envelope.event.as_str(),
            data,
            encoding,
            id,
            connection_key: key.map(ConnectionKey::key),
            client_id: key.and_then(ConnectionKey::client_id),
        };
        let bytes = message.bytes();
        if bytes > LIMIT {
            return Err(DriverError::new(format!(
                "the event's name and data have {bytes} bytes: at most {LIMIT} are allowed"
            )));
        }
        Ok(message)
    }

    /// The bytes that Ably counts.
    fn bytes(&self) -> usize {
        self.name.len() + self.data.len() + self.client_id.map_or(0, str::len)
    }

    /// The body for one channel.
    pub(super) fn body(&self) -> Result<Vec<u8>, DriverError> {
        written(self)
    }

    /// The body for several channels, by their names at Ably.
    pub(super) fn body_for(&self, channels: &[Cow<'_, str>]) -> Result<Vec<u8>, DriverError> {
        written(&[Batch {
            channels,
            messages: [self],
        }])
    }
}

/// JSON text as data: text is sent as it is, everything else as JSON that the client reads.
fn encoded(json: &str) -> (Cow<'_, str>, Option<&'static str>) {
    if json.starts_with('"')
        && let Ok(text) = serde_json::from_str::<String>(json)
    {
        return (Cow::Owned(text), None);
    }
    (Cow::Borrowed(json), Some("json"))
}

fn written(body: &impl Serialize) -> Result<Vec<u8>, DriverError> {
    serde_json::to_vec(body)
        .map_err(|error| DriverError::new("the event cannot be written").caused_by(error))
}

/// Bytes of a message that Ably takes; accounts may have more.
pub(super) const LIMIT: usize = 65_536;
