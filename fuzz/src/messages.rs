//! What clients say, and what becomes of it when it is passed on.

use serde_json::Value;
use skywave_protocol::{ChannelName, ClientMessage, Limits, ServerMessage, fallback_messages};

use crate::{Target, seeds};

pub(crate) const MESSAGES: Target = Target {
    name: "messages",
    run: messages,
    seeds: || {
        seeds(&[
            r#"{"event":"pusher:ping","data":{}}"#,
            r#"{"event":"pusher:pong"}"#,
            r#"{"event":"pusher:subscribe","data":{"channel":"a","auth":null,"channel_data":"{}"}}"#,
            r#"{"event":"pusher:subscribe","data":"{\"channel\":\"a\"}"}"#,
            r#"{"event":"pusher:unsubscribe","data":{"channel":"a"}}"#,
            r#"{"event":"pusher:signin","data":{"auth":"k:s","user_data":"{\"id\":\"u\"}"}}"#,
            r#"{"event":"client-x","channel":"private-a","data":{"k":[1,"\u00fc\ud83d\ude00"]}}"#,
            r#"{"event":"client-x","channel":"presence-a","data":"text \u0000"}"#,
        ])
    },
    longest: 1_024,
};

pub(crate) const BODIES: Target = Target {
    name: "xhr",
    run: bodies,
    seeds: || {
        seeds(&[
            "[]",
            r#"["{\"event\":\"pusher:ping\"}"]"#,
            r#"["a", "b\u0000\ud83d\ude00", ""]"#,
            r#"[1]"#,
            r#"{"a":[]}"#,
        ])
    },
    longest: 1_024,
};

/// A client event is passed on as one message with the data that was sent.
fn messages(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else {
        return;
    };
    let Ok(ClientMessage::ClientEvent {
        event,
        channel,
        data,
    }) = ClientMessage::parse(text)
    else {
        return;
    };
    let Ok(channel) = ChannelName::parse(&channel) else {
        return;
    };
    if Limits::default().client_event(&event, &data).is_err() {
        return;
    }
    let mut out = Vec::new();
    let message = ServerMessage::Event {
        channel: &channel,
        event: &event,
        data: &data,
        user_id: Some(text),
    };
    message.encode(&mut out);
    let read: Value = serde_json::from_slice(&out).expect("what is sent is JSON");
    assert_eq!(read["event"], *event);
    assert_eq!(read["channel"], channel.as_str());
    assert_eq!(read["data"], *data);
    assert_eq!(read["user_id"], text);
}

/// The messages of a body are the strings of a JSON array, and nothing else is one.
fn bodies(input: &[u8]) {
    let messages = fallback_messages(input).ok();
    let read: Option<Vec<String>> = serde_json::from_slice(input).ok();
    if let Some(messages) = messages {
        let read = read.expect("what was accepted is an array of strings");
        assert!(messages.iter().map(|message| &**message).eq(read.iter()));
    }
}
