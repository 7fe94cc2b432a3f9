//! An event as it waits, and the body of the request that tells it. Protocol §3.4.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use skywave_engine::Occurrence;
use skywave_protocol::{ChannelName, SocketId, WebhookKind};

/// Something to be told.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) channel: ChannelName,
    pub(super) what: What,
    /// When it came into being; for departures, after the grace.
    pub(super) at: Instant,
    /// The same in milliseconds since 1970.
    pub(super) time_ms: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    Occupied,
    Vacated,
    MemberAdded(Box<str>),
    MemberRemoved(Box<str>),
    ClientEvent {
        event: Box<str>,
        data: Box<str>,
        socket_id: SocketId,
        user_id: Option<Box<str>>,
    },
    CacheMiss,
    SubscriptionCount(usize),
}

/// The kind of an occurrence.
pub(super) fn kind_of(occurrence: &Occurrence<'_>) -> WebhookKind {
    match occurrence {
        Occurrence::Occupied => WebhookKind::ChannelOccupied,
        Occurrence::Vacated => WebhookKind::ChannelVacated,
        Occurrence::MemberAdded { .. } => WebhookKind::MemberAdded,
        Occurrence::MemberRemoved { .. } => WebhookKind::MemberRemoved,
        Occurrence::ClientEvent { .. } => WebhookKind::ClientEvent,
        Occurrence::CacheMiss => WebhookKind::CacheMiss,
        Occurrence::SubscriptionCount { .. } => WebhookKind::SubscriptionCount,
    }
}

impl Event {
    /// What has just happened in a channel.
    pub(super) fn new(channel: &ChannelName, occurrence: &Occurrence<'_>) -> Self {
        let what = match *occurrence {
            Occurrence::Occupied => What::Occupied,
            Occurrence::Vacated => What::Vacated,
            Occurrence::MemberAdded { user_id } => What::MemberAdded(user_id.into()),
            Occurrence::MemberRemoved { user_id } => What::MemberRemoved(user_id.into()),
            Occurrence::ClientEvent {
                event,
                data,
                socket_id,
                user_id,
            } => What::ClientEvent {
                event: event.into(),
                data: data.into(),
                socket_id,
                user_id: user_id.map(Into::into),
            },
            Occurrence::CacheMiss => What::CacheMiss,
            Occurrence::SubscriptionCount { count } => What::SubscriptionCount(count),
        };
        Self {
            channel: channel.clone(),
            what,
            at: Instant::now(),
            time_ms: now_ms(),
        }
    }

    /// The same, told now.
    pub(super) fn told_now(self) -> Self {
        Self {
            at: Instant::now(),
            time_ms: now_ms(),
            ..self
        }
    }

    pub(super) fn kind(&self) -> WebhookKind {
        match self.what {
            What::Occupied => WebhookKind::ChannelOccupied,
            What::Vacated => WebhookKind::ChannelVacated,
            What::MemberAdded(_) => WebhookKind::MemberAdded,
            What::MemberRemoved(_) => WebhookKind::MemberRemoved,
            What::ClientEvent { .. } => WebhookKind::ClientEvent,
            What::CacheMiss => WebhookKind::CacheMiss,
            What::SubscriptionCount(_) => WebhookKind::SubscriptionCount,
        }
    }

    /// About how much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        let details = match &self.what {
            What::MemberAdded(user_id) | What::MemberRemoved(user_id) => user_id.len(),
            What::ClientEvent {
                event,
                data,
                user_id,
                ..
            } => event.len() + data.len() + user_id.as_ref().map_or(0, |id| id.len()),
            What::Occupied | What::Vacated | What::CacheMiss | What::SubscriptionCount(_) => 0,
        };
        size_of::<Self>() + self.channel.as_str().len() + details
    }

    /// Appends the event as a JSON object. All its fields are scalars (trap 18).
    fn encode(&self, out: &mut String) {
        let mut fields = vec![
            ("name", json_string(self.kind().name())),
            ("channel", json_string(self.channel.as_str())),
        ];
        match &self.what {
            What::Occupied | What::Vacated | What::CacheMiss => {}
            What::MemberAdded(user_id) | What::MemberRemoved(user_id) => {
                fields.push(("user_id", json_string(user_id)));
            }
            What::ClientEvent {
                event,
                data,
                socket_id,
                user_id,
            } => {
                fields.push(("event", json_string(event)));
                fields.push(("data", json_string(data)));
                fields.push(("socket_id", json_string(&socket_id.to_string())));
                if let Some(user_id) = user_id {
                    fields.push(("user_id", json_string(user_id)));
                }
            }
            What::SubscriptionCount(count) => {
                fields.push(("subscription_count", count.to_string()));
            }
        }
        for (position, (name, value)) in fields.iter().enumerate() {
            out.push(if position == 0 { '{' } else { ',' });
            out.push_str(&json_string(name));
            out.push(':');
            out.push_str(value);
        }
        out.push('}');
    }
}

/// The body of a request that tells these events; its time is that of the oldest.
pub(super) fn body<'a>(events: impl IntoIterator<Item = &'a Event>) -> String {
    let mut events = events.into_iter().peekable();
    let time_ms = events.peek().map_or_else(now_ms, |event| event.time_ms);
    let mut body = format!("{{\"time_ms\":{time_ms},\"events\":[");
    while let Some(event) = events.next() {
        event.encode(&mut body);
        if events.peek().is_some() {
            body.push(',');
        }
    }
    body.push_str("]}");
    body
}

fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn now_ms() -> u64 {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_has_the_form_of_the_protocol() {
        let channel = |name| ChannelName::parse(name).unwrap();
        let socket_id = SocketId::new(12, 34);
        let sent = |user_id| Occurrence::ClientEvent {
            event: "client-\"typing\"",
            data: "{\"a\":1}",
            socket_id,
            user_id,
        };
        let member = "7";
        let table = [
            (
                Occurrence::Occupied,
                r#"{"name":"channel_occupied","channel":"presence-a"}"#,
            ),
            (
                Occurrence::Vacated,
                r#"{"name":"channel_vacated","channel":"presence-a"}"#,
            ),
            (
                Occurrence::MemberAdded { user_id: member },
                r#"{"name":"member_added","channel":"presence-a","user_id":"7"}"#,
            ),
            (
                Occurrence::MemberRemoved { user_id: member },
                r#"{"name":"member_removed","channel":"presence-a","user_id":"7"}"#,
            ),
            (
                sent(Some(member)),
                r#"{"name":"client_event","channel":"presence-a","event":"client-\"typing\"","data":"{\"a\":1}","socket_id":"12.34","user_id":"7"}"#,
            ),
            (
                sent(None),
                r#"{"name":"client_event","channel":"presence-a","event":"client-\"typing\"","data":"{\"a\":1}","socket_id":"12.34"}"#,
            ),
            (
                Occurrence::CacheMiss,
                r#"{"name":"cache_miss","channel":"presence-a"}"#,
            ),
            (
                Occurrence::SubscriptionCount { count: 3 },
                r#"{"name":"subscription_count","channel":"presence-a","subscription_count":3}"#,
            ),
        ];
        for (occurrence, expected) in table {
            let event = Event {
                time_ms: 5,
                ..Event::new(&channel("presence-a"), &occurrence)
            };
            assert_eq!(event.kind(), kind_of(&occurrence));
            let later = Event {
                time_ms: 9,
                ..event.clone()
            };
            assert_eq!(
                body([&event, &later]),
                format!(r#"{{"time_ms":5,"events":[{expected},{expected}]}}"#)
            );
        }
    }
}
