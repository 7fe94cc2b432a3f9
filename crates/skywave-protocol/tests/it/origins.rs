//! Whose pages may connect (security checklist 1).

use skywave_protocol::{OriginRule, OriginRuleError, Origins};

fn only(rules: &[&str]) -> Origins {
    Origins::only(
        rules
            .iter()
            .map(|rule| rule.parse::<OriginRule>().expect("a well-formed rule")),
    )
}

const ORIGINS: &[(&str, bool)] = &[
    // Exactly.
    ("https://example.com", true),
    ("https://example.com:443", true),
    ("HTTPS://EXAMPLE.COM", true),
    ("https://upper.example:444", true),
    ("http://localhost:3000", true),
    ("https://[2001:db8::1]:8443", true),
    ("https://[2001:DB8::1]:8443", true),
    ("https://xn--bcher-kva.example", true),
    ("capacitor://localhost", true),
    // Scheme and port.
    ("http://example.com", false),
    ("http://example.com:443", false),
    ("wss://example.com", false),
    ("https://example.com:8443", false),
    ("https://example.com:80", false),
    ("https://example.com:", false),
    ("https://example.com:0443", true),
    ("https://example.com:65979", false),
    ("https://example.com:+443", false),
    ("http://localhost", false),
    ("http://localhost:30000", false),
    ("capacitor://localhost:443", false),
    ("https://[2001:db8::1]", false),
    // Hosts that look alike.
    ("https://evil-example.com", false),
    ("https://evilexample.com", false),
    ("https://example.com.evil.test", false),
    ("https://example.comevil.test", false),
    ("https://example.com.", false),
    ("https://example.com%2eevil.test", false),
    ("https://bücher.example", false),
    // One label below a wildcard, and only that.
    ("https://shop.example.org", true),
    ("https://SHOP.EXAMPLE.ORG", true),
    ("https://example.org", false),
    ("https://.example.org", false),
    ("https://a.b.example.org", false),
    ("https://evil.test/.example.org", false),
    ("https://shop.example.org:8443", false),
    ("http://shop.example.org", false),
    ("https://evilexample.org", false),
    ("https://*.example.org", false),
    // What is no origin at all.
    ("https://user@example.com", false),
    ("https://user:password@example.com", false),
    ("https://evil.test@example.com", false),
    ("https://example.com@evil.test", false),
    ("https://example.com/", false),
    ("https://example.com/path", false),
    ("https://example.com?x", false),
    ("https://example.com#x", false),
    ("https://example.com https://evil.test", false),
    ("https://evil.test, https://example.com", false),
    (" https://example.com", false),
    ("https://example.com\\.evil.test", false),
    ("example.com", false),
    ("//example.com", false),
    ("://example.com", false),
    ("https://", false),
    ("https://[2001:db8::1", false),
    ("https://2001:db8::1]:8443", false),
    ("", false),
    ("null", false),
    ("NULL", false),
];

#[test]
fn forty_origins_against_rules() {
    let origins = only(&[
        "https://example.com",
        "https://*.example.org",
        "http://localhost:3000",
        "https://[2001:db8::1]:8443",
        "https://xn--bcher-kva.example",
        "capacitor://localhost",
        "HTTPS://Upper.Example:444",
    ]);
    for (origin, allowed) in ORIGINS {
        assert_eq!(origins.allow(Some(origin)), *allowed, "{origin:?}");
    }
}

#[test]
fn null_and_missing_origins_are_settings_of_their_own() {
    let none = || only(&[]);
    for (origins, any, page, null, missing) in [
        (Origins::any(), true, true, true, true),
        (Origins::default(), true, true, true, true),
        (none(), false, false, false, true),
        (
            Origins {
                null: true,
                ..none()
            },
            false,
            false,
            true,
            true,
        ),
        (
            Origins {
                missing: false,
                ..none()
            },
            false,
            false,
            false,
            false,
        ),
        (
            Origins {
                null: false,
                ..Origins::any()
            },
            false,
            true,
            false,
            true,
        ),
        (
            Origins {
                missing: false,
                ..Origins::any()
            },
            false,
            true,
            true,
            false,
        ),
    ] {
        assert_eq!(origins.are_any(), any, "{origins:?}");
        assert_eq!(origins.allow(Some("https://a.test")), page, "{origins:?}");
        assert_eq!(origins.allow(Some("null")), null, "{origins:?}");
        assert_eq!(origins.allow(None), missing, "{origins:?}");
    }
}

#[test]
fn rules_are_shown_as_browsers_would_write_them() {
    for (rule, shown) in [
        ("HTTPS://Example.COM:443", "https://example.com"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("https://*.Example.com:8443", "https://*.example.com:8443"),
        ("ionic://localhost", "ionic://localhost"),
    ] {
        let parsed: OriginRule = rule.parse().expect("a well-formed rule");
        assert_eq!(parsed.to_string(), shown);
        assert_eq!(shown.parse(), Ok(parsed));
    }
}

#[test]
fn rules_that_are_none_say_what_one_looks_like() {
    use OriginRuleError::{Malformed, NoScheme, NotAscii, Null, Wildcard};

    for (rule, error) in [
        ("", NoScheme),
        ("*", NoScheme),
        ("example.com", NoScheme),
        ("https:example.com", NoScheme),
        ("https://*", Wildcard),
        ("https://*example.com", Wildcard),
        ("https://*.*.example.com", Wildcard),
        ("https://a.*.example.com", Wildcard),
        ("https://*.[::1]", Wildcard),
        ("https://example.com:*", Wildcard),
        ("*://example.com", Malformed),
        ("https://*.", Malformed),
        ("https://", Malformed),
        ("https://example.com/", Malformed),
        ("https://example.com:port", Malformed),
        ("https://user@example.com", Malformed),
        ("https://a..b", Malformed),
        ("https://bücher.example", NotAscii),
        ("null", Null),
    ] {
        assert_eq!(rule.parse::<OriginRule>(), Err(error), "{rule:?}");
        assert!(!error.to_string().is_empty());
    }
}
