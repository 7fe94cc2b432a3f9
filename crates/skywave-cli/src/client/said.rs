//! What flags, variables and the file say about an app and its server: [`Said`].

use std::path::Path;

use http::Uri;
use skywave_protocol::Secret;

use super::options::Options;
use crate::config::{File, Listen, read_secret};
use crate::failure::Failure;
use crate::serve::reachable;

/// What one source says; what it leaves out, another one may say.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) app_id: Option<String>,
    pub(super) key: Option<String>,
    pub(super) secret: Option<Secret>,
    pub(super) host: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) tls: Option<bool>,
    pub(super) cluster: Option<String>,
    /// What the paths begin with; from an address only.
    pub(super) path: Option<String>,
}

impl Said {
    /// What is said here, and for the rest what is said there.
    pub(super) fn or(self, other: Self) -> Self {
        // A server's address is one thing: half of one and half of another is none.
        let place = self.host.is_some() || self.cluster.is_some();
        let (host, cluster, path, tls) = if place {
            (self.host, self.cluster, self.path, self.tls)
        } else {
            let tls = self.tls.or(other.tls);
            (other.host, other.cluster, other.path, tls)
        };
        let others_port = other.port.filter(|_| !place);
        Self {
            app_id: self.app_id.or(other.app_id),
            key: self.key.or(other.key),
            secret: self.secret.or(other.secret),
            host,
            port: self.port.or(others_port),
            tls,
            cluster,
            path,
        }
    }

    /// What was typed.
    pub(super) fn by_flags(options: &Options) -> Result<Self, Failure> {
        let secret = match (&options.app_secret, &options.app_secret_file) {
            (Some(_), Some(_)) => {
                let mistake = "--app-secret and --app-secret-file are given; expected one of them";
                return Err(Failure::wrong(mistake));
            }
            (Some(secret), None) => Some(Secret::from(secret.as_str())),
            (None, file) => secret_in("--app-secret-file", file.as_deref())?,
        };
        let flags = Self {
            app_id: options.app_id.clone(),
            key: options.app_key.clone(),
            secret,
            host: options.host.clone(),
            port: options.port,
            tls: options.tls.then_some(true),
            cluster: options.cluster.clone(),
            path: None,
        };
        match &options.url {
            Some(url) => Ok(flags.or(Self::by_url("--url", url)?)),
            None => Ok(flags),
        }
    }

    /// What the variables say that begin with `prefix`: `SKYWAVE` or `PUSHER`.
    pub(super) fn by_variables(
        prefix: &str,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Failure> {
        let first = |names: &[&str]| {
            let mut names = names.iter().map(|name| format!("{prefix}_{name}"));
            names.find_map(|name| variable(&name).filter(|value| !value.is_empty()))
        };
        let port = match first(&["PORT"]).map(|port| port.parse()) {
            None => None,
            Some(Ok(port)) => Some(port),
            Some(Err(_)) => {
                let mistake = format!("variable `{prefix}_PORT`: expected a number up to 65535");
                return Err(Failure::wrong(mistake));
            }
        };
        let secret = first(&["APP_SECRET", "SECRET"]).map(Secret::from);
        let file = first(&["APP_SECRET_FILE"]);
        let file = secret_in(
            &format!("variable `{prefix}_APP_SECRET_FILE`"),
            file.as_deref().map(Path::new),
        )?;
        let said = Self {
            app_id: first(&["APP_ID"]),
            key: first(&["APP_KEY", "KEY", "CLIENT"]),
            secret: secret.or(file),
            host: first(&["HOST"]),
            port,
            tls: first(&["SCHEME"]).map(|scheme| scheme == "https"),
            cluster: first(&["APP_CLUSTER", "CLUSTER"]),
            path: None,
        };
        match first(&["URL"]) {
            Some(url) => Ok(said.or(Self::by_url(&format!("variable `{prefix}_URL`"), &url)?)),
            None => Ok(said),
        }
    }

    /// Everything in one address.
    fn by_url(source: &str, url: &str) -> Result<Self, Failure> {
        // The address has the secret in it, so it is not repeated.
        Self::parse(url).ok_or_else(|| {
            Failure::wrong(format!(
                "{source}: expected an address such as http://KEY:SECRET@HOST:PORT/apps/ID"
            ))
        })
    }

    fn parse(url: &str) -> Option<Self> {
        let url: Uri = url.parse().ok()?;
        let authority = url.authority()?;
        let tls = match url.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let user = authority.as_str().rsplit_once('@').map(|(user, _)| user);
        let (key, secret) = match user {
            Some(user) => user
                .split_once(':')
                .map(|(key, secret)| (Some(key.to_owned()), Some(Secret::from(secret))))?,
            None => (None, None),
        };
        let whole = url.path().trim_end_matches('/');
        let (path, app_id) = match whole.rsplit_once("/apps/") {
            Some((path, app_id)) => (path, Some(app_id.to_owned())),
            None => (whole, None),
        };
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        Some(Self {
            app_id,
            key,
            secret,
            host: Some(authority.host().to_owned()),
            port: Some(port),
            tls: Some(tls),
            cluster: None,
            path: Some(path.to_owned()),
        })
    }

    /// Where the server of a file listens.
    pub(super) fn place_of(file: &File) -> Self {
        let listen = file.listen.iter().find(|listen| listen.address().is_some());
        let address = listen.and_then(Listen::address).map(reachable);
        Self {
            host: address.map(|address| match address.ip() {
                std::net::IpAddr::V4(ip) => ip.to_string(),
                std::net::IpAddr::V6(ip) => format!("[{ip}]"),
            }),
            port: address.map(|address| address.port()),
            tls: listen.map(|listen| listen.tls.is_some()),
            path: file.server.path_prefix.clone(),
            ..Self::default()
        }
    }
}

fn secret_in(source: &str, file: Option<&Path>) -> Result<Option<Secret>, Failure> {
    let secret = file.map(read_secret).transpose();
    secret.map_err(|problem| Failure::wrong(format!("{source}: {problem}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_everything() {
        for (url, expected) in [
            (
                "http://k:s@localhost:6001/apps/7",
                Some(("localhost", 6001, false, "", Some("7"))),
            ),
            (
                "https://k:s@example.com/ws/apps/7/",
                Some(("example.com", 443, true, "/ws", Some("7"))),
            ),
            ("http://k:s@[::1]", Some(("[::1]", 80, false, "", None))),
            ("ws://k:s@localhost/apps/7", None),
            ("localhost:6001", None),
            ("http://k@localhost", None),
            ("k", None),
        ] {
            let said = Said::parse(url);
            let told = said.as_ref().map(|said| {
                assert_eq!(said.key.as_deref(), Some("k"));
                assert_eq!(said.secret.as_ref().map(Secret::expose), Some("s"));
                (
                    said.host.as_deref().unwrap_or_default(),
                    said.port.unwrap_or_default(),
                    said.tls.unwrap_or_default(),
                    said.path.as_deref().unwrap_or_default(),
                    said.app_id.as_deref(),
                )
            });
            assert_eq!(told, expected, "{url}");
        }
    }

    #[test]
    fn variables_have_the_names_that_applications_know() {
        for names in [
            ["PUSHER_APP_KEY", "PUSHER_APP_SECRET"],
            ["PUSHER_KEY", "PUSHER_SECRET"],
            ["PUSHER_CLIENT", "PUSHER_SECRET"],
        ] {
            let said = Said::by_variables("PUSHER", &|name| {
                names.contains(&name).then(|| name.to_lowercase())
            });
            let said = said.unwrap_or_default();
            assert_eq!(said.key, Some(names[0].to_lowercase()));
            let secret = said.secret.map(|secret| secret.expose().to_owned());
            assert_eq!(secret, Some(names[1].to_lowercase()));
        }
    }

    #[test]
    fn an_address_is_taken_as_a_whole() {
        let flags = Said {
            host: Some("a".to_owned()),
            key: Some("k".to_owned()),
            ..Said::default()
        };
        let rest = Said {
            host: Some("b".to_owned()),
            port: Some(1),
            tls: Some(true),
            app_id: Some("7".to_owned()),
            ..Said::default()
        };
        let said = flags.or(rest);
        assert_eq!(said.host.as_deref(), Some("a"));
        assert_eq!((said.port, said.tls), (None, None));
        assert_eq!(said.app_id.as_deref(), Some("7"));
    }
}
