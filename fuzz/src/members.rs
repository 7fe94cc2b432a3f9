//! Presence and user data: what is accepted keeps to the limits, and is told to others as it was.

use serde_json::Value;
use skywave_protocol::{ChannelName, Limits, Member, ServerMessage, Watchlist};

use crate::{Target, seeds};

pub(crate) const TARGET: Target = Target {
    name: "members",
    run,
    seeds: || {
        seeds(&[
            r#"{"user_id":10,"user_info":{"name":"Mr. Channels"}}"#,
            r#"{"user_id":"u","user_info":[1,{"a":null}," \u2028 "]}"#,
            r#"{"user_id":"u\u0000\"\\"}"#,
            r#"{"user_id":-1.5e3}"#,
            r#"{"id":"12345","user_info":{},"watchlist":["a","b"]}"#,
        ])
    },
    longest: 2_048,
};

fn run(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else {
        return;
    };
    let limits = Limits::default();
    let channel = ChannelName::parse("presence-a").expect("a valid name");
    let members = [
        Member::parse(text, &limits),
        Member::parse_user(text, &limits),
    ];
    for member in members.iter().flatten() {
        assert!(!member.user_id.is_empty());
        assert!(member.user_id.chars().count() <= limits.user_id_chars);
        let info = member.user_info.as_deref();
        assert!(info.is_none_or(|info| info.get().len() <= limits.member_bytes));

        let mut out = Vec::new();
        let added = ServerMessage::MemberAdded {
            channel: &channel,
            member,
        };
        added.encode(&mut out);
        let data = data(&out);
        assert_eq!(data["user_id"], member.user_id);
        if let Some(info) = info {
            // Numbers that JSON has and `Value` has not would not be equal to themselves.
            if let Ok(info) = serde_json::from_str::<Value>(info.get()) {
                assert_eq!(data["user_info"], info);
            }
        }

        out.clear();
        let everybody = [(member.user_id.as_str(), info)];
        let here = ServerMessage::SubscriptionSucceeded {
            channel: &channel,
            presence: Some(&everybody),
        };
        here.encode(&mut out);
        let data = self::data(&out);
        assert_eq!(data["presence"]["ids"][0], member.user_id);
        assert!(data["presence"]["hash"].get(&member.user_id).is_some());
    }
    if let Ok(watchlist) = Watchlist::parse(text, &limits) {
        let ids: Vec<&str> = watchlist.user_ids.iter().map(String::as_str).collect();
        let mut out = Vec::new();
        let news = ServerMessage::Watchlist {
            online: &ids,
            offline: &ids,
        };
        news.encode(&mut out);
        data(&out);
    }
}

/// The JSON in a message's data.
fn data(message: &[u8]) -> Value {
    let message: Value = serde_json::from_slice(message).expect("a message is JSON");
    let data = message["data"].as_str().expect("data is a string");
    serde_json::from_str(data).expect("data holds JSON")
}
