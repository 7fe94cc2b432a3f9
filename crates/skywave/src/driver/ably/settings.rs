//! The driver's settings in a configuration.

use std::time::Duration;

use skywave_protocol::Secret;

use super::key::ApiKey;
use super::place::Place;
use super::{Ably, AblyNames, AblyToken, check_ttl};
use crate::config::{Settings, SettingsError};
use crate::driver::DriverError;

/// What it reads.
pub(crate) const KEYS: &[&str] = &[
    "secret|key",
    "base_url",
    "client_url",
    "channels",
    "token",
    "token_ttl",
    "timeout",
    "connect_timeout",
    "root_certificate",
];

/// The app that is configured.
pub(crate) fn from_settings(settings: &Settings) -> Result<Ably, SettingsError> {
    let mistake = |key: &str, error: DriverError| settings.mistake(key, &error.to_string());
    let key = settings.required::<Secret>("secret|key").and_then(|key| {
        let parsed = ApiKey::parse(&key);
        parsed.map_err(|error| mistake("secret|key", error))?;
        Ok(key)
    });
    let base_url = settings.optional::<String>("base_url").and_then(|url| {
        let place = Place::checked(url.as_deref(), None);
        place.map_err(|error| mistake("base_url", error))?;
        Ok(url)
    });
    let client_url = settings.optional::<String>("client_url").and_then(|url| {
        let place = Place::checked(None, url.as_deref());
        place.map_err(|error| mistake("client_url", error))?;
        Ok(url)
    });
    let names = settings.choice("channels", NAMES);
    let token = settings.choice("token", TOKENS);
    let token_ttl = settings.optional::<Duration>("token_ttl").and_then(|ttl| {
        let checked = ttl.map_or(Ok(()), check_ttl);
        checked.map_err(|error| mistake("token_ttl", error))?;
        Ok(ttl)
    });
    let timeout = settings.optional::<Duration>("timeout");
    let connect_timeout = settings.optional::<Duration>("connect_timeout");
    let root_certificate = settings.pem_file("root_certificate");

    let mut ably = Ably::new(key?);
    (ably.base_url, ably.client_url) = (base_url?, client_url?);
    ably.names = names?.unwrap_or_default();
    ably.token = token?.unwrap_or_default();
    ably.token_ttl = token_ttl?.unwrap_or(ably.token_ttl);
    ably.http.timeout = timeout?.unwrap_or(ably.http.timeout);
    ably.http.connect_timeout = connect_timeout?.unwrap_or(ably.http.connect_timeout);
    ably.http.root_certificate = root_certificate?;
    Ok(ably)
}

const NAMES: &[(&str, AblyNames)] = &[
    ("verbatim", AblyNames::Verbatim),
    ("namespaced", AblyNames::Namespaced),
];

const TOKENS: &[(&str, AblyToken)] = &[("jwt", AblyToken::Jwt), ("request", AblyToken::Request)];

#[cfg(test)]
mod tests {
    use crate::Broadcaster;

    fn mistakes(settings: &str) -> Vec<String> {
        let text = format!("[drivers.ably]\n{settings}");
        let configure = Broadcaster::configure().variables(|_| None);
        configure
            .text("b.toml", &text)
            .map_or_else(|error| error.mistakes().to_vec(), |_| Vec::new())
    }

    #[test]
    fn the_settings_are_taken_under_both_names_of_the_key() {
        for settings in [
            "secret = \"app.key:hush\"",
            "key = \"app.key:hush\"\nchannels = \"verbatim\"\ntoken = \"jwt\"",
            "key = \"app.key:hush\"\nbase_url = \"http://localhost:9010\"\n\
             client_url = \"https://example.com\"\nchannels = \"namespaced\"\n\
             token = \"request\"\ntoken_ttl = \"10m\"\ntimeout = \"5s\"\n\
             connect_timeout = \"500ms\"",
        ] {
            assert_eq!(mistakes(settings), [""; 0], "{settings}");
        }
    }

    #[test]
    fn the_environment_has_the_documents_variable() {
        for name in ["ABLY_SECRET", "ABLY_KEY"] {
            let configure = Broadcaster::configure().variables(move |asked| match asked {
                "BROADCAST_DRIVER" => Some("ably".to_owned()),
                _ => (asked == name).then(|| "app.key:hush".to_owned()),
            });
            let broadcaster = configure.env().unwrap().build().unwrap();
            let shown = format!("{broadcaster:?}");
            assert!(shown.contains("default_driver: \"ably\""), "{shown}");
        }
    }

    #[test]
    fn every_mistake_is_named_and_no_key() {
        for (settings, expected) in [
            (
                "",
                &["1:10: drivers.ably: key `secret` or `key` is missing; expected text"]
                    as &[&str],
            ),
            (
                "secret = \"api:key\"",
                &["2:10: drivers.ably.secret: a placeholder; expected a value of your own"],
            ),
            (
                "key = \"hush\"\nbase_url = \"http://example.com\"\nclient_url = \"x\"\n\
                 channels = \"namespace\"\ntoken_ttl = \"3000m\"\n\
                 root_certificate = \"no-such.pem\"\nbase_ulr = \"x\"",
                &[
                    "2:7: drivers.ably.key: the key is none of Ably: expected \
                     appId.keyId:keySecret",
                    "3:12: drivers.ably.base_url: base url of host `example.com`: expected https, \
                     as the whole key is in every request; http is for this machine only",
                    "4:14: drivers.ably.client_url: client url `x` is not an address: expected \
                     one like https://example.com",
                    "5:12: drivers.ably.channels: `namespace`: did you mean `namespaced`?",
                    "6:13: drivers.ably.token_ttl: token ttl of 180000s: expected 1s to 24h",
                    "7:20: drivers.ably.root_certificate: no-such.pem: No such file or directory \
                     (os error 2); expected a PEM file",
                    "8:1: drivers.ably.base_ulr: unknown key; did you mean `base_url`?",
                ],
            ),
        ] {
            let found = mistakes(settings);
            let expected: Vec<_> = expected
                .iter()
                .map(|text| format!("b.toml:{text}"))
                .collect();
            assert_eq!(found, expected, "{settings}");
            assert!(!found.join("").contains("hush"), "{found:?}");
        }
    }
}
