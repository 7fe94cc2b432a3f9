//! The HTTP API: signed requests. Protocol §2.
//!
//! A request is read whole, its app found, its signature and body verified, and only then asked
//! what it wants; so nothing happens before everything is known to be right.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::Request;
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use skywave_engine::App;
use skywave_protocol::{Rejection, SignedRequest};

use super::route::Call;
use super::{BoxError, Reply, channels, events, json};
use crate::node::Node;

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
    let body = read(body, call.body_bytes()).await?;
    let target = head
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str());
    let signed = SignedRequest::parse(head.method.as_str(), target)?;
    let engine = &node.engine;
    let apps = engine.apps();
    let app = match app_id {
        Some(id) => apps.by_id(id).ok_or(Rejection::UnknownApp)?,
        None => apps
            .by_key(signed.auth_key())
            .ok_or(Rejection::UnknownAuthKey)?,
    };
    let settings = app.settings();
    settings.credentials.verify_request(&signed, &body, now())?;
    if !settings.enabled {
        return Err(Rejection::AppDisabled);
    }

    let answer = match call {
        Call::Events => events::publish(node, app, &body)?,
        Call::BatchEvents => events::publish_batch(node, app, &body)?,
        Call::Channels => channels::list(engine, app, &signed)?,
        Call::Channel { name } => channels::one(node, app, &name, &signed)?,
        Call::Users { channel } => channels::users(engine, app, &channel)?,
        Call::TerminateConnections { user_id } => terminate(node, app, &user_id).await,
    };
    Ok(json(answer))
}

async fn terminate(node: &Node, app: &Arc<App>, user_id: &str) -> Bytes {
    node.terminate(app, user_id).await;
    Bytes::from_static(b"{}")
}

async fn read<B>(body: B, limit: usize) -> Result<Bytes, Rejection>
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
fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}
