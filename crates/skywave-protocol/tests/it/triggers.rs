//! Bodies of publish requests.

use std::borrow::Cow;

use skywave_protocol::{EventNameError, Info, Limits, NameError, Rejection, TriggerRequest};

use super::{channel, socket};

fn parse(body: &str) -> Result<TriggerRequest<'_>, Rejection> {
    TriggerRequest::parse(body.as_bytes(), &Limits::default())
}

#[test]
fn a_channel_or_channels_say_where_the_event_goes() {
    let one = parse(r#"{"name":"e","data":"d","channel":"a"}"#).unwrap();
    assert_eq!(one.channels, [channel("a")]);
    let two =
        parse(r##"{"name":"e","data":"","channels":["b","#server-to-user-u"],"channel":null}"##);
    assert_eq!(
        two.unwrap().channels,
        [channel("b"), channel("#server-to-user-u")]
    );
}

#[test]
fn what_needs_no_decoding_is_not_copied() {
    for (data, is_copied) in [("{'n':1}", false), (r#"{\"n\":1}"#, true)] {
        let body = format!(r#"{{"name":"e","data":"{data}","channel":"a"}}"#);
        let event = parse(&body).unwrap();
        assert!(matches!(event.name, Cow::Borrowed("e")));
        assert_eq!(matches!(event.data, Cow::Owned(_)), is_copied, "{data}");
    }
}

#[test]
fn a_channel_that_is_named_twice_gets_the_event_once() {
    let event = parse(r#"{"name":"e","data":"d","channels":["a","b","a"]}"#).unwrap();
    assert_eq!(event.channels, [channel("a"), channel("b")]);
}

#[test]
fn exclusion_and_info_are_read() {
    let body = r#"{"name":"e","data":"d","channel":"a","socket_id":"1.2","info":"user_count, subscription_count,x","more":{}}"#;
    let request = parse(body).unwrap();
    assert_eq!(request.socket_id, Some(socket("1.2")));
    assert_eq!(
        request.info,
        Info {
            user_count: true,
            subscription_count: true,
            cache: false,
        }
    );
    let request = parse(r#"{"name":"e","data":"d","channel":"a","socket_id":null,"info":null}"#);
    let request = request.unwrap();
    assert_eq!((request.socket_id, request.info), (None, Info::default()));
}

#[test]
fn wrong_fields_are_refused_by_name() {
    let missing = |field| Rejection::MissingField { field };
    let table = [
        (r#"{"data":"d","channel":"a"}"#, missing("name")),
        (r#"{"name":"e","data":"d"}"#, missing("channels")),
        (r#"{"name":"e","channel":"a"}"#, missing("data")),
        (r#"{"name":"e","data":null,"channel":"a"}"#, missing("data")),
    ];
    for (body, refusal) in table {
        assert_eq!(parse(body), Err(refusal), "{body}");
    }
    let table = [
        (r#"{"name":1,"data":"d","channel":"a"}"#, "name"),
        (r#"{"name":"e","data":{"k":1},"channel":"a"}"#, "data"),
        (r#"{"name":"e","data":"d","channels":"a"}"#, "channels"),
        (r#"{"name":"e","data":"d","channels":[]}"#, "channels"),
        (r#"{"name":"e","data":"d","channels":["a",1]}"#, "channels"),
        (r#"{"name":"e","data":"d","channel":["a"]}"#, "channel"),
        (
            r#"{"name":"e","data":"d","channel":"a","socket_id":"1"}"#,
            "socket_id",
        ),
        (
            r#"{"name":"e","data":"d","channel":"a","socket_id":"1.1:private-b"}"#,
            "socket_id",
        ),
        (
            r#"{"name":"e","data":"d","channel":"a","socket_id":1.2}"#,
            "socket_id",
        ),
        (
            r#"{"name":"e","data":"d","channel":"a","info":["user_count"]}"#,
            "info",
        ),
    ];
    for (body, wrong) in table {
        let Err(Rejection::InvalidField { field, .. }) = parse(body) else {
            panic!("{body} was not refused for {wrong}");
        };
        assert_eq!(field, wrong, "{body}");
    }
}

#[test]
fn what_is_not_a_json_object_is_refused() {
    for body in [
        "",
        "[]",
        "\"x\"",
        "{",
        "{} {}",
        r#"{"name":"a","name":"b"}"#,
    ] {
        assert!(
            matches!(parse(body), Err(Rejection::InvalidBody { .. })),
            "{body}"
        );
    }
    let refused = TriggerRequest::parse(b"{\"name\":\"\xff\"}", &Limits::default());
    assert!(
        matches!(refused, Err(Rejection::InvalidBody { .. })),
        "{refused:?}"
    );
}

#[test]
fn events_stay_within_their_limits() {
    let event = |name: &str, data: &str, channels: &[&str]| {
        let body = serde_json::json!({"name": name, "data": data, "channels": channels});
        parse(&body.to_string()).map(drop)
    };
    let name = |problem| Err(Rejection::InvalidEventName { problem });

    assert!(event(&"é".repeat(200), &"x".repeat(10_240), &["a"; 100]).is_ok());
    assert_eq!(
        event("e", &"x".repeat(10_241), &["a"]),
        Err(Rejection::EventTooLarge { limit: 10_240 })
    );
    assert_eq!(
        event(&"é".repeat(201), "", &["a"]),
        name(EventNameError::TooLong { limit: 200 })
    );
    assert_eq!(event("", "", &["a"]), name(EventNameError::Empty));
    assert_eq!(
        event("pusher:ping", "", &["a"]),
        name(EventNameError::Reserved)
    );
    assert_eq!(
        event("pusher_internal:x", "", &["a"]),
        name(EventNameError::Reserved)
    );
    assert_eq!(
        event("e", "", &["a"; 101]),
        Err(Rejection::TooManyChannels {
            given: 101,
            limit: 100
        })
    );
    assert_eq!(
        event("e", "", &["a", "#b"]),
        Err(Rejection::InvalidChannelName {
            name: "#b".into(),
            problem: NameError::ReservedHash
        })
    );
}

#[test]
fn client_events_have_the_limits_of_events() {
    let limits = Limits::default();
    assert_eq!(limits.client_event("client-x", &"x".repeat(10_240)), Ok(()));
    assert_eq!(
        limits.client_event("client-x", &"x".repeat(10_241)),
        Err(Rejection::EventTooLarge { limit: 10_240 })
    );
    assert!(limits.client_event(&"x".repeat(201), "").is_err());
}

fn batch(body: &str) -> Result<Vec<TriggerRequest<'_>>, Rejection> {
    TriggerRequest::parse_batch(body.as_bytes(), &Limits::default())
}

#[test]
fn a_batch_is_a_list_of_events_each_for_its_own_channel() {
    let events = batch(
        r#"{"batch":[{"channel":"a","name":"e1","data":"x"},
            {"channel":"private-b","name":"e2","data":"{}","socket_id":"1.2","info":"user_count"}]}"#,
    )
    .unwrap();
    assert_eq!(events.len(), 2);
    assert_eq!(events[0].channels, [channel("a")]);
    assert_eq!(events[1].socket_id, Some(socket("1.2")));
    assert!(events[1].info.user_count);
    assert_eq!(batch(r#"{"batch":[]}"#).unwrap(), []);
}

#[test]
fn a_batch_with_one_wrong_event_is_refused_whole() {
    let missing = |field| Rejection::MissingField { field };
    let expected = "a list of events";
    let field = "batch";
    let ten = r#"{"channel":"a","name":"e","data":"x"},"#.repeat(10);
    for (body, refusal) in [
        (
            r#"{"batch":[{"channels":["a","b"],"name":"e","data":"x"}]}"#.to_owned(),
            Rejection::InvalidField {
                field: "channels",
                expected: "one channel, as the event is in a batch",
            },
        ),
        ("{}".to_owned(), missing("batch")),
        (
            r#"{"batch":{}}"#.to_owned(),
            Rejection::InvalidField { field, expected },
        ),
        (
            r#"{"batch":[{"channel":"a","name":"e","data":"x"},{"name":"e","data":"x"}]}"#
                .to_owned(),
            missing("channels"),
        ),
        (
            format!(r#"{{"batch":[{ten}{{"channel":"a","name":"e","data":"x"}}]}}"#),
            Rejection::BatchTooLarge {
                given: 11,
                limit: 10,
            },
        ),
    ] {
        assert_eq!(batch(&body), Err(refusal), "{body}");
    }
}

#[test]
fn a_question_may_only_ask_for_what_channels_have() {
    let both = Info {
        user_count: true,
        subscription_count: true,
        cache: false,
    };
    assert_eq!(Info::of_question("user_count,subscription_count"), Ok(both));
    assert_eq!(Info::of_question(""), Ok(Info::default()));
    assert_eq!(
        Info::of_question("user_count,nonsense"),
        Err(Rejection::InvalidInfo)
    );
}
