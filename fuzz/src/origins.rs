//! The `Origin` header against rules: whatever it looks like, a page is let in from where a rule says,
//! and from nowhere else.

use std::sync::LazyLock;

use skywave_protocol::{OriginRule, Origins};

use crate::{Target, seeds};

pub(crate) const TARGET: Target = Target {
    name: "origins",
    run,
    seeds: || {
        seeds(&[
            "https://example.com",
            "HTTPS://Example.COM:443",
            "https://shop.example.net:8443",
            "http://[::1]:8080",
            "https://example.com.evil.test",
            "https://evil.test#https://example.com",
            "https://user@example.com:443/",
            "https://.example.net:8443",
            "null",
            "*",
            "https://*.example.com",
        ])
    },
    longest: 80,
};

static RULES: LazyLock<Origins> = LazyLock::new(|| {
    let rules = [
        "https://example.com",
        "https://*.example.net:8443",
        "http://[::1]:8080",
    ];
    Origins::only(rules.map(|rule| rule.parse().expect("a rule")))
});

fn run(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else {
        return;
    };
    if RULES.allow(Some(text)) {
        // A port is a number, however many zeros stand before it.
        let origin = match text.rsplit_once(':') {
            Some((site, port)) if port.starts_with('0') => {
                format!("{site}:{}", port.trim_start_matches('0'))
            }
            _ => text.to_owned(),
        };
        let origin = origin.to_ascii_lowercase();
        let one_label = |rest: &str| {
            let mut label = rest.chars();
            !rest.is_empty() && label.all(|c| !c.is_ascii_control() && !"./:@?#[] ".contains(c))
        };
        let below = origin.strip_prefix("https://");
        let below = below.and_then(|rest| rest.strip_suffix(".example.net:8443"));
        assert!(
            matches!(
                origin.as_str(),
                "https://example.com" | "https://example.com:443" | "http://[::1]:8080"
            ) || below.is_some_and(one_label),
            "{text:?}"
        );
    }
    if let Ok(rule) = text.parse::<OriginRule>() {
        let shown = rule.to_string();
        assert_eq!(shown.parse::<OriginRule>().as_ref(), Ok(&rule), "{shown}");
        // A rule without a wildcard lets its own origin in.
        if !shown.contains('*') {
            assert!(Origins::only([rule]).allow(Some(&shown)), "{shown}");
        }
    }
}
