//! The app and the server that a command is about: [`Target`].

use std::env;
use std::fs;

use anyhow::Context;
use skywave_http_client::{HttpClient, Settings};
use skywave_protocol::Credentials;

use super::options::Options;
use super::said::Said;
use crate::config::{Apps, File, find};
use crate::failure::Failure;

/// An app at a server.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) app_id: String,
    pub(crate) credentials: Credentials,
    pub(crate) server: Server,
}

/// An app at a server, for whoever only listens: public channels need no secret.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) key: String,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) server: Server,
}

/// Where a server is.
#[derive(Debug)]
pub(crate) struct Server {
    /// For requests, and for connections; they differ at hosted Pusher only.
    hosts: (String, String),
    port: u16,
    pub(crate) tls: bool,
    /// What its paths begin with: empty, or from `/` to the character before the next one.
    pub(crate) path: String,
    /// A certificate that is trusted beside the public ones.
    pub(crate) root_certificate: Option<Vec<u8>>,
}

impl Options {
    /// The app and the server that flags, variables and the file say.
    ///
    /// # Errors
    ///
    /// A mistake in one of these, or no app at all.
    pub(crate) fn target(&self) -> Result<Target, Failure> {
        let (said, file) = self.said()?;
        let (app_id, credentials) = app(&said, file.apps)?;
        Ok(Target {
            app_id,
            credentials,
            server: self.server(said)?,
        })
    }

    /// The same for whoever only listens.
    ///
    /// # Errors
    ///
    /// As for [`target`](Self::target).
    pub(crate) fn listener(&self) -> Result<Listener, Failure> {
        let (said, file) = self.said()?;
        let (key, credentials) = match &said.key {
            Some(key) if said.secret.is_none() && file.apps.is_empty() => (key.clone(), None),
            _ => {
                let (_, credentials) = app(&said, file.apps)?;
                (credentials.key().to_owned(), Some(credentials))
            }
        };
        Ok(Listener {
            key,
            credentials,
            server: self.server(said)?,
        })
    }

    /// The credentials alone, for what is computed here.
    ///
    /// # Errors
    ///
    /// As for [`target`](Self::target).
    pub(crate) fn credentials(&self) -> Result<(String, Credentials), Failure> {
        let (said, file) = self.said()?;
        app(&said, file.apps)
    }

    fn said(&self) -> Result<(Said, File), Failure> {
        let variable = |name: &str| env::var(name).ok();
        let said = Said::by_flags(self)?
            .or(Said::by_variables("SKYWAVE", &variable)?)
            .or(Said::by_variables("PUSHER", &variable)?);
        let named = self.place.config.is_some();
        let complete = said.key.is_some() && said.secret.is_some();
        let file = match find(&self.place) {
            Some(found) if named || !complete => found.read()?,
            // All that may be in it is the server's address, and it may not be for everybody to read.
            Some(found) if said.host.is_none() && said.cluster.is_none() => {
                found.read().unwrap_or_default()
            }
            _ => File::default(),
        };
        let said = said.or(Said::place_of(&file));
        Ok((said, file))
    }

    fn server(&self, said: Said) -> Result<Server, Failure> {
        let root_certificate = self.root_certificate.as_ref().map(|path| {
            fs::read(path).with_context(|| format!("--root-certificate: {}", path.display()))
        });
        let hosts = match (said.host, said.cluster) {
            (None, Some(cluster)) => (
                format!("api-{cluster}.pusher.com"),
                format!("ws-{cluster}.pusher.com"),
            ),
            (host, _) => {
                let host = host.unwrap_or_else(|| "127.0.0.1".to_owned());
                let host = if host.contains(':') && !host.starts_with('[') {
                    format!("[{host}]")
                } else {
                    host
                };
                (host.clone(), host)
            }
        };
        let hosted = hosts.0 != hosts.1;
        let tls = said.tls.unwrap_or(hosted);
        let usual = if tls { 443 } else { crate::serve::PORT };
        Ok(Server {
            hosts,
            port: said.port.unwrap_or(usual),
            tls,
            path: said.path.unwrap_or_default(),
            root_certificate: root_certificate.transpose()?,
        })
    }
}

impl Server {
    /// Where requests go, without a path.
    pub(crate) fn http_url(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}:{}", self.hosts.0, self.port)
    }

    /// Where connections go, without a path.
    pub(crate) fn web_socket_url(&self) -> String {
        let scheme = if self.tls { "wss" } else { "ws" };
        format!("{scheme}://{}:{}", self.hosts.1, self.port)
    }

    /// The host for connections, as a certificate names it, and the port.
    pub(crate) fn web_socket_place(&self) -> (&str, u16) {
        (self.hosts.1.trim_matches(['[', ']']), self.port)
    }

    pub(super) fn http_client(&self) -> Result<HttpClient, Failure> {
        let settings = Settings {
            root_certificate: self.root_certificate.clone(),
            ..Settings::default()
        };
        Ok(HttpClient::new(&settings)?)
    }
}

/// The app that is meant: the one that is said, or one of the file's.
fn app(said: &Said, mut apps: Apps) -> Result<(String, Credentials), Failure> {
    let id = said.app_id.as_deref();
    if let (Some(key), Some(secret)) = (&said.key, &said.secret) {
        let id = id.unwrap_or("1").to_owned();
        return Ok((id, Credentials::new(key.as_str(), secret)));
    }
    if said.secret.is_some() {
        return Err(Failure::wrong(
            "there is a secret but no key; give --app-key as well, or SKYWAVE_APP_KEY",
        ));
    }
    if apps.is_empty() {
        let missing = if said.key.is_some() {
            "there is a key but no secret"
        } else {
            "there is no app"
        };
        return Err(Failure::wrong(format!(
            "{missing}; give --app-id, --app-key and --app-secret-file, or --url, or the variables \
             SKYWAVE_APP_ID, SKYWAVE_APP_KEY and SKYWAVE_APP_SECRET, or a skywave.toml"
        )));
    }
    let ids: Vec<_> = apps.iter().map(|(id, _)| format!("`{id}`")).collect();
    let ids = ids.join(", ");
    apps.retain(|(other, app)| {
        id.is_none_or(|id| id == other)
            && said
                .key
                .as_deref()
                .is_none_or(|key| key == app.credentials.key())
    });
    match apps.len() {
        1 => {}
        0 => {
            return Err(Failure::wrong(format!(
                "the configuration has no such app; it has {ids}"
            )));
        }
        _ => {
            return Err(Failure::wrong(format!(
                "the configuration has several apps; choose one with --app-id: {ids}"
            )));
        }
    }
    let only = apps.pop().map(|(id, app)| (id, app.credentials));
    only.ok_or_else(|| Failure::wrong("there is no app"))
}
