//! An endpoint after it was checked: where requests go and with which headers.

use std::fmt;
use std::net::IpAddr;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use http::{Method, Request, Uri};
use skywave_engine::WebhookEndpoint;
use skywave_http_client::is_public;
use skywave_protocol::Credentials;

/// Where an endpoint's requests go.
#[derive(Clone)]
pub(super) struct Target {
    uri: Uri,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// Whether webhooks can be sent to this endpoint, as far as its settings tell: the addresses of
/// names are only known when something is sent.
///
/// # Errors
///
/// Says what is wrong with its URL or its headers.
pub fn check_webhook(
    endpoint: &WebhookEndpoint,
    allow_private: bool,
) -> Result<(), InvalidWebhook> {
    let target = Target::of(endpoint)?;
    let host = target.uri.host().unwrap_or_default();
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse();
    match literal {
        Ok(address) if !allow_private && !is_public(address) => Err(not_public(address)),
        _ => Ok(()),
    }
}

impl Target {
    /// Reads an endpoint's settings.
    pub(super) fn of(endpoint: &WebhookEndpoint) -> Result<Self, InvalidWebhook> {
        let uri: Uri = endpoint
            .url
            .parse()
            .map_err(|_| invalid("the url is not one, expected https://host/path"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(invalid("the url begins with neither http:// nor https://"));
        }
        if uri.host().is_none_or(str::is_empty) {
            return Err(invalid("the url has no host"));
        }
        if uri.authority().is_some_and(|a| a.as_str().contains('@')) {
            return Err(invalid(
                "the url has a user or a password in it; use a header",
            ));
        }
        let headers = endpoint.headers.iter().map(|(name, value)| {
            let bad = |problem| InvalidWebhook(format!("the header {name:?} {problem}"));
            let named = HeaderName::try_from(name).map_err(|_| bad("has no valid name"))?;
            if RESERVED.contains(&named.as_str()) {
                return Err(bad("is set by the server"));
            }
            let mut value = HeaderValue::from_str(value.expose())
                .map_err(|_| bad("has a value that no header can have"))?;
            value.set_sensitive(true);
            Ok((named, value))
        });
        Ok(Self {
            headers: headers.collect::<Result<_, _>>()?,
            uri,
        })
    }

    /// A request that tells what is in `body`, signed as the app with these credentials.
    pub(super) fn request(
        &self,
        credentials: &Credentials,
        body: &Bytes,
    ) -> Result<Request<Bytes>, http::Error> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(self.uri.clone())
            // Exactly this: a library refuses everything else (trap 18).
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, SENDER)
            .header("x-pusher-key", credentials.key())
            .header("x-pusher-signature", credentials.sign_webhook(body));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.body(body.clone())
    }
}

/// Only where, not with what.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("host", &self.uri.host())
            .finish_non_exhaustive()
    }
}

/// What is wrong with an endpoint of webhooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidWebhook(String);

impl fmt::Display for InvalidWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidWebhook {}

fn invalid(problem: &str) -> InvalidWebhook {
    InvalidWebhook(problem.to_owned())
}

fn not_public(address: IpAddr) -> InvalidWebhook {
    InvalidWebhook(format!(
        "{address} is not an address of the public internet; webhooks go there only with \
         `allow_private`"
    ))
}

/// Headers that make the request what it is.
const RESERVED: &[&str] = &[
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-pusher-key",
    "x-pusher-signature",
];

const SENDER: &str = concat!("skywave/", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests {
    use skywave_protocol::Secret;

    use super::*;

    #[test]
    fn an_endpoint_is_checked() {
        for (url, allow_private, expected) in [
            ("https://example.com/hooks?a=b", false, None),
            ("http://1.1.1.1:8080", false, None),
            ("http://localhost/", false, None),
            ("http://127.0.0.1/", true, None),
            (
                "http://127.0.0.1/",
                false,
                Some("not an address of the public internet"),
            ),
            (
                "http://[::ffff:10.0.0.1]/",
                false,
                Some("not an address of the public internet"),
            ),
            ("ftp://example.com/", false, Some("neither http://")),
            ("/hooks", false, Some("neither http://")),
            ("example.com", false, Some("neither http://")),
            ("http://", false, Some("not one")),
            ("https://me:pw@example.com/", false, Some("a password")),
            ("https://exa mple.com/", false, Some("not one")),
            ("", false, Some("not one")),
        ] {
            let outcome = check_webhook(&WebhookEndpoint::new(url), allow_private);
            match (outcome, expected) {
                (Ok(()), None) => {}
                (Err(error), Some(part)) => {
                    let error = error.to_string();
                    assert!(error.contains(part), "{url}: {error}");
                    assert!(!error.contains("pw"), "{error}");
                }
                (outcome, _) => panic!("{url}: {outcome:?}"),
            }
        }
    }

    #[test]
    fn headers_are_checked() {
        for (name, value, expected) in [
            ("Authorization", "Bearer hush", None),
            ("content-type", "text/plain", Some("is set by the server")),
            ("X-Pusher-Signature", "x", Some("is set by the server")),
            ("a b", "x", Some("no valid name")),
            ("x", "hush\r\nHost: x", Some("no header can have")),
        ] {
            let endpoint = WebhookEndpoint {
                headers: vec![(name.to_owned(), Secret::new(value))],
                ..WebhookEndpoint::new("https://example.com/")
            };
            let outcome = check_webhook(&endpoint, false).map_err(|error| error.to_string());
            match expected {
                None => assert_eq!(outcome, Ok(())),
                Some(part) => {
                    let error = outcome.unwrap_err();
                    assert!(error.contains(part) && !error.contains("hush"), "{error}");
                }
            }
        }
    }
}
