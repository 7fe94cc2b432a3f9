//! The driver's settings in a configuration.

use std::time::Duration;

use http::Uri;
use skywave_protocol::Secret;

use super::{IN_THE_CLEAR, Pusher, check};
use crate::config::{Settings, SettingsError};
use crate::driver::MasterKey;

/// What it reads.
pub(crate) const KEYS: &[&str] = &[
    "app_id",
    "client|key",
    "secret",
    "cluster",
    "host",
    "port",
    "ssl",
    "path",
    "url",
    "client_url",
    "timeout",
    "connect_timeout",
    "root_certificate",
    "encryption_master_key",
];

/// Keys that are said by `url` as well.
const IN_URL: &[&str] = &[
    "app_id",
    "client|key",
    "secret",
    "cluster",
    "host",
    "port",
    "ssl",
    "path",
];

/// The app that is configured.
pub(crate) fn from_settings(settings: &Settings) -> Result<Pusher, SettingsError> {
    let pusher = if settings.has("url") {
        by_url(settings)
    } else {
        by_keys(settings)
    };
    let client_url = settings.optional::<String>("client_url");
    let timeout = settings.optional::<Duration>("timeout");
    let connect_timeout = settings.optional::<Duration>("connect_timeout");
    let root_certificate = settings.pem_file("root_certificate");
    let master_key = master_key(settings);

    let mut pusher = pusher?;
    pusher.address.client_url = client_url?;
    if let Some(limit) = timeout? {
        pusher = pusher.timeout(limit);
    }
    if let Some(limit) = connect_timeout? {
        pusher = pusher.connect_timeout(limit);
    }
    if let Some(pem) = root_certificate? {
        pusher = pusher.root_certificate(pem);
    }
    if let Some(key) = master_key? {
        pusher = pusher.encryption_master_key(key);
    }
    let place = pusher.address.checked()?;
    if place.is_in_the_clear() {
        let key = if settings.has("url") { "url" } else { "ssl" };
        settings.warn(key, IN_THE_CLEAR);
        pusher.warned = true;
    }
    Ok(pusher)
}

fn master_key(settings: &Settings) -> Result<Option<Secret>, SettingsError> {
    let key = settings.optional::<Secret>("encryption_master_key")?;
    if let Some(Err(error)) = key.as_ref().map(|key| MasterKey::parse(key.expose())) {
        return Err(settings.mistake("encryption_master_key", &error.to_string()));
    }
    Ok(key)
}

fn by_keys(settings: &Settings) -> Result<Pusher, SettingsError> {
    let app_id = identifier(settings, "app_id", "app id");
    let key = identifier(settings, "client|key", "key");
    let secret = settings.required::<Secret>("secret");
    let cluster = settings.optional::<String>("cluster");
    let host = settings.optional::<String>("host");
    let port = settings.optional::<u16>("port");
    let ssl = settings.optional::<bool>("ssl");
    let path = settings.optional::<String>("path");

    let mut pusher = Pusher::new(app_id?, key?, secret?);
    if let Some(cluster) = cluster? {
        pusher = pusher.cluster(cluster);
    }
    pusher.address.host = host?;
    pusher.address.port = port?;
    pusher.address.ssl = ssl?.unwrap_or(true);
    pusher.address.path = path?.unwrap_or_default();
    Ok(pusher)
}

fn identifier(settings: &Settings, key: &str, name: &str) -> Result<String, SettingsError> {
    let value = settings.required::<String>(key)?;
    match check(name, &value) {
        Ok(()) => Ok(value),
        Err(error) => Err(settings.mistake(key, &error.to_string())),
    }
}

/// Everything in one address, as hosting companies hand it over:
/// `https://KEY:SECRET@api-CLUSTER.pusher.com/apps/APP_ID`.
fn by_url(settings: &Settings) -> Result<Pusher, SettingsError> {
    let mut twice = Ok(());
    for key in IN_URL {
        if settings.has(key) {
            twice = Err(settings.mistake(key, "is in `url` as well; expected one of them"));
        }
    }
    let url = settings.required::<String>("url")?;
    twice?;
    let Some(pusher) = parse(&url) else {
        // The address has the secret in it, so it is not repeated.
        let problem = "expected an address such as \
                       https://KEY:SECRET@api-CLUSTER.pusher.com/apps/APP_ID";
        return Err(settings.mistake("url", problem));
    };
    for (name, value) in [("app id", &pusher.app_id), ("key", &pusher.key)] {
        check(name, value).map_err(|error| settings.mistake("url", &error.to_string()))?;
    }
    check("secret", pusher.secret.expose())
        .map_err(|error| settings.mistake("url", &error.to_string()))?;
    Ok(pusher)
}

fn parse(url: &str) -> Option<Pusher> {
    let url: Uri = url.parse().ok()?;
    let authority = url.authority()?;
    let (user, _) = authority.as_str().rsplit_once('@')?;
    let (key, secret) = user.split_once(':')?;
    let (path, app_id) = url.path().trim_end_matches('/').rsplit_once("/apps/")?;
    let mut pusher = Pusher::new(app_id, key, secret).path(path);
    pusher.address.ssl = match url.scheme_str()? {
        "https" => true,
        "http" => false,
        _ => return None,
    };
    pusher.address.port = authority.port_u16();
    let host = authority.host();
    let hosted = host.strip_prefix("api-");
    Some(
        match hosted.and_then(|host| host.strip_suffix(".pusher.com")) {
            Some(cluster) => pusher.cluster(cluster),
            None => pusher.host(host),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Broadcaster;

    fn mistakes(settings: &str) -> Vec<String> {
        let text = format!("[drivers.pusher]\n{settings}");
        let configure = Broadcaster::configure().variables(|_| None);
        configure
            .text("b.toml", &text)
            .map_or_else(|error| error.mistakes().to_vec(), |_| Vec::new())
    }

    const GOOD: &str = "app_id = \"1\"\nkey = \"k\"\nsecret = \"hush\"\n";

    #[test]
    fn the_documents_settings_are_taken() {
        for more in [
            "",
            "cluster = \"eu\"\nssl = true",
            "host = \"127.0.0.1\"\nport = 6001\nssl = false\npath = \"/sockets\"",
            "client_url = \"https://example.com\"\ntimeout = \"5s\"\nconnect_timeout = \"500ms\"",
        ] {
            assert_eq!(mistakes(&format!("{GOOD}{more}")), [""; 0], "{more}");
        }
        assert_eq!(
            mistakes("url = \"https://k:s@api-eu.pusher.com/apps/1\""),
            [""; 0]
        );
    }

    #[test]
    fn mistakes_are_named_with_their_places() {
        for (settings, expected) in [
            (
                String::new(),
                &[
                    "1:10: drivers.pusher: key `app_id` is missing; expected text",
                    "1:10: drivers.pusher: key `client` or `key` is missing; expected text",
                    "1:10: drivers.pusher: key `secret` is missing; expected text",
                ] as &[&str],
            ),
            (
                "app_id = \"a/b\"\nclient = \"k k\"\nsecret = \"29382xx..\"\nport = 65536\nhots = 1"
                    .to_owned(),
                &[
                    "2:10: drivers.pusher.app_id: app id `a/b`: expected letters, digits, `-`, \
                     `_` and `.`",
                    "3:10: drivers.pusher.client: key `k k`: expected letters, digits, `-`, `_` \
                     and `.`",
                    "4:10: drivers.pusher.secret: a placeholder; expected a value of your own",
                    "5:8: drivers.pusher.port: expected a number from 0 to 65535, found 65536",
                    "6:1: drivers.pusher.hots: unknown key; did you mean `host`?",
                ],
            ),
            (
                format!("{GOOD}host = \"https://example.com\""),
                &[
                    "1:10: drivers.pusher: host `https://example.com`: expected a name or an \
                     address, without scheme, port and path",
                ],
            ),
            (
                format!("{GOOD}root_certificate = \"no-such.pem\""),
                &[
                    "5:20: drivers.pusher.root_certificate: no-such.pem: No such file or \
                     directory (os error 2); expected a PEM file",
                ],
            ),
            (
                format!("{GOOD}url = \"https://k:hush@api-eu.pusher.com/apps/1\""),
                &[
                    "2:10: drivers.pusher.app_id: is in `url` as well; expected one of them",
                    "3:7: drivers.pusher.key: is in `url` as well; expected one of them",
                    "4:10: drivers.pusher.secret: is in `url` as well; expected one of them",
                ],
            ),
            (
                "url = \"https://k@api-eu.pusher.com/hush\"".to_owned(),
                &["2:7: drivers.pusher.url: expected an address such as \
                     https://KEY:SECRET@api-CLUSTER.pusher.com/apps/APP_ID"],
            ),
            (
                "url = \"https://k:29382xx..@api-eu.pusher.com/apps/1\"".to_owned(),
                &["2:7: drivers.pusher.url: the secret is a placeholder; expected one of your own"],
            ),
        ] {
            let found = mistakes(&settings);
            let expected: Vec<_> = expected
                .iter()
                .map(|text| format!("b.toml:{text}"))
                .collect();
            assert_eq!(found, expected, "{settings}");
            assert!(!found.join("").contains("hush"), "{found:?}");
        }
    }

    #[test]
    fn an_address_says_everything() {
        for (url, expected) in [
            (
                "https://k:s@api-eu.pusher.com/apps/1",
                Some("https://api-eu.pusher.com/apps/1?"),
            ),
            (
                "http://k:s@localhost:6001/sockets/apps/1/",
                Some("http://localhost:6001/sockets/apps/1?"),
            ),
            (
                "https://k:s@[::1]:6001/apps/1",
                Some("https://[::1]:6001/apps/1?"),
            ),
            ("https://api-eu.pusher.com/apps/1", None),
            ("https://k:s@api-eu.pusher.com", None),
            ("wss://k:s@api-eu.pusher.com/apps/1", None),
            ("k:s", None),
        ] {
            let found = parse(url).map(|pusher| {
                assert_eq!(
                    (
                        pusher.app_id.as_str(),
                        pusher.key.as_str(),
                        pusher.secret.expose()
                    ),
                    ("1", "k", "s")
                );
                let place = pusher.address.checked().unwrap();
                place.url("/apps/1", "")
            });
            assert_eq!(found.as_deref(), expected, "{url}");
        }
    }
}
