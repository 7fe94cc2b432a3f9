//! The connection that a request came from, as its page names it: [`Connection`].

use std::fmt;

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use skywave_protocol::SocketId;

/// A connection of a page, by the name that its client knows it under. The page says it in the
/// header `X-Socket-ID`:
///
/// ```text
/// 1234.5678                a socket id: pusher-js, Laravel Echo
/// connidAAAA!k3yk3yk3y     a connection key with `!` in it: ably-js
/// eyJjb25uZWN0aW9uS2V5I..  base64url of {"connectionKey": .., "clientId": ..}: any key, and
///                          the form of Laravel Echo with Ably
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Connection {
    /// A connection of a client that speaks the Channels protocol.
    SocketId(SocketId),
    /// A connection of ably-js, or of another client whose connections have keys.
    Key(ConnectionKey),
}

/// The key of a connection, and the client it is said to be. Who has the key can speak for the
/// connection, so `Debug` does not print it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionKey {
    #[serde(rename = "connectionKey")]
    key: String,
    #[serde(default)]
    client_id: Option<String>,
}

impl ConnectionKey {
    /// The connection of this key, and of no client that is known.
    pub fn new(key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            client_id: None,
        }
    }

    /// The same as the connection of the client with this id.
    #[must_use]
    pub fn of_client(self, client_id: impl Into<String>) -> Self {
        Self {
            client_id: Some(client_id.into()),
            ..self
        }
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The client that the connection is said to be of. A sending on behalf of somebody else is
    /// refused.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.client_id.as_deref()
    }

    fn is_well_formed(&self) -> bool {
        let key = (1..=MAX_KEY).contains(&self.key.len())
            && self.key.bytes().all(|byte| byte.is_ascii_graphic());
        key && self.client_id.as_deref() != Some("")
    }
}

impl fmt::Debug for ConnectionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionKey")
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// The socket id, if it has one.
    #[must_use]
    pub fn socket_id(&self) -> Option<SocketId> {
        match self {
            Self::SocketId(id) => Some(*id),
            Self::Key(_) => None,
        }
    }

    /// The key, if it has one.
    #[must_use]
    pub fn key(&self) -> Option<&ConnectionKey> {
        match self {
            Self::SocketId(_) => None,
            Self::Key(key) => Some(key),
        }
    }

    /// Reads the header's value.
    ///
    /// # Errors
    ///
    /// What was expected.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let problem = match SocketId::parse(text) {
            Ok(id) => return Ok(Self::SocketId(id)),
            Err(problem) => problem,
        };
        let key = if text.contains('!') {
            Some(ConnectionKey::new(text))
        } else {
            let json = BASE64.decode(text).ok();
            json.and_then(|json| serde_json::from_slice(&json).ok())
        };
        key.filter(ConnectionKey::is_well_formed)
            .map(Self::Key)
            .ok_or_else(|| format!("{problem}; the other form is a connection key of Ably"))
    }
}

/// Base64 for addresses and headers, with padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Characters of a key; those of the hosted service have about 30.
const MAX_KEY: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_the_header_is_one_connection() {
        let key = "connidAAAA!k3yk3yk3y";
        // `socketIdHeaderLaravelAbly` of the vectors.
        let laravel =
            "eyJjb25uZWN0aW9uS2V5IjoiY29ubmlkQUFBQSFrM3lrM3lrM3kiLCJjbGllbnRJZCI6InVzZXItNDIifQ";
        let plain = BASE64.encode(r#"{"connectionKey":"abc","clientId":null,"more":1}"#);
        for (text, expected) in [
            ("12.34", Connection::SocketId(SocketId::new(12, 34))),
            (key, Connection::Key(ConnectionKey::new(key))),
            (
                laravel,
                Connection::Key(ConnectionKey::new(key).of_client("user-42")),
            ),
            (plain.as_str(), Connection::Key(ConnectionKey::new("abc"))),
            (
                plain.trim_end_matches('='),
                Connection::Key(ConnectionKey::new("abc")),
            ),
        ] {
            assert_eq!(Connection::parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let empty = BASE64.encode(r#"{"connectionKey":""}"#);
        let nobody = BASE64.encode(r#"{"connectionKey":"abc","clientId":""}"#);
        let long = "!".repeat(MAX_KEY + 1);
        for text in [
            "",
            "undefined",
            "12",
            "12.34.56",
            "a b!c",
            "é!",
            "e30",
            "bnVsbA",
            &empty,
            &nobody,
            &long,
        ] {
            assert_eq!(
                Connection::parse(text).unwrap_err(),
                "a socket id is two decimal numbers with a dot between them, as in 1234.5678; the \
                 other form is a connection key of Ably",
                "{text}"
            );
        }
    }

    #[test]
    fn a_key_is_not_printed() {
        let connection = Connection::parse("hush!hush").unwrap();
        assert!(!format!("{connection:?}").contains("hush"));
    }
}
