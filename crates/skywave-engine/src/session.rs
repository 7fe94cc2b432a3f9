//! What a connection may say, and what happens then.
//!
//! Every message a client sends ends here as a change of subscriptions, an event for others, an
//! answer, or a [`Rejection`] that is sent back and leaves the connection as it was.

use std::rc::Rc;

use skywave_protocol::{
    ChannelName, ClientMessage, Member, Rejection, ServerMessage, Subscribe, Watchlist,
};

use crate::connection::{Connection, Link, SignedIn};
use crate::observer::Occurrence;
use crate::shard::Shard;

impl<L: Link> Shard<L> {
    /// Handles one message of a client; `now` is a monotonic time in milliseconds.
    ///
    /// Refusals are sent to the client, not returned: none of them ends the connection.
    pub fn receive(&self, connection: &Rc<Connection<L>>, text: &str, now: u64) {
        let outcome =
            ClientMessage::parse(text).and_then(|message| self.handle(connection, message, now));
        self.tally().messages_in.add(1);
        if let Err(rejection) = outcome {
            self.tally().refused_messages.add(1);
            self.send(connection, &ServerMessage::Error(&rejection));
        }
    }

    /// Whether a connection has shown a signature: it is signed in, or listens to a channel that
    /// needs authorisation.
    pub fn is_authorised(&self, connection: &Connection<L>) -> bool {
        let session = connection.session.borrow();
        let channels = self.channels.borrow();
        let mut subscribed_to = session.subscriptions.iter().map(|s| channels.topic(s));
        session.user.is_some()
            || subscribed_to.any(|topic| {
                let channel = topic.channel();
                channel.is_some_and(|name| name.kind().needs_authorisation())
            })
    }

    /// Forgets a connection: it leaves all its channels, and its user perhaps goes offline. Harmless
    /// when repeated. `now` is the time that [`receive`](Self::receive) gets.
    pub fn disconnect(&self, connection: &Connection<L>, now: u64) {
        loop {
            let last = connection
                .session
                .borrow()
                .subscriptions
                .last()
                .map(|s| s.channel);
            let Some(channel) = last else { break };
            self.leave(connection, channel, now);
        }
        self.stop_watching(connection);
        let signed_in = connection.session.borrow_mut().user.take();
        if let Some(SignedIn { user, .. }) = signed_in.as_deref() {
            self.engine.user_went(connection.app(), &user.user_id);
        }
    }

    fn handle(
        &self,
        connection: &Rc<Connection<L>>,
        message: ClientMessage<'_>,
        now: u64,
    ) -> Result<(), Rejection> {
        match message {
            ClientMessage::Ping => self.send(connection, &ServerMessage::Pong),
            ClientMessage::Pong => {}
            ClientMessage::Subscribe(subscribe) => {
                return self.subscribe(connection, &subscribe, now);
            }
            ClientMessage::Unsubscribe { channel } => {
                return self.unsubscribe(connection, &channel, now);
            }
            ClientMessage::SignIn { auth, user_data } => {
                return self.sign_in(connection, &auth, &user_data);
            }
            ClientMessage::ClientEvent {
                event,
                channel,
                data,
            } => {
                return self.client_event(connection, (&event, &channel, &data), now);
            }
        }
        Ok(())
    }

    /// Protocol §1.7. A refusal names the channel as well: `pusher:subscription_error`.
    fn subscribe(
        &self,
        connection: &Rc<Connection<L>>,
        subscribe: &Subscribe<'_>,
        now: u64,
    ) -> Result<(), Rejection> {
        let outcome = permitted(connection, subscribe)
            .and_then(|(name, member)| self.join(connection, &name, member.as_ref(), now));
        if let Err(rejection) = &outcome
            && !matches!(rejection, Rejection::AlreadySubscribed { .. })
        {
            let channel = &subscribe.channel;
            self.send(
                connection,
                &ServerMessage::SubscriptionError { channel, rejection },
            );
        }
        outcome
    }

    fn unsubscribe(
        &self,
        connection: &Connection<L>,
        channel: &str,
        now: u64,
    ) -> Result<(), Rejection> {
        let index =
            self.subscribed(connection, channel)
                .ok_or_else(|| Rejection::NotSubscribed {
                    channel: channel.into(),
                })?;
        self.leave(connection, index, now);
        Ok(())
    }

    /// Protocol §1.13. A connection stays the user it first signed in as. A watchlist takes the place
    /// of the one before.
    fn sign_in(
        &self,
        connection: &Rc<Connection<L>>,
        auth: &str,
        user_data: &str,
    ) -> Result<(), Rejection> {
        let app = connection.app();
        let settings = app.settings();
        settings
            .credentials
            .verify_user(auth, connection.socket_id(), user_data)?;
        let user = Member::parse_user(user_data, &settings.limits)?;
        let watchlist = if settings.watchlists {
            Watchlist::parse(user_data, &settings.limits)?
        } else {
            Watchlist::default()
        };
        let user_id = user.user_id.clone();
        if connection.session.borrow_mut().sign_in(user)? {
            self.engine.user_came(app, &user_id);
        }
        self.tally().sign_ins.add(1);
        self.send(connection, &ServerMessage::SigninSuccess { user_data });
        self.watch(connection, &watchlist)
    }

    /// Protocol §1.9: to the other subscribers, never to the sender.
    fn client_event(
        &self,
        connection: &Connection<L>,
        (event, channel, data): (&str, &str, &str),
        now: u64,
    ) -> Result<(), Rejection> {
        let app = connection.app();
        let settings = app.settings();
        if !settings.client_events {
            return Err(Rejection::ClientEventsDisabled);
        }
        let not_subscribed = || Rejection::ClientEventNotSubscribed {
            channel: channel.into(),
        };
        let index = self
            .subscribed(connection, channel)
            .ok_or_else(not_subscribed)?;
        let mut session = connection.session.borrow_mut();
        let limits = &settings.limits;
        limits.client_event(event, data)?;
        let limit = limits.client_events_per_second;
        if !session.client_events.takes(1, now, limit) {
            return Err(Rejection::ClientEventRate { limit });
        }
        let subscription = session.subscription(index).ok_or_else(not_subscribed)?;
        let name = self
            .channels
            .borrow()
            .topic(subscription)
            .channel()
            .cloned();
        let name = name.ok_or_else(not_subscribed)?;
        if !name.kind().accepts_client_events() {
            return Err(Rejection::ClientEventOnPublicChannel {
                channel: channel.into(),
            });
        }
        if self.engine.is_behind() {
            return Err(Rejection::ClientEventDropped);
        }
        let user_id = subscription.user_id.as_deref();
        app.channels.locked(&name, |shelf| {
            let Some(occupied) = shelf.occupied.get(&name) else {
                return;
            };
            let message = ServerMessage::Event {
                channel: &name,
                event,
                data,
                user_id,
            };
            let socket_id = connection.socket_id();
            self.engine
                .deliver(&occupied.listeners, &message, Some(socket_id.into()));
            let sent = Occurrence::ClientEvent {
                event,
                data,
                socket_id,
                user_id,
            };
            self.engine.observe(app, &name, &sent);
        });
        self.tally().client_events.add(1);
        Ok(())
    }

    /// The local index of `channel`, when `connection` listens to it.
    fn subscribed(&self, connection: &Connection<L>, channel: &str) -> Option<u32> {
        let channels = self.channels.borrow();
        let session = connection.session.borrow();
        let is_it = |name: &ChannelName| name.as_str() == channel;
        let mut subscriptions = session.subscriptions.iter();
        let found = subscriptions.find(|s| channels.topic(s).channel().is_some_and(is_it))?;
        Some(found.channel)
    }
}

/// Checks a subscribe message: the name, the signature, and who joins a presence channel.
fn permitted<L>(
    connection: &Connection<L>,
    subscribe: &Subscribe<'_>,
) -> Result<(ChannelName, Option<Member>), Rejection> {
    let (app, socket_id) = (connection.app().settings(), connection.socket_id());
    let name = app.limits.channel_name(&subscribe.channel)?;
    let kind = name.kind();
    let session = connection.session.borrow();
    let limit = app.limits.subscriptions_per_connection;
    if session.subscriptions.len() >= limit {
        return Err(Rejection::TooManySubscriptions { limit });
    }
    if let Some(user_id) = name.user_id() {
        return match &session.user {
            Some(signed_in) if signed_in.user.user_id == user_id => Ok((name, None)),
            _ => Err(Rejection::NotSignedIn {
                channel: name.as_str().into(),
            }),
        };
    }
    if !kind.needs_authorisation() {
        return Ok((name, None));
    }
    let channel_data = subscribe.channel_data.as_deref();
    let auth = subscribe.auth.as_deref().unwrap_or_default();
    app.credentials
        .verify_channel(auth, socket_id, &name, channel_data)?;
    if !kind.is_presence() {
        return Ok((name, None));
    }
    let member = match (channel_data, &session.user) {
        (Some(channel_data), _) => Member::parse(channel_data, &app.limits)?,
        (None, Some(signed_in)) => signed_in.user.clone(),
        (None, None) => return Err(Rejection::MissingChannelData),
    };
    Ok((name, Some(member)))
}
