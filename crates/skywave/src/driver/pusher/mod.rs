//! The driver for hosted Pusher and every server that speaks its HTTP API: [`Pusher`].
//!
//! [`Pusher`] is its settings. [`PusherApi`] is the driver made from them: it publishes for a
//! broadcaster, and by itself does what only the HTTP API offers (batches, questions about
//! channels, ending a user's connections). Signing a subscription is local computing, publishing
//! is a signed request. Publishing knows no idempotency, so a request is repeated only when it
//! surely did not arrive; questions are repeated after server errors, too.
//!
//! ```text
//! address   where the server is, for us and for pages
//! api       one signed request and its answer
//! deliver   events of a broadcaster, in requests of at most 100 channels
//! batch     events in requests of at most 10, and events for one user
//! query     what the server knows about channels
//! settings  the settings in a configuration
//! ```

mod address;
mod api;
mod batch;
mod deliver;
mod query;
#[cfg(feature = "config")]
pub(crate) mod settings;

use std::sync::Arc;
use std::time::Duration;

use skywave_http_client::{HttpClient, Settings};
use skywave_protocol::{Credentials, Limits, Secret};

use self::address::Address;
use self::api::App;
pub use self::api::PusherApi;
pub use self::batch::BatchEvent;
pub use self::query::{CachedEvent, ChannelAttribute, ChannelInfo, ChannelState};
use super::{Driver, DriverError, IntoDriver, MasterKey, is_placeholder};

/// The settings of an app at hosted Pusher, or at a server of one's own that speaks Pusher's HTTP
/// API (Skywave, Reverb, soketi and others).
///
/// ```
/// use skywave::{Broadcaster, Pusher};
///
/// # fn f(secret: String, own_secret: String) -> Result<(), skywave::BuildError> {
/// let broadcaster = Broadcaster::builder()
///     .driver("pusher", Pusher::new("1", "my-key", secret).cluster("eu"))
///     .driver("own", Pusher::new("1", "my-key", own_secret).host("sockets.example.com"))
///     .build()?;
/// # Ok(())
/// # }
/// ```
///
/// As a driver it wants a tokio runtime, as every axum application has one.
#[derive(Clone, Debug)]
pub struct Pusher {
    app_id: String,
    key: String,
    secret: Secret,
    address: Address,
    http: Settings,
    limits: Limits,
    encryption_master_key: Option<Secret>,
    /// Whether a warning of missing TLS has been given already, with its place in a file.
    warned: bool,
}

impl Pusher {
    /// The app of this id, public key and secret, at hosted Pusher's cluster `mt1`.
    pub fn new(
        app_id: impl Into<String>,
        key: impl Into<String>,
        secret: impl Into<Secret>,
    ) -> Self {
        Self {
            app_id: app_id.into(),
            key: key.into(),
            secret: secret.into(),
            address: Address::default(),
            http: Settings::default(),
            limits: Limits::default(),
            encryption_master_key: None,
            warned: false,
        }
    }

    /// The cluster of hosted Pusher that the app is in, such as `eu`. It has no effect together
    /// with a [host](Self::host).
    #[must_use]
    pub fn cluster(mut self, cluster: impl Into<String>) -> Self {
        self.address.cluster = cluster.into();
        self
    }

    /// The server's host, when it is not hosted Pusher: a name or an address, IPv6 in brackets.
    #[must_use]
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.address.host = Some(host.into());
        self
    }

    /// The server's port; by default 443, or 80 without TLS.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.address.port = Some(port);
        self
    }

    /// Whether requests go over TLS. They do by default; without it everything can be read on the
    /// way, which is warned of unless the host is this machine.
    #[must_use]
    pub fn ssl(mut self, ssl: bool) -> Self {
        self.address.ssl = ssl;
        self
    }

    /// What the server's paths begin with, such as `/sockets`, before `/apps` and, for pages,
    /// before `/app`. It is no part of what is signed, as with the official libraries.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.address.path = path.into();
        self
    }

    /// The server's address as browsers see it, such as `https://sockets.example.com`, when it is
    /// another one than that for publishing. For [`ClientOptions`](crate::ClientOptions).
    #[must_use]
    pub fn client_url(mut self, url: impl Into<String>) -> Self {
        self.address.client_url = Some(url.into());
        self
    }

    /// How long opening a connection may take, TLS included. By default 5 seconds.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.http.connect_timeout = limit;
        self
    }

    /// How long a request may take from its first attempt to the last byte of its answer. By
    /// default 10 seconds.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.http.timeout = limit;
        self
    }

    /// A root certificate to trust beside Mozilla's, as PEM text: for a server whose certificate
    /// comes from an authority of one's own.
    #[must_use]
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.http.root_certificate = Some(pem.into());
        self
    }

    /// What the server takes, for those that take more or less than hosted Pusher. A sending to
    /// more than `channels_per_event` channels goes out in several requests.
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// The key for [encrypted channels](crate::Channel::encrypted): 32 random bytes in base64, as
    /// `openssl rand -base64 32` makes them. It is never sent anywhere.
    #[must_use]
    pub fn encryption_master_key(mut self, key: impl Into<Secret>) -> Self {
        self.encryption_master_key = Some(key.into());
        self
    }

    /// The driver itself, for what only the HTTP API offers. Given to a
    /// [`Builder`](crate::Builder::driver), its clones share one pool of connections.
    ///
    /// # Errors
    ///
    /// A mistake in the settings.
    pub fn api(self) -> Result<PusherApi, DriverError> {
        for (name, value) in [
            ("app id", self.app_id.as_str()),
            ("key", &self.key),
            ("secret", self.secret.expose()),
        ] {
            check(name, value)?;
        }
        let place = self.address.checked()?;
        let http =
            HttpClient::new(&self.http).map_err(|error| DriverError::new(error.to_string()))?;
        let master_key = self
            .encryption_master_key
            .map(|key| MasterKey::parse(key.expose()))
            .transpose()?;
        if self.limits.channels_per_event == 0 {
            return Err(DriverError::new(
                "limit channels_per_event is 0: expected at least 1",
            ));
        }
        if place.is_in_the_clear() && !self.warned {
            tracing::warn!(host = place.host(), IN_THE_CLEAR);
        }
        let credentials = Credentials::new(self.key, &self.secret);
        Ok(PusherApi::new(App {
            app_id: self.app_id,
            credentials,
            place,
            http,
            limits: self.limits,
            master_key,
        }))
    }
}

impl IntoDriver for Pusher {
    fn into_driver(self) -> Result<Arc<dyn Driver>, DriverError> {
        Ok(Arc::new(self.api()?))
    }
}

/// Of missing TLS.
const IN_THE_CLEAR: &str = "events and their data go to the server without TLS (ssl = false)";

/// Checks what would otherwise fail later and elsewhere: at the server, or in an address.
fn check(name: &str, value: &str) -> Result<(), DriverError> {
    if value.is_empty() {
        return Err(DriverError::new(format!("the {name} is empty")));
    }
    if is_placeholder(value) {
        return Err(DriverError::new(format!(
            "the {name} is a placeholder; expected one of your own"
        )));
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name != "secret" && !value.bytes().all(plain) {
        return Err(DriverError::new(format!(
            "{name} `{value}`: expected letters, digits, `-`, `_` and `.`"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(pusher: Pusher) -> String {
        crate::error::chain(&pusher.api().unwrap_err())
    }

    fn good() -> Pusher {
        Pusher::new("1", "key", "hush")
    }

    #[test]
    fn mistakes_in_the_settings_are_named() {
        for (pusher, expected) in [
            (Pusher::new("", "key", "hush"), "the app id is empty"),
            (Pusher::new("1", "", "hush"), "the key is empty"),
            (Pusher::new("1", "key", ""), "the secret is empty"),
            (
                Pusher::new("29382xx..", "key", "hush"),
                "the app id is a placeholder",
            ),
            (
                Pusher::new("1", "key", "29382xx.."),
                "the secret is a placeholder",
            ),
            (
                Pusher::new("a/b", "key", "hush"),
                "app id `a/b`: expected letters",
            ),
            (
                good().cluster("eu.example.com"),
                "cluster `eu.example.com`: expected",
            ),
            (
                good().host("https://example.com"),
                "host `https://example.com`: expected",
            ),
            (good().host(""), "host ``: expected"),
            (good().path("sockets"), "path `sockets`: expected"),
            (good().client_url("example.com"), "client url `example.com`"),
            (
                good().encryption_master_key("c2hvcnQ="),
                "the encryption master key has 5 bytes",
            ),
            (
                good().root_certificate("hello"),
                "the root certificate cannot be read",
            ),
        ] {
            let mistake = mistake(pusher);
            assert!(mistake.starts_with(expected), "{mistake}");
        }
    }

    #[test]
    fn a_secret_is_not_printed() {
        let pusher = good();
        assert!(!format!("{pusher:?}").contains("hush"));
        assert!(!format!("{:?}", pusher.api().unwrap()).contains("hush"));
    }
}
