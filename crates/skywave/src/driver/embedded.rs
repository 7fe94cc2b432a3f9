//! The driver that is the server itself: [`Embedded`].
//!
//! The server runs in the application's process, on worker threads of its own, and the
//! application's router carries its routes: no second process, no second port. Publishing hands
//! the event to the workers and never waits.

#[cfg(feature = "config")]
pub(crate) mod settings;

use std::fmt::Write as _;
use std::future;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::any;
use skywave_protocol::{ChannelName, Credentials, Limits, Secret, SocketId};
use skywave_server::{App, AppSettings, Config, Publication, Server};
#[cfg(feature = "webhooks")]
use skywave_server::{WebhookEndpoint, Webhooks};

use super::{BoxFuture, Driver, DriverError, Envelope, IntoDriver, is_placeholder};
#[cfg(feature = "encryption")]
use super::{Encryption, MasterKey};
use crate::authorize::AuthReply;
use crate::client_options::{ClientOptions, Page};

/// The embedded server, to be started with the broadcaster. It stops when the last clone of the
/// broadcaster is dropped.
///
/// Its routes are in [`Broadcaster::routes`](crate::Broadcaster::routes): `/app/{key}` for
/// WebSocket connections, which need an HTTP/1 server that allows upgrades, as `axum::serve` does,
/// `/pusher/app/..` for clients that cannot open one, and `/apps/..` for publishers in other
/// processes.
///
/// ```no_run
/// use skywave::{Broadcaster, Embedded};
///
/// # fn f(secret: String) -> Result<(), skywave::BuildError> {
/// let broadcaster =
///     Broadcaster::builder().driver("embedded", Embedded::new("1", "my-key", secret)).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Embedded {
    /// Id, key and secret; `None` when they are to be made up.
    identity: Option<(String, String, Secret)>,
    /// The key, where everything else is to be made up.
    key: Option<String>,
    client_events: bool,
    #[cfg(feature = "webhooks")]
    webhooks: Webhooks,
    #[cfg(feature = "webhooks")]
    private_webhooks: bool,
    #[cfg(feature = "encryption")]
    encryption_master_key: Option<Secret>,
}

impl Embedded {
    /// A server for one app: its id (decimal digits), its public key (letters, digits, `-` and
    /// `_`), and its secret.
    pub fn new(
        app_id: impl Into<String>,
        key: impl Into<String>,
        secret: impl Into<Secret>,
    ) -> Self {
        Self::of(Some((app_id.into(), key.into(), secret.into())))
    }

    /// A server for one app with a random key, secret and encryption master key, other ones at
    /// every start. Pages that were loaded before a restart cannot connect after it.
    #[must_use]
    pub fn generated() -> Self {
        Self::of(None)
    }

    /// A server for one app with this key, and a random secret that only this process knows, another
    /// one at every start. Pages that were open before a restart find the server again by its key,
    /// and are authorised anew.
    ///
    /// For development, and wherever the application is one process: nobody else can sign for it or
    /// publish through its HTTP API.
    #[must_use]
    pub fn with_key(key: impl Into<String>) -> Self {
        Self {
            key: Some(key.into()),
            ..Self::of(None)
        }
    }

    fn of(identity: Option<(String, String, Secret)>) -> Self {
        Self {
            identity,
            key: None,
            client_events: true,
            #[cfg(feature = "webhooks")]
            webhooks: Webhooks::default(),
            #[cfg(feature = "webhooks")]
            private_webhooks: false,
            #[cfg(feature = "encryption")]
            encryption_master_key: None,
        }
    }

    /// The key for [encrypted channels](crate::Channel::encrypted): 32 random bytes in base64, as
    /// `openssl rand -base64 32` makes them.
    #[cfg(feature = "encryption")]
    #[must_use]
    pub fn encryption_master_key(self, key: impl Into<Secret>) -> Self {
        Self {
            encryption_master_key: Some(key.into()),
            ..self
        }
    }

    /// Whether subscribers of private and presence channels may send `client-` events to each
    /// other. They may by default.
    #[must_use]
    pub fn client_events(self, allowed: bool) -> Self {
        Self {
            client_events: allowed,
            ..self
        }
    }

    /// Tells this endpoint over HTTP what happens in channels, as hosted Pusher does: signed, in
    /// batches, repeated for some minutes. There may be several.
    ///
    /// ```
    /// use skywave::Embedded;
    /// use skywave::driver::{WebhookEndpoint, WebhookKind};
    ///
    /// # fn f(secret: String) {
    /// let embedded = Embedded::new("1", "my-key", secret).webhook(WebhookEndpoint {
    ///     events: vec![WebhookKind::MemberAdded, WebhookKind::MemberRemoved],
    ///     ..WebhookEndpoint::new("https://example.com/presence")
    /// });
    /// # }
    /// ```
    #[cfg(feature = "webhooks")]
    #[must_use]
    pub fn webhook(mut self, endpoint: WebhookEndpoint) -> Self {
        self.webhooks.endpoints.push(endpoint);
        self
    }

    /// Whether webhooks may go to private, loopback and link-local addresses. They may not by
    /// default, in case somebody else than you says where they go.
    #[cfg(feature = "webhooks")]
    #[must_use]
    pub fn private_webhooks(self, allowed: bool) -> Self {
        Self {
            private_webhooks: allowed,
            ..self
        }
    }
}

impl IntoDriver for Embedded {
    fn into_driver(self) -> Result<Arc<dyn Driver>, DriverError> {
        #[cfg(feature = "encryption")]
        let generated = self.identity.is_none();
        let (id, key, secret) = match self.identity {
            Some(identity) => identity,
            None => {
                let key = self.key.map_or_else(random_hex, Ok)?;
                ("1".to_owned(), key, Secret::new(random_hex()?))
            }
        };
        check(&id, &key, &secret)?;
        #[cfg(feature = "encryption")]
        let master_key = match self.encryption_master_key {
            Some(key) => Some(MasterKey::parse(key.expose())?),
            None if generated => Some(MasterKey::generated()?),
            None => None,
        };
        let settings = AppSettings {
            client_events: self.client_events,
            #[cfg(feature = "webhooks")]
            webhooks: checked(self.webhooks, self.private_webhooks)?,
            ..AppSettings::new(Credentials::new(key, &secret))
        };
        #[cfg_attr(
            not(feature = "webhooks"),
            expect(unused_mut, reason = "there is nothing to change")
        )]
        let mut config = Config::new([App::new(id.clone(), settings)]);
        #[cfg(feature = "webhooks")]
        {
            config.webhooks.allow_private = self.private_webhooks;
        }
        let server = Server::start(config)
            .map_err(|error| DriverError::new("the server did not start").caused_by(error))?;
        let app = server
            .app(&id)
            .ok_or_else(|| DriverError::new(format!("the server started without app `{id}`")))?;
        Ok(Arc::new(Running {
            server,
            app,
            #[cfg(feature = "encryption")]
            master_key,
        }))
    }
}

/// The same, if webhooks can be sent to all their endpoints.
#[cfg(feature = "webhooks")]
fn checked(webhooks: Webhooks, allow_private: bool) -> Result<Webhooks, DriverError> {
    for endpoint in &webhooks.endpoints {
        skywave_server::check_webhook(endpoint, allow_private)
            .map_err(|error| DriverError::new("an endpoint of webhooks").caused_by(error))?;
    }
    Ok(webhooks)
}

/// The server after its start.
struct Running {
    server: Server,
    app: Arc<App>,
    #[cfg(feature = "encryption")]
    master_key: Option<MasterKey>,
}

impl Driver for Running {
    fn publish<'a>(&'a self, envelope: &'a Envelope) -> BoxFuture<'a, Result<(), DriverError>> {
        let publication = Publication {
            channels: &envelope.channels,
            event: envelope.event.as_str(),
            data: &envelope.data,
            except: envelope.excluded(),
        };
        let published = self.server.publish(&self.app, &publication);
        let accepted = published
            .map_err(|rejection| DriverError::new("the server refused it").caused_by(rejection));
        Box::pin(future::ready(accepted))
    }

    fn authorize(
        &self,
        socket_id: SocketId,
        channel: &ChannelName,
        channel_data: Option<&str>,
    ) -> Result<AuthReply, DriverError> {
        let credentials = &self.app.settings().credentials;
        let auth = credentials.sign_channel(socket_id, channel, channel_data);
        Ok(AuthReply::channel(auth, channel_data))
    }

    fn authenticate(&self, socket_id: SocketId, user_data: &str) -> Result<AuthReply, DriverError> {
        let credentials = &self.app.settings().credentials;
        let auth = credentials.sign_user(socket_id, user_data);
        Ok(AuthReply::user(auth, user_data))
    }

    fn can_leave_out_users(&self) -> bool {
        true
    }

    fn client_options(&self, page: &Page) -> ClientOptions {
        ClientOptions::for_server(self.app.settings().credentials.key(), page).with_fallbacks(page)
    }

    fn routes(&self) -> Option<Router> {
        let server = self.server.clone();
        let handler = any(move |request: Request| {
            let server = server.clone();
            async move { server.handle(request).await.map(Body::new) }
        });
        Some(
            Router::new()
                .route("/app/{key}", handler.clone())
                // Clients that cannot open a WebSocket.
                .route("/app/{key}/{*session}", handler.clone())
                .route("/pusher/app/{*session}", handler.clone())
                .route("/apps/{*path}", handler),
        )
    }

    #[cfg(feature = "encryption")]
    fn encryption(&self) -> Encryption {
        Encryption::with(self.master_key.as_ref())
    }

    fn limits(&self) -> Limits {
        self.app.settings().limits.clone()
    }
}

/// Checks what would otherwise fail later and elsewhere: in a client library or in an address.
fn check(id: &str, key: &str, secret: &Secret) -> Result<(), DriverError> {
    let mistake = |text: String| Err(DriverError::new(text));
    for (name, value) in [("app id", id), ("key", key), ("secret", secret.expose())] {
        if value.is_empty() {
            return mistake(format!("the {name} is empty"));
        }
        if is_placeholder(value) {
            return mistake(format!(
                "the {name} is a placeholder; expected one of your own"
            ));
        }
    }
    if !id.bytes().all(|byte| byte.is_ascii_digit()) {
        return mistake(format!("app id `{id}`: expected decimal digits"));
    }
    if !key
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    {
        return mistake(format!(
            "key `{key}`: expected letters, digits, `-` and `_`"
        ));
    }
    Ok(())
}

/// 160 random bits.
fn random_hex() -> Result<String, DriverError> {
    let mut bytes = [0; 20];
    getrandom::fill(&mut bytes).map_err(|error| {
        DriverError::new("the system gave no random bytes").caused_by(error.to_string())
    })?;
    Ok(bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Broadcaster;

    fn mistake(driver: Embedded) -> String {
        Broadcaster::builder()
            .driver("embedded", driver)
            .build()
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn mistakes_in_the_settings_are_named() {
        for (id, key, secret, expected) in [
            (
                "",
                "key",
                "secret",
                "driver `embedded`: the app id is empty",
            ),
            ("1", "", "secret", "driver `embedded`: the key is empty"),
            ("1", "key", "", "driver `embedded`: the secret is empty"),
            (
                "one",
                "key",
                "secret",
                "driver `embedded`: app id `one`: expected decimal digits",
            ),
            (
                "1",
                "a/b",
                "secret",
                "driver `embedded`: key `a/b`: expected letters",
            ),
        ] {
            let mistake = mistake(Embedded::new(id, key, secret));
            assert!(mistake.starts_with(expected), "{mistake}");
        }
    }

    #[test]
    fn b18_placeholders_of_the_documents_are_refused() {
        for (id, key, secret, thing) in [
            ("29382xx..", "key", "secret", "app id"),
            ("1", "29382xx..", "secret", "key"),
            ("1", "key", "29382xx..", "secret"),
            ("1", "key", "api:key", "secret"),
        ] {
            let expected = format!(
                "driver `embedded`: the {thing} is a placeholder; expected one of your own"
            );
            assert_eq!(mistake(Embedded::new(id, key, secret)), expected);
        }
    }

    #[test]
    fn generated_credentials_differ() {
        assert_eq!(random_hex().unwrap().len(), 40);
        assert_ne!(random_hex().unwrap(), random_hex().unwrap());
    }

    #[test]
    fn a_key_of_ones_own_is_checked_and_stays() {
        assert_eq!(
            mistake(Embedded::with_key("a/b")),
            "driver `embedded`: key `a/b`: expected letters, digits, `-` and `_`"
        );
        let page = Page::parse("http://127.0.0.1:3000").unwrap();
        let options = || {
            let driver = Embedded::with_key("my-key").into_driver().unwrap();
            let socket_id = SocketId::parse("1.2").unwrap();
            let auth = driver.authenticate(socket_id, "{}").unwrap();
            (driver.client_options(&page), auth.auth().to_owned())
        };
        let (first, second) = (options(), options());
        assert_eq!(first.0, second.0);
        assert_ne!(first.1, second.1, "the secret is another one");
    }

    #[test]
    fn a_secret_is_not_printed() {
        let printed = format!("{:?}", Embedded::new("1", "key", "hush"));
        assert!(!printed.contains("hush"), "{printed}");
    }

    #[test]
    fn two_embedded_servers_in_one_broadcaster_are_refused() {
        let built = Broadcaster::builder()
            .driver("one", Embedded::generated())
            .driver("two", Embedded::generated())
            .build();
        assert_eq!(
            built.unwrap_err().to_string(),
            "driver `two`: `one` brings routes already; expected at most one driver with routes"
        );
    }
}
