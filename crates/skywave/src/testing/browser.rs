//! A simulated browser: [`Browser`], one connection to the engine of a fake broadcaster.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value, json};
use skywave_engine::{Connection, Shard};
use skywave_protocol::{ChannelKind, ChannelName, SocketId};

use super::emitted::json as parsed;
use super::line::{Line, Message};
use super::recording::{Backstage, numbered};
use crate::actor::Actor;
use crate::authorize::{AuthError, AuthReply, ChannelRequest, UserRequest};
use crate::broadcast::Broadcast;
use crate::channel::{Channel, IntoChannels};
use crate::user::{BroadcastUser, Member};

/// A browser with one connection, of a user or a visitor.
///
/// It subscribes as a real one does: the application's rules are asked, the driver signs, and the
/// engine checks the signature. What it receives is what the real one would; the limit on client
/// events per second is the one thing that does not apply, as no time passes. Dropping it is
/// closing the page.
///
/// [`expect`](Self::expect) takes the events of a channel in the order in which they were sent.
/// Between channels there is no order, as there is none in a real browser. Who comes and goes in
/// presence channels is kept apart: [`members`](Self::members),
/// [`expect_joined`](Self::expect_joined), [`expect_left`](Self::expect_left).
pub struct Browser<U: BroadcastUser = String> {
    backstage: Arc<Backstage<U>>,
    user: Option<U>,
    worker: usize,
    shard: Shard<Line>,
    connection: Rc<Connection<Line>>,
    channels: BTreeMap<String, Members>,
    events: VecDeque<Received>,
    changes: VecDeque<Change>,
    errors: Vec<String>,
    now: u64,
}

/// The members of a channel: their info by their id. Channels without members have none.
type Members = BTreeMap<String, Value>;

/// An event as a page's code gets it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Received {
    /// The channel.
    pub channel: Channel,
    /// The event's name.
    pub event: String,
    /// Its data.
    pub data: Value,
    /// Who sent a client event on a presence channel.
    pub user_id: Option<String>,
}

impl fmt::Display for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}: {}", self.event, self.channel, self.data)
    }
}

/// Somebody came or went.
#[derive(Debug, PartialEq)]
struct Change {
    channel: String,
    joined: bool,
    id: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let did = if self.joined { "joined" } else { "left" };
        write!(f, "`{}` {did} {}", self.id, self.channel)
    }
}

impl<U: BroadcastUser> Browser<U> {
    pub(super) fn new(backstage: Arc<Backstage<U>>, user: Option<U>) -> Self {
        let stage = &backstage.stage;
        let (worker, socket_id) = stage.admit();
        let app = stage.app(backstage.broadcaster.default_name());
        let slot = app.slot().expect("an app of tests has no quota");
        Self {
            shard: Shard::new(Arc::clone(&stage.engine), worker),
            connection: Rc::new(Connection::new(Line::default(), slot, socket_id)),
            backstage,
            user,
            worker,
            channels: BTreeMap::new(),
            events: VecDeque::new(),
            changes: VecDeque::new(),
            errors: Vec::new(),
            now: 0,
        }
    }

    /// The connection's socket id, as its requests carry it in `X-Socket-ID`.
    #[must_use]
    pub fn socket_id(&self) -> SocketId {
        self.connection.socket_id()
    }

    /// What a handler would get as its [`Broadcast`] when this browser sends a request: on behalf of
    /// its user, and with its socket id, so that `to_others()` leaves it out, and
    /// `to_other_users()` all browsers of the user that have signed in.
    #[must_use]
    pub fn broadcast(&self) -> Broadcast {
        let id = self.user.as_ref().map(BroadcastUser::broadcast_id);
        let actor = id.map_or(Actor::Visitor, Actor::User);
        let broadcaster = self.backstage.broadcaster.clone();
        let connection = crate::connection::Connection::SocketId(self.socket_id());
        Broadcast::new(broadcaster, actor, Some(connection))
    }

    /// Subscribes to a channel, or to several one after the other until one is refused.
    ///
    /// # Errors
    ///
    /// [`AuthError::Denied`] when the application says no, [`AuthError::Failed`] when its rule
    /// fails, the name is none, or the server refuses: it is subscribed already, or the channel has
    /// all the members it can have.
    pub async fn subscribe(&mut self, channels: impl IntoChannels) -> Result<(), AuthError> {
        for channel in channels.into_channels() {
            let user = self.user.clone();
            let socket_id = self.socket_id();
            let reply = self.backstage.ask(user, socket_id, &channel).await?;
            let mut data = Map::new();
            data.insert("channel".to_owned(), channel.name().into());
            if let Some(reply) = &reply {
                data.insert("auth".to_owned(), reply.auth().into());
                data.extend(
                    reply
                        .channel_data()
                        .map(|d| ("channel_data".to_owned(), d.into())),
                );
            }
            self.say("pusher:subscribe", &json!({ "data": data }))
                .map_err(AuthError::failed)?;
        }
        Ok(())
    }

    /// Signs the connection in as its user, as `pusher.signin()` does, and subscribes to what is sent
    /// to that user alone.
    ///
    /// # Errors
    ///
    /// [`AuthError::Denied`] for a visitor, [`AuthError::Failed`] for a user whom the server would
    /// refuse.
    pub fn sign_in(&mut self) -> Result<(), AuthError> {
        let Some(user) = &self.user else {
            return Err(AuthError::denied("nobody is logged in"));
        };
        let member = Member::of(user);
        let ask = UserRequest::new(self.socket_id());
        let reply = self.backstage.broadcaster.default_driver();
        let reply = reply.authenticate(&ask, &member)?;
        let channel = format!("{}{}", ChannelKind::ServerToUser.prefix(), member.id());
        let data = json!({ "auth": reply.auth(), "user_data": reply.user_data() });
        for (event, data) in [
            ("pusher:signin", data),
            ("pusher:subscribe", json!({ "channel": channel })),
        ] {
            self.say(event, &json!({ "data": data }))
                .map_err(AuthError::failed)?;
        }
        Ok(())
    }

    /// Leaves a channel, or several. What it has received from them stays.
    ///
    /// # Panics
    ///
    /// When it is not subscribed.
    #[track_caller]
    pub fn unsubscribe(&mut self, channels: impl IntoChannels) {
        for channel in channels.into_channels() {
            let said = self.say(
                "pusher:unsubscribe",
                &json!({ "data": { "channel": channel.name() } }),
            );
            if let Err(refused) = said {
                panic!("cannot unsubscribe from `{channel}`: {refused}");
            }
            self.channels.remove(channel.name());
        }
    }

    /// Sends a client event to the other subscribers of a channel. Its name begins with `client-`.
    ///
    /// # Panics
    ///
    /// When the server refuses it: the channel is public, or not subscribed.
    #[track_caller]
    pub fn trigger(&mut self, channel: impl IntoChannels, event: &str, data: impl Serialize) {
        let data = serde_json::to_value(data).expect("data of a test can be written as JSON");
        for channel in channel.into_channels() {
            let message = json!({ "channel": channel.name(), "data": data });
            if let Err(refused) = self.say(event, &message) {
                panic!("cannot trigger `{event}` on `{channel}`: {refused}");
            }
        }
    }

    /// That the next event of one of its channels is this one, which is then expected.
    #[track_caller]
    pub fn expect(&mut self, event: &str, data: impl Serialize) {
        self.next_is(None, event, data);
    }

    /// That the next event of this channel is this one, which is then expected.
    #[track_caller]
    pub fn expect_on(&mut self, channel: impl IntoChannels, event: &str, data: impl Serialize) {
        self.next_is(Some(&one(channel)), event, data);
    }

    /// That there is no event that was not expected yet.
    #[track_caller]
    pub fn expect_nothing(&mut self) {
        self.listen();
        let events = self.events.make_contiguous();
        assert!(
            events.is_empty(),
            "expected no more events; {}",
            numbered(events)
        );
    }

    /// The events that were not expected yet; they are then.
    pub fn received(&mut self) -> Vec<Received> {
        self.listen();
        self.events.drain(..).collect()
    }

    /// The ids of a presence channel's members, this browser's among them, sorted. Empty for a
    /// channel without members, or not subscribed.
    pub fn members(&mut self, channel: impl IntoChannels) -> Vec<String> {
        self.listen();
        let members = self.channels.get(one(channel).name());
        members
            .map(|members| members.keys().cloned().collect())
            .unwrap_or_default()
    }

    /// What a presence channel's member shows of itself; `None` for somebody who is not there.
    pub fn member_info(&mut self, channel: impl IntoChannels, id: &str) -> Option<Value> {
        self.listen();
        self.channels.get(one(channel).name())?.get(id).cloned()
    }

    /// That the next change of members it has seen is that this one joined.
    #[track_caller]
    pub fn expect_joined(&mut self, channel: impl IntoChannels, id: &str) {
        self.next_change(&one(channel), true, id);
    }

    /// That the next change of members it has seen is that this one left.
    #[track_caller]
    pub fn expect_left(&mut self, channel: impl IntoChannels, id: &str) {
        self.next_change(&one(channel), false, id);
    }

    #[track_caller]
    fn next_is(&mut self, channel: Option<&Channel>, event: &str, data: impl Serialize) {
        let data = serde_json::to_value(data).expect("data of a test can be written as JSON");
        self.listen();
        let on = channel.map(|channel| format!(" on {channel}"));
        let expected = format!("{event}{}: {data}", on.unwrap_or_default());
        let events = self.events.make_contiguous();
        let found = events.iter().enumerate().position(|(at, next)| {
            let is_first = events[..at].iter().all(|e| e.channel != next.channel);
            let is_there = channel.is_none_or(|channel| *channel == next.channel);
            is_first && is_there && next.event == event && next.data == data
        });
        if let Some(at) = found {
            self.events.remove(at);
            return;
        }
        if events.is_empty() {
            let channels: Vec<_> = self.channels.keys().map(String::as_str).collect();
            panic!(
                "expected {expected}\nbut received nothing; it listens to: {}\nemitted: {}",
                channels.join(", "),
                numbered(&self.backstage.stage.log().emitted)
            );
        }
        panic!("expected {expected}\nbut received: {}", numbered(events));
    }

    #[track_caller]
    fn next_change(&mut self, channel: &Channel, joined: bool, id: &str) {
        self.listen();
        let expected = Change {
            channel: channel.name().to_owned(),
            joined,
            id: id.to_owned(),
        };
        match self.changes.pop_front() {
            Some(next) => assert!(next == expected, "expected {expected}\nbut {next}"),
            None => panic!("expected {expected}\nbut nobody else joined or left"),
        }
    }

    /// Sends a message; the error is what the server answers to one it refuses.
    fn say(&mut self, event: &str, message: &Value) -> Result<(), String> {
        let mut message = message.clone();
        message["event"] = event.into();
        // A second later each time, so that no rate is too high.
        self.now += 1_000;
        self.shard
            .receive(&self.connection, &message.to_string(), self.now);
        self.listen();
        match self.errors.drain(..).next() {
            Some(refused) => Err(refused),
            None => Ok(()),
        }
    }

    /// Takes in what has been sent to the connection so far.
    fn listen(&mut self) {
        self.shard.flush();
        for message in self.connection.link.messages() {
            self.hear(message);
        }
    }

    fn hear(&mut self, message: Message) {
        let Message {
            event,
            channel,
            data,
            user_id,
        } = message;
        let data = data.as_str().map_or(data.clone(), parsed);
        match event.as_str() {
            "pusher:error" => {
                let refused = data["message"].as_str().unwrap_or_default();
                self.errors.push(refused.to_owned());
            }
            // The error of the former follows; the latter is an answer to `sign_in`.
            "pusher:subscription_error" | "pusher:signin_success" => {}
            "pusher_internal:subscription_succeeded" => {
                let members = data["presence"]["hash"].as_object().cloned();
                let members = members.unwrap_or_default().into_iter().collect();
                self.channels.insert(channel, members);
            }
            "pusher_internal:member_added" => self.change(channel, true, &data),
            "pusher_internal:member_removed" => self.change(channel, false, &data),
            _ => self.events.push_back(Received {
                channel: Channel::new(channel),
                event,
                data,
                user_id,
            }),
        }
    }

    fn change(&mut self, channel: String, joined: bool, data: &Value) {
        let id = data["user_id"].as_str().unwrap_or_default().to_owned();
        let members = self.channels.entry(channel.clone()).or_default();
        if joined {
            members.insert(id.clone(), data["user_info"].clone());
        } else {
            members.remove(&id);
        }
        self.changes.push_back(Change {
            channel,
            joined,
            id,
        });
    }
}

impl<U: BroadcastUser> Backstage<U> {
    /// What the application answers when this user's page asks for a channel: `None` when it does
    /// not have to ask.
    pub(super) async fn ask(
        &self,
        user: Option<U>,
        socket_id: SocketId,
        channel: &Channel,
    ) -> Result<Option<AuthReply>, AuthError> {
        if let Some(problem) = channel.origin().and_then(|origin| origin.problem.clone()) {
            return Err(AuthError::failed(problem));
        }
        let name = ChannelName::parse(channel.name())
            .map_err(|problem| AuthError::failed(format!("channel `{channel}`: {problem}")))?;
        if !name.kind().needs_authorisation() {
            return Ok(None);
        }
        let member = self.authoriser.decide(user, &name).await?;
        let ask = ChannelRequest::new(socket_id, name);
        let driver = self.broadcaster.default_driver();
        let reply = match member {
            Some(member) => driver.authorize_member(&ask, &member),
            None => driver.authorize(&ask),
        };
        reply.map(Some)
    }
}

impl<U: BroadcastUser> Drop for Browser<U> {
    fn drop(&mut self) {
        self.shard.disconnect(&self.connection, self.now);
        self.shard.flush();
        self.backstage.stage.release(self.worker);
    }
}

impl<U: BroadcastUser> fmt::Debug for Browser<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Browser")
            .field("socket_id", &self.socket_id())
            .field("user", &self.user.as_ref().map(BroadcastUser::broadcast_id))
            .field("channels", &self.channels.keys())
            .finish_non_exhaustive()
    }
}

/// The channel that an expectation is about.
#[track_caller]
fn one(channels: impl IntoChannels) -> Channel {
    let mut channels = channels.into_channels();
    match (channels.pop(), channels.len()) {
        (Some(channel), 0) => channel,
        (_, others) => panic!("expected one channel, not {}", others + 1),
    }
}
