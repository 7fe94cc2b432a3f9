//! What holds for every input.

use std::collections::BTreeSet;

use proptest::prelude::*;
use skywave_protocol::{
    ChannelName, ClientMessage, EventName, Limits, Member, ServerMessage, SignedRequest, SocketId,
    TriggerRequest, Watchlist,
};

use super::{app, channel, encoded};

const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-=@,.;";

fn channels() -> impl Strategy<Value = ChannelName> {
    "(private-|presence-|#server-to-user-)?[A-Za-z0-9_=@,.;-]{1,40}".prop_map(|name| channel(&name))
}

fn sockets() -> impl Strategy<Value = SocketId> {
    any::<(u64, u64)>().prop_map(|(high, low)| SocketId::new(high, low))
}

/// Any text, but more often one that could pass for part of another kind of signed text.
fn texts() -> impl Strategy<Value = String> {
    let parts = prop::sample::select(vec![
        ":",
        "::user::",
        ":user:",
        "private-a",
        "1.2",
        "\n",
        "GET\n/",
        "POST\n/apps/3/events\n",
        "{}",
        "&",
        "=",
        "%",
        "+",
        " ",
        "é",
    ]);
    prop_oneof![
        prop::collection::vec(parts, 0..6).prop_map(|parts| parts.concat()),
        any::<String>()
    ]
}

fn digest(auth: &str) -> String {
    auth.rsplit([':', '='])
        .next()
        .expect("split yields at least one part")
        .to_owned()
}

/// `text` with one bit flipped, and still text.
fn flipped(text: &str, at: prop::sample::Index, bit: u32) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let at = at.index(bytes.len());
    bytes[at] ^= 1 << bit;
    String::from_utf8(bytes).expect("ASCII stays ASCII when one of seven bits is flipped")
}

proptest! {
    #[test]
    fn names_are_the_alphabet_and_a_length(name in any::<String>()) {
        let rest = name.strip_prefix("#server-to-user-").unwrap_or(&name);
        let valid = !rest.is_empty()
            && name.len() <= ChannelName::MAX_LENGTH
            && rest.chars().all(|character| ALPHABET.contains(character));
        prop_assert_eq!(ChannelName::parse(&name).is_ok(), valid);
    }

    #[test]
    fn names_of_the_alphabet_are_valid_up_to_200_bytes(name in "[A-Za-z0-9_=@,.;-]{1,250}") {
        prop_assert_eq!(ChannelName::parse(&name).is_ok(), name.len() <= 200);
    }

    #[test]
    fn names_come_back_as_they_were(name in channels()) {
        let text = name.to_string();
        prop_assert!(name.as_str().starts_with(name.kind().prefix()));
        prop_assert_eq!(text.parse::<ChannelName>().unwrap(), name);
    }

    #[test]
    fn one_character_outside_the_alphabet_is_refused(
        name in "[a-z]{1,20}", character in any::<char>(), at in any::<prop::sample::Index>(),
    ) {
        prop_assume!(!ALPHABET.contains(character));
        let at = at.index(name.len() + 1);
        let name = format!("{}{character}{}", &name[..at], &name[at..]);
        prop_assert!(ChannelName::parse(&name).is_err());
    }

    #[test]
    fn socket_ids_come_back_as_they_were(id in sockets()) {
        prop_assert_eq!(SocketId::parse(&id.to_string()), Ok(id));
    }

    #[test]
    fn whatever_is_a_socket_id_is_written_as_it_was_read(text in r"[0-9+.\n ]{0,24}") {
        if let Ok(id) = SocketId::parse(&text) {
            prop_assert_eq!(id.to_string(), text);
        }
    }

    #[test]
    fn strings_are_escaped_as_serde_json_does(
        event in any::<String>(), data in any::<String>(), user in any::<String>(),
    ) {
        let written = encoded(ServerMessage::Event {
            channel: &channel("a"), event: &event, data: &data, user_id: Some(&user),
        });
        let quoted = |text: &str| serde_json::to_string(text).expect("strings are JSON");
        prop_assert_eq!(written, format!(
            r#"{{"event":{},"channel":"a","data":{},"user_id":{}}}"#,
            quoted(&event), quoted(&data), quoted(&user),
        ));
    }

    #[test]
    fn long_runs_are_escaped_as_serde_json_does(data in r#"[a-z"\\\n\x00-\x1f\x7fé]{0,200}"#) {
        let written = encoded(ServerMessage::Event {
            channel: &channel("a"), event: "e", data: &data, user_id: None,
        });
        let data = serde_json::to_string(&data).expect("strings are JSON");
        prop_assert_eq!(written, format!(r#"{{"event":"e","channel":"a","data":{data}}}"#));
    }

    #[test]
    fn strings_inside_strings_are_escaped_twice(user_data in any::<String>(), user in "[\\x00-\\x7f]{0,99}") {
        let twice = |value: serde_json::Value| serde_json::to_string(&value.to_string()).unwrap();
        let written = encoded(ServerMessage::SigninSuccess { user_data: &user_data });
        let data = twice(serde_json::json!({"user_data": user_data}));
        prop_assert_eq!(written, format!(r#"{{"event":"pusher:signin_success","data":{data}}}"#));

        let name = channel("presence-a");
        let written = encoded(ServerMessage::MemberRemoved { channel: &name, user_id: &user });
        let data = twice(serde_json::json!({"user_id": user}));
        prop_assert_eq!(written, format!(
            r#"{{"event":"pusher_internal:member_removed","channel":"presence-a","data":{data}}}"#
        ));
    }

    #[test]
    fn nothing_read_from_a_peer_panics(text in any::<String>(), bytes in any::<Vec<u8>>()) {
        let limits = Limits::default();
        let _ = ClientMessage::parse(&text);
        let _ = Member::parse(&text, &limits);
        let _ = Member::parse_user(&text, &limits);
        let _ = Watchlist::parse(&text, &limits);
        let _ = TriggerRequest::parse(&bytes, &limits);
        let _ = EventName::parse(&text);
        let _ = limits.channel_name(&text);
        let _ = app().verify_channel(&text, SocketId::new(1, 2), &channel("a"), Some(&text));
        if let Ok(request) = SignedRequest::parse("GET", &text) {
            let _ = app().verify_request(&request, &bytes, 0);
        }
    }

    #[test]
    fn nothing_that_looks_like_a_message_panics(
        event in r"(pusher:[a-z]{0,12}|client-[a-z]{0,3}|pusher:subscribe|pusher:signin)",
        data in r#"[\[\]{}:,"\\a-z0-9. u]{0,40}"#,
        rest in r#"[\[\]{}:,"\\a-z0-9. u]{0,20}"#,
    ) {
        let _ = ClientMessage::parse(&format!(r#"{{"event":"{event}","data":{data}{rest}}}"#));
        let _ = ClientMessage::parse(&format!(r#"{{"event":"{event}","data":"{data}"{rest}}}"#));
        let _ = Member::parse(&format!(r#"{{"user_id":{data}{rest}}}"#), &Limits::default());
    }

    #[test]
    fn client_events_forward_what_was_sent(data in any::<String>()) {
        let text = serde_json::json!({"event": "client-x", "channel": "private-a", "data": data});
        let text = text.to_string();
        let Ok(ClientMessage::ClientEvent { data: forwarded, .. }) = ClientMessage::parse(&text)
        else {
            return Err(TestCaseError::fail("not a client event"));
        };
        prop_assert_eq!(forwarded, data);
    }

    /// A signature of one kind is never one of another kind, whatever is put into it.
    #[test]
    fn signatures_of_different_kinds_differ(
        id in sockets(), name in channels(), data in texts(), user in texts(),
        method in "[A-Z]{1,7}", path in texts(), value in texts(), hook in texts(),
    ) {
        let app = app();
        let hook = format!("{{{hook}");
        let digests = [
            digest(&app.sign_channel(id, &name, None)),
            digest(&app.sign_channel(id, &name, Some(&data))),
            digest(&app.sign_user(id, &user)),
            digest(&app.sign_request(&method, &path, &[("x", &value)], b"", 0)),
            app.sign_webhook(hook.as_bytes()),
        ];
        prop_assert_eq!(digests.iter().collect::<BTreeSet<_>>().len(), digests.len());
    }

    #[test]
    fn a_signature_of_one_kind_verifies_no_other(id in sockets(), name in channels(), data in texts()) {
        let app = app();
        let (bare, member) =
            (app.sign_channel(id, &name, None), app.sign_channel(id, &name, Some(&data)));
        let user = app.sign_user(id, &data);
        prop_assert!(app.verify_user(&bare, id, &data).is_err());
        prop_assert!(app.verify_user(&member, id, &data).is_err());
        prop_assert!(app.verify_channel(&user, id, &name, None).is_err());
        prop_assert!(app.verify_channel(&user, id, &name, Some(&data)).is_err());
        let signed = format!("{id}:{name}");
        prop_assert!(!app.verify_webhook(&digest(&bare), signed.as_bytes()));
    }

    #[test]
    fn channel_and_user_signatures_verify_until_a_bit_changes(
        id in sockets(), name in channels(), data in proptest::option::of(texts()),
        at in any::<prop::sample::Index>(), bit in 0..7_u32,
    ) {
        let app = app();
        let auth = app.sign_channel(id, &name, data.as_deref());
        prop_assert_eq!(app.verify_channel(&auth, id, &name, data.as_deref()), Ok(()));
        let user_data = data.clone().unwrap_or_default();
        let user = app.sign_user(id, &user_data);
        prop_assert_eq!(app.verify_user(&user, id, &user_data), Ok(()));

        let (changed, changed_user) = (flipped(&auth, at, bit), flipped(&user, at, bit));
        // Hexadecimal may be in either case.
        if !changed.eq_ignore_ascii_case(&auth) {
            prop_assert!(app.verify_channel(&changed, id, &name, data.as_deref()).is_err());
        }
        if !changed_user.eq_ignore_ascii_case(&user) {
            prop_assert!(app.verify_user(&changed_user, id, &user_data).is_err());
        }
        let other_id = SocketId::new(id.high() ^ 1 << bit, id.low());
        prop_assert!(app.verify_channel(&auth, other_id, &name, data.as_deref()).is_err());
        if let Ok(other) = ChannelName::parse(&flipped(name.as_str(), at, bit)) {
            prop_assert!(app.verify_channel(&auth, id, &other, data.as_deref()).is_err());
        }
    }

    #[test]
    fn requests_verify_until_a_bit_changes(
        path in "/[a-z0-9/;,@=%-]{0,20}", value in texts(), body in any::<Vec<u8>>(),
        now in 0..u64::MAX / 2, at in any::<prop::sample::Index>(), bit in 0..7_u32,
    ) {
        let app = app();
        let verify = |target: &str, body: &[u8]| {
            app.verify_request(&SignedRequest::parse("POST", target)?, body, now)
        };
        let query = app.sign_request("POST", &path, &[("filter_by_prefix", &value)], &body, now);
        let target = format!("{path}?{query}");
        prop_assert_eq!(verify(&target, &body), Ok(()));

        let changed = flipped(&query, at, bit);
        // Names, escapes and hexadecimal may be in either case.
        if !changed.eq_ignore_ascii_case(&query) {
            prop_assert!(verify(&format!("{path}?{changed}"), &body).is_err(), "{}", changed);
        }
        let mut changed = body.clone();
        match changed.get_mut(at.index(body.len().max(1))) {
            Some(byte) => *byte ^= 1 << bit,
            None => changed.push(0),
        }
        prop_assert!(verify(&target, &changed).is_err());
    }
}
