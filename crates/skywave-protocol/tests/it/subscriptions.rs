//! Names, signatures and members of subscriptions.

use skywave_protocol::{ChannelKind, ChannelName, Limits, Member, NameError, Rejection, SocketId};

use super::{KEY, app, channel, socket};

#[test]
fn kinds_follow_the_longest_prefix() {
    use ChannelKind::*;
    // kind, name, needs a signature, is presence, is encrypted, is cache
    let table = [
        (Public, "a", false, false, false, false),
        (Public, "privately", false, false, false, false),
        (Private, "private-a", true, false, false, false),
        (Private, "private-encrypted", true, false, false, false),
        (Presence, "presence-a", true, true, false, false),
        (Encrypted, "private-encrypted-a", true, false, true, false),
        (
            Encrypted,
            "private-encrypted-cache",
            true,
            false,
            true,
            false,
        ),
        (Cache, "cache-a", false, false, false, true),
        (PrivateCache, "private-cache-a", true, false, false, true),
        (PresenceCache, "presence-cache-a", true, true, false, true),
        (
            EncryptedCache,
            "private-encrypted-cache-a",
            true,
            false,
            true,
            true,
        ),
        (
            ServerToUser,
            "#server-to-user-a",
            false,
            false,
            false,
            false,
        ),
    ];
    for (kind, name, signed, presence, encrypted, cache) in table {
        assert_eq!(channel(name).kind(), kind, "{name}");
        assert_eq!(kind.needs_authorisation(), signed, "{name}");
        assert_eq!(kind.is_presence(), presence, "{name}");
        assert_eq!(kind.is_encrypted(), encrypted, "{name}");
        assert_eq!(kind.is_cache(), cache, "{name}");
        assert_eq!(kind.accepts_client_events(), signed, "{name}");
        let counted = !kind.is_presence() && !kind.is_encrypted() && !name.starts_with('#');
        assert_eq!(kind.shows_subscription_count(), counted, "{name}");
        assert!(name.starts_with(kind.prefix()), "{name}");
    }
}

#[test]
fn invalid_names_are_refused_by_their_rule() {
    let bad = |character, position| NameError::BadCharacter {
        character,
        position,
    };
    let long = "x".repeat(201);
    let table = [
        ("", NameError::Empty),
        (
            &*long,
            NameError::TooLong {
                length: 201,
                limit: 200,
            },
        ),
        ("private-a:b", bad(':', 9)),
        ("presence-x:{\"user_id\":\"u\"}", bad(':', 10)),
        (":user:", bad(':', 0)),
        ("a\n", bad('\n', 1)),
        ("a b", bad(' ', 1)),
        ("caf\u{e9}", bad('\u{e9}', 3)),
        ("a#", bad('#', 1)),
        ("#", NameError::ReservedHash),
        ("#server-to-user", NameError::ReservedHash),
        ("#server-to-user-", NameError::ReservedHash),
        ("#other-a", NameError::ReservedHash),
        ("#server-to-user-a#b", bad('#', 17)),
    ];
    for (name, problem) in table {
        assert_eq!(ChannelName::parse(name), Err(problem), "{name:?}");
    }
}

#[test]
fn a_users_channel_knows_its_user() {
    assert_eq!(channel("#server-to-user-u1").user_id(), Some("u1"));
    assert_eq!(channel("presence-u1").user_id(), None);
}

#[test]
fn an_app_limits_names_to_164_bytes_unless_it_says_otherwise() {
    let (fits, long) = ("x".repeat(164), "x".repeat(165));
    let mut limits = Limits::default();
    assert!(limits.channel_name(&fits).is_ok());
    assert_eq!(
        limits.channel_name(&long),
        Err(Rejection::InvalidChannelName {
            name: long.as_str().into(),
            problem: NameError::TooLong {
                length: 165,
                limit: 164
            },
        })
    );
    limits.channel_name_bytes = 1_000;
    assert!(limits.channel_name(&long).is_ok());
    assert!(limits.channel_name(&"x".repeat(201)).is_err());
}

#[test]
fn socket_ids_have_one_text_each() {
    for text in ["0.0", "1234.5678", "18446744073709551615.1"] {
        assert_eq!(
            SocketId::parse(text).map(|id| id.to_string()).as_deref(),
            Ok(text)
        );
    }
    for text in [
        "",
        ".",
        "1",
        "1.",
        ".1",
        "1.2.3",
        "+1.2",
        "1.-2",
        "01.2",
        "1.02",
        " 1.2",
        "1.2\n",
        "1,2",
        "18446744073709551616.1",
        "1e3.2",
        "\u{661}.2",
        "1.1:private-b:",
        "POST\n/apps/3/events",
    ] {
        assert!(SocketId::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn trap_04_channel_data_is_signed_on_channels_of_every_kind() {
    let id = socket("1234.1234");
    for name in [
        "a",
        "private-a",
        "presence-a",
        "private-encrypted-a",
        "private-cache-a",
    ] {
        let name = channel(name);
        let with = app().sign_channel(id, &name, Some("{}"));
        let without = app().sign_channel(id, &name, None);
        assert_ne!(with, without);
        assert!(app().verify_channel(&with, id, &name, Some("{}")).is_ok());
        assert!(app().verify_channel(&with, id, &name, None).is_err());
        assert!(
            app()
                .verify_channel(&without, id, &name, Some("{}"))
                .is_err()
        );
        assert!(app().verify_channel(&without, id, &name, Some("")).is_err());
    }
}

#[test]
fn a_signature_is_good_for_one_channel_and_one_socket() {
    let (id, name) = (socket("1234.1234"), channel("private-foobar"));
    let auth = app().sign_channel(id, &name, None);
    assert!(
        app()
            .verify_channel(&auth, id, &channel("private-foobaz"), None)
            .is_err()
    );
    assert!(
        app()
            .verify_channel(&auth, socket("1234.1235"), &name, None)
            .is_err()
    );
    assert!(app().verify_user(&auth, id, "{}").is_err());
}

#[test]
fn auth_that_is_not_key_and_digest_is_refused() {
    let (id, name) = (socket("1.2"), channel("private-a"));
    let good = app().sign_channel(id, &name, None);
    let digest = good.split_once(':').expect("auth has a colon").1;
    let signature = |given: &str| Rejection::InvalidSignature {
        signed: "1.2:private-a".into(),
        given: given.into(),
    };
    let key = |given: &str| Rejection::InvalidKey {
        given: given.into(),
    };
    let table = [
        (String::new(), signature("")),
        (digest.to_owned(), signature(digest)),
        (format!("{KEY}:"), signature("")),
        (format!("{KEY}:xyz"), signature("xyz")),
        (format!("{KEY}:{}", &digest[..62]), signature(&digest[..62])),
        (
            format!("{KEY}:{digest}00"),
            signature(&format!("{digest}00")),
        ),
        (format!("{KEY}: {digest}"), signature(&format!(" {digest}"))),
        (
            format!("{KEY}:{KEY}:{digest}"),
            signature(&format!("{KEY}:{digest}")),
        ),
        (format!(":{digest}"), key("")),
        (format!("other:{digest}"), key("other")),
        (
            format!("{}:{digest}", KEY.to_uppercase()),
            key(&KEY.to_uppercase()),
        ),
    ];
    for (auth, refusal) in table {
        assert_eq!(
            app().verify_channel(&auth, id, &name, None),
            Err(refusal),
            "{auth}"
        );
    }
    assert_eq!(app().verify_channel(&good, id, &name, None), Ok(()));
    let capitals = format!("{KEY}:{}", digest.to_uppercase());
    assert_eq!(app().verify_channel(&capitals, id, &name, None), Ok(()));
}

#[test]
fn the_signature_of_a_subscription_is_no_webhook() {
    let auth = app().sign_channel(socket("1.2"), &channel("private-a"), None);
    let digest = auth.split_once(':').expect("auth has a colon").1;
    assert!(!app().verify_webhook(digest, b"1.2:private-a"));
}

#[test]
fn members_have_a_text_or_a_number_as_user_id() {
    let table = [
        (r#"{"user_id":"u1"}"#, "u1", None),
        (
            r#"{"user_id":10,"user_info":{"name":"Mr. Channels"}}"#,
            "10",
            Some(r#"{"name":"Mr. Channels"}"#),
        ),
        (r#"{"user_id":-7,"user_info":null}"#, "-7", None),
        (
            r#" {"user_info": [1, 2] ,"user_id": "\u00e9\"","more":1}"#,
            "é\"",
            Some("[1, 2]"),
        ),
    ];
    for (data, id, info) in table {
        let member = Member::parse(data, &Limits::default()).expect(data);
        assert_eq!(member.user_id, id);
        assert_eq!(member.user_info.as_ref().map(|raw| raw.get()), info);
    }
}

#[test]
fn what_describes_no_member_is_refused() {
    for data in [
        "",
        "{}",
        "[\"u1\"]",
        "\"u1\"",
        "null",
        r#"{"user_id":""}"#,
        r#"{"user_id":null}"#,
        r#"{"user_id":true}"#,
        r#"{"user_id":1.5}"#,
        r#"{"user_id":1e3}"#,
        r#"{"user_id":["a"]}"#,
        r#"{"user_id":"a","user_id":"b"}"#,
        r#"{"user_id":"\ud800"}"#,
        r#"{"user_id":"a"}x"#,
    ] {
        let refused = Member::parse(data, &Limits::default());
        assert!(
            matches!(refused, Err(Rejection::InvalidChannelData { .. })),
            "{data}: {refused:?}"
        );
    }
    for data in [
        "{}",
        r#"{"id":1}"#,
        r#"{"id":""}"#,
        r#"{"user_id":"u"}"#,
        "[]",
    ] {
        let refused = Member::parse_user(data, &Limits::default());
        assert!(
            matches!(refused, Err(Rejection::InvalidUserData { .. })),
            "{data}: {refused:?}"
        );
    }
}

#[test]
fn members_stay_within_their_limits() {
    let limits = Limits::default();
    let id = |length| format!(r#"{{"user_id":"{}"}}"#, "é".repeat(length));
    assert!(Member::parse(&id(128), &limits).is_ok());
    assert_eq!(
        Member::parse(&id(129), &limits),
        Err(Rejection::UserIdTooLong { limit: 128 })
    );
    let info = |length: usize| {
        format!(
            r#"{{"user_id":1,"user_info":"{}"}}"#,
            "x".repeat(length - 2)
        )
    };
    assert!(Member::parse(&info(1_024), &limits).is_ok());
    assert_eq!(
        Member::parse(&info(1_025), &limits),
        Err(Rejection::MemberTooLarge { limit: 1_024 })
    );
}
