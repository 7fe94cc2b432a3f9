//! `GET /apps/KEY/sse?channels=a,b`: events for clients without a library, as server-sent events
//! (HTML Living Standard, "Server-sent events").
//!
//! The client says all that it wants in one URL. Everything else is a connection like any other
//! below a [session](super::fallback): once it is greeted, the server says in the client's place
//! what a library would, with the signatures that belong to its socket id. So only the URL has to
//! be signed, as a call of the HTTP API is, and only for channels that are not public.

mod events;

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use http::header::ALLOW;
use http::{HeaderValue, Method, Request, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use skywave_engine::AppSettings;
use skywave_protocol::{ChannelName, Rejection, SignedRequest, SocketId};

use self::events::Events;
use super::admit::{Admitted, admit};
use super::fallback::frames::{self, ServerFrame};
use super::fallback::{Session, bring, open_to_all, stream};
use super::{Reply, ResponseBody, api, refusal};
use crate::node::Node;

/// What a URL asks for.
#[derive(Debug)]
struct Wanted {
    channels: Vec<ChannelName>,
    /// The user that the connection is to be, JSON as for a sign-in.
    user_data: Option<String>,
}

/// Answers a request for the events of the app with this key.
pub(super) async fn answer<B>(node: &Node, key: &str, request: Request<B>) -> Reply {
    let mut reply = if request.method() == Method::GET {
        let asked = wanted(node, key, &request);
        drop(request);
        match asked {
            Ok((admitted, wanted)) => open(node, admitted, &wanted).await,
            Err(rejection) => refusal(&rejection),
        }
    } else {
        let mut reply = refusal(&Rejection::MethodNotAllowed);
        let headers = reply.headers_mut();
        headers.insert(ALLOW, HeaderValue::from_static("GET"));
        reply
    };
    open_to_all(reply.headers_mut());
    reply
}

/// Checks everything that can be checked before there is a connection.
fn wanted<B>(
    node: &Node,
    key: &str,
    request: &Request<B>,
) -> Result<(Admitted, Wanted), Rejection> {
    let admitted = admit(node, key, request)?;
    let target = request.uri().path_and_query();
    let target = target.map_or("/", |target| target.as_str());
    let wanted = read(&admitted.slot.app().settings(), target)?;
    Ok((admitted, wanted))
}

/// Reads a target, and verifies it when it is signed.
fn read(settings: &AppSettings, target: &str) -> Result<Wanted, Rejection> {
    let (signed, names, user_data) = match SignedRequest::parse("GET", target) {
        Ok(signed) => {
            let verified = settings.credentials.verify_head(&signed, api::now())?;
            verified.verify_body(b"")?;
            let parameter = |name| verified.parameter(name);
            (true, parameter("channels"), parameter("user_data"))
        }
        Err(Rejection::MissingAuthKey) => (false, parameter(target, "channels"), None),
        Err(rejection) => return Err(rejection),
    };
    let names = names.filter(|names| !names.is_empty());
    let names = names.ok_or(Rejection::MissingField { field: "channels" })?;
    let limit = settings.limits.subscriptions_per_connection;
    let mut channels: Vec<ChannelName> = Vec::new();
    for name in names.split(',') {
        let channel = settings.limits.channel_name(name)?;
        let kind = channel.kind();
        let needs_user = kind.is_presence() || channel.user_id().is_some();
        if !signed && (kind.needs_authorisation() || needs_user) {
            let channel = name.into();
            return Err(Rejection::UrlNotSigned { channel });
        }
        if needs_user && user_data.is_none() {
            let channel = name.into();
            return Err(Rejection::UserDataRequired { channel });
        }
        if !channels.contains(&channel) {
            channels.push(channel);
        }
        if channels.len() > limit {
            return Err(Rejection::TooManySubscriptions { limit });
        }
    }
    Ok(Wanted {
        channels,
        user_data,
    })
}

/// A parameter of a URL that is not signed.
fn parameter(target: &str, name: &str) -> Option<String> {
    let (_, query) = target.split_once('?')?;
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let mut values = pairs.filter(|(known, _)| *known == name);
    let (_, value) = values.next()?;
    Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
}

/// Opens the connection and subscribes it; a refusal that comes now is an HTTP answer still.
async fn open(node: &Node, admitted: Admitted, wanted: &Wanted) -> Reply {
    let app = Arc::clone(admitted.slot.app());
    let (session, pipe) = Session::new(PATIENCE);
    let receiver = session.receive();
    bring(node, pipe, Ok(admitted)).await;
    let first = poll_fn(|cx| receiver.poll_next(cx)).await;
    let Some(ServerFrame::Text(greeting)) = first else {
        return refusal(&Rejection::OverCapacity);
    };
    let Some(socket_id) = socket_id(&greeting) else {
        return refused(&greeting);
    };
    let requests = requests(&app.settings(), socket_id, wanted);
    if session.send(&requests).await.is_err() {
        return refusal(&Rejection::OverCapacity);
    }
    let body = ResponseBody::stream(Events::new(receiver, &greeting));
    stream("text/event-stream; charset=utf-8", body)
}

/// The client's part of the conversation, as frames: signs in and subscribes.
fn requests(settings: &AppSettings, socket_id: SocketId, wanted: &Wanted) -> Vec<u8> {
    let credentials = &settings.credentials;
    let mut bytes = Vec::new();
    let mut say = |event: &str, data: Value| {
        let message = json!({ "event": event, "data": data });
        frames::text(&message.to_string(), &mut bytes);
    };
    if let Some(user_data) = &wanted.user_data {
        let auth = credentials.sign_user(socket_id, user_data);
        say(
            "pusher:signin",
            json!({ "auth": auth, "user_data": user_data }),
        );
    }
    for channel in &wanted.channels {
        let needs_auth = channel.kind().needs_authorisation() && channel.user_id().is_none();
        let auth = needs_auth.then(|| credentials.sign_channel(socket_id, channel, None));
        say(
            "pusher:subscribe",
            json!({ "auth": auth, "channel": channel.as_str() }),
        );
    }
    bytes
}

/// The socket id in the message that greets a connection.
fn socket_id(greeting: &str) -> Option<SocketId> {
    let greeting: Value = serde_json::from_str(greeting).ok()?;
    let data: Value = serde_json::from_str(greeting["data"].as_str()?).ok()?;
    SocketId::parse(data["socket_id"].as_str()?).ok()
}

/// The connection was refused on its worker: what it was told, as an HTTP answer.
fn refused(error: &str) -> Reply {
    let error: Value = serde_json::from_str(error).unwrap_or_default();
    let mut reply = refusal(&Rejection::OverCapacity);
    if let Some(message) = error["data"]["message"].as_str() {
        *reply.body_mut() = ResponseBody::full(message.to_owned());
    }
    if matches!(error["data"]["code"].as_u64(), Some(4000..=4099)) {
        *reply.status_mut() = StatusCode::FORBIDDEN;
    }
    reply
}

/// There is no next request that the connection could wait for.
const PATIENCE: Duration = Duration::ZERO;

#[cfg(test)]
mod tests {
    use skywave_protocol::{Credentials, Secret};

    use super::*;

    fn settings() -> AppSettings {
        AppSettings::new(Credentials::new("key", &Secret::new("secret")))
    }

    fn names(target: &str) -> Result<Vec<String>, Rejection> {
        let wanted = read(&settings(), target)?;
        Ok(wanted.channels.iter().map(ToString::to_string).collect())
    }

    fn signed(parameters: &[(&str, &str)]) -> String {
        let credentials = settings().credentials;
        let path = "/apps/key/sse";
        let query = credentials.sign_request("GET", path, parameters, b"", api::now());
        format!("{path}?{query}")
    }

    #[test]
    fn public_channels_need_no_signature() {
        for (query, expected) in [
            ("channels=a", vec!["a"]),
            ("channels=a,b,a", vec!["a", "b"]),
            ("x=y&channels=a%2Cb%40c", vec!["a", "b@c"]),
            ("channels=cache-a", vec!["cache-a"]),
        ] {
            assert_eq!(names(&format!("/apps/key/sse?{query}")).unwrap(), expected);
        }
    }

    #[test]
    fn other_channels_do() {
        for name in [
            "private-a",
            "presence-a",
            "private-encrypted-a",
            "%23server-to-user-7",
        ] {
            let refused = names(&format!("/apps/key/sse?channels=news,{name}")).unwrap_err();
            assert!(matches!(refused, Rejection::UrlNotSigned { .. }), "{name}");
        }
        let target = signed(&[("channels", "news,private-a,private-encrypted-b")]);
        assert_eq!(names(&target).unwrap().len(), 3);
        let target = target.replace("private-a", "private-c");
        let refused = names(&target).unwrap_err();
        assert_eq!(refused.http_status(), 401, "{refused}");
    }

    #[test]
    fn a_user_has_to_be_signed_and_is_needed_where_one_is_seen() {
        let user = "{\"id\":\"7\"}";
        for name in ["presence-a", "#server-to-user-7"] {
            let refused = names(&signed(&[("channels", name)])).unwrap_err();
            assert!(matches!(refused, Rejection::UserDataRequired { .. }));
            let target = signed(&[("channels", name), ("user_data", user)]);
            let wanted = read(&settings(), &target).unwrap();
            assert_eq!(wanted.user_data.as_deref(), Some(user));
        }
        let unsigned = "/apps/key/sse?channels=a&user_data=%7B%22id%22%3A%227%22%7D";
        assert_eq!(read(&settings(), unsigned).unwrap().user_data, None);
    }

    #[test]
    fn nonsense_is_refused() {
        let many = format!(
            "channels={}",
            (0..1001).map(|n| format!("c{n},")).collect::<String>()
        );
        for query in [
            "",
            "channels",
            "channels=",
            "channels=,",
            "channels=a,,b",
            "channels=a%00b",
            "channels=%ff",
            "channels=%23a",
            "channels=a&channels=b",
            "channels=a&CHANNELS=b",
            "channels=a&auth_key=key",
            "channels=a&auth_key=other",
            &many,
        ] {
            names(&format!("/apps/key/sse?{query}")).unwrap_err();
        }
    }
}
