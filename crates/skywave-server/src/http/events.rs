//! `POST /apps/ID/events`: publishing. Protocol §2.1 to §2.5.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::Request;
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::{Map, Value, json};
use skywave_engine::{App, Engine, Publication};
use skywave_protocol::{Rejection, SignedRequest, TriggerRequest};

use super::{BoxError, FullResponse};

/// Data of 10 KiB in which every byte is escaped, a hundred long names, and room to spare.
const BODY_BYTES: usize = 256 * 1024;

/// Verifies and publishes an event; nothing is published when anything is wrong.
pub(super) async fn publish<B>(
    engine: &Engine,
    app_id: &str,
    request: Request<B>,
) -> Result<FullResponse, Rejection>
where
    B: Body<Error: Into<BoxError>>,
{
    let (head, body) = request.into_parts();
    let body = read(body).await?;
    let target = head
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str());
    let signed = SignedRequest::parse(head.method.as_str(), target)?;
    let app = engine.apps().by_id(app_id).ok_or(Rejection::UnknownApp)?;
    app.credentials().verify_request(&signed, &body, now())?;

    let event = TriggerRequest::parse(&body, app.limits())?;
    let publication = Publication {
        channels: &event.channels,
        event: event.name.as_str(),
        data: &event.data,
        except: event.socket_id,
    };
    engine.publish(app, &publication)?;
    Ok(super::json(reply(engine, app, &event)))
}

/// `{}`, or what `info` asked for. Attributes that a channel does not have are left out (§2.3).
fn reply(engine: &Engine, app: &App, event: &TriggerRequest) -> Bytes {
    let asked = event.info;
    if !asked.user_count && !asked.subscription_count {
        return Bytes::from_static(b"{}");
    }
    let mut channels = Map::new();
    for channel in &event.channels {
        let occupancy = engine.occupancy(app, channel);
        let mut attributes = Map::new();
        if asked.subscription_count {
            attributes.insert("subscription_count".into(), occupancy.subscriptions.into());
        }
        if let (true, Some(users)) = (asked.user_count, occupancy.users) {
            attributes.insert("user_count".into(), users.into());
        }
        channels.insert(channel.to_string(), Value::Object(attributes));
    }
    json!({ "channels": channels }).to_string().into()
}

async fn read<B>(body: B) -> Result<Bytes, Rejection>
where
    B: Body<Error: Into<BoxError>>,
{
    match Limited::new(body, BODY_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Rejection::BodyTooLarge { limit: BODY_BYTES })
        }
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
