//! An API key, and what is signed with it ([`ApiKey`]).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use skywave_http_client::HttpError;
use skywave_protocol::{Credentials, Secret};

use crate::driver::{DriverError, is_placeholder};

/// A key as the dashboard shows it, `appId.keyId:keySecret`.
#[derive(Clone)]
pub(super) struct ApiKey {
    /// `appId.keyId`, which is no secret.
    name: String,
    secret: Secret,
    keyed: Hmac<Sha256>,
}

impl ApiKey {
    /// Reads a whole key.
    ///
    /// # Errors
    ///
    /// What was expected; nothing of the key is in it.
    pub(super) fn parse(key: &Secret) -> Result<Self, DriverError> {
        let text = key.expose();
        if text.is_empty() {
            return Err(DriverError::new("the key is empty"));
        }
        let mistake =
            || DriverError::new("the key is none of Ably: expected appId.keyId:keySecret");
        let (name, secret) = text.split_once(':').ok_or_else(mistake)?;
        if is_placeholder(text) || is_placeholder(secret) {
            return Err(DriverError::new(
                "the key is a placeholder; expected one of your own",
            ));
        }
        let (app, id) = name.split_once('.').ok_or_else(mistake)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_part = |text: &str| !text.is_empty() && text.bytes().all(plain);
        let is_secret = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b':' | b'.');
        if !is_part(app) || !is_part(id) || secret.is_empty() || !secret.bytes().all(is_secret) {
            return Err(mistake());
        }
        let keyed = Hmac::new_from_slice(secret.as_bytes())
            .expect("HMAC takes keys of every length (RFC 2104 §2)");
        Ok(Self {
            name: name.to_owned(),
            secret: Secret::new(secret),
            keyed,
        })
    }

    /// `appId.keyId`.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The value of the header `authorization`.
    pub(super) fn basic(&self) -> String {
        let whole = format!("{}:{}", self.name, self.secret.expose());
        format!("Basic {}", BASE64.encode(whole))
    }

    /// HMAC-SHA256 with the key's secret.
    pub(super) fn sign(&self, text: &str) -> [u8; 32] {
        let mut keyed = self.keyed.clone();
        keyed.update(text.as_bytes());
        keyed.finalize().into_bytes().into()
    }

    /// The key as one of the Channels protocol, for clients that come by Ably's Pusher adapter.
    pub(super) fn credentials(&self) -> Credentials {
        Credentials::new(self.name.clone(), &self.secret)
    }

    /// The text without the secret, which a server may have quoted.
    pub(super) fn hidden_in(&self, text: &str) -> String {
        let basic = self.basic();
        text.replace(basic.trim_start_matches("Basic "), "***")
            .replace(self.secret.expose(), "***")
    }

    /// The same for what a server says about a failure.
    pub(super) fn hidden_in_answer(&self, error: HttpError) -> HttpError {
        let basic = self.basic();
        error
            .without(basic.trim_start_matches("Basic "))
            .without(self.secret.expose())
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_its_name_and_its_secret() {
        let key = ApiKey::parse(&Secret::new("aBcDeF.GhIjKl:0123456789abcdefSecret")).unwrap();
        assert_eq!(key.name(), "aBcDeF.GhIjKl");
        // `basicAuthHeader` of the vectors.
        assert_eq!(
            key.basic(),
            "Basic YUJjRGVGLkdoSWpLbDowMTIzNDU2Nzg5YWJjZGVmU2VjcmV0"
        );
        assert_eq!(format!("{key:?}"), "ApiKey { name: \"aBcDeF.GhIjKl\", .. }");
        assert_eq!(
            key.hidden_in(&format!("<0123456789abcdefSecret> <{}>", key.basic())),
            "<***> <Basic ***>"
        );
    }

    #[test]
    fn what_is_no_key_is_refused_and_not_repeated() {
        let no_key = "the key is none of Ably: expected appId.keyId:keySecret";
        let placeholder = "the key is a placeholder; expected one of your own";
        for (key, expected) in [
            ("", "the key is empty"),
            ("hush", no_key),
            ("app.key", no_key),
            ("app.key:", no_key),
            ("app:hush", no_key),
            (".key:hush", no_key),
            ("app.:hush", no_key),
            ("a.b.c:hush", no_key),
            ("app.key:hush:hush", no_key),
            ("app.key:hush.hush", no_key),
            ("app.key: hush", no_key),
            ("a p.key:hush", no_key),
            ("api:key", placeholder),
            ("app.key:29382xx..", placeholder),
        ] {
            let error = ApiKey::parse(&Secret::new(key)).unwrap_err().to_string();
            assert_eq!(error, expected, "{key}");
        }
    }
}
