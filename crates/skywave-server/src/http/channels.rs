//! Questions about channels: who listens where. Protocol §2.2 and §2.3.

use bytes::Bytes;
use serde_json::{Map, Value, json};
use skywave_engine::{App, Engine, Occupancy};
use skywave_protocol::{ChannelKind, Info, Rejection, VerifiedRequest};

use crate::node::Node;

/// `GET channels`: the occupied ones.
pub(super) fn list(
    engine: &Engine,
    app: &App,
    request: &VerifiedRequest<'_, '_>,
) -> Result<Bytes, Rejection> {
    let info = asked(request)?;
    let prefix = request.parameter("filter_by_prefix").unwrap_or_default();
    if info.user_count && !ChannelKind::of(&prefix).is_presence() {
        return Err(Rejection::UserCountWithoutPresence);
    }
    let channels: Map<String, Value> = engine
        .occupied(app, &prefix)
        .into_iter()
        .map(|(name, occupancy)| (name.to_string(), attributes(occupancy, info).into()))
        .collect();
    Ok(json!({ "channels": channels }).to_string().into())
}

/// `GET channels/NAME`: one, occupied or not.
pub(super) fn one(
    node: &Node,
    app: &App,
    name: &str,
    request: &VerifiedRequest<'_, '_>,
) -> Result<Bytes, Rejection> {
    let info = asked(request)?;
    let channel = app.settings().limits.channel_name(name)?;
    if info.user_count && !channel.kind().is_presence() {
        return Err(Rejection::UserCountWithoutPresence);
    }
    let occupancy = node.engine.occupancy(app, &channel);
    let occupied = occupancy.subscriptions > 0;
    let mut answer = if occupied {
        attributes(occupancy, info)
    } else {
        Map::new()
    };
    answer.insert("occupied".into(), occupied.into());
    if info.cache && channel.kind().is_cache() {
        let cached = node.engine.cached(app, &channel, node.millisecond());
        let cached = cached.map(|(data, ms)| json!({ "data": data, "ttl": ms.div_ceil(1000) }));
        answer.insert("cache".into(), cached.into());
    }
    Ok(Value::from(answer).to_string().into())
}

/// `GET channels/NAME/stats`, deprecated: what the newer form tells without being asked.
pub(super) fn stats(engine: &Engine, app: &App, name: &str) -> Result<Bytes, Rejection> {
    let channel = app.settings().limits.channel_name(name)?;
    let occupancy = engine.occupancy(app, &channel);
    let users = Info {
        user_count: true,
        ..Info::default()
    };
    let mut answer = attributes(occupancy, users);
    answer.insert("occupied".into(), (occupancy.subscriptions > 0).into());
    Ok(Value::from(answer).to_string().into())
}

/// `GET channels/NAME/users`: the members of a presence channel, their ids as strings (trap 7).
pub(super) fn users(engine: &Engine, app: &App, name: &str) -> Result<Bytes, Rejection> {
    let channel = app.settings().limits.channel_name(name)?;
    if !channel.kind().is_presence() {
        return Err(Rejection::NotPresenceChannel {
            channel: name.into(),
        });
    }
    let user = |id| json!({ "id": id });
    let users: Vec<Value> = engine.users(app, &channel).into_iter().map(user).collect();
    Ok(json!({ "users": users }).to_string().into())
}

/// What was asked for, as far as the channel has it.
pub(super) fn attributes(occupancy: Occupancy, asked: Info) -> Map<String, Value> {
    let mut attributes = Map::new();
    if asked.subscription_count {
        attributes.insert("subscription_count".into(), occupancy.subscriptions.into());
    }
    if let (true, Some(users)) = (asked.user_count, occupancy.users) {
        attributes.insert("user_count".into(), users.into());
    }
    attributes
}

fn asked(request: &VerifiedRequest<'_, '_>) -> Result<Info, Rejection> {
    Info::of_question(&request.parameter("info").unwrap_or_default())
}
