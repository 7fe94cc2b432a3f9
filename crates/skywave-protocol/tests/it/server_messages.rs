//! The exact bytes of what the server sends.

use serde_json::Value;
use serde_json::value::RawValue;
use skywave_protocol::{Excerpt, Limits, Member, Rejection, ServerMessage};

use super::{channel, encoded, socket};

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).expect("the test writes JSON")
}

fn member(channel_data: &str) -> Member {
    Member::parse(channel_data, &Limits::default()).expect("the test describes a member")
}

fn refusal() -> Rejection {
    Rejection::InvalidKey {
        given: "a\"b".into(),
    }
}

fn assert_encoded<'a>(table: impl IntoIterator<Item = (ServerMessage<'a>, &'a str)>) {
    for (message, expected) in table {
        assert_eq!(encoded(message), expected);
    }
}

#[test]
fn messages_about_the_connection_have_the_documented_form() {
    let refusal = refusal();
    assert_encoded([
        (
            ServerMessage::ConnectionEstablished {
                socket_id: socket("311104.7920"),
                activity_timeout: 120,
            },
            r#"{"event":"pusher:connection_established","data":"{\"socket_id\":\"311104.7920\",\"activity_timeout\":120}"}"#,
        ),
        (
            ServerMessage::Error(&Rejection::ClientEventRate { limit: 10 }),
            r#"{"event":"pusher:error","data":{"code":4301,"message":"Client event rate limit exceeded: a connection sends at most 10 in a second"}}"#,
        ),
        (
            ServerMessage::Error(&refusal),
            r#"{"event":"pusher:error","data":{"code":null,"message":"Invalid key in subscription auth data: 'a\"b'"}}"#,
        ),
        (
            ServerMessage::Pong,
            r#"{"event":"pusher:pong","data":"{}"}"#,
        ),
        (
            ServerMessage::SigninSuccess {
                user_data: r#"{"id":"u1"}"#,
            },
            r#"{"event":"pusher:signin_success","data":"{\"user_data\":\"{\\\"id\\\":\\\"u1\\\"}\"}"}"#,
        ),
    ]);
}

#[test]
fn messages_about_subscriptions_have_the_documented_form() {
    let (public, presence) = (channel("my-channel"), channel("presence-a"));
    let (info, refusal) = (raw(r#"{"name":"x"}"#), refusal());
    assert_encoded([
        (
            ServerMessage::SubscriptionSucceeded {
                channel: &public,
                presence: None,
            },
            r#"{"event":"pusher_internal:subscription_succeeded","channel":"my-channel","data":"{}"}"#,
        ),
        (
            ServerMessage::SubscriptionSucceeded {
                channel: &presence,
                presence: Some(&[("u1", Some(&info)), ("u2", None)]),
            },
            r#"{"event":"pusher_internal:subscription_succeeded","channel":"presence-a","data":"{\"presence\":{\"count\":2,\"ids\":[\"u1\",\"u2\"],\"hash\":{\"u1\":{\"name\":\"x\"},\"u2\":null}}}"}"#,
        ),
        (
            ServerMessage::SubscriptionCount {
                channel: &public,
                count: 3,
            },
            r#"{"event":"pusher_internal:subscription_count","channel":"my-channel","data":"{\"subscription_count\":3}"}"#,
        ),
        (
            ServerMessage::SubscriptionError {
                channel: "private-\"a",
                rejection: &refusal,
            },
            r#"{"event":"pusher:subscription_error","channel":"private-\"a","data":"{\"type\":\"AuthError\",\"error\":\"Invalid key in subscription auth data: 'a\\\"b'\",\"status\":401}"}"#,
        ),
    ]);
}

#[test]
fn messages_about_watched_users_have_the_documented_form() {
    assert_encoded([
        (
            ServerMessage::Watchlist {
                online: &["u2", "u\"3"],
                offline: &["u4"],
            },
            r#"{"event":"pusher_internal:watchlist_events","data":"{\"events\":[{\"name\":\"online\",\"user_ids\":[\"u2\",\"u\\\"3\"]},{\"name\":\"offline\",\"user_ids\":[\"u4\"]}]}"}"#,
        ),
        (
            ServerMessage::Watchlist {
                online: &[],
                offline: &["u4"],
            },
            r#"{"event":"pusher_internal:watchlist_events","data":"{\"events\":[{\"name\":\"offline\",\"user_ids\":[\"u4\"]}]}"}"#,
        ),
    ]);
}

#[test]
fn messages_about_members_have_the_documented_form() {
    let name = channel("presence-a");
    let named = member(r#"{"user_id":"u2","user_info":{"name":"y"}}"#);
    let bare = member(r#"{"user_id":"u2"}"#);
    assert_encoded([
        (
            ServerMessage::MemberAdded {
                channel: &name,
                member: &named,
            },
            r#"{"event":"pusher_internal:member_added","channel":"presence-a","data":"{\"user_id\":\"u2\",\"user_info\":{\"name\":\"y\"}}"}"#,
        ),
        (
            ServerMessage::MemberAdded {
                channel: &name,
                member: &bare,
            },
            r#"{"event":"pusher_internal:member_added","channel":"presence-a","data":"{\"user_id\":\"u2\"}"}"#,
        ),
        (
            ServerMessage::MemberRemoved {
                channel: &name,
                user_id: "u2",
            },
            r#"{"event":"pusher_internal:member_removed","channel":"presence-a","data":"{\"user_id\":\"u2\"}"}"#,
        ),
    ]);
}

#[test]
fn events_have_the_documented_form() {
    let (public, presence) = (channel("my-channel"), channel("presence-a"));
    let data = r#"{"k":1}"#;
    assert_encoded([
        (
            ServerMessage::Event {
                channel: &public,
                event: r"App\Foo",
                data,
                user_id: None,
            },
            r#"{"event":"App\\Foo","channel":"my-channel","data":"{\"k\":1}"}"#,
        ),
        (
            ServerMessage::Event {
                channel: &presence,
                event: "client-x",
                data,
                user_id: Some("u1"),
            },
            r#"{"event":"client-x","channel":"presence-a","data":"{\"k\":1}","user_id":"u1"}"#,
        ),
    ]);
}

#[test]
fn encoding_appends_to_what_is_there() {
    let mut out = b"header".to_vec();
    ServerMessage::Pong.encode(&mut out);
    assert_eq!(out, br#"header{"event":"pusher:pong","data":"{}"}"#);
}

#[test]
fn trap_01_error_data_is_an_object() {
    let refusal = refusal();
    let message = encoded(ServerMessage::Error(&refusal));
    let message: Value = serde_json::from_str(&message).unwrap();
    assert!(message["data"].is_object());
    assert_eq!(message["data"]["message"], refusal.to_string());
}

#[test]
fn trap_01_data_of_every_other_message_is_a_string_of_json() {
    let (name, info) = (channel("presence-a"), raw("[1, {\"a\": \"\\n\"}]"));
    let member = member(r#"{"user_id":"\"\\","user_info":{"a":"\u0001"}}"#);
    let refusal = refusal();
    let messages = [
        ServerMessage::ConnectionEstablished {
            socket_id: socket("1.2"),
            activity_timeout: 1,
        },
        ServerMessage::Pong,
        ServerMessage::SubscriptionSucceeded {
            channel: &name,
            presence: None,
        },
        ServerMessage::SubscriptionSucceeded {
            channel: &name,
            presence: Some(&[("\"\\\u{1}é", Some(&info))]),
        },
        ServerMessage::SubscriptionError {
            channel: "\"",
            rejection: &refusal,
        },
        ServerMessage::MemberAdded {
            channel: &name,
            member: &member,
        },
        ServerMessage::MemberRemoved {
            channel: &name,
            user_id: "\u{7f}\t\"",
        },
        ServerMessage::SigninSuccess {
            user_data: "{\"id\":\"\\\"\"}",
        },
    ];
    for message in messages {
        let outer: Value = serde_json::from_str(&encoded(message)).unwrap();
        let data = outer["data"]
            .as_str()
            .unwrap_or_else(|| panic!("no text in {outer}"));
        let inner: Value = serde_json::from_str(data).unwrap();
        assert!(inner.is_object(), "{outer}");
    }
}

#[test]
fn trap_02_whatever_closes_a_connection_has_an_integer_code_from_4000() {
    let unknown: Value =
        serde_json::from_str(&encoded(ServerMessage::Error(&Rejection::UnknownApp))).unwrap();
    assert_eq!(unknown["data"]["code"], 4001);
}

#[test]
fn trap_05_success_on_encrypted_channels_has_empty_data() {
    let name = channel("private-encrypted-a");
    let message = encoded(ServerMessage::SubscriptionSucceeded {
        channel: &name,
        presence: None,
    });
    assert!(message.ends_with(r#""data":"{}"}"#), "{message}");
}

#[test]
fn trap_06_no_message_omits_data_or_has_a_null_channel() {
    let refusal = refusal();
    let messages = [
        ServerMessage::ConnectionEstablished {
            socket_id: socket("1.2"),
            activity_timeout: 1,
        },
        ServerMessage::Error(&refusal),
        ServerMessage::Pong,
        ServerMessage::SigninSuccess { user_data: "" },
    ];
    for message in messages {
        let message: Value = serde_json::from_str(&encoded(message)).unwrap();
        assert!(
            message.get("data").is_some_and(|data| !data.is_null()),
            "{message}"
        );
        assert!(message.get("channel").is_none(), "{message}");
    }
}

#[test]
fn trap_07_presence_success_has_ids_hash_and_count_and_ids_are_strings() {
    let name = channel("presence-cache-a");
    let ten = member(r#"{"user_id":10,"user_info":{"name":"Mr. Channels"}}"#);
    let message = encoded(ServerMessage::SubscriptionSucceeded {
        channel: &name,
        presence: Some(&[(&ten.user_id, ten.user_info.as_deref())]),
    });
    let message: Value = serde_json::from_str(&message).unwrap();
    let data: Value = serde_json::from_str(message["data"].as_str().unwrap()).unwrap();
    assert_eq!(
        data,
        serde_json::json!({
            "presence": {"count": 1, "ids": ["10"], "hash": {"10": {"name": "Mr. Channels"}}}
        })
    );
}

#[test]
fn an_empty_presence_channel_has_an_empty_object_and_no_members() {
    let name = channel("presence-a");
    let message = encoded(ServerMessage::SubscriptionSucceeded {
        channel: &name,
        presence: Some(&[]),
    });
    assert!(
        message.contains(r#"{\"presence\":{\"count\":0,\"ids\":[],\"hash\":{}}}"#),
        "{message}"
    );
}

#[test]
fn an_excerpt_keeps_short_texts_whole_and_the_beginning_of_long_ones() {
    let whole = "é".repeat(200);
    assert_eq!(Excerpt::from(&*whole).as_str(), whole);
    let cut = Excerpt::from(&*format!("{whole}x"));
    assert_eq!(cut.as_str(), format!("{whole}…"));
}
