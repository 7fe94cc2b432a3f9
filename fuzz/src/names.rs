//! Names: what is accepted is written as it was read, and holds nothing that would mean something in a
//! text to be signed.

use skywave_protocol::{ChannelKind, ChannelName, EventName, SocketId};

use crate::{Target, seeds};

pub(crate) const TARGET: Target = Target {
    name: "names",
    run,
    seeds: || {
        seeds(&[
            "news",
            "private-a_b-c=d@e,f.g;h",
            "presence-cache-x",
            "private-encrypted-cache-x",
            "#server-to-user-ann",
            "1234.5678",
            "18446744073709551615.0",
            "client-x",
            "pusher:x",
            "App\\Events\\Foo",
            "1.1:private-b",
        ])
    },
    longest: 260,
};

fn run(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else {
        return;
    };
    if let Ok(name) = ChannelName::parse(text) {
        assert_eq!(name.as_str(), text);
        assert!(!text.is_empty() && text.len() <= ChannelName::MAX_LENGTH);
        assert!(!text.contains([':', '\n', '\r', '\0', ' ', '/', '?', '&', '"', '\\']));
        assert!(text.is_ascii());
        let kind = name.kind();
        assert_eq!(kind, ChannelKind::of(text));
        assert!(text.starts_with(kind.prefix()));
        assert_eq!(text.starts_with('#'), kind == ChannelKind::ServerToUser);
        assert_eq!(name.user_id().is_some(), kind == ChannelKind::ServerToUser);
    }
    if let Ok(name) = EventName::parse(text) {
        assert_eq!(name.as_str(), text);
        assert!(!text.starts_with("pusher:") && !text.starts_with("pusher_internal:"));
    }
    if let Ok(id) = SocketId::parse(text) {
        assert_eq!(id.to_string(), text);
        assert!(
            text.bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.')
        );
    }
}
