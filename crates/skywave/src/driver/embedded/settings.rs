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
    let master_key = master_key(settings);
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
    Ok(match master_key? {
        #[cfg(feature = "encryption")]
        Some(key) => embedded.encryption_master_key(key),
        _ => embedded,
    })
}

/// The key for encrypted channels, which the feature `encryption` is needed for.
fn master_key(settings: &Settings) -> Result<Option<Secret>, SettingsError> {
    let key = settings.optional::<Secret>("encryption_master_key")?;
    let problem = match &key {
        None => None,
        #[cfg(feature = "encryption")]
        Some(key) => crate::driver::MasterKey::parse(key.expose())
            .err()
            .map(|error| error.to_string()),
        #[cfg(not(feature = "encryption"))]
        Some(_) => Some("it needs the feature `encryption` of skywave".to_owned()),
    };
    match problem {
        Some(problem) => Err(settings.mistake("encryption_master_key", &problem)),
        None => Ok(key),
    }
}
