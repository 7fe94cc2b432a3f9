//! `[webhooks]` and `[[apps.webhooks]]`: who is told what happens in an app's channels, and how.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use skywave_protocol::{Secret, WebhookKind};
use skywave_server::{WebhookEndpoint, WebhookSettings, Webhooks, check_webhook};
use skywave_settings::Settings;

use super::file::said;

/// Keys of `[webhooks]`.
pub(super) const WEBHOOKS_KEYS: &[&str] = &["allow_private", "timeout", "root_certificate"];

/// Keys of `[[apps.webhooks]]`.
pub(super) const ENDPOINT_KEYS: &[&str] = &[
    "url",
    "events",
    "channel_prefix",
    "channel_suffix",
    "headers",
];

/// `[webhooks]`, where relative paths begin at `folder`.
pub(super) fn settings(table: &Settings, folder: &Path) -> WebhookSettings {
    let mut settings = WebhookSettings::default();
    settings.allow_private = said(table, "allow_private").unwrap_or(settings.allow_private);
    if let Some(timeout) = said::<Duration>(table, "timeout") {
        if !(SHORTEST..=LONGEST).contains(&timeout) {
            table.mistake("timeout", "expected a time from \"100ms\" to \"9s\"");
        }
        settings.timeout = timeout;
    }
    if let Some(path) = said::<PathBuf>(table, "root_certificate") {
        match fs::read(folder.join(&path)) {
            Ok(pem) => settings.root_certificate = Some(pem),
            Err(error) => {
                let problem = format!("{}: {error}; expected a file in PEM", path.display());
                table.mistake("root_certificate", &problem);
            }
        }
    }
    settings
}

/// One of `[[apps.webhooks]]`.
pub(super) fn endpoint(table: &Settings, allow_private: bool) -> Option<WebhookEndpoint> {
    let url = table.required::<String>("url").ok();
    let mut endpoint = WebhookEndpoint::new(url.as_deref().unwrap_or(EXAMPLE));
    if let Err(problem) = check_webhook(&endpoint, allow_private) {
        table.mistake("url", &problem.to_string());
    }
    if let Some(events) = said::<Vec<String>>(table, "events") {
        let kind = |name: &String| match name.parse::<WebhookKind>() {
            Ok(kind) => Some(kind),
            Err(problem) => {
                table.mistake("events", &format!("`{name}`: {problem}"));
                None
            }
        };
        endpoint.events = events.iter().filter_map(kind).collect();
    }
    endpoint.channel_prefix = said(table, "channel_prefix").unwrap_or_default();
    endpoint.channel_suffix = said(table, "channel_suffix").unwrap_or_default();
    endpoint.headers = headers(table);
    url.map(|_| endpoint)
}

/// Headers as texts, `name: value`.
fn headers(table: &Settings) -> Vec<(String, Secret)> {
    let mut headers = Vec::new();
    for header in said::<Vec<String>>(table, "headers").unwrap_or_default() {
        let Some((name, value)) = header.split_once(':') else {
            let problem = "expected texts such as \"Authorization: Bearer …\"";
            table.mistake("headers", problem);
            continue;
        };
        headers.push((name.trim().to_owned(), Secret::from(value.trim())));
    }
    let endpoint = WebhookEndpoint {
        headers,
        ..WebhookEndpoint::new(EXAMPLE)
    };
    if let Err(problem) = check_webhook(&endpoint, false) {
        table.mistake("headers", &problem.to_string());
    }
    endpoint.headers
}

/// What `[[apps]]` says about webhooks beside who gets them.
pub(super) fn webhooks(table: &Settings, endpoints: Vec<WebhookEndpoint>) -> Webhooks {
    let mut webhooks = Webhooks {
        endpoints,
        ..Webhooks::default()
    };
    for (key, number) in [
        ("webhook_batch_events", &mut webhooks.batch_events),
        ("webhook_queue_events", &mut webhooks.queue_events),
    ] {
        let Some(said) = said::<usize>(table, key) else {
            continue;
        };
        if said == 0 {
            table.mistake(key, "expected at least 1, found 0");
        }
        *number = said;
    }
    if let Some(interval) = said::<Duration>(table, "webhook_batch_interval") {
        if interval > LONGEST_INTERVAL {
            table.mistake("webhook_batch_interval", "expected at most \"60s\"");
        }
        webhooks.batch_interval = interval;
    }
    webhooks
}

/// Stands where a URL is missing, so that the other settings are checked all the same.
const EXAMPLE: &str = "https://example.com/";

/// Of one attempt. Receivers refuse what is older than five minutes, and the last attempt begins
/// ten seconds before.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(9);

/// How long an event may wait for others: it is given up after five minutes.
const LONGEST_INTERVAL: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::super::File;
    use super::*;

    /// What a file with an app says, after these lines at the top and these in the app.
    fn read(top: &str, app: &str) -> Result<File, Vec<String>> {
        let text = format!("{top}\n[[apps]]\nid = \"1\"\nkey = \"k\"\nsecret = \"s\"\n{app}");
        let variable = |name: &str| (name == "TOKEN").then(|| "hush".to_owned());
        File::read("f", &text, Path::new("."), &variable)
    }

    #[test]
    fn everything_can_be_said() {
        let file = read(
            "[webhooks]\nallow_private = true\ntimeout = \"2s\"",
            "webhook_batch_events = 1\nwebhook_batch_interval = \"100ms\"\nwebhook_queue_events = 9\n\
             [[apps.webhooks]]\nurl = \"http://127.0.0.1:9/\"\n\
             [[apps.webhooks]]\nurl = \"https://example.com/\"\nevents = [\"client_event\"]\n\
             channel_prefix = \"private-\"\nchannel_suffix = \"-a\"\n\
             headers = [\"Authorization: Bearer ${TOKEN}\"]",
        )
        .unwrap();
        assert!(file.webhooks.allow_private);
        assert_eq!(file.webhooks.timeout, Duration::from_secs(2));
        let webhooks = &file.apps[0].1.webhooks;
        assert_eq!((webhooks.batch_events, webhooks.queue_events), (1, 9));
        assert_eq!(webhooks.batch_interval, Duration::from_millis(100));
        let [plain, picky] = webhooks.endpoints.as_slice() else {
            panic!("{webhooks:?}");
        };
        assert!(plain.wants(WebhookKind::ChannelOccupied, "a"));
        assert!(!plain.wants(WebhookKind::ClientEvent, "private-a"));
        assert!(picky.wants(WebhookKind::ClientEvent, "private-a-a"));
        assert!(!picky.wants(WebhookKind::ChannelOccupied, "private-a-a"));
        let (name, value) = &picky.headers[0];
        assert_eq!(
            (name.as_str(), value.expose()),
            ("Authorization", "Bearer hush")
        );
    }

    #[test]
    fn every_mistake_is_told_and_no_secret() {
        for (top, app, expected) in [
            ("", "[[apps.webhooks]]", "key `url` is missing"),
            (
                "",
                "[[apps.webhooks]]\nurl = \"example.com\"",
                "neither http://",
            ),
            (
                "",
                "[[apps.webhooks]]\nurl = \"http://169.254.169.254/\"",
                "169.254.169.254 is not an address of the public internet",
            ),
            (
                "",
                "[[apps.webhooks]]\nurl = \"http://a/\"\nevents = [\"occupied\"]",
                "`occupied`: unknown kind of webhook event; the kinds are channel_occupied",
            ),
            (
                "",
                "[[apps.webhooks]]\nurl = \"http://a/\"\nheaders = [\"Bearer ${TOKEN}\"]",
                "expected texts such as",
            ),
            (
                "",
                "[[apps.webhooks]]\nurl = \"http://a/\"\nheaders = [\"Host: ${TOKEN}\"]",
                "the header \"Host\" is set by the server",
            ),
            ("", "webhook_batch_events = 0", "expected at least 1"),
            ("", "webhook_batch_interval = \"2m\"", "at most \"60s\""),
            ("[webhooks]\ntimeout = \"10s\"", "", "to \"9s\""),
            (
                "[webhooks]\nroot_certificate = \"none.pem\"",
                "",
                "none.pem",
            ),
        ] {
            let mistakes = read(top, app).unwrap_err();
            assert_eq!(mistakes.len(), 1, "{mistakes:?}");
            assert!(mistakes[0].contains(expected), "{mistakes:?}");
            assert!(!mistakes[0].contains("hush"), "{mistakes:?}");
        }
        let all = "[[apps.webhooks]]\nurl = \"ftp://a/\"\nevents = [\"e\"]\nheaders = [\"h\"]";
        assert_eq!(read("", all).unwrap_err().len(), 3);
    }
}
