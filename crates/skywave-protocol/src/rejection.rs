//! Every refusal a peer can see, declared once.
//!
//! A [`Rejection`] is made where something is refused and shown wherever the peer happens to be:
//! as a `pusher:error` event, as a `pusher:subscription_error` event, as a close frame, or as the
//! plain text of an HTTP answer. The table below gives each one its text and all its codes, so the
//! mappings are total and a new refusal cannot forget one. Texts are those of the hosted service
//! where they are known.
//!
//! No refusal holds a secret or the digest that would have been right, and what it quotes of the
//! peer's input is bounded ([`Excerpt`]).

use std::fmt;

use Effect::{Close, Refuse, Report};

use crate::{EventNameError, Excerpt, NameError, UnixTime};

/// What a refusal does to a WebSocket connection.
enum Effect {
    /// The connection is closed with this code, after a `pusher:error` that names it.
    Close(u16),
    /// The connection stays; `pusher:error` has this code.
    Report(u16),
    /// The connection stays; `pusher:error` has `"code":null`.
    Refuse,
}

/// Declares the refusals: documentation, name and fields, effect, HTTP status, text.
macro_rules! rejections {
    ($(
        $(#[$doc:meta])*
        $name:ident $({ $($(#[$field_doc:meta])* $field:ident: $type:ty,)+ })?
            = $effect:expr, $status:literal, $text:literal;
    )+) => {
        /// A refusal that is shown to the peer. `Display` is the message it gets.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Rejection {
            $($(#[$doc])* $name $({ $($(#[$field_doc])* $field: $type,)+ })?,)+
        }

        /// The names of all refusals, to see that each is tested.
        #[cfg(test)]
        const NAMES: &[&str] = &[$(stringify!($name)),+];

        impl Rejection {
            fn effect(&self) -> Effect {
                match self {
                    $(Self::$name { .. } => $effect,)+
                }
            }

            /// The name of the refusal, the same whatever it says: for counting.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$name { .. } => stringify!($name),)+
                }
            }

            /// The status of an HTTP answer with this refusal, and the `status` of a
            /// `pusher:subscription_error`.
            #[must_use]
            pub fn http_status(&self) -> u16 {
                match self {
                    $(Self::$name { .. } => $status,)+
                }
            }
        }

        impl fmt::Display for Rejection {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$name $({ $($field),+ })? => write!(f, $text),)+
                }
            }
        }
    };
}

rejections! {
    // Connections (close codes: Channels protocol, "Error codes").

    /// The app takes no connections without TLS.
    TlsRequired = Close(4000), 403,
        "Application only accepts SSL connections, reconnect using wss://";
    /// No app has the key, or the id, that was asked for.
    UnknownApp = Close(4001), 404, "Application does not exist";
    /// The app is switched off.
    AppDisabled = Close(4003), 403, "Application disabled";
    /// The app has as many connections as it may have.
    TooManyConnections {
        /// Connections allowed.
        limit: u32,
    } = Close(4004), 403, "Connection quota exceeded: the application has at most {limit}";
    /// Nothing is served at the path.
    PathNotFound = Close(4005), 404, "Path not found";
    /// The `protocol` parameter is not a number.
    BadVersion = Close(4006), 400, "Invalid version string format";
    /// The protocol version is not served.
    UnsupportedProtocol = Close(4007), 400, "Unsupported protocol version";
    /// There is no `protocol` parameter.
    NoProtocol = Close(4008), 400, "No protocol version supplied";
    /// The connection did not authorise itself in time, or no longer may be open.
    Unauthorised = Close(4009), 401, "Connection not authorized within timeout";
    /// The application ended the connections of the user it is signed in as.
    Terminated = Close(4009), 401, "Connection terminated by the application";
    /// Pages of the origin may not connect to the app.
    OriginNotAllowed {
        /// The `Origin` header; empty when there is none.
        origin: Excerpt,
    } = Close(4009), 403, "Origin not allowed: '{origin}'";
    /// The address has as many connections as it may have.
    TooManyFromAddress {
        /// Connections allowed at a time.
        limit: u32,
    } = Close(4100), 429,
        "Too many connections from one address: it has at most {limit} at a time";
    /// The address connects too often.
    TooOftenFromAddress {
        /// New connections allowed in a second.
        limit: u32,
    } = Close(4100), 429,
        "Too many new connections from one address: it opens at most {limit} in a second";
    /// The server takes no more connections for now.
    OverCapacity = Close(4100), 503, "Over capacity";
    /// The connection did not take its events fast enough; its outbox is full.
    TooSlow {
        /// Bytes that may wait for one connection.
        limit: usize,
    } = Close(4100), 503, "Connection too slow: more than {limit} bytes were waiting to be sent";
    /// The server wants the client to connect again at once.
    ReconnectNow = Close(4200), 503, "Please reconnect immediately";
    /// A ping was not answered.
    PongTimeout = Close(4201), 408, "Pong reply not received in time";
    /// The connection was silent for too long.
    Idle = Close(4202), 408, "Closed after inactivity";

    // Messages of clients.

    /// The message is not one of the protocol.
    InvalidMessage {
        /// What is wrong, and where.
        reason: Excerpt,
    } = Refuse, 400, "Invalid message: {reason}";
    /// The event name is none that clients may send.
    UnsupportedEvent {
        /// The name.
        event: Excerpt,
    } = Refuse, 400, "Unsupported event received on socket: {event}";

    // Subscriptions.

    /// The signature is wrong or malformed.
    InvalidSignature {
        /// The text whose signature was expected.
        signed: Excerpt,
        /// What was sent in its place.
        given: Excerpt,
    } = Refuse, 401,
        "Invalid signature: Expected HMAC SHA256 hex digest of {signed}, but got {given}";
    /// The signature is of another app's key.
    InvalidKey {
        /// The key before the colon.
        given: Excerpt,
    } = Refuse, 401, "Invalid key in subscription auth data: '{given}'";
    /// The connection already has the subscription.
    AlreadySubscribed {
        /// The channel.
        channel: Excerpt,
    } = Refuse, 400, "Existing subscription to channel {channel}";
    /// The connection does not have the subscription it wants to end.
    NotSubscribed {
        /// The channel.
        channel: Excerpt,
    } = Refuse, 400, "No current subscription to channel {channel}, or subscription in progress";
    /// The connection has as many subscriptions as it may have.
    TooManySubscriptions {
        /// Subscriptions allowed.
        limit: usize,
    } = Refuse, 403, "Too many subscriptions: a connection has at most {limit}";
    /// The channel's name breaks a rule.
    InvalidChannelName {
        /// The name.
        name: Excerpt,
        /// The rule.
        problem: NameError,
    } = Refuse, 400, "Invalid channel name '{name}': {problem}";

    // Members and users.

    /// A presence subscription says nothing about its member, and the connection is not signed in.
    MissingChannelData = Refuse, 401, "Missing parameter: data.channel_data";
    /// `channel_data` does not describe a member.
    InvalidChannelData {
        /// What is wrong, and where.
        reason: Excerpt,
    } = Refuse, 400, "Invalid channel_data: {reason}";
    /// The user id is too long.
    UserIdTooLong {
        /// Characters allowed.
        limit: usize,
    } = Refuse, 413, "User id too long: it has at most {limit} characters";
    /// The member's `user_info` is too large.
    MemberTooLarge {
        /// Bytes of JSON allowed.
        limit: usize,
    } = Refuse, 413, "Member too large: user_info has at most {limit} bytes of JSON";
    /// The presence channel is full.
    TooManyMembers {
        /// Members allowed.
        limit: usize,
    } = Refuse, 403, "Too many members: a presence channel has at most {limit}";
    /// A sign-in says nothing about its user.
    MissingUserData = Refuse, 400, "Missing parameter: data.user";
    /// `user_data` does not describe a user.
    InvalidUserData {
        /// What is wrong, and where.
        reason: Excerpt,
    } = Refuse, 400, "Invalid user_data: {reason}";
    /// The connection is signed in as another user.
    AlreadySignedIn = Refuse, 403, "Connection is already signed in as another user";
    /// The channel is that of a user as whom the connection is not signed in.
    NotSignedIn {
        /// The channel.
        channel: Excerpt,
    } = Refuse, 401, "Connection is not signed in as the user of channel {channel}";

    /// The watchlist names too many users; the first ones are watched all the same.
    WatchlistTooLong {
        /// Users allowed.
        limit: usize,
    } = Report(4302), 413, "Watchlist limit exceeded: only its first {limit} users are watched";

    // Client events.

    /// The sender is not subscribed to the channel.
    ClientEventNotSubscribed {
        /// The channel.
        channel: Excerpt,
    } = Refuse, 403,
        "Cannot broadcast client event (connection not subscribed to channel {channel})";
    /// The app has client events switched off.
    ClientEventsDisabled = Refuse, 403,
        "To send client events, you must enable this feature in the Settings page of your dashboard.";
    /// The channel is neither private nor presence.
    ClientEventOnPublicChannel {
        /// The channel.
        channel: Excerpt,
    } = Refuse, 403,
        "Cannot broadcast client event (channel {channel} is not a private or presence channel)";
    /// The client event has no channel or no data.
    InvalidClientEvent = Refuse, 400, "Invalid client event (must contain channel and data)";
    /// The connection sends client events too fast; this one is dropped.
    ClientEventRate {
        /// Client events allowed in a second.
        limit: u32,
    } = Report(4301), 429,
        "Client event rate limit exceeded: a connection sends at most {limit} in a second";
    /// The server is too far behind to pass the client event on.
    ClientEventDropped = Report(4301), 503, "Client event dropped: the server is over capacity";

    // Events, from the HTTP API or a client.

    /// The event's data is too large.
    EventTooLarge {
        /// Bytes allowed.
        limit: usize,
    } = Refuse, 413,
        "The data content of this event exceeds the allowed maximum ({limit} bytes).";
    /// The app publishes too fast; nothing of the request was published. The hosted service knows
    /// quotas by the day, refused with 403; a limit by the second passes by itself, hence 429.
    TooManyEvents {
        /// Events allowed in a second.
        limit: u32,
    } = Refuse, 429, "Too many events: the application publishes at most {limit} in a second";
    /// The event's name breaks a rule.
    InvalidEventName {
        /// The rule.
        problem: EventNameError,
    } = Refuse, 400, "Invalid event name: {problem}";
    /// The event names too many channels.
    TooManyChannels {
        /// Channels named.
        given: usize,
        /// Channels allowed.
        limit: usize,
    } = Refuse, 400, "Too many channels: an event goes to at most {limit}, this one to {given}";
    /// The batch has too many events.
    BatchTooLarge {
        /// Events in the batch.
        given: usize,
        /// Events allowed.
        limit: usize,
    } = Refuse, 400, "Batch too large ({given} > {limit})";
    /// The request's body is not JSON, or not an object.
    InvalidBody {
        /// What is wrong, and where.
        reason: Excerpt,
    } = Refuse, 400, "Invalid body: {reason}";
    /// The body lacks a field.
    MissingField {
        /// The field's name.
        field: &'static str,
    } = Refuse, 400, "Missing field: {field}";
    /// A field of the body has the wrong type or form.
    InvalidField {
        /// The field's name.
        field: &'static str,
        /// What it should be.
        expected: &'static str,
    } = Refuse, 400, "Invalid field {field}: expected {expected}";

    // Questions to the HTTP API (Channels HTTP API, "GET channels" and following).

    /// `info` asks for something that channels do not have.
    InvalidInfo = Refuse, 400,
        "info should be a comma separated list of attributes: user_count, subscription_count, cache";
    /// `info` asks for users where there are none to count.
    UserCountWithoutPresence = Refuse, 400,
        "user_count may only be requested for presence channels - please supply filter_by_prefix \
         beginning with presence-";
    /// The channel is asked for its users and is no presence channel.
    NotPresenceChannel {
        /// The channel.
        channel: Excerpt,
    } = Refuse, 400, "Users can only be retrieved for presence channels, not for {channel}";

    // Requests to the HTTP API (Channels HTTP API, "Authentication").

    /// The path is not served with this method.
    MethodNotAllowed = Refuse, 405, "Method not allowed";
    /// The body is larger than the server reads.
    BodyTooLarge {
        /// Bytes allowed.
        limit: usize,
    } = Refuse, 413, "Body too large: a request has at most {limit} bytes";
    /// The same query parameter occurs twice, ignoring case.
    DuplicateParameter {
        /// The parameter, in lower case.
        name: Excerpt,
    } = Refuse, 401, "Duplicate parameter: {name}";
    /// The request is not signed.
    MissingAuthKey = Refuse, 401, "Missing parameter: auth_key";
    /// The channel is not for everybody, and the URL that asks for its events is not signed.
    UrlNotSigned {
        /// The channel.
        channel: Excerpt,
    } = Refuse, 401,
        "Channel {channel} is not public: expected a signed URL (auth_key, auth_timestamp, \
         auth_version, auth_signature)";
    /// The URL does not say which user the channel is to see.
    UserDataRequired {
        /// The channel.
        channel: Excerpt,
    } = Refuse, 401, "Channel {channel} is for users: expected the parameter user_data in the signed URL";
    /// No app has the key, or it is not the app of the path.
    UnknownAuthKey = Refuse, 401, "Unknown auth_key";
    /// There is no `auth_version`.
    VersionRequired = Refuse, 401, "Version required";
    /// `auth_version` is not `1.0`.
    VersionNotSupported = Refuse, 401, "Version not supported";
    /// There is no `auth_timestamp`, or it is not a whole number of seconds.
    TimestampRequired = Refuse, 401, "Timestamp required";
    /// The request was signed too long ago, or the clocks differ.
    TimestampExpired {
        /// The time of the request.
        given: UnixTime,
        /// The server's time.
        now: UnixTime,
    } = Refuse, 401,
        "Timestamp expired: Given timestamp ({given}) not within 600s of server time ({now})";
    /// The signature is wrong or malformed.
    InvalidRequestSignature {
        /// The text whose signature was expected.
        signed: Excerpt,
        /// What was sent in its place.
        given: Excerpt,
    } = Refuse, 401,
        "Invalid signature: you should have sent HmacSHA256Hex({signed:?}, your_secret_key), \
         but you sent {given:?}";
    /// The request has a body but no `body_md5`.
    MissingBodyMd5 = Refuse, 401, "Missing parameter: body_md5";
    /// `body_md5` is not the MD5 of the body.
    InvalidBodyMd5 = Refuse, 401, "Invalid body_md5: it is not the MD5 of the body received";
}

impl Rejection {
    /// The code that the connection is closed with; `None` when it stays open.
    #[must_use]
    pub fn close_code(&self) -> Option<u16> {
        match self.effect() {
            Close(code) => Some(code),
            Report(_) | Refuse => None,
        }
    }

    /// The `code` of a `pusher:error` with this refusal; `None` is `null`.
    ///
    /// Whatever closes the connection has one, as clients need it in a first message.
    #[must_use]
    pub fn error_code(&self) -> Option<u16> {
        match self.effect() {
            Close(code) | Report(code) => Some(code),
            Refuse => None,
        }
    }

    /// The `type` of a `pusher:subscription_error` with this refusal.
    #[must_use]
    pub fn error_type(&self) -> &'static str {
        match self.http_status() {
            401 => "AuthError",
            // Of the refusals of subscriptions, those with 403 are about numbers of things.
            403 | 413 | 429 | 503 => "LimitReached",
            _ => "InvalidRequest",
        }
    }
}

impl std::error::Error for Rejection {}

#[cfg(test)]
mod tests;
