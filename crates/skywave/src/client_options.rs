//! What a page passes to `new Pusher(key, options)`, or to `new Ably.Realtime(options)`:
//! [`ClientOptions`].

use std::fmt;

use axum::extract::{FromRef, FromRequestParts};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::uri::Authority;
use http::{StatusCode, Uri, header};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::authorize::InvalidRequest;
use crate::broadcaster::Broadcaster;

/// The key and the options with which a page's client reaches the default driver's server, so that
/// no page has them written in it.
///
/// An extractor and a response at once, made for the address that the page was asked for:
///
/// ```
/// # use axum::{Router, routing::get};
/// # use skywave::{Broadcaster, ClientOptions, Null};
/// # let broadcaster = Broadcaster::builder().driver("null", Null).build()?;
/// let app: Router<Broadcaster> =
///     Router::new().route("/client.json", get(|options: ClientOptions| async { options }));
/// # Ok::<(), skywave::BuildError>(())
/// ```
///
/// In the page, for pusher-js 7 and 8, or for Laravel Echo:
///
/// ```js
/// const { key, options } = await (await fetch("/client.json")).json();
/// const pusher = new Pusher(key, options);
/// const echo = new Echo({ broadcaster: "pusher", key, ...options });
/// ```
///
/// `Display` writes the same JSON, for templates.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClientOptions {
    key: String,
    options: Map<String, Value>,
    #[serde(skip)]
    client: Client,
}

/// Which client the options are for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Client {
    Pusher,
    Ably,
}

impl ClientOptions {
    /// Options for the app `key` of a server at the page's own address.
    #[must_use]
    pub fn for_server(key: impl Into<String>, page: &Page) -> Self {
        Self {
            key: key.into(),
            options: Map::new(),
            client: Client::Pusher,
        }
        // pusher-js 8 wants a cluster, even though the host is said.
        .with("cluster", "")
        .with("wsHost", page.host.as_str())
        .with("wsPort", page.port.unwrap_or(80))
        .with("wssPort", page.port.unwrap_or(443))
        // A page that came over TLS is connected over TLS whatever is said here.
        .with("forceTLS", page.secure)
        // WebSocket only: other servers than ours answer no fallback.
        .with("enabledTransports", json!(["ws", "wss"]))
        .with("enableStats", false)
    }

    /// Also connects over HTTP, at the page's own address, where no WebSocket gets through.
    #[cfg(feature = "embedded")]
    #[must_use]
    pub(crate) fn with_fallbacks(self, page: &Page) -> Self {
        self.with("httpHost", page.host.as_str())
            .with("httpPort", page.port.unwrap_or(80))
            .with("httpsPort", page.port.unwrap_or(443))
            .with(
                "enabledTransports",
                json!(["ws", "wss", "xhr_streaming", "xhr_polling"]),
            )
    }

    /// Options for the app `key` in a cluster of hosted Pusher, such as `eu`.
    #[must_use]
    pub fn for_cluster(key: impl Into<String>, cluster: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            options: Map::new(),
            client: Client::Pusher,
        }
        .with("cluster", cluster.into())
        .with("forceTLS", true)
    }

    /// Options for ably-js, which gets its tokens from the authorisation route; for
    /// `new Ably.Realtime(options)`. The key is the key's name, `appId.keyId`, and nothing secret.
    #[must_use]
    pub fn for_ably(key_name: impl Into<String>) -> Self {
        Self {
            key: key_name.into(),
            options: Map::new(),
            client: Client::Ably,
        }
        // What Ably needs to leave out the connection that an event came from.
        .with("echoMessages", false)
    }

    /// The same with one more option, or another value for it.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.options.insert(name.into(), value.into());
        self
    }

    /// The app's public key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The value of an option.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<&Value> {
        self.options.get(name)
    }

    /// Says where authorisation is asked for.
    pub(crate) fn with_auth_path(self, path: &str) -> Self {
        if self.client == Client::Ably {
            // Forms are never kept by a cache between.
            return self.with("authUrl", path).with("authMethod", "POST");
        }
        // `authEndpoint` rather than `channelAuthorization`: pusher-js 7.0 knows no other, and with
        // it pusher-js 8 still sends the headers that Echo puts in `auth`. Echo expects `headers`.
        self.with("authEndpoint", path).with(
            "userAuthentication",
            json!({ "endpoint": path, "transport": "ajax", "headers": {} }),
        )
    }
}

impl fmt::Display for ClientOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = serde_json::to_string(self).map_err(|_| fmt::Error)?;
        f.write_str(&json)
    }
}

impl<S> FromRequestParts<S> for ClientOptions
where
    S: Send + Sync,
    Broadcaster: FromRef<S>,
{
    type Rejection = InvalidRequest;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, InvalidRequest> {
        Broadcaster::from_ref(state).client_options(parts)
    }
}

impl IntoResponse for ClientOptions {
    fn into_response(self) -> Response {
        (
            [(header::CONTENT_TYPE, "application/json")],
            self.to_string(),
        )
            .into_response()
    }
}

/// The address under which a browser asked for the page.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// The host as it is written in an address, IPv6 in brackets.
    pub host: String,
    /// The port, unless it is the scheme's own.
    pub port: Option<u16>,
    /// Whether it was asked for over TLS, as far as can be seen: behind a proxy, only
    /// [`Builder::public_url`](crate::Builder::public_url) says so.
    pub secure: bool,
}

impl Page {
    /// The page of an `http` or `https` address without a path.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let mistake =
            || format!("`{url}` is not an address: expected one like https://example.com");
        let uri: Uri = url.parse().map_err(|_| mistake())?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(mistake()),
        };
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(format!(
                "`{url}` has a path: expected only scheme, host and port"
            ));
        }
        uri.authority()
            .map(|authority| Self::of_authority(authority, secure))
            .ok_or_else(mistake)
    }

    /// The page that a request is for: by the request line (RFC 9112 §3.2.2), else by `Host`.
    pub(crate) fn of(request: &Parts) -> Result<Self, InvalidRequest> {
        let secure = request.uri.scheme_str() == Some("https");
        if let Some(authority) = request.uri.authority() {
            return Ok(Self::of_authority(authority, secure));
        }
        let host = request.headers.get(header::HOST);
        host.and_then(|host| Authority::try_from(host.as_bytes()).ok())
            .filter(|authority| !authority.host().is_empty())
            .map(|authority| Self::of_authority(&authority, secure))
            .ok_or_else(|| {
                InvalidRequest::new(
                    StatusCode::BAD_REQUEST,
                    "header `host`: expected the host that the page was asked from",
                )
            })
    }

    /// The page of this host, IPv6 in brackets.
    pub(crate) fn at(host: &str, port: Option<u16>, secure: bool) -> Self {
        Self {
            host: host.to_owned(),
            port,
            secure,
        }
    }

    fn of_authority(authority: &Authority, secure: bool) -> Self {
        Self::at(authority.host(), authority.port_u16(), secure)
    }
}
