//! What becomes of data for encrypted channels on its way to a driver: [`Encryption`].
//!
//! It is encrypted between the application and the driver, once and the same for all drivers
//! (Channels protocol, "Encrypted channels"): nobody but the subscribers can read it, the server
//! and the driver included. Each channel has a key of its own, derived from the master key, so an
//! event goes to one encrypted channel at a time; and without a master key it does not go at all,
//! because a page would take what it cannot open for an attack.

use skywave_protocol::ChannelName;

#[cfg(feature = "encryption")]
use super::MasterKey;
use super::{Driver, DriverError};
use crate::authorize::AuthReply;
use crate::error::Error;

/// What a driver says about encrypted channels; see [`Driver::encryption`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Encryption {
    /// There is no master key. Sending to encrypted channels and authorising for them fails.
    Unavailable,
    /// The driver wants the data as it is, for it keeps it to itself: `null`, or a fake in tests.
    AsIs,
    /// Data is encrypted with this key, and subscribers get their channel's key with their
    /// authorisation.
    #[cfg(feature = "encryption")]
    Key(MasterKey),
}

#[cfg(feature = "encryption")]
impl Encryption {
    /// With this key, or none.
    #[cfg(any(feature = "embedded", feature = "pusher"))]
    pub(super) fn with(key: Option<&MasterKey>) -> Self {
        key.cloned().map_or(Self::Unavailable, Self::Key)
    }
}

/// The data as it goes to the driver: for an encrypted channel encrypted, else as it was given.
pub(crate) fn sealed(
    (name, driver): (&str, &dyn Driver),
    channels: &[ChannelName],
    data: String,
) -> Result<String, Error> {
    let Some(channel) = channels.iter().find(|name| name.kind().is_encrypted()) else {
        return Ok(data);
    };
    if channels.len() > 1 {
        return Err(Error::EncryptedAmongOthers {
            channel: channel.to_string(),
            count: channels.len(),
        });
    }
    match driver.encryption() {
        Encryption::AsIs => Ok(data),
        Encryption::Unavailable => Err(Error::NoMasterKey {
            channel: channel.to_string(),
            driver: name.to_owned(),
        }),
        #[cfg(feature = "encryption")]
        Encryption::Key(key) => key.seal(channel, &data).map_err(|source| Error::Driver {
            driver: name.to_owned(),
            source,
        }),
    }
}

/// The driver's authorisation with the channel's key, which the subscribers of an encrypted channel
/// need.
pub(crate) fn unlocked(
    driver: &dyn Driver,
    channel: &ChannelName,
    reply: AuthReply,
) -> Result<AuthReply, DriverError> {
    if !channel.kind().is_encrypted() {
        return Ok(reply);
    }
    match driver.encryption() {
        Encryption::AsIs => Ok(reply),
        Encryption::Unavailable => Err(DriverError::new(format!(
            "it has no encryption master key, so nobody could read what is sent to `{channel}`"
        ))),
        #[cfg(feature = "encryption")]
        Encryption::Key(key) => Ok(reply.with_shared_secret(key.shared_secret(channel))),
    }
}
