//! An app's key and what is signed with its secret.
//!
//! There are four kinds of signed text, and none can be taken for another: channel names hold no
//! colon and no line end, socket ids are digits and a dot, methods are letters, and webhooks start
//! with a brace.
//!
//! ```text
//! channel   1234.5678:private-a              1234.5678:presence-a:CHANNEL_DATA
//! user      1234.5678::user::USER_DATA
//! request   METHOD \n PATH \n PARAMETERS      (see `request`)
//! webhook   the body, a JSON object
//! ```

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::{
    ChannelName, Excerpt, Rejection, Secret, SignedRequest, SocketId, VerifiedRequest, hex, request,
};

/// An app's key, and the means to sign as the app and to verify what it signed.
///
/// Holds the secret only as the state of the keyed hash, set up once. Comparisons of signatures
/// take the same time wherever the first difference is.
#[derive(Clone)]
pub struct Credentials {
    key: String,
    keyed: Hmac<Sha256>,
}

impl Credentials {
    /// Credentials of the app that has this key and this secret.
    #[must_use]
    pub fn new(key: impl Into<String>, secret: &Secret) -> Self {
        let keyed = Hmac::new_from_slice(secret.expose().as_bytes())
            .expect("HMAC takes keys of every length (RFC 2104 §2)");
        Self {
            key: key.into(),
            keyed,
        }
    }

    /// The app's public key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The `auth` that lets a connection subscribe: `KEY:SIGNATURE`.
    ///
    /// With `channel_data` the subscription must carry exactly that text, on channels of any kind.
    #[must_use]
    pub fn sign_channel(
        &self,
        socket_id: SocketId,
        channel: &ChannelName,
        channel_data: Option<&str>,
    ) -> String {
        self.auth(&channel_text(socket_id, channel, channel_data))
    }

    /// Verifies the `auth` of a subscription.
    ///
    /// # Errors
    ///
    /// [`Rejection::InvalidKey`] for another app's key, else [`Rejection::InvalidSignature`].
    pub fn verify_channel(
        &self,
        auth: &str,
        socket_id: SocketId,
        channel: &ChannelName,
        channel_data: Option<&str>,
    ) -> Result<(), Rejection> {
        self.verify_auth(auth, &channel_text(socket_id, channel, channel_data))
    }

    /// The `auth` that signs a connection in: `KEY:SIGNATURE`.
    #[must_use]
    pub fn sign_user(&self, socket_id: SocketId, user_data: &str) -> String {
        self.auth(&user_text(socket_id, user_data))
    }

    /// Verifies the `auth` of a sign-in.
    ///
    /// # Errors
    ///
    /// As for [`verify_channel`](Self::verify_channel).
    pub fn verify_user(
        &self,
        auth: &str,
        socket_id: SocketId,
        user_data: &str,
    ) -> Result<(), Rejection> {
        self.verify_auth(auth, &user_text(socket_id, user_data))
    }

    /// The query of a signed request to the HTTP API, without `?`, ready to be sent.
    ///
    /// `method` is in capitals and `path` as it will be on the request line. `params` are the
    /// request's own parameters, not yet escaped; their names are made lower case. `now_seconds`
    /// is the time since 1970. Without a body there is no `body_md5`, which some servers refuse.
    #[must_use]
    pub fn sign_request(
        &self,
        method: &str,
        path: &str,
        params: &[(&str, &str)],
        body: &[u8],
        now_seconds: u64,
    ) -> String {
        request::sign(self, method, path, params, body, now_seconds)
    }

    /// Verifies a request to the HTTP API whose body is `body`, at `now_seconds` since 1970.
    ///
    /// # Errors
    ///
    /// As [`verify_head`](Self::verify_head), then [`VerifiedRequest::verify_body`].
    pub fn verify_request(
        &self,
        request: &SignedRequest<'_>,
        body: &[u8],
        now_seconds: u64,
    ) -> Result<(), Rejection> {
        self.verify_head(request, now_seconds)?.verify_body(body)
    }

    /// Verifies a request to the HTTP API whose body is not read yet, at `now_seconds` since 1970.
    ///
    /// What it answers has the request's parameters, and has to
    /// [verify the body](VerifiedRequest::verify_body) before anything is done on account of it.
    ///
    /// # Errors
    ///
    /// In this order: [`Rejection::UnknownAuthKey`] if the key is another app's,
    /// [`Rejection::VersionRequired`], [`Rejection::VersionNotSupported`],
    /// [`Rejection::TimestampRequired`], [`Rejection::TimestampExpired`],
    /// [`Rejection::InvalidRequestSignature`].
    pub fn verify_head<'r, 'a>(
        &self,
        request: &'r SignedRequest<'a>,
        now_seconds: u64,
    ) -> Result<VerifiedRequest<'r, 'a>, Rejection> {
        request.verify(self, now_seconds)
    }

    /// The `X-Pusher-Signature` of a webhook with this body.
    #[must_use]
    pub fn sign_webhook(&self, body: &[u8]) -> String {
        self.digest(body)
    }

    /// Whether `signature` is that of a webhook with this body.
    ///
    /// A body that is not an object is never a webhook: its signature may be a client's `auth`.
    #[must_use]
    pub fn verify_webhook(&self, signature: &str, body: &[u8]) -> bool {
        body.trim_ascii_start().starts_with(b"{") && self.is_digest(signature.as_bytes(), body)
    }

    /// The signature of `text`, in hexadecimal.
    pub(crate) fn digest(&self, text: &[u8]) -> String {
        let mut mac = self.keyed.clone();
        mac.update(text);
        hex::encode(&mac.finalize().into_bytes())
    }

    /// Whether `given`, in hexadecimal, is the signature of `text`.
    pub(crate) fn is_digest(&self, given: &[u8], text: &[u8]) -> bool {
        let Some(given) = hex::decode::<32>(given) else {
            return false;
        };
        let mut mac = self.keyed.clone();
        mac.update(text);
        mac.verify_slice(&given).is_ok()
    }

    fn auth(&self, text: &str) -> String {
        format!("{}:{}", self.key, self.digest(text.as_bytes()))
    }

    fn verify_auth(&self, auth: &str, signed: &str) -> Result<(), Rejection> {
        let invalid = |given: &str| Rejection::InvalidSignature {
            signed: Excerpt::of_signed(signed),
            given: given.into(),
        };
        let (key, given) = auth.split_once(':').ok_or_else(|| invalid(auth))?;
        if key != self.key {
            return Err(Rejection::InvalidKey { given: key.into() });
        }
        if !self.is_digest(given.as_bytes(), signed.as_bytes()) {
            return Err(invalid(given));
        }
        Ok(())
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

fn channel_text(socket_id: SocketId, channel: &ChannelName, channel_data: Option<&str>) -> String {
    match channel_data {
        Some(data) => format!("{socket_id}:{channel}:{data}"),
        None => format!("{socket_id}:{channel}"),
    }
}

fn user_text(socket_id: SocketId, user_data: &str) -> String {
    format!("{socket_id}::user::{user_data}")
}
