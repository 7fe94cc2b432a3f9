//! What clients send, in all the ways they send it.

use std::borrow::Cow;

use skywave_protocol::{ClientMessage, Rejection, Subscribe};

fn subscribe(channel: &str, auth: Option<&str>, data: Option<&str>) -> ClientMessage<'static> {
    let owned = |text: &str| Cow::Owned(text.to_owned());
    ClientMessage::Subscribe(Subscribe {
        channel: owned(channel),
        auth: auth.map(owned),
        channel_data: data.map(owned),
    })
}

fn client_event(channel: &str, data: &str) -> ClientMessage<'static> {
    ClientMessage::ClientEvent {
        event: Cow::Borrowed("client-x"),
        channel: Cow::Owned(channel.to_owned()),
        data: Cow::Owned(data.to_owned()),
    }
}

#[test]
fn the_forms_of_all_official_clients_are_read() {
    let table = [
        (r#"{"event":"pusher:ping","data":{}}"#, ClientMessage::Ping),
        (r#"{"event": "pusher:ping"}"#, ClientMessage::Ping),
        (
            r#"{"event": "pusher:ping", "data": ""}"#,
            ClientMessage::Ping,
        ),
        (
            r#"{"event":"pusher:ping","data":null}"#,
            ClientMessage::Ping,
        ),
        (r#"{"event":"pusher:ping","data":[1]}"#, ClientMessage::Ping),
        (r#"{"event":"pusher:pong","data":{}}"#, ClientMessage::Pong),
        (
            r#"{"event":"pusher:subscribe","data":{"channel":"my-channel"}}"#,
            subscribe("my-channel", None, None),
        ),
        (
            r#"{"event":"pusher:subscribe","data":{"auth":"","channel":"my-channel"}}"#,
            subscribe("my-channel", Some(""), None),
        ),
        (
            r#"{"event":"pusher:subscribe","data":{"auth":"K:S","channel_data":"{\"user_id\":\"u1\"}","channel":"presence-a"}}"#,
            subscribe("presence-a", Some("K:S"), Some(r#"{"user_id":"u1"}"#)),
        ),
        (
            r#"{"event":"pusher:subscribe","data":"{\"channel\":\"private-a\",\"auth\":\"K:S\"}"}"#,
            subscribe("private-a", Some("K:S"), None),
        ),
        (
            r#"{"x":[1],"channel":null,"data":{"y":{},"channel":"a"},"event":"pusher:subscribe"}"#,
            subscribe("a", None, None),
        ),
        (
            r#"{"event":"pusher:unsubscribe","data":{"channel":"my-channel"}}"#,
            ClientMessage::Unsubscribe {
                channel: "my-channel".into(),
            },
        ),
        (
            r#"{"event":"pusher:signin","data":{"auth":"K:S","user_data":"{\"id\":\"u1\"}"}}"#,
            ClientMessage::SignIn {
                auth: "K:S".into(),
                user_data: r#"{"id":"u1"}"#.into(),
            },
        ),
        (
            r#"{"event":"pusher:signin","data":{"user_data":"{}"}}"#,
            ClientMessage::SignIn {
                auth: "".into(),
                user_data: "{}".into(),
            },
        ),
    ];
    for (text, expected) in table {
        assert_eq!(ClientMessage::parse(text), Ok(expected), "{text}");
    }
}

#[test]
fn client_events_forward_strings_unchanged_and_anything_else_as_json() {
    let table = [
        (r#"{"k": 1}"#, r#"{"k": 1}"#),
        (r#""text \"é\"""#, "text \"é\""),
        (r#""""#, ""),
        ("[1,2]", "[1,2]"),
        ("42", "42"),
        ("false", "false"),
    ];
    for (data, forwarded) in table {
        let text = format!(r#"{{"event":"client-x","data":{data},"channel":"private-a"}}"#);
        assert_eq!(
            ClientMessage::parse(&text),
            Ok(client_event("private-a", forwarded)),
            "{text}"
        );
    }
}

#[test]
fn trap_17_null_counts_as_absent() {
    let text =
        r#"{"event":"pusher:subscribe","data":{"channel":"c","auth":null,"channel_data":null}}"#;
    assert_eq!(ClientMessage::parse(text), Ok(subscribe("c", None, None)));
    let text = r#"{"event":"client-x","channel":"private-a","data":null}"#;
    assert_eq!(
        ClientMessage::parse(text),
        Err(Rejection::InvalidClientEvent)
    );
    let text = r#"{"event":"pusher:signin","data":{"auth":"K:S","user_data":null}}"#;
    assert_eq!(ClientMessage::parse(text), Err(Rejection::MissingUserData));
}

#[test]
fn names_without_escapes_are_borrowed_from_the_message() {
    let text = r#"{"event":"client-x","channel":"private-a","data":{"k":1}}"#;
    let Ok(ClientMessage::ClientEvent {
        event: Cow::Borrowed(_),
        channel: Cow::Borrowed(_),
        data: Cow::Borrowed(_),
    }) = ClientMessage::parse(text)
    else {
        panic!("something was copied");
    };
    let text = r#"{"event":"pusher:subscribe","data":{"channel":"a","auth":"K:S"}}"#;
    let Ok(ClientMessage::Subscribe(subscribe)) = ClientMessage::parse(text) else {
        panic!("not a subscription");
    };
    assert!(matches!(subscribe.channel, Cow::Borrowed("a")));
    assert!(matches!(subscribe.auth, Some(Cow::Borrowed("K:S"))));
}

#[test]
fn what_is_no_message_is_refused_with_what_and_where() {
    let table = [
        ("", "expected a JSON object"),
        ("hello", "expected a JSON object"),
        ("[\"pusher:ping\"]", "expected a JSON object"),
        ("null", "expected a JSON object"),
        ("{}", "expected an event"),
        (r#"{"event":null}"#, "expected an event"),
        (
            "{\"event\":",
            "EOF while parsing a value at line 1 column 9",
        ),
        (
            r#"{"event":"pusher:ping"} x"#,
            "trailing characters at line 1 column 25",
        ),
        (
            r#"{"event":1}"#,
            "invalid type: integer `1`, expected a string at line 1 column 10",
        ),
        (
            r#"{"event":"a","event":"b"}"#,
            "duplicate field `event` at line 1 column 20",
        ),
        (r#"{"event":"pusher:subscribe"}"#, "expected data.channel"),
        (
            r#"{"event":"pusher:subscribe","data":{}}"#,
            "expected data.channel",
        ),
        (
            r#"{"event":"pusher:unsubscribe","data":{"channel":null}}"#,
            "expected data.channel",
        ),
        (
            r#"{"event":"pusher:subscribe","data":["a"]}"#,
            "data: expected a JSON object",
        ),
        (
            r#"{"event":"pusher:subscribe","data":"a"}"#,
            "data: expected a JSON object",
        ),
        (
            r#"{"event":"pusher:subscribe","data":{"channel":1}}"#,
            "data: invalid type: integer `1`, expected a string at line 1 column 12",
        ),
    ];
    for (text, reason) in table {
        assert_eq!(
            ClientMessage::parse(text),
            Err(Rejection::InvalidMessage {
                reason: reason.into()
            }),
            "{text}"
        );
    }
}

#[test]
fn client_events_need_a_channel_and_data() {
    for text in [
        r#"{"event":"client-x"}"#,
        r#"{"event":"client-x","data":{}}"#,
        r#"{"event":"client-x","channel":"private-a"}"#,
        r#"{"event":"client-x","channel":null,"data":{}}"#,
    ] {
        assert_eq!(
            ClientMessage::parse(text),
            Err(Rejection::InvalidClientEvent),
            "{text}"
        );
    }
}

#[test]
fn events_that_clients_do_not_send_are_refused_by_name() {
    for event in [
        "my-event",
        "",
        "pusher:error",
        "pusher_internal:member_added",
        "Client-x",
    ] {
        let text = format!(r#"{{"event":"{event}","channel":"private-a","data":{{}}}}"#);
        let refused = Rejection::UnsupportedEvent {
            event: event.into(),
        };
        assert_eq!(ClientMessage::parse(&text), Err(refused));
    }
}

#[test]
fn no_refusal_grows_with_the_message() {
    let long = "x".repeat(100_000);
    let messages = [
        long.clone(),
        format!(r#"{{"event":"{long}"}}"#),
        format!(r#"{{"event":{{"{long}":1}}}}"#),
        format!(r#"{{"event":"pusher:subscribe","data":"{long}"}}"#),
        format!(r#"{{"event":"pusher:subscribe","data":{{"channel":["{long}"]}}}}"#),
        format!(r#"{{"event":"{long}","event":"{long}"}}"#),
        format!(r#"{{"event":{}}}"#, "9".repeat(100_000)),
        "[".repeat(100_000),
        format!(r#"{{"data":{}"#, "[".repeat(100_000)),
    ];
    for message in messages {
        let refusal = ClientMessage::parse(&message).expect_err("the message is wrong");
        assert!(refusal.to_string().len() < 300, "{refusal}");
    }
}
