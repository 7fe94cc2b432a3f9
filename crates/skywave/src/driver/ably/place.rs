//! Where Ably is: for requests ([`Place::url`]) and for pages ([`Place::client_options`]).

use std::net::IpAddr;

use crate::client_options::{ClientOptions, Page};
use crate::driver::DriverError;

/// A checked address.
#[derive(Clone, Debug)]
pub(super) struct Place {
    server: Page,
    /// The server as browsers see it; `None` where the client knows it, at Ably.
    page: Option<Page>,
}

impl Place {
    /// The server at `base_url`, or Ably; pages reach it at `client_url` if that is given.
    ///
    /// # Errors
    ///
    /// An address that is none, or one that the key would be sent to in the clear.
    pub(super) fn checked(
        base_url: Option<&str>,
        client_url: Option<&str>,
    ) -> Result<Self, DriverError> {
        let parsed = |name: &str, url: &str| {
            let url = url.strip_suffix('/').unwrap_or(url);
            Page::parse(url).map_err(|mistake| DriverError::new(format!("{name} {mistake}")))
        };
        let server = parsed("base url", base_url.unwrap_or(HOSTED))?;
        if !server.secure && !is_this_machine(&server.host) {
            return Err(DriverError::new(format!(
                "base url of host `{}`: expected https, as the whole key is in every request; \
                 http is for this machine only",
                server.host
            )));
        }
        let own = base_url.map(|_| server.clone());
        let page = client_url
            .map(|url| parsed("client url", url))
            .transpose()?;
        Ok(Self {
            server,
            page: page.or(own),
        })
    }

    /// `host:port`, as errors name the server.
    pub(super) fn server(&self) -> String {
        format!("{}:{}", self.server.host, port(&self.server))
    }

    /// The whole address of a request.
    pub(super) fn url(&self, path: &str) -> String {
        let scheme = if self.server.secure { "https" } else { "http" };
        match self.server.port {
            Some(port) => format!("{scheme}://{}:{port}{path}", self.server.host),
            None => format!("{scheme}://{}{path}", self.server.host),
        }
    }

    /// What a page passes to ably-js.
    pub(super) fn client_options(&self, key_name: &str) -> ClientOptions {
        let options = ClientOptions::for_ably(key_name);
        let Some(page) = &self.page else {
            return options;
        };
        let port = port(page);
        let options = options
            .with("tls", page.secure)
            .with(if page.secure { "tlsPort" } else { "port" }, port);
        // ably-js takes an endpoint of one word for the name of a cluster of Ably's.
        let host = page.host.as_str();
        if host.contains('.') || host.contains("::") || host == "localhost" {
            options.with("endpoint", host)
        } else {
            options.with("restHost", host).with("realtimeHost", host)
        }
    }
}

fn port(page: &Page) -> u16 {
    page.port.unwrap_or(if page.secure { 443 } else { 80 })
}

fn is_this_machine(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost"
        || host.ends_with(".localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Ably's own address.
const HOSTED: &str = "https://main.realtime.ably.net";

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn options(place: &Place) -> Value {
        serde_json::to_value(place.client_options("a.b")).unwrap()
    }

    #[test]
    fn it_is_ably_unless_it_is_said_otherwise() {
        let place = Place::checked(None, None).unwrap();
        assert_eq!(place.url("/time"), "https://main.realtime.ably.net/time");
        assert_eq!(place.server(), "main.realtime.ably.net:443");
        assert_eq!(
            options(&place),
            json!({ "key": "a.b", "options": { "echoMessages": false } })
        );
    }

    #[test]
    fn a_server_of_ones_own_is_named_to_pages() {
        for (base_url, client_url, url, expected) in [
            (
                "http://127.0.0.1:9010",
                None,
                "http://127.0.0.1:9010/time",
                json!({ "echoMessages": false, "endpoint": "127.0.0.1", "port": 9010, "tls": false }),
            ),
            (
                "https://ably.internal/",
                Some("https://ws.example.com"),
                "https://ably.internal/time",
                json!({ "echoMessages": false, "endpoint": "ws.example.com", "tlsPort": 443, "tls": true }),
            ),
            (
                "https://sockets:8443",
                None,
                "https://sockets:8443/time",
                json!({
                    "echoMessages": false, "restHost": "sockets", "realtimeHost": "sockets", "tlsPort": 8443, "tls": true,
                }),
            ),
        ] {
            let place = Place::checked(Some(base_url), client_url).unwrap();
            assert_eq!(place.url("/time"), url);
            assert_eq!(options(&place)["options"], expected);
        }
    }

    #[test]
    fn mistakes_in_addresses_are_named() {
        for (base_url, client_url, expected) in [
            (
                "ably.example.com",
                None,
                "base url `ably.example.com` is not an address",
            ),
            (
                "https://example.com/v1",
                None,
                "base url `https://example.com/v1` has a path",
            ),
            (
                "http://example.com",
                None,
                "base url of host `example.com`: expected https",
            ),
            (
                "https://example.com",
                Some("ws"),
                "client url `ws` is not an address",
            ),
        ] {
            let error = Place::checked(Some(base_url), client_url).unwrap_err();
            assert!(error.to_string().starts_with(expected), "{error}");
        }
    }
}
