//! One token for many channels: what a client may do is the union of what the rules say to each of
//! the channels it asks for.

use axum::body::Bytes;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};

use super::AuthError;
use super::request::TokenRequest;
use super::route::response;
use crate::broadcaster::Broadcaster;
use crate::counters::Count;
use crate::driver::{DriverError, Grant, Token};

/// Signs a token for the request's user and for those of its channels that the rules grant. Denied
/// ones are left out: the server refuses them when the client attaches to them. A rule that fails,
/// or nothing to grant, is an error for all of it.
pub(super) async fn token(
    broadcaster: &Broadcaster,
    parts: Parts,
    ask: &TokenRequest,
) -> Result<Token, AuthError> {
    let signer = broadcaster
        .tokens()
        .ok_or_else(|| AuthError::failed("the default driver signs no tokens"))?;
    let authoriser = broadcaster.authoriser();
    let holder = authoriser.holder(parts, &ask.channels).await;
    let user_id = holder.user_id;
    if let Some(asked) = &ask.client_id
        && user_id.as_ref() != Some(asked)
    {
        broadcaster.count(Count::Denied);
        let user = match &user_id {
            Some(id) => format!("user `{id}`"),
            None => "nobody, as nobody is logged in".to_owned(),
        };
        return Err(AuthError::denied(format!(
            "the client asks to be `{asked}`, and is {user}"
        )));
    }

    let mut grant = Grant {
        user_id,
        channels: Vec::with_capacity(ask.channels.len()),
    };
    let mut denial = None;
    for (channel, subscriber) in ask.channels.iter().zip(holder.subscribers) {
        match subscriber {
            Ok(member) => {
                broadcaster.count(Count::Authorised);
                grant.channels.push((channel.clone(), member));
            }
            Err(refused) => {
                broadcaster.count(refused.count());
                if matches!(refused, AuthError::Failed { .. }) {
                    return Err(refused);
                }
                tracing::debug!(%channel, "authorisation {refused}");
                denial.get_or_insert(refused);
            }
        }
    }
    if grant.channels.is_empty() && !signer.opens_public_channels() {
        return Err(denial.unwrap_or_else(|| {
            AuthError::denied("a token for no channel: expected `channel_name[0]` and so on")
        }));
    }
    signer.sign_token(&grant).map_err(|source| {
        let name = broadcaster.default_name();
        let unsigned = DriverError::new(format!("driver `{name}` did not sign"));
        AuthError::failed(unsigned.caused_by(source))
    })
}

impl Token {
    pub(super) fn into_http(self) -> http::Response<Bytes> {
        let (content_type, content) = (self.content_type(), self.content().to_owned());
        let mut response = response(StatusCode::OK, content_type, content);
        // It may be asked for with GET.
        let no_store = HeaderValue::from_static("no-store");
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, no_store);
        response
    }
}
