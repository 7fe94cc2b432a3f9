//! Ably: [`Ably`], the settings of the driver.
//!
//! Events go to Ably's REST API, one request for one channel, one for up to a hundred. Every message
//! has an id, so a request is repeated when its answer is lost and Ably takes the message once.
//! Clients are ably-js and its like: the authorisation route answers them with tokens that are
//! signed here, without a request.
//!
//! ```text
//! key      the API key, and what is signed with it
//! names    what channels are called there
//! place    the server's address, for requests and for pages
//! message  bodies of requests
//! answer   what is said about them
//! error    refusals with Ably's codes
//! token    JWT and TokenRequest
//! running  the driver itself
//! ```

mod answer;
mod error;
mod key;
mod message;
mod names;
mod place;
mod running;
#[cfg(feature = "config")]
pub(crate) mod settings;
mod token;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use skywave_http_client::{HttpClient, Settings};
use skywave_protocol::Secret;

pub use self::error::AblyError;
use self::key::ApiKey;
pub use self::names::AblyNames;
use self::place::Place;
use self::running::Running;
pub use self::token::AblyToken;
use self::token::Mint;
use super::{Driver, DriverError, IntoDriver};

/// The settings of an app at Ably.
///
/// ```
/// use skywave::driver::AblyNames;
/// use skywave::{Ably, Broadcaster};
///
/// # fn f(key: String) -> Result<(), skywave::BuildError> {
/// let broadcaster = Broadcaster::builder()
///     .driver("ably", Ably::new(key).channels(AblyNames::Namespaced))
///     .build()?;
/// # Ok(())
/// # }
/// ```
///
/// As a driver it wants a tokio runtime, as every axum application has one.
#[derive(Clone, Debug)]
pub struct Ably {
    key: Secret,
    base_url: Option<String>,
    client_url: Option<String>,
    names: AblyNames,
    token: AblyToken,
    token_ttl: Duration,
    http: Settings,
}

impl Ably {
    /// The app of this API key, as the dashboard shows it: `appId.keyId:keySecret`. The key needs
    /// the capability to publish, and everything that its tokens are to allow: to subscribe, and
    /// for presence channels presence.
    pub fn new(key: impl Into<Secret>) -> Self {
        Self {
            key: key.into(),
            base_url: None,
            client_url: None,
            names: AblyNames::default(),
            token: AblyToken::default(),
            token_ttl: Duration::from_secs(60 * 60),
            http: Settings::default(),
        }
    }

    /// Another server with Ably's API, such as `https://ably.example.com`. `http` is taken for this
    /// machine only, because the whole key is in every request.
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// The server's address as browsers see it, when it is another one than that for publishing.
    /// For [`ClientOptions`](crate::ClientOptions).
    #[must_use]
    pub fn client_url(mut self, url: impl Into<String>) -> Self {
        self.client_url = Some(url.into());
        self
    }

    /// What channels are called at Ably. By default as they are.
    #[must_use]
    pub fn channels(self, names: AblyNames) -> Self {
        Self { names, ..self }
    }

    /// What the authorisation route answers. By default a JWT.
    #[must_use]
    pub fn tokens(self, token: AblyToken) -> Self {
        Self { token, ..self }
    }

    /// How long a token is valid, a second to 24 hours. By default an hour. The client asks for
    /// the next one by itself; until then it may do what it was allowed before.
    #[must_use]
    pub fn token_ttl(self, token_ttl: Duration) -> Self {
        Self { token_ttl, ..self }
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

    fn checked(&self) -> Result<Running, DriverError> {
        let key = ApiKey::parse(&self.key)?;
        let place = Place::checked(self.base_url.as_deref(), self.client_url.as_deref())?;
        check_ttl(self.token_ttl)?;
        let http =
            HttpClient::new(&self.http).map_err(|error| DriverError::new(error.to_string()))?;
        let mint = Mint {
            form: self.token,
            names: self.names,
            life: self.token_ttl,
        };
        Ok(Running {
            key,
            place,
            mint,
            http,
        })
    }
}

impl IntoDriver for Ably {
    fn into_driver(self) -> Result<Arc<dyn Driver>, DriverError> {
        Ok(Arc::new(self.checked()?))
    }
}

fn check_ttl(ttl: Duration) -> Result<(), DriverError> {
    if (Duration::from_secs(1)..=LONGEST_TTL).contains(&ttl) {
        return Ok(());
    }
    Err(DriverError::new(format!(
        "token ttl of {ttl:?}: expected 1s to 24h"
    )))
}

/// Random bytes as text for addresses and identifiers.
fn random_base64<const BYTES: usize>() -> Result<String, DriverError> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| {
        DriverError::new("the system gave no random bytes").caused_by(error.to_string())
    })?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// What Ably takes at most.
const LONGEST_TTL: Duration = Duration::from_secs(24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Ably {
        Ably::new("app.key:hush")
    }

    #[test]
    fn mistakes_in_the_settings_are_named() {
        for (ably, expected) in [
            (Ably::new("api:key"), "the key is a placeholder"),
            (Ably::new("key"), "the key is none of Ably"),
            (good().base_url("x"), "base url `x` is not an address"),
            (
                good().token_ttl(Duration::ZERO),
                "token ttl of 0ns: expected 1s to 24h",
            ),
            (
                good().token_ttl(Duration::from_secs(86_401)),
                "token ttl of 86401s: expected 1s to 24h",
            ),
            (
                good().root_certificate("hello"),
                "the root certificate cannot be read",
            ),
        ] {
            let Err(error) = ably.into_driver() else {
                panic!("{expected}");
            };
            assert!(error.to_string().starts_with(expected), "{error}");
        }
    }

    #[test]
    fn a_secret_is_not_printed() {
        assert!(!format!("{:?}", good()).contains("hush"));
    }
}
