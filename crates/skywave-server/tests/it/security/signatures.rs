//! Permissions that a client made up, took from somebody else, or turned into another kind; and how
//! signatures are compared.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use skywave_protocol::SocketId;

use super::message;
use crate::node::{KEY, Node, OTHER_KEY, channel, credentials, now, other_credentials};
use crate::wire::Wire;

/// A connection, its id, and the channels that it must not hear.
fn stranger(node: &Node) -> (Wire, SocketId) {
    let mut wire = node.wire();
    let greeting = wire.open();
    let id = greeting["socket_id"].as_str().expect("a string");
    let id = id.parse().expect("a socket id");
    (wire, id)
}

/// The hexadecimal digits of a signature of exactly this text, as an application that signs whatever
/// it is asked to would make it.
fn digest(text: &str) -> String {
    credentials().sign_webhook(text.as_bytes())
}

/// Expects that a subscription or a sign-in with each of these is refused, and nothing is heard.
#[track_caller]
fn all_are_refused(forge: impl Fn(SocketId) -> Vec<(&'static str, &'static str, Value)>) {
    let node = Node::start();
    let (mut wire, id) = stranger(&node);
    for (what, event, data) in forge(id) {
        wire.send(message(event, &data));
        let mut answer = wire.message();
        if answer["event"] == "pusher:subscription_error" {
            answer = wire.message();
        }
        assert_eq!(answer["event"], "pusher:error", "{what}: {answer}");
        assert_eq!(answer["data"]["code"], Value::Null, "{what}: {answer}");
    }
    for channel in ["private-b", "presence-b", "#server-to-user-ann"] {
        node.publish(channel, "leaked", "{}");
    }
    wire.subscribe("fence");
    node.publish("fence", "e", "{}");
    assert_eq!(wire.message()["channel"], "fence");
}

const SUBSCRIBE: &str = "pusher:subscribe";

#[test]
fn a_signature_is_good_for_one_connection_one_channel_and_one_member() {
    all_are_refused(|id| {
        let other = SocketId::new(id.high(), id.low() ^ 1);
        let private = |auth: String| json!({"channel": "private-b", "auth": auth});
        let presence = |auth: String, data: &str| json!({"channel": "presence-b", "auth": auth, "channel_data": data});
        let sign = |id, name: &str, data| credentials().sign_channel(id, &channel(name), data);
        let (ann, eve) = (r#"{"user_id":"ann"}"#, r#"{"user_id":"eve"}"#);
        let right = sign(id, "private-b", None);
        vec![
            ("no signature", SUBSCRIBE, json!({"channel": "private-b"})),
            (
                "null",
                SUBSCRIBE,
                json!({"channel": "private-b", "auth": null}),
            ),
            ("empty", SUBSCRIBE, private(String::new())),
            ("a key alone", SUBSCRIBE, private(KEY.into())),
            ("a key and a colon", SUBSCRIBE, private(format!("{KEY}:"))),
            (
                "half of it",
                SUBSCRIBE,
                private(right[..right.len() - 2].into()),
            ),
            ("more of it", SUBSCRIBE, private(format!("{right}00"))),
            (
                "behind a space",
                SUBSCRIBE,
                private(right.replace(':', ": ")),
            ),
            (
                "another connection's",
                SUBSCRIBE,
                private(sign(other, "private-b", None)),
            ),
            (
                "another channel's",
                SUBSCRIBE,
                private(sign(id, "private-a", None)),
            ),
            (
                "a longer channel's",
                SUBSCRIBE,
                private(sign(id, "private-bb", None)),
            ),
            (
                "with member data nobody signed",
                SUBSCRIBE,
                json!({"channel": "private-b", "auth": right, "channel_data": ann}),
            ),
            (
                "without the member data",
                SUBSCRIBE,
                private(sign(id, "private-b", Some(ann))),
            ),
            (
                "another member's",
                SUBSCRIBE,
                presence(sign(id, "presence-b", Some(ann)), eve),
            ),
            (
                "no member's",
                SUBSCRIBE,
                presence(sign(id, "presence-b", None), ann),
            ),
            (
                "no member at all",
                SUBSCRIBE,
                json!({"channel": "presence-b", "auth": sign(id, "presence-b", None)}),
            ),
        ]
    });
}

#[test]
fn the_key_in_front_of_a_signature_counts() {
    all_are_refused(|id| {
        let private = |auth: String| json!({"channel": "private-b", "auth": auth});
        // Both apps have the same secret, so the digits are right.
        let digits = digest(&format!("{id}:private-b"));
        let user_data = r#"{"id":"ann"}"#;
        let user = |auth: String| json!({"auth": auth, "user_data": user_data});
        vec![
            ("no key", SUBSCRIBE, private(format!(":{digits}"))),
            ("no colon", SUBSCRIBE, private(digits.clone())),
            (
                "another app's",
                SUBSCRIBE,
                private(format!("{OTHER_KEY}:{digits}")),
            ),
            ("nobody's", SUBSCRIBE, private(format!("nobody:{digits}"))),
            (
                "in capitals",
                SUBSCRIBE,
                private(format!("{}:{digits}", KEY.to_uppercase())),
            ),
            ("twice", SUBSCRIBE, private(format!("{KEY}:{KEY}:{digits}"))),
            (
                "another app's user",
                "pusher:signin",
                user(other_credentials().sign_user(id, user_data)),
            ),
        ]
    });
}

#[test]
fn a_signature_of_one_kind_is_none_of_another() {
    all_are_refused(|id| {
        let auth = |text: &str| format!("{KEY}:{}", digest(text));
        let of = |name: &str, text: String| json!({"channel": name, "auth": auth(&text)});
        let user_data = r#"{"id":"ann"}"#;
        let request = credentials().sign_request("POST", "/apps/7/events", &[], b"", now());
        let (_, request) = request.split_once("auth_signature=").expect("signed");
        let user = |auth: String| json!({"auth": auth, "user_data": user_data});
        vec![
            // What an application would sign for the left, used for the right.
            (
                "a user for a channel",
                SUBSCRIBE,
                of("private-b", format!("{id}::user::{user_data}")),
            ),
            (
                "a user as a channel's name",
                SUBSCRIBE,
                of(":user:", format!("{id}::user:")),
            ),
            (
                "a user as a channel and its data",
                SUBSCRIBE,
                json!({
                    "channel": ":user:", "channel_data": user_data,
                    "auth": auth(&format!("{id}::user::{user_data}")),
                }),
            ),
            (
                "a channel for a user",
                "pusher:signin",
                user(auth(&format!("{id}:private-b"))),
            ),
            (
                "a member for a user",
                "pusher:signin",
                user(auth(&format!("{id}:presence-b:{user_data}"))),
            ),
            (
                "a request for a channel",
                SUBSCRIBE,
                json!({"channel": "private-b", "auth": format!("{KEY}:{request}")}),
            ),
            (
                "a webhook for a channel",
                SUBSCRIBE,
                of("private-b", "{}".into()),
            ),
        ]
    });
}

#[test]
fn a_name_that_would_say_something_else_in_the_signed_text_is_refused() {
    all_are_refused(|id| {
        let auth = |text: &str| format!("{KEY}:{}", digest(text));
        let of = |name: &str, text: String| json!({"channel": name, "auth": auth(&text)});
        vec![
            (
                "member data in the name",
                SUBSCRIBE,
                of(
                    r#"presence-b:{"user_id":"ann"}"#,
                    format!(r#"{id}:presence-b:{{"user_id":"ann"}}"#),
                ),
            ),
            (
                "a line in the name",
                SUBSCRIBE,
                of("private-b\n", format!("{id}:private-b\n")),
            ),
            (
                "a request as the name",
                SUBSCRIBE,
                of(
                    "POST\n/apps/7/events\n",
                    format!("{id}:POST\n/apps/7/events\n"),
                ),
            ),
            (
                "a nul in the name",
                SUBSCRIBE,
                of("private-b\0", format!("{id}:private-b\0")),
            ),
            (
                "another user's own channel",
                SUBSCRIBE,
                of("#server-to-user-ann", format!("{id}:#server-to-user-ann")),
            ),
        ]
    });
}

#[test]
fn a_socket_id_that_is_none_is_refused_where_an_application_would_sign_it() {
    // The driver's half of the rule is `skywave`'s; the server never reads an id from a client.
    for id in [
        "",
        "1",
        "1.",
        ".1",
        "1.1.1",
        "1.1\n",
        "\n1.1",
        " 1.1",
        "1.1:private-b",
        "1.1::user::",
        "POST\n/apps/7/events",
        "+1.1",
        "1.-1",
        "01.1",
        "1e1.1",
        "１.１",
        "99999999999999999999.1",
    ] {
        assert!(SocketId::parse(id).is_err(), "{id:?}");
    }
}

/// Signatures are compared by the function that the `hmac` crate has for it, in constant time, and
/// nowhere else: there is one such place, and no comparison of digests with `==`.
#[test]
fn signatures_are_compared_in_one_place_and_in_constant_time() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut verifying = Vec::new();
    for name in [
        "skywave-protocol",
        "skywave-engine",
        "skywave-server",
        "skywave",
    ] {
        let mut folders = vec![crates.join(name).join("src")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder of sources") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let source = fs::read_to_string(&path).expect("a source");
                // Tests may compare what they like.
                let source = source.split("#[cfg(test)]").next().unwrap_or_default();
                let file = path.file_name().unwrap_or_default().to_string_lossy();
                for line in source.lines().map(str::trim) {
                    if line.contains(".verify_slice(") {
                        verifying.push(format!("{name}: {file}"));
                    }
                    let compares = line.contains("==") || line.contains("!=");
                    let about = ["signature", "digest(", "finalize()", "hmac", "expose()"];
                    let secret = about.iter().any(|word| line.contains(word));
                    // The one parameter is told from the others by its name, which is no secret.
                    let of_a_name = line.contains("b\"auth_signature\"");
                    assert!(
                        line.starts_with("//") || !(compares && secret) || of_a_name,
                        "{name}: {file}: is something secret compared here? {line}"
                    );
                }
            }
        }
    }
    assert_eq!(verifying, ["skywave-protocol: credentials.rs"]);
}
