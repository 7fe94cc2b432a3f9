//! What the official libraries sign and what unmodified clients send and understand.

use serde_json::Value;
use serde_json::value::RawValue;
use skywave_protocol::{
    ClientMessage, Credentials, Limits, Member, Rejection, Secret, ServerMessage, SignedRequest,
    TriggerRequest,
};

use super::{app, channel, encoded, socket};

fn vectors() -> Value {
    parsed(include_str!("vectors.json"))
}

fn list<'a>(vectors: &'a Value, section: &str) -> &'a [Value] {
    let list = vectors[section].as_array().expect("each section is a list");
    assert!(!list.is_empty(), "no vectors in {section}");
    list
}

fn text<'a>(vector: &'a Value, field: &str) -> &'a str {
    vector[field]
        .as_str()
        .unwrap_or_else(|| panic!("no text {field} in {vector}"))
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).expect("the recorded text is JSON")
}

fn body(vector: &Value) -> &[u8] {
    vector["body"].as_str().unwrap_or_default().as_bytes()
}

#[test]
fn requests_of_the_official_libraries_are_verified() {
    for vector in list(&vectors(), "http_requests") {
        let target = format!(
            "{}?{}",
            text(vector, "path"),
            text(vector, "query_string_as_sent")
        );
        let request = SignedRequest::parse(text(vector, "method"), &target).unwrap();
        let now = vector["timestamp"].as_u64().unwrap();
        assert_eq!(request.path(), text(vector, "path"));
        assert_eq!(
            app().verify_request(&request, body(vector), now),
            Ok(()),
            "{}",
            text(vector, "name")
        );
    }
}

#[test]
fn requests_are_signed_as_the_official_libraries_do() {
    for vector in list(&vectors(), "http_requests") {
        let params = vector["params"].as_object().unwrap();
        let mut params: Vec<_> = params
            .iter()
            .map(|(name, value)| (&**name, value.as_str().unwrap()))
            .collect();
        // The Python library sends the MD5 of no body; we do not.
        if vector["body"].is_null()
            && let Some(md5) = vector["body_md5"].as_str()
        {
            params.push(("body_md5", md5));
        }
        let now = vector["timestamp"].as_u64().unwrap();
        let (method, path) = (text(vector, "method"), text(vector, "path"));
        let query = app().sign_request(method, path, &params, body(vector), now);
        let signature = format!("&auth_signature={}", text(vector, "auth_signature"));
        assert!(
            query.ends_with(&signature),
            "{}: {query}",
            text(vector, "name")
        );
    }
}

#[test]
fn events_published_by_the_official_libraries_are_read() {
    let vectors = vectors();
    let events = list(&vectors, "http_requests")
        .iter()
        .filter(|vector| text(vector, "path").ends_with("/events"));
    for vector in events {
        let request = TriggerRequest::parse(body(vector), &Limits::default());
        let sent: Value = serde_json::from_slice(body(vector)).unwrap();
        let request = request.unwrap_or_else(|error| panic!("{}: {error}", text(vector, "name")));
        assert_eq!(&*request.name, sent["name"]);
        assert_eq!(&*request.data, sent["data"]);
        assert_eq!(
            serde_json::to_value(&request.channels).unwrap(),
            sent["channels"]
        );
        assert_eq!(
            request.socket_id.map(|id| id.to_string()).as_deref(),
            sent["socket_id"].as_str()
        );
    }
}

#[test]
fn channel_signatures_equal_the_official_libraries() {
    for vector in list(&vectors(), "channel_auth") {
        let (id, name) = (
            socket(text(vector, "socket_id")),
            channel(text(vector, "channel_name")),
        );
        let (auth, data) = (
            text(&vector["response"], "auth"),
            vector["response"]["channel_data"].as_str(),
        );
        assert_eq!(
            app().sign_channel(id, &name, data),
            auth,
            "{}",
            text(vector, "name")
        );
        assert_eq!(app().verify_channel(auth, id, &name, data), Ok(()));
        if let Some(data) = data {
            assert!(Member::parse(data, &Limits::default()).is_ok(), "{data}");
        }
    }
}

#[test]
fn the_text_to_sign_in_a_refusal_is_the_one_the_libraries_sign() {
    for vector in list(&vectors(), "channel_auth") {
        let (id, name) = (
            socket(text(vector, "socket_id")),
            channel(text(vector, "channel_name")),
        );
        let data = vector["response"]["channel_data"].as_str();
        let auth = format!("{}:{}", app().key(), "0".repeat(64));
        let Err(Rejection::InvalidSignature { signed, .. }) =
            app().verify_channel(&auth, id, &name, data)
        else {
            panic!("a wrong signature was accepted: {vector}");
        };
        assert_eq!(signed.as_str(), text(vector, "string_to_sign"));
    }
}

#[test]
fn user_signatures_equal_the_official_libraries() {
    for vector in list(&vectors(), "user_auth") {
        let id = socket(text(vector, "socket_id"));
        let (auth, data) = (
            text(&vector["response"], "auth"),
            text(&vector["response"], "user_data"),
        );
        assert_eq!(app().sign_user(id, data), auth, "{}", text(vector, "name"));
        assert_eq!(app().verify_user(auth, id, data), Ok(()));
        let user = Member::parse_user(data, &Limits::default()).unwrap();
        assert_eq!(user.user_id, vector["user_data_object"]["id"]);
    }
}

#[test]
fn webhook_signatures_equal_the_official_libraries() {
    for vector in list(&vectors(), "webhooks") {
        let signature = text(&vector["headers"], "X-Pusher-Signature");
        assert_eq!(
            app().sign_webhook(body(vector)),
            signature,
            "{}",
            text(vector, "name")
        );
        assert!(app().verify_webhook(signature, body(vector)));
        assert!(!app().verify_webhook(signature, b"{}"));
    }
}

#[test]
fn what_was_changed_after_it_was_signed_is_refused() {
    let vectors = vectors();
    let of = |section: &str, at: usize| list(&vectors, section)[at].clone();

    // The worked example of the HTTP API's reference.
    let vector = of("http_requests", 0);
    let (path, query) = (text(&vector, "path"), text(&vector, "query_string_as_sent"));
    let now = vector["timestamp"].as_u64().unwrap();
    let altered = [body(&vector), b" "].concat();
    let other = Credentials::new(app().key(), &Secret::new("another secret"));
    let version = query.replace("auth_version=1.0", "auth_version=1.1");
    assert_ne!(version, query);
    for (what, signer, query, body, now) in [
        ("another secret", other, query, body(&vector), now),
        ("an altered body", app(), query, &altered, now),
        ("600 s later", app(), query, body(&vector), now + 600),
        ("600 s earlier", app(), query, body(&vector), now - 600),
        ("another version", app(), &version, body(&vector), now),
    ] {
        let target = format!("{path}?{query}");
        let request = SignedRequest::parse(text(&vector, "method"), &target).unwrap();
        let refused = signer.verify_request(&request, body, now).unwrap_err();
        assert_eq!(refused.http_status(), 401, "{what}: {refused}");
    }

    let presence = of("channel_auth", 2);
    let private = of("channel_auth", 0);
    let mut elsewhere = private.clone();
    elsewhere["channel_name"] = "private-foobaz".into();
    let mut other_socket = private.clone();
    other_socket["socket_id"] = "1234.1235".into();
    for vector in [presence, elsewhere, other_socket] {
        let (id, name) = (
            socket(text(&vector, "socket_id")),
            channel(text(&vector, "channel_name")),
        );
        let auth = text(&vector["response"], "auth");
        // The presence vector without its `channel_data`.
        let refused = app().verify_channel(auth, id, &name, None);
        assert!(refused.is_err(), "{vector}");
    }
}

#[test]
fn the_signatures_printed_in_the_documentation_are_ours() {
    let id = socket("1234.1234");
    let signed = |name: &str, data: Option<&str>| app().sign_channel(id, &channel(name), data);
    let key = app().key().to_owned();
    for (auth, printed) in [
        (
            signed("private-foobar", None),
            "58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4",
        ),
        (
            app().sign_user(id, r#"{"id":"12345"}"#),
            "4708d583dada6a56435fb8bc611c77c359a31eebde13337c16ab43aa6de336ba",
        ),
        // Printed for `Mr. Channels`, but computed for the name of an older edition.
        (
            signed(
                "presence-foobar",
                Some(r#"{"user_id":10,"user_info":{"name":"Mr. Pusher"}}"#),
            ),
            "afaed3695da2ffd16931f457e338e6c9f2921fa133ce7dac49f529792be6304c",
        ),
        (
            signed(
                "presence-foobar",
                Some(r#"{"user_id":10,"user_info":{"name":"Mr. Channels"}}"#),
            ),
            "31935e7d86dba64c2a90aed31fdc61869f9b22ba9d8863bba239c03ca481bc80",
        ),
    ] {
        assert_eq!(auth, format!("{key}:{printed}"));
    }
}

#[test]
fn messages_of_unmodified_clients_are_read() {
    for frame in frames("c") {
        let sent: Value = parsed(&frame);
        let read = ClientMessage::parse(&frame).unwrap_or_else(|error| panic!("{frame}: {error}"));
        let event = match read {
            ClientMessage::Ping => "pusher:ping".into(),
            ClientMessage::Pong => "pusher:pong".into(),
            ClientMessage::Subscribe(subscribe) => {
                assert_eq!(subscribe.channel, sent["data"]["channel"].as_str().unwrap());
                assert_eq!(subscribe.auth.as_deref(), sent["data"]["auth"].as_str());
                assert_eq!(
                    subscribe.channel_data.as_deref(),
                    sent["data"]["channel_data"].as_str()
                );
                "pusher:subscribe".into()
            }
            ClientMessage::Unsubscribe { channel } => {
                assert_eq!(channel, sent["data"]["channel"].as_str().unwrap());
                "pusher:unsubscribe".into()
            }
            ClientMessage::SignIn { auth, user_data } => {
                assert_eq!(auth, sent["data"]["auth"].as_str().unwrap());
                assert_eq!(user_data, sent["data"]["user_data"].as_str().unwrap());
                "pusher:signin".into()
            }
            ClientMessage::ClientEvent {
                event,
                channel,
                data,
            } => {
                assert_eq!(channel, sent["channel"].as_str().unwrap());
                assert_eq!(serde_json::from_str::<Value>(&data).unwrap(), sent["data"]);
                event
            }
        };
        assert_eq!(event, sent["event"].as_str().unwrap());
    }
}

#[test]
fn messages_that_unmodified_clients_understood_are_written_byte_for_byte() {
    for frame in frames("s") {
        assert_eq!(rewritten(&frame), frame);
    }
}

/// The messages of all recorded conversations that one side sent.
fn frames(sender: &str) -> Vec<String> {
    let vectors = vectors();
    let clients = ["pusher-js 8.6.0", "Pysher 1.0.8"].map(|client| &vectors["ws_frames"][client]);
    let frames: Vec<_> = clients
        .iter()
        .flat_map(|client| {
            client["frames"]
                .as_array()
                .expect("a conversation is a list")
        })
        .filter(|frame| frame[0] == sender)
        .map(|frame| frame[1].as_str().expect("a frame is text").to_owned())
        .collect();
    assert!(frames.len() >= 6, "frames from {sender}: {}", frames.len());
    frames
}

/// The message that `frame` holds, written by us.
fn rewritten(frame: &str) -> String {
    let sent: Value = parsed(frame);
    let data: Value = parsed(text(&sent, "data"));
    let name = sent["channel"].as_str().map(channel);
    let on = || name.as_ref().expect("the message is on a channel");
    match text(&sent, "event") {
        "pusher:connection_established" => encoded(ServerMessage::ConnectionEstablished {
            socket_id: socket(text(&data, "socket_id")),
            activity_timeout: data["activity_timeout"]
                .as_u64()
                .expect("the timeout is a number"),
        }),
        "pusher:pong" => encoded(ServerMessage::Pong),
        "pusher:signin_success" => encoded(ServerMessage::SigninSuccess {
            user_data: text(&data, "user_data"),
        }),
        "pusher_internal:subscription_succeeded" => {
            let members: Vec<(&str, Box<RawValue>)> = data["presence"]["ids"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|id| {
                    let id = id.as_str().expect("ids are strings");
                    let info = data["presence"]["hash"][id].to_string();
                    (id, RawValue::from_string(info).expect("the info is JSON"))
                })
                .collect();
            let members: Vec<_> = members
                .iter()
                .map(|(id, info)| (*id, Some(&**info)))
                .collect();
            let presence = (!members.is_empty()).then_some(&*members);
            encoded(ServerMessage::SubscriptionSucceeded {
                channel: on(),
                presence,
            })
        }
        event => encoded(ServerMessage::Event {
            channel: on(),
            event,
            data: text(&sent, "data"),
            user_id: sent["user_id"].as_str(),
        }),
    }
}
