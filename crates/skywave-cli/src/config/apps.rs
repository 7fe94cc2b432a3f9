//! `[[apps]]`: who may connect and publish, with secrets from files.

use std::fs;
use std::path::Path;

use skywave_protocol::{Credentials, OriginRule, Origins, Secret};
use skywave_server::AppSettings;
use skywave_settings::Settings;

use super::file::{Apps, Reader, parsed, said};
use super::limits::{LIMIT_KEYS, limits};
use super::tables::time;
use super::webhooks::{ENDPOINT_KEYS, endpoint, webhooks};

/// Keys of `[[apps]]`.
pub(super) const APP_KEYS: &[&str] = &[
    "id",
    "key",
    "secret",
    "secret_file",
    "enabled",
    "client_events",
    "subscription_counts",
    "watchlists",
    "authorisation_timeout",
    "origins",
    "origin_null",
    "origin_missing",
    "tls_only",
    "webhooks",
    "webhook_batch_events",
    "webhook_batch_interval",
    "webhook_queue_events",
    "limits",
];

/// Reads all apps. Webhooks may go to addresses of one's own network or not.
pub(super) fn read(reader: &mut Reader<'_>, top: &mut Settings, allow_private: bool) -> Apps {
    let mut apps = Apps::new();
    for (at, entries) in top.take_tables("apps") {
        reader.read(("apps", APP_KEYS), at, entries, |reader, table| {
            if let Some((id, app)) = app(reader, table, allow_private) {
                differs(table, &apps, &id, app.credentials.key());
                apps.push((id, app));
            }
        });
    }
    apps
}

fn app(
    reader: &mut Reader<'_>,
    table: &mut Settings,
    allow_private: bool,
) -> Option<(String, AppSettings)> {
    let mut endpoints = Vec::new();
    for (at, entries) in table.take_tables("webhooks") {
        let place = ("apps.webhooks", ENDPOINT_KEYS);
        let read = |_: &mut Reader<'_>, table: &mut Settings| endpoint(table, allow_private);
        endpoints.extend(reader.read(place, at, entries, read));
    }
    let webhooks = webhooks(table, endpoints);
    let limits = table.take_table("limits").map(|(at, entries)| {
        reader.read(("apps.limits", LIMIT_KEYS), at, entries, |_, table| {
            limits(table)
        })
    });
    let id = table.required::<String>("id").ok();
    let id = id.filter(|id| noted(table, "id", check_name(id)));
    let key = table.required::<String>("key").ok();
    let key = key.filter(|key| noted(table, "key", check_name(key)));
    let secret = secret(reader, table);
    let flags = FLAGS.map(|flag| said::<bool>(table, flag));
    let authorisation_timeout = time(table, "authorisation_timeout");
    let origins = origins(table);
    let mut app = AppSettings::new(Credentials::new(key?, &secret?));
    let [
        enabled,
        client_events,
        subscription_counts,
        watchlists,
        tls_only,
    ] = flags;
    app.limits = limits.unwrap_or_default();
    app.enabled = enabled.unwrap_or(app.enabled);
    app.client_events = client_events.unwrap_or(app.client_events);
    app.subscription_counts = subscription_counts.unwrap_or(app.subscription_counts);
    app.watchlists = watchlists.unwrap_or(app.watchlists);
    app.authorisation_timeout = authorisation_timeout;
    app.tls_only = tls_only.unwrap_or(app.tls_only);
    app.origins = origins;
    app.webhooks = webhooks;
    Some((id?, app))
}

/// The settings that are true or false.
const FLAGS: [&str; 5] = [
    "enabled",
    "client_events",
    "subscription_counts",
    "watchlists",
    "tls_only",
];

/// Whose pages may connect.
fn origins(table: &Settings) -> Origins {
    let mut origins = Origins::any();
    if let Some(rules) = said::<Vec<String>>(table, "origins") {
        let rule = |text: &String| match text.parse::<OriginRule>() {
            Ok(rule) => Some(rule),
            Err(error) => {
                table.mistake("origins", &format!("`{text}`: {error}"));
                None
            }
        };
        origins = Origins::only(rules.iter().filter_map(rule));
    }
    for (key, flag) in [
        ("origin_null", &mut origins.null),
        ("origin_missing", &mut origins.missing),
    ] {
        if table.has(key) && !table.has("origins") {
            table.mistake(key, "has no meaning without `origins`");
        }
        *flag = said(table, key).unwrap_or(*flag);
    }
    origins
}

/// The secret, from the file itself or from one of its own.
fn secret(reader: &Reader<'_>, table: &Settings) -> Option<Secret> {
    match (table.has("secret"), table.has("secret_file")) {
        (true, true) => {
            let problem = "is the same setting as `secret`; expected one of them";
            table.mistake("secret_file", problem);
            None
        }
        (false, true) => parsed(table, "secret_file", |path| {
            read_secret(&reader.folder.join(path))
        }),
        (true, false) => table.required("secret").ok(),
        (false, false) => {
            table.note_whole("key `secret` or `secret_file` is missing; expected text");
            None
        }
    }
}

/// The secret in a file, without the end of its line.
pub(crate) fn read_secret(path: &Path) -> Result<Secret, String> {
    let text = fs::read_to_string(path)
        .map_err(|error| format!("{}: {error}; expected a file with a secret", path.display()))?;
    match text.trim() {
        "" => Err(format!("{}: empty; expected a secret", path.display())),
        secret => Ok(Secret::from(secret)),
    }
}

/// Notes an id or a key that another app has.
fn differs(table: &Settings, apps: &Apps, id: &str, key: &str) {
    if apps.iter().any(|(other, _)| other == id) {
        let problem = format!("another app has the id `{id}`; expected different ids");
        table.mistake("id", &problem);
    }
    if apps.iter().any(|(_, other)| other.credentials.key() == key) {
        let problem = format!("another app has the key `{key}`; expected different keys");
        table.mistake("key", &problem);
    }
}

fn noted(table: &Settings, key: &str, checked: Result<(), String>) -> bool {
    checked
        .map_err(|problem| table.mistake(key, &problem))
        .is_ok()
}

/// Whether an app's id can stand in the paths of the HTTP API, and a key in an address and in front
/// of a signature.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !name.is_empty() && name.bytes().all(legal) {
        return Ok(());
    }
    Err(format!("`{name}`: expected letters, digits, `-` and `_`"))
}
