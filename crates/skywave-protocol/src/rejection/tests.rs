use std::collections::BTreeSet;

use super::Rejection;
use super::Rejection::*;
use crate::{EventNameError, NameError, UnixTime};

/// Close code, code of `pusher:error`, HTTP status, type of `pusher:subscription_error`.
type Codes = (Option<u16>, Option<u16>, u16, &'static str);

const fn closes(code: u16, status: u16, kind: &'static str) -> Codes {
    (Some(code), Some(code), status, kind)
}

const fn refuses(status: u16, kind: &'static str) -> Codes {
    (None, None, status, kind)
}

const AUTH: &str = "AuthError";
const LIMIT: &str = "LimitReached";
const REQUEST: &str = "InvalidRequest";

fn admissions() -> Vec<(Rejection, Codes, &'static str)> {
    vec![
        (
            TlsRequired,
            closes(4000, 403, LIMIT),
            "Application only accepts SSL connections, reconnect using wss://",
        ),
        (
            OriginNotAllowed {
                origin: "https://evil.test".into(),
            },
            closes(4009, 403, LIMIT),
            "Origin not allowed: 'https://evil.test'",
        ),
        (
            TooManyFromAddress { limit: 5 },
            closes(4100, 429, LIMIT),
            "Too many connections from one address: it has at most 5 at a time",
        ),
        (
            TooOftenFromAddress { limit: 5 },
            closes(4100, 429, LIMIT),
            "Too many new connections from one address: it opens at most 5 in a second",
        ),
    ]
}

fn connections() -> Vec<(Rejection, Codes, &'static str)> {
    vec![
        (
            UnknownApp,
            closes(4001, 404, REQUEST),
            "Application does not exist",
        ),
        (
            AppDisabled,
            closes(4003, 403, LIMIT),
            "Application disabled",
        ),
        (
            TooManyConnections { limit: 5 },
            closes(4004, 403, LIMIT),
            "Connection quota exceeded: the application has at most 5",
        ),
        (PathNotFound, closes(4005, 404, REQUEST), "Path not found"),
        (
            BadVersion,
            closes(4006, 400, REQUEST),
            "Invalid version string format",
        ),
        (
            UnsupportedProtocol,
            closes(4007, 400, REQUEST),
            "Unsupported protocol version",
        ),
        (
            NoProtocol,
            closes(4008, 400, REQUEST),
            "No protocol version supplied",
        ),
        (
            Unauthorised,
            closes(4009, 401, AUTH),
            "Connection not authorized within timeout",
        ),
        (
            Terminated,
            closes(4009, 401, AUTH),
            "Connection terminated by the application",
        ),
        (OverCapacity, closes(4100, 503, LIMIT), "Over capacity"),
        (
            TooSlow { limit: 5 },
            closes(4100, 503, LIMIT),
            "Connection too slow: more than 5 bytes were waiting to be sent",
        ),
        (
            ReconnectNow,
            closes(4200, 503, LIMIT),
            "Please reconnect immediately",
        ),
        (
            PongTimeout,
            closes(4201, 408, REQUEST),
            "Pong reply not received in time",
        ),
        (Idle, closes(4202, 408, REQUEST), "Closed after inactivity"),
        (
            InvalidMessage { reason: "x".into() },
            refuses(400, REQUEST),
            "Invalid message: x",
        ),
        (
            UnsupportedEvent { event: "x".into() },
            refuses(400, REQUEST),
            "Unsupported event received on socket: x",
        ),
    ]
}

fn subscriptions() -> Vec<(Rejection, Codes, &'static str)> {
    vec![
        (
            InvalidSignature {
                signed: "1.2:private-a".into(),
                given: "00".into(),
            },
            refuses(401, AUTH),
            "Invalid signature: Expected HMAC SHA256 hex digest of 1.2:private-a, but got 00",
        ),
        (
            InvalidKey { given: "k".into() },
            refuses(401, AUTH),
            "Invalid key in subscription auth data: 'k'",
        ),
        (
            AlreadySubscribed {
                channel: "a".into(),
            },
            refuses(400, REQUEST),
            "Existing subscription to channel a",
        ),
        (
            NotSubscribed {
                channel: "a".into(),
            },
            refuses(400, REQUEST),
            "No current subscription to channel a, or subscription in progress",
        ),
        (
            TooManySubscriptions { limit: 5 },
            refuses(403, LIMIT),
            "Too many subscriptions: a connection has at most 5",
        ),
        (
            InvalidChannelName {
                name: "".into(),
                problem: NameError::Empty,
            },
            refuses(400, REQUEST),
            "Invalid channel name '': a channel name must not be empty",
        ),
        (
            MissingChannelData,
            refuses(401, AUTH),
            "Missing parameter: data.channel_data",
        ),
        (
            InvalidChannelData { reason: "x".into() },
            refuses(400, REQUEST),
            "Invalid channel_data: x",
        ),
        (
            UserIdTooLong { limit: 5 },
            refuses(413, LIMIT),
            "User id too long: it has at most 5 characters",
        ),
        (
            MemberTooLarge { limit: 5 },
            refuses(413, LIMIT),
            "Member too large: user_info has at most 5 bytes of JSON",
        ),
        (
            TooManyMembers { limit: 5 },
            refuses(403, LIMIT),
            "Too many members: a presence channel has at most 5",
        ),
    ]
}

fn users() -> Vec<(Rejection, Codes, &'static str)> {
    vec![
        (
            MissingUserData,
            refuses(400, REQUEST),
            "Missing parameter: data.user",
        ),
        (
            InvalidUserData { reason: "x".into() },
            refuses(400, REQUEST),
            "Invalid user_data: x",
        ),
        (
            AlreadySignedIn,
            refuses(403, LIMIT),
            "Connection is already signed in as another user",
        ),
        (
            NotSignedIn {
                channel: "#server-to-user-u".into(),
            },
            refuses(401, AUTH),
            "Connection is not signed in as the user of channel #server-to-user-u",
        ),
        (
            WatchlistTooLong { limit: 5 },
            (None, Some(4302), 413, LIMIT),
            "Watchlist limit exceeded: only its first 5 users are watched",
        ),
    ]
}

fn batches_and_questions() -> Vec<(Rejection, Codes, &'static str)> {
    vec![
        (
            BatchTooLarge {
                given: 11,
                limit: 10,
            },
            refuses(400, REQUEST),
            "Batch too large (11 > 10)",
        ),
        (
            TooManyEvents { limit: 5 },
            refuses(429, LIMIT),
            "Too many events: the application publishes at most 5 in a second",
        ),
        (
            InvalidInfo,
            refuses(400, REQUEST),
            "info should be a comma separated list of attributes: user_count, subscription_count, cache",
        ),
        (
            UserCountWithoutPresence,
            refuses(400, REQUEST),
            "user_count may only be requested for presence channels - please supply \
             filter_by_prefix beginning with presence-",
        ),
        (
            NotPresenceChannel {
                channel: "c".into(),
            },
            refuses(400, REQUEST),
            "Users can only be retrieved for presence channels, not for c",
        ),
    ]
}

fn client_events() -> Vec<(Rejection, Codes, &'static str)> {
    vec![
        (
            ClientEventNotSubscribed {
                channel: "a".into(),
            },
            refuses(403, LIMIT),
            "Cannot broadcast client event (connection not subscribed to channel a)",
        ),
        (
            ClientEventsDisabled,
            refuses(403, LIMIT),
            "To send client events, you must enable this feature in the Settings page of your \
             dashboard.",
        ),
        (
            ClientEventOnPublicChannel {
                channel: "a".into(),
            },
            refuses(403, LIMIT),
            "Cannot broadcast client event (channel a is not a private or presence channel)",
        ),
        (
            InvalidClientEvent,
            refuses(400, REQUEST),
            "Invalid client event (must contain channel and data)",
        ),
        (
            ClientEventRate { limit: 5 },
            (None, Some(4301), 429, LIMIT),
            "Client event rate limit exceeded: a connection sends at most 5 in a second",
        ),
        (
            ClientEventDropped,
            (None, Some(4301), 503, LIMIT),
            "Client event dropped: the server is over capacity",
        ),
    ]
}

fn events() -> Vec<(Rejection, Codes, &'static str)> {
    vec![
        (
            EventTooLarge { limit: 10_240 },
            refuses(413, LIMIT),
            "The data content of this event exceeds the allowed maximum (10240 bytes).",
        ),
        (
            InvalidEventName {
                problem: EventNameError::Empty,
            },
            refuses(400, REQUEST),
            "Invalid event name: an event name must not be empty",
        ),
        (
            TooManyChannels { given: 6, limit: 5 },
            refuses(400, REQUEST),
            "Too many channels: an event goes to at most 5, this one to 6",
        ),
        (
            InvalidBody { reason: "x".into() },
            refuses(400, REQUEST),
            "Invalid body: x",
        ),
        (
            MissingField { field: "name" },
            refuses(400, REQUEST),
            "Missing field: name",
        ),
        (
            InvalidField {
                field: "data",
                expected: "a string",
            },
            refuses(400, REQUEST),
            "Invalid field data: expected a string",
        ),
    ]
}

fn event_streams() -> Vec<(Rejection, Codes, &'static str)> {
    vec![
        (
            UrlNotSigned {
                channel: "private-a".into(),
            },
            refuses(401, AUTH),
            "Channel private-a is not public: expected a signed URL (auth_key, auth_timestamp, \
             auth_version, auth_signature)",
        ),
        (
            UserDataRequired {
                channel: "presence-a".into(),
            },
            refuses(401, AUTH),
            "Channel presence-a is for users: expected the parameter user_data in the signed URL",
        ),
    ]
}

fn requests() -> Vec<(Rejection, Codes, &'static str)> {
    vec![
        (
            MethodNotAllowed,
            refuses(405, REQUEST),
            "Method not allowed",
        ),
        (
            BodyTooLarge { limit: 5 },
            refuses(413, LIMIT),
            "Body too large: a request has at most 5 bytes",
        ),
        (
            DuplicateParameter { name: "x".into() },
            refuses(401, AUTH),
            "Duplicate parameter: x",
        ),
        (
            MissingAuthKey,
            refuses(401, AUTH),
            "Missing parameter: auth_key",
        ),
        (UnknownAuthKey, refuses(401, AUTH), "Unknown auth_key"),
        (VersionRequired, refuses(401, AUTH), "Version required"),
        (
            VersionNotSupported,
            refuses(401, AUTH),
            "Version not supported",
        ),
        (TimestampRequired, refuses(401, AUTH), "Timestamp required"),
        (
            TimestampExpired {
                given: UnixTime(1_353_088_179),
                now: UnixTime(0),
            },
            refuses(401, AUTH),
            "Timestamp expired: Given timestamp (2012-11-16T17:49:39Z) not within 600s of server \
             time (1970-01-01T00:00:00Z)",
        ),
        (
            InvalidRequestSignature {
                signed: "GET\n/\na=b".into(),
                given: "00".into(),
            },
            refuses(401, AUTH),
            "Invalid signature: you should have sent HmacSHA256Hex(\"GET\\n/\\na=b\", \
             your_secret_key), but you sent \"00\"",
        ),
        (
            MissingBodyMd5,
            refuses(401, AUTH),
            "Missing parameter: body_md5",
        ),
        (
            InvalidBodyMd5,
            refuses(401, AUTH),
            "Invalid body_md5: it is not the MD5 of the body received",
        ),
    ]
}

fn table() -> Vec<(Rejection, Codes, &'static str)> {
    [
        admissions(),
        connections(),
        subscriptions(),
        users(),
        client_events(),
        events(),
        batches_and_questions(),
        event_streams(),
        requests(),
    ]
    .concat()
}

#[test]
fn every_refusal_has_its_text_and_its_codes() {
    let table = table();
    for (refusal, (close, error, status, kind), text) in &table {
        assert_eq!(refusal.close_code(), *close, "{refusal:?}");
        assert_eq!(refusal.error_code(), *error, "{refusal:?}");
        assert_eq!(refusal.http_status(), *status, "{refusal:?}");
        assert_eq!(refusal.error_type(), *kind, "{refusal:?}");
        assert_eq!(refusal.to_string(), *text);
    }
    let tested: BTreeSet<String> = table
        .iter()
        .map(|(refusal, ..)| {
            let debug = format!("{refusal:?}");
            debug
                .split(' ')
                .next()
                .expect("split yields at least one part")
                .to_owned()
        })
        .collect();
    let declared: BTreeSet<String> = super::NAMES.iter().map(ToString::to_string).collect();
    assert_eq!(tested, declared);
}

#[test]
fn trap_02_whatever_closes_a_connection_says_so_first_with_the_same_code() {
    for (refusal, ..) in table() {
        if let Some(code) = refusal.close_code() {
            assert!((4000..4300).contains(&code), "{refusal:?}");
            assert_eq!(refusal.error_code(), Some(code), "{refusal:?}");
        }
    }
}
