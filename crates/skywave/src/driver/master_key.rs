//! The key that the keys of all encrypted channels are derived from: [`MasterKey`].

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_secretbox::aead::Aead;
use crypto_secretbox::{KeyInit, XSalsa20Poly1305};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use skywave_protocol::ChannelName;

use super::DriverError;

/// An encryption master key: 32 random bytes, which the server never sees.
///
/// `openssl rand -base64 32` makes one. Whoever has it can read all encrypted channels.
///
/// ```
/// use skywave::driver::{ChannelName, MasterKey};
///
/// let key = MasterKey::parse("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")?;
/// let room = ChannelName::parse("private-encrypted-room")?;
/// let data = key.seal(&room, r#"{"message":"hello world"}"#)?;
/// assert_eq!(key.open(&room, &data).as_deref(), Some(r#"{"message":"hello world"}"#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct MasterKey {
    key: [u8; LENGTH],
}

/// The data of an encrypted event as it travels.
#[derive(Serialize, Deserialize)]
struct Sealed {
    nonce: String,
    ciphertext: String,
}

impl MasterKey {
    /// A key that nobody else has.
    #[cfg(feature = "embedded")]
    pub(super) fn generated() -> Result<Self, DriverError> {
        let mut key = [0; LENGTH];
        fill(&mut key)?;
        Ok(Self { key })
    }

    /// Reads a key from base64 with padding, as Pusher's libraries take it.
    ///
    /// # Errors
    ///
    /// When it is no base64, or of another length than 32 bytes.
    pub fn parse(base64: &str) -> Result<Self, DriverError> {
        let mistake = |found: String| {
            DriverError::new(format!(
                "the encryption master key {found}: expected base64 of {LENGTH} bytes, as \
                 `openssl rand -base64 {LENGTH}` makes it"
            ))
        };
        // The decoder's own text would quote bytes of the key.
        let bytes = STANDARD.decode(base64.trim()).ok();
        let bytes = bytes.ok_or_else(|| mistake("is no base64".to_owned()))?;
        let length = bytes.len();
        let key = bytes.try_into();
        let key = key.map_err(|_| mistake(format!("has {length} bytes")))?;
        Ok(Self { key })
    }

    /// The key of one channel in base64: what its subscribers get with their authorisation, as
    /// `shared_secret`.
    #[must_use]
    pub fn shared_secret(&self, channel: &ChannelName) -> String {
        STANDARD.encode(self.channel_key(channel))
    }

    /// Encrypts the data of an event for one channel, with a new random nonce.
    ///
    /// # Errors
    ///
    /// When the system gives no random bytes.
    pub fn seal(&self, channel: &ChannelName, data: &str) -> Result<String, DriverError> {
        let mut nonce = [0; 24];
        fill(&mut nonce)?;
        self.seal_with(nonce, channel, data)
    }

    fn seal_with(
        &self,
        nonce: [u8; 24],
        channel: &ChannelName,
        data: &str,
    ) -> Result<String, DriverError> {
        let sealed = self
            .secretbox(channel)
            .encrypt(&nonce.into(), data.as_bytes());
        let sealed = sealed.map_err(|_| DriverError::new("the data cannot be encrypted"))?;
        let sealed = Sealed {
            nonce: STANDARD.encode(nonce),
            ciphertext: STANDARD.encode(sealed),
        };
        serde_json::to_string(&sealed)
            .map_err(|error| DriverError::new("the data cannot be written").caused_by(error))
    }

    /// The data of an event of this channel, such as a client event that a webhook tells of; `None`
    /// when it was not encrypted with this key for this channel.
    #[must_use]
    pub fn open(&self, channel: &ChannelName, data: &str) -> Option<String> {
        let sealed: Sealed = serde_json::from_str(data).ok()?;
        let nonce: [u8; 24] = STANDARD.decode(sealed.nonce).ok()?.try_into().ok()?;
        let ciphertext = STANDARD.decode(sealed.ciphertext).ok()?;
        let secretbox = self.secretbox(channel);
        let opened = secretbox
            .decrypt(&nonce.into(), ciphertext.as_slice())
            .ok()?;
        String::from_utf8(opened).ok()
    }

    fn secretbox(&self, channel: &ChannelName) -> XSalsa20Poly1305 {
        XSalsa20Poly1305::new(&self.channel_key(channel).into())
    }

    fn channel_key(&self, channel: &ChannelName) -> [u8; LENGTH] {
        let hash = Sha256::new()
            .chain_update(channel.as_str())
            .chain_update(self.key);
        hash.finalize().into()
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(***)")
    }
}

fn fill(bytes: &mut [u8]) -> Result<(), DriverError> {
    getrandom::fill(bytes).map_err(|error| {
        DriverError::new("the system gave no random bytes").caused_by(error.to_string())
    })
}

/// Bytes of a key.
const LENGTH: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

    fn channel(name: &str) -> ChannelName {
        ChannelName::parse(name).unwrap()
    }

    #[test]
    fn what_official_libraries_encrypted_is_encrypted_alike_and_opened() {
        let vectors = include_str!("../../tests/encrypted-vectors.json");
        let vectors: serde_json::Value = serde_json::from_str(vectors).unwrap();
        let vectors = vectors["encrypted"].as_array().unwrap();
        assert_eq!(vectors.len(), 4);
        for vector in vectors {
            let text = |field: &str| vector[field].as_str().unwrap();
            let key = MasterKey::parse(text("master_key_base64")).unwrap();
            let channel = channel(text("channel"));
            assert_eq!(key.shared_secret(&channel), text("shared_secret_base64"));
            let nonce = STANDARD.decode(text("nonce_base64")).unwrap();
            let sealed = key.seal_with(nonce.try_into().unwrap(), &channel, text("plaintext"));
            assert_eq!(sealed.unwrap(), text("event_data"), "{}", text("name"));
            let opened = key.open(&channel, text("event_data"));
            assert_eq!(opened.as_deref(), Some(text("plaintext")));
        }
    }

    #[test]
    fn only_the_same_key_and_channel_open_what_nobody_changed() {
        let key = MasterKey::parse(KEY).unwrap();
        let other = MasterKey::parse(&STANDARD.encode([7; 32])).unwrap();
        let (a, b) = (
            channel("private-encrypted-a"),
            channel("private-encrypted-b"),
        );
        let sealed = key.seal(&a, "\"hello\"").unwrap();
        assert_ne!(sealed, key.seal(&a, "\"hello\"").unwrap(), "nonces differ");
        assert_eq!(key.open(&a, &sealed).as_deref(), Some("\"hello\""));
        assert_eq!(key.open(&b, &sealed), None);
        assert_eq!(other.open(&a, &sealed), None);
        let changed = sealed.replacen("\"ciphertext\":\"", "\"ciphertext\":\"AAAA", 1);
        for broken in [&changed, "", "{}", r#"{"nonce":"","ciphertext":""}"#] {
            assert_eq!(key.open(&a, broken), None, "{broken}");
        }
    }

    #[test]
    fn a_key_that_is_none_is_named_but_not_shown() {
        for (text, found) in [
            ("", "has 0 bytes"),
            ("c2hvcnQ=", "has 5 bytes"),
            ("hush hush", "is no base64"),
        ] {
            let mistake = MasterKey::parse(text).unwrap_err().to_string();
            assert!(
                mistake.starts_with(&format!("the encryption master key {found}: expected")),
                "{mistake}"
            );
            assert!(!mistake.contains("hush"), "{mistake}");
        }
        assert_eq!(format!("{:?}", MasterKey::parse(KEY)), "Ok(MasterKey(***))");
    }
}
