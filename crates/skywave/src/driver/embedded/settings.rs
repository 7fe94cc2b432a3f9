//! The embedded server's settings in a configuration.

use skywave_protocol::Secret;

use super::{Embedded, check};
use crate::config::{Settings, SettingsError};

/// What it reads.
pub(crate) const KEYS: &[&str] = &[
    "app_id",
    "client|key",
    "secret",
    "client_events",
    "encryption_master_key",
];

/// The server of the app that is configured, or one with a generated key and secret when neither is
/// there.
pub(crate) fn from_settings(settings: &Settings) -> Result<Embedded, SettingsError> {
    let app_id = settings.optional::<String>("app_id");
    let client_events = settings.optional::<bool>("client_events");
    let embedded = if settings.has("client|key") || settings.has("secret") {
        let key = settings.required::<String>("client|key");
        let secret = settings.required::<Secret>("secret");
        let (id, key, secret) = (app_id?.unwrap_or_else(|| "1".to_owned()), key?, secret?);
        check(&id, &key, &secret)?;
        Embedded::new(id, key, secret)
    } else if app_id?.is_some() {
        let problem = "expected `client` and `secret` beside it";
        return Err(settings.mistake("app_id", problem));
    } else {
        Embedded::generated()
    };
    let embedded = embedded.client_events(client_events?.unwrap_or(true));
    with_master_key(embedded, settings)
}

/// With the key for encrypted channels, which the feature `encryption` is needed for.
fn with_master_key(embedded: Embedded, settings: &Settings) -> Result<Embedded, SettingsError> {
    let Some(key) = settings.optional::<Secret>("encryption_master_key")? else {
        return Ok(embedded);
    };
    #[cfg(feature = "encryption")]
    return match crate::driver::MasterKey::parse(key.expose()) {
        Ok(_) => Ok(embedded.encryption_master_key(key)),
        Err(error) => Err(settings.mistake("encryption_master_key", &error.to_string())),
    };
    #[cfg(not(feature = "encryption"))]
    {
        let _ = key;
        let problem = "it needs the feature `encryption` of skywave";
        Err(settings.mistake("encryption_master_key", problem))
    }
}
