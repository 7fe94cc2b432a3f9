//! Where the server is: for requests ([`Place::url`]) and for pages ([`Place::client_options`]).

use http::Uri;
use http::uri::Authority;

use crate::client_options::{ClientOptions, Page};
use crate::driver::DriverError;

/// The address as it is set.
#[derive(Clone, Debug)]
pub(super) struct Address {
    pub(super) cluster: String,
    pub(super) host: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) ssl: bool,
    pub(super) path: String,
    pub(super) client_url: Option<String>,
}

impl Default for Address {
    fn default() -> Self {
        Self {
            cluster: "mt1".to_owned(),
            host: None,
            port: None,
            ssl: true,
            path: String::new(),
            client_url: None,
        }
    }
}

impl Address {
    /// The address, if it is one.
    pub(super) fn checked(&self) -> Result<Place, DriverError> {
        let cluster = &self.cluster;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if cluster.is_empty() || !cluster.bytes().all(plain) {
            return Err(DriverError::new(format!(
                "cluster `{cluster}`: expected a name such as `eu`"
            )));
        }
        let host = match &self.host {
            Some(host) => host.clone(),
            None => format!("api-{cluster}.pusher.com"),
        };
        let bare = host.parse::<Authority>().ok();
        if !bare.is_some_and(|authority| authority.host() == host && !host.is_empty()) {
            return Err(DriverError::new(format!(
                "host `{host}`: expected a name or an address, without scheme, port and path"
            )));
        }
        let path = self.path.trim_end_matches('/');
        let is_path =
            path.starts_with('/') && path.parse::<Uri>().is_ok_and(|uri| uri.path() == path);
        if !path.is_empty() && !is_path {
            return Err(DriverError::new(format!(
                "path `{path}`: expected one such as `/sockets`"
            )));
        }
        let page = self.client_url.as_deref().map(Page::parse).transpose();
        let page = page.map_err(|mistake| DriverError::new(format!("client url {mistake}")))?;
        let own = self
            .host
            .as_ref()
            .map(|_| Page::at(&host, self.port, self.ssl));
        Ok(Place {
            cluster: cluster.clone(),
            host,
            port: self.port,
            ssl: self.ssl,
            path: path.to_owned(),
            page: page.or(own),
        })
    }
}

/// The address as it is used.
#[derive(Clone, Debug)]
pub(super) struct Place {
    cluster: String,
    host: String,
    port: Option<u16>,
    ssl: bool,
    /// Empty, or from `/` to the character before the next one.
    path: String,
    /// The server as browsers see it; `None` at hosted Pusher.
    page: Option<Page>,
}

impl Place {
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// `host:port`, as errors name the server.
    pub(super) fn server(&self) -> String {
        let port = self.port.unwrap_or(if self.ssl { 443 } else { 80 });
        format!("{}:{port}", self.host)
    }

    /// Whether what is sent there can be read on the way.
    pub(super) fn is_in_the_clear(&self) -> bool {
        !self.ssl && !self.is_this_machine()
    }

    /// Whether nothing that is sent there leaves the machine.
    fn is_this_machine(&self) -> bool {
        let host = self.host.trim_matches(['[', ']']);
        host == "localhost"
            || host.ends_with(".localhost")
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }

    /// The whole address of a request, whose signature is over `path` alone: what stands before it
    /// is a proxy's, or taken off by the server, as the official libraries have it.
    pub(super) fn url(&self, path: &str, query: &str) -> String {
        let Self {
            host, path: prefix, ..
        } = self;
        let scheme = if self.ssl { "https" } else { "http" };
        match self.port {
            Some(port) => format!("{scheme}://{host}:{port}{prefix}{path}?{query}"),
            None => format!("{scheme}://{host}{prefix}{path}?{query}"),
        }
    }

    /// What a page passes to its client, wherever the page itself comes from.
    pub(super) fn client_options(&self, key: &str) -> ClientOptions {
        match &self.page {
            None => ClientOptions::for_cluster(key, &self.cluster),
            Some(page) if self.path.is_empty() => ClientOptions::for_server(key, page),
            Some(page) => ClientOptions::for_server(key, page).with("wsPath", self.path.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn place(change: impl FnOnce(&mut Address)) -> Place {
        let mut address = Address::default();
        change(&mut address);
        address.checked().unwrap()
    }

    fn options(place: &Place) -> Value {
        serde_json::to_value(place.client_options("key")).unwrap()
    }

    #[test]
    fn a_cluster_is_a_host_of_its_own() {
        let eu = place(|address| address.cluster = "eu".to_owned());
        assert_eq!(
            eu.url("/apps/1/events", "a=b"),
            "https://api-eu.pusher.com/apps/1/events?a=b"
        );
        assert_eq!(
            options(&eu),
            json!({ "key": "key", "options": { "cluster": "eu", "forceTLS": true } })
        );
    }

    #[test]
    fn a_server_of_ones_own_has_host_port_and_path() {
        let own = place(|address| {
            address.host = Some("[::1]".to_owned());
            address.port = Some(6001);
            address.ssl = false;
            address.path = "/sockets/".to_owned();
        });
        assert_eq!(own.url("/apps", "q"), "http://[::1]:6001/sockets/apps?q");
        let options = &options(&own)["options"];
        for (name, value) in [
            ("wsHost", json!("[::1]")),
            ("wsPort", json!(6001)),
            ("wssPort", json!(6001)),
            ("wsPath", json!("/sockets")),
            ("forceTLS", json!(false)),
            ("cluster", json!("")),
        ] {
            assert_eq!(options[name], value, "{name}");
        }
    }

    #[test]
    fn browsers_may_see_the_server_elsewhere() {
        let own = place(|address| {
            address.host = Some("sockets.internal".to_owned());
            address.ssl = false;
            address.client_url = Some("https://sockets.example.com".to_owned());
        });
        let options = &options(&own)["options"];
        assert_eq!(options["wsHost"], "sockets.example.com");
        assert_eq!(options["wssPort"], 443);
        assert_eq!(options["forceTLS"], true);
        assert_eq!(options.get("wsPath"), None);
    }

    #[test]
    fn this_machine_needs_no_tls() {
        for (host, here) in [
            ("localhost", true),
            ("api.localhost", true),
            ("127.0.0.2", true),
            ("[::1]", true),
            ("localhost.example.com", false),
            ("10.0.0.1", false),
        ] {
            let place = place(|address| address.host = Some(host.to_owned()));
            assert_eq!(place.is_this_machine(), here, "{host}");
        }
    }
}
