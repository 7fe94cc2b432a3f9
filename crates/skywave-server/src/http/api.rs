//! The HTTP API: signed requests. Protocol §2.
//!
//! A request's app is found and its signature verified, then its body read and verified, and only
//! then is it asked what it wants; so nothing happens before everything is known to be right, and a
//! body that nobody signed is not kept.

use std::pin::pin;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use skywave_engine::{App, Apps};
use skywave_protocol::{Limits, Rejection, SignedRequest, VerifiedRequest};

use super::prefix::{Prefix, Prefixed};
use super::route::Call;
use super::{BoxError, Reply, ResponseBody, channels, events, json};
use crate::node::Node;

/// Path and query of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    /// Without the prefix under which clients connect.
    pub(super) text: &'a str,
    /// With it, where it was there.
    whole: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// The target of a request as it came, which may begin with the prefix.
    pub(super) fn of(prefix: &Prefix, text: &'a str) -> Self {
        match prefix.strip(text) {
            Some(rest) if rest.len() < text.len() => Self {
                text: rest,
                whole: Some(text),
            },
            _ => Self { text, whole: None },
        }
    }
}

/// A signed request that nobody has verified yet.
pub(super) struct Question<'a> {
    signed: SignedRequest<'a>,
    /// Of the libraries that can be told a prefix, some sign it and some do not.
    prefixed: Option<SignedRequest<'a>>,
}

impl<'a> Question<'a> {
    pub(super) fn read(method: &'a str, target: Target<'a>) -> Result<Self, Rejection> {
        let signed = SignedRequest::parse(method, target.text)?;
        let prefixed = target
            .whole
            .map(|whole| SignedRequest::parse(method, whole));
        Ok(Self {
            signed,
            prefixed: prefixed.and_then(Result::ok),
        })
    }

    /// Finds the app, by its id or otherwise by the key that signed, and verifies all but the body.
    pub(super) fn verify<'q>(
        &'q self,
        apps: &'q Apps,
        app_id: Option<&str>,
    ) -> Result<(&'q Arc<App>, VerifiedRequest<'q, 'a>), Rejection> {
        let app = match app_id {
            Some(id) => apps.by_id(id).ok_or(Rejection::UnknownApp),
            None => apps
                .by_key(self.signed.auth_key())
                .ok_or(Rejection::UnknownAuthKey),
        }?;
        let settings = app.settings();
        let verified = settings.credentials.verify_head(&self.signed, now());
        let verified = match (verified, &self.prefixed) {
            (Err(Rejection::InvalidRequestSignature { .. }), Some(prefixed)) => {
                settings.credentials.verify_head(prefixed, now())?
            }
            (verified, _) => verified?,
        };
        if settings.enabled {
            Ok((app, verified))
        } else {
            Err(Rejection::AppDisabled)
        }
    }
}

/// Verifies a request and does what it asks for.
pub(super) async fn answer<B>(
    node: &Node,
    app_id: Option<&str>,
    call: Call,
    request: Request<B>,
) -> Result<Reply, Rejection>
where
    B: Body<Error: Into<BoxError>>,
{
    let (head, body) = request.into_parts();
    // Whoever is refused anyway may have sent as much as an app with the defaults takes.
    let limit = call.body_bytes(&Limits::default());
    let target = Target {
        text: head.uri.path_and_query().map_or("/", PathAndQuery::as_str),
        whole: head.extensions.get().map(Prefixed::target),
    };
    let question = match Question::read(head.method.as_str(), target) {
        Ok(question) => question,
        Err(rejection) => return refuse(rejection, body, limit).await,
    };
    let apps = node.engine.apps();
    let (app, request) = match question.verify(&apps, app_id) {
        Ok(verified) => verified,
        Err(rejection) => return refuse(rejection, body, limit).await,
    };
    let limit = call.body_bytes(&app.settings().limits);
    let body = read(body, limit).await?;
    request.verify_body(&body)?;

    let engine = &node.engine;
    let answer = match call {
        Call::Events => events::publish(node, app, &request, &body)?,
        Call::BatchEvents => events::publish_batch(node, app, &body)?,
        Call::ChannelEvents { channel } => {
            events::publish_deprecated(node, app, &request, &channel, &body)?;
            return Ok(accepted());
        }
        Call::Channels => channels::list(engine, app, &request)?,
        Call::Channel { name } => channels::one(node, app, &name, &request)?,
        Call::Stats { channel } => channels::stats(engine, app, &channel)?,
        Call::Users { channel } => channels::users(engine, app, &channel)?,
        Call::TerminateConnections { user_id } => terminate(node, app, &user_id).await,
    };
    Ok(json(answer))
}

/// Refuses a request whose body is not worth keeping. Some of it is let through all the same, and
/// forgotten at once: a client that is still sending would not look for the answer before its end.
async fn refuse<B>(rejection: Rejection, body: B, limit: usize) -> Result<Reply, Rejection>
where
    B: Body<Error: Into<BoxError>>,
{
    if body.size_hint().lower() <= limit as u64 {
        let mut body = pin!(Limited::new(body, limit));
        while let Some(Ok(_)) = body.frame().await {}
    }
    Err(rejection)
}

/// Status 202 without a body.
fn accepted() -> Reply {
    let mut response = Response::new(ResponseBody::full(Bytes::new()));
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

async fn terminate(node: &Node, app: &Arc<App>, user_id: &str) -> Bytes {
    node.terminate(app, user_id).await;
    Bytes::from_static(b"{}")
}

/// Reads a body of at most `limit` bytes.
pub(super) async fn read<B>(body: B, limit: usize) -> Result<Bytes, Rejection>
where
    B: Body<Error: Into<BoxError>>,
{
    // What is announced as too large is not even read.
    if body.size_hint().lower() > limit as u64 {
        return Err(Rejection::BodyTooLarge { limit });
    }
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Rejection::BodyTooLarge { limit }),
        Err(_) => Err(Rejection::InvalidBody {
            reason: "it broke off".into(),
        }),
    }
}

/// Seconds since 1970, for the window of the signature's timestamp.
pub(super) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}
