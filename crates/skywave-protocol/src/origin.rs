//! Which web pages may connect: rules about the `Origin` header.
//!
//! A browser tells with every WebSocket handshake and every request to another site which page it
//! is made by (RFC 6454 §7). Without a rule a page of any site may connect with a visitor's
//! browser; what it may then listen to is for the authorisation to say. Programs that are no
//! browsers send no such header, or whatever they like: this protects visitors, not the server.

use std::fmt;
use std::str::FromStr;

/// Whose pages may connect to an app.
///
/// ```
/// use skywave_protocol::{Origins, OriginRule};
///
/// let rules = ["https://example.com", "https://*.example.com"].map(|rule| rule.parse().unwrap());
/// let origins = Origins::only(rules);
/// assert!(origins.allow(Some("https://shop.example.com")));
/// assert!(!origins.allow(Some("https://example.com.evil.test")));
/// assert!(origins.allow(None), "no browser");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origins {
    /// Pages for which one of these holds may connect; `None`, the default, is pages of any site.
    pub rules: Option<Vec<OriginRule>>,
    /// Whether pages whose origin is opaque may connect: files, sandboxed frames, `data:`
    /// addresses. They are whoever's. Default false, once there are rules.
    pub null: bool,
    /// Whether who sends no `Origin` may connect, which is every client that is no browser.
    /// Default true.
    pub missing: bool,
}

impl Origins {
    /// Pages of any site, the default.
    #[must_use]
    pub fn any() -> Self {
        Self {
            rules: None,
            null: true,
            missing: true,
        }
    }

    /// Pages for which one of the rules holds, and clients that are no browsers. An empty list
    /// allows no page.
    #[must_use]
    pub fn only(rules: impl IntoIterator<Item = OriginRule>) -> Self {
        Self {
            rules: Some(rules.into_iter().collect()),
            null: false,
            missing: true,
        }
    }

    /// Whether every page may connect, since nobody made a rule.
    #[must_use]
    pub fn are_any(&self) -> bool {
        self.rules.is_none() && self.null && self.missing
    }

    /// Whether a request with this `Origin` header is welcome.
    #[must_use]
    pub fn allow(&self, origin: Option<&str>) -> bool {
        let Some(origin) = origin else {
            return self.missing;
        };
        if origin == "null" {
            return self.null;
        }
        let Some(rules) = &self.rules else {
            return true;
        };
        Parts::of(origin).is_some_and(|origin| rules.iter().any(|rule| rule.holds_for(&origin)))
    }
}

impl Default for Origins {
    fn default() -> Self {
        Self::any()
    }
}

/// One rule: an exact origin, such as `https://example.com:8443`, or all subdomains one label
/// below a host, `https://*.example.com`. Scheme, host and port have to match; a port that is left
/// out is the scheme's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginRule {
    scheme: String,
    /// Lower case, without the `*.` of a wildcard.
    host: String,
    wildcard: bool,
    port: Option<u16>,
}

impl OriginRule {
    fn holds_for(&self, origin: &Parts<'_>) -> bool {
        let host = if self.wildcard {
            match origin.host.split_once('.') {
                Some((label, parent)) if !label.is_empty() => parent,
                _ => return false,
            }
        } else {
            origin.host
        };
        self.scheme.eq_ignore_ascii_case(origin.scheme)
            && self.host.eq_ignore_ascii_case(host)
            && self.port == origin.port
    }
}

impl FromStr for OriginRule {
    type Err = OriginRuleError;

    fn from_str(text: &str) -> Result<Self, OriginRuleError> {
        if text == "null" {
            return Err(OriginRuleError::Null);
        }
        if !text.is_ascii() {
            return Err(OriginRuleError::NotAscii);
        }
        let (scheme, rest) = text.split_once("://").ok_or(OriginRuleError::NoScheme)?;
        let wildcard = rest.starts_with("*.");
        let plain = rest.strip_prefix("*.").unwrap_or(rest);
        if plain.contains('*') {
            return Err(OriginRuleError::Wildcard);
        }
        let bare = format!("{scheme}://{plain}");
        let parts = Parts::of(&bare).ok_or(OriginRuleError::Malformed)?;
        if wildcard && parts.host.starts_with('[') {
            return Err(OriginRuleError::Wildcard);
        }
        Ok(Self {
            scheme: parts.scheme.to_ascii_lowercase(),
            host: parts.host.to_ascii_lowercase(),
            wildcard,
            port: parts.port,
        })
    }
}

impl fmt::Display for OriginRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = if self.wildcard { "*." } else { "" };
        write!(f, "{}://{star}{}", self.scheme, self.host)?;
        match self.port {
            Some(port) if default_port(&self.scheme) != Some(port) => write!(f, ":{port}"),
            _ => Ok(()),
        }
    }
}

/// Why a text is no [`OriginRule`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OriginRuleError {
    /// It does not begin with `https://` or the like.
    NoScheme,
    /// It is more than scheme, host and port, or one of these is not well formed.
    Malformed,
    /// A star stands elsewhere than for the first label of the host.
    Wildcard,
    /// A host is not written the way browsers send it.
    NotAscii,
    /// `null` is no origin, but a setting.
    Null,
}

impl fmt::Display for OriginRuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoScheme => {
                "an origin begins with its scheme, as in https://example.com or https://*.example.com"
            }
            Self::Malformed => {
                "an origin is a scheme, a host and possibly a port, as in https://example.com:8443, \
                 without a path or a slash at its end"
            }
            Self::Wildcard => "a star stands for the first label of the host, as in https://*.example.com",
            Self::NotAscii => {
                "a host with other letters than those of ASCII is written as browsers send it: xn--.."
            }
            Self::Null => "null is not an origin; there is a setting to allow it",
        })
    }
}

impl std::error::Error for OriginRuleError {}

/// An origin taken apart.
struct Parts<'a> {
    scheme: &'a str,
    host: &'a str,
    port: Option<u16>,
}

impl<'a> Parts<'a> {
    /// The parts of a serialised origin (RFC 6454 §6.2); `None` for anything else.
    fn of(origin: &'a str) -> Option<Self> {
        let (scheme, rest) = origin.split_once("://")?;
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        if !scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            || !scheme.bytes().all(legal)
        {
            return None;
        }
        // The colons of an IPv6 address stand in brackets.
        let end_of_host = rest.find(']').map_or(0, |end| end + 1);
        let (host, port) = match rest[end_of_host..].split_once(':') {
            Some((host, port)) => (&rest[..end_of_host + host.len()], Some(port)),
            None => (rest, None),
        };
        let port = match port {
            None => default_port(scheme),
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(digits.parse().ok()?)
            }
            Some(_) => return None,
        };
        is_host(host).then_some(Self { scheme, host, port })
    }
}

/// Letters, digits, dots and the like, or an IPv6 address in brackets.
fn is_host(host: &str) -> bool {
    match host.strip_prefix('[') {
        Some(rest) => rest
            .strip_suffix(']')
            .is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok()),
        None => {
            let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            !host.is_empty()
                && host
                    .strip_suffix('.')
                    .unwrap_or(host)
                    .split('.')
                    .all(|label| !label.is_empty() && label.bytes().all(legal))
        }
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    if scheme.eq_ignore_ascii_case("https") {
        Some(443)
    } else if scheme.eq_ignore_ascii_case("http") {
        Some(80)
    } else {
        None
    }
}
