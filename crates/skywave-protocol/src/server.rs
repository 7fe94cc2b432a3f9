//! Messages from the server to a client, and how they are written.
//!
//! `data` is a string that holds JSON in every message but `pusher:error`, where it is an object:
//! some official clients fail on the opposite. `data` is never left out and `channel` is never
//! null, for the same reason.

use serde_json::value::RawValue;

use crate::json::{escape, escape_twice, string};
use crate::{ChannelName, Member, Rejection, SocketId};

/// A message to a client.
#[derive(Clone, Copy, Debug)]
pub enum ServerMessage<'a> {
    /// `pusher:connection_established`, the first message of a connection that is accepted.
    ConnectionEstablished {
        /// The name of the connection.
        socket_id: SocketId,
        /// Seconds of silence after which the client pings. Zero stops pusher-js from connecting.
        activity_timeout: u64,
    },
    /// `pusher:error`.
    Error(&'a Rejection),
    /// `pusher:pong`, the answer to `pusher:ping`.
    Pong,
    /// `pusher_internal:subscription_succeeded`.
    SubscriptionSucceeded {
        /// The channel.
        channel: &'a ChannelName,
        /// On presence channels the members, each once and the new one included: user id and
        /// `user_info`. `None` on other channels.
        presence: Option<&'a [(&'a str, Option<&'a RawValue>)]>,
    },
    /// `pusher:subscription_error`.
    SubscriptionError {
        /// The name as the client sent it, which may not be valid.
        channel: &'a str,
        /// Why the subscription was refused.
        rejection: &'a Rejection,
    },
    /// `pusher_internal:member_added`.
    MemberAdded {
        /// The presence channel.
        channel: &'a ChannelName,
        /// The new member.
        member: &'a Member,
    },
    /// `pusher_internal:member_removed`.
    MemberRemoved {
        /// The presence channel.
        channel: &'a ChannelName,
        /// The member that left.
        user_id: &'a str,
    },
    /// `pusher_internal:subscription_count`.
    SubscriptionCount {
        /// The channel; never an encrypted one, whose clients would try to decrypt the count.
        channel: &'a ChannelName,
        /// Its subscriptions.
        count: usize,
    },
    /// `pusher:cache_miss`: the cache channel just subscribed to holds no event.
    CacheMiss {
        /// The channel.
        channel: &'a ChannelName,
    },
    /// `pusher:signin_success`.
    SigninSuccess {
        /// The text that was signed, unchanged.
        user_data: &'a str,
    },
    /// `pusher_internal:watchlist_events`: users on the connection's watchlist who are, or came,
    /// online, and who are, or went, offline.
    Watchlist {
        /// Ids of users with a signed-in connection.
        online: &'a [&'a str],
        /// Ids of users without one.
        offline: &'a [&'a str],
    },
    /// An application's event or a client event.
    Event {
        /// The channel.
        channel: &'a ChannelName,
        /// The event's name.
        event: &'a str,
        /// The event's data: any text, often JSON.
        data: &'a str,
        /// Who sent a client event on a presence channel.
        user_id: Option<&'a str>,
    },
}

impl ServerMessage<'_> {
    /// Appends the message as one JSON text, without line ends or spaces.
    ///
    /// The keys come in the order `event`, `channel`, `data`, `user_id`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match *self {
            Self::ConnectionEstablished {
                socket_id,
                activity_timeout,
            } => {
                let data = format!(
                    r#"{{\"socket_id\":\"{socket_id}\",\"activity_timeout\":{activity_timeout}}}"#
                );
                put(r#"{"event":"pusher:connection_established","data":""#, out);
                put(&data, out);
                put(r#""}"#, out);
            }
            Self::Error(rejection) => error(rejection, out),
            Self::Pong => put(r#"{"event":"pusher:pong","data":"{}"}"#, out),
            Self::SubscriptionSucceeded { channel, presence } => {
                open("pusher_internal:subscription_succeeded", channel, out);
                match presence {
                    Some(members) => presence_data(members, out),
                    None => put("{}", out),
                }
                put(r#""}"#, out);
            }
            Self::SubscriptionError { channel, rejection } => {
                subscription_error(channel, rejection, out);
            }
            Self::MemberAdded { channel, member } => {
                open("pusher_internal:member_added", channel, out);
                put(r#"{\"user_id\":"#, out);
                inner_string(&member.user_id, out);
                if let Some(user_info) = &member.user_info {
                    put(r#",\"user_info\":"#, out);
                    escape(user_info.get(), out);
                }
                put(r#"}"}"#, out);
            }
            Self::MemberRemoved { channel, user_id } => {
                open("pusher_internal:member_removed", channel, out);
                put(r#"{\"user_id\":"#, out);
                inner_string(user_id, out);
                put(r#"}"}"#, out);
            }
            Self::SubscriptionCount { channel, count } => {
                open("pusher_internal:subscription_count", channel, out);
                put(r#"{\"subscription_count\":"#, out);
                put(&count.to_string(), out);
                put(r#"}"}"#, out);
            }
            Self::CacheMiss { channel } => {
                open("pusher:cache_miss", channel, out);
                put(r#"{}"}"#, out);
            }
            Self::SigninSuccess { user_data } => {
                put(
                    r#"{"event":"pusher:signin_success","data":"{\"user_data\":"#,
                    out,
                );
                inner_string(user_data, out);
                put(r#"}"}"#, out);
            }
            Self::Watchlist { online, offline } => watchlist(online, offline, out),
            Self::Event {
                channel,
                event: name,
                data,
                user_id,
            } => {
                event(channel, name, data, user_id, out);
            }
        }
    }
}

fn event(channel: &ChannelName, event: &str, data: &str, user_id: Option<&str>, out: &mut Vec<u8>) {
    // What surrounds the parts is less than this; an escaped character may still make it grow.
    out.reserve(64 + channel.as_str().len() + event.len() + data.len());
    put(r#"{"event":""#, out);
    escape(event, out);
    put(r#"","channel":""#, out);
    // Nothing in a channel name needs escaping.
    put(channel.as_str(), out);
    put(r#"","data":""#, out);
    escape(data, out);
    if let Some(user_id) = user_id {
        put(r#"","user_id":""#, out);
        escape(user_id, out);
    }
    put(r#""}"#, out);
}

fn error(rejection: &Rejection, out: &mut Vec<u8>) {
    put(r#"{"event":"pusher:error","data":{"code":"#, out);
    match rejection.error_code() {
        Some(code) => put(&code.to_string(), out),
        None => put("null", out),
    }
    put(r#","message":"#, out);
    string(&rejection.to_string(), out);
    put("}}", out);
}

fn subscription_error(channel: &str, rejection: &Rejection, out: &mut Vec<u8>) {
    put(r#"{"event":"pusher:subscription_error","channel":"#, out);
    string(channel, out);
    put(r#","data":"{\"type\":\""#, out);
    put(rejection.error_type(), out);
    put(r#"\",\"error\":"#, out);
    inner_string(&rejection.to_string(), out);
    put(r#",\"status\":"#, out);
    put(&rejection.http_status().to_string(), out);
    put(r#"}"}"#, out);
}

fn presence_data(members: &[(&str, Option<&RawValue>)], out: &mut Vec<u8>) {
    put(r#"{\"presence\":{\"count\":"#, out);
    put(&members.len().to_string(), out);
    put(r#",\"ids\":["#, out);
    for (index, (user_id, _)) in members.iter().enumerate() {
        separate(index, out);
        inner_string(user_id, out);
    }
    put(r#"],\"hash\":{"#, out);
    for (index, (user_id, user_info)) in members.iter().enumerate() {
        separate(index, out);
        inner_string(user_id, out);
        put(":", out);
        escape(user_info.map_or("null", RawValue::get), out);
    }
    put("}}}", out);
}

fn watchlist(online: &[&str], offline: &[&str], out: &mut Vec<u8>) {
    put(
        r#"{"event":"pusher_internal:watchlist_events","data":"{\"events\":["#,
        out,
    );
    let lists = [("online", online), ("offline", offline)];
    let lists = lists
        .into_iter()
        .filter(|(_, user_ids)| !user_ids.is_empty());
    for (index, (name, user_ids)) in lists.enumerate() {
        separate(index, out);
        put(r#"{\"name\":"#, out);
        inner_string(name, out);
        put(r#",\"user_ids\":["#, out);
        for (index, user_id) in user_ids.iter().enumerate() {
            separate(index, out);
            inner_string(user_id, out);
        }
        put("]}", out);
    }
    put(r#"]}"}"#, out);
}

/// Starts a message whose `data` is a string: all up to and including its opening quote.
fn open(event: &str, channel: &ChannelName, out: &mut Vec<u8>) {
    put(r#"{"event":""#, out);
    put(event, out);
    put(r#"","channel":""#, out);
    put(channel.as_str(), out);
    put(r#"","data":""#, out);
}

/// A JSON string inside `data`.
fn inner_string(text: &str, out: &mut Vec<u8>) {
    put(r#"\""#, out);
    escape_twice(text, out);
    put(r#"\""#, out);
}

fn separate(index: usize, out: &mut Vec<u8>) {
    if index > 0 {
        out.push(b',');
    }
}

fn put(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(text.as_bytes());
}
