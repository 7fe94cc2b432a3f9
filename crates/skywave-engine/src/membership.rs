//! Joining and leaving a channel: the moments at which its list of subscribers changes.
//!
//! Both happen under the channel's lock, so that every subscriber sees one order of events: what
//! was published before somebody joined belongs to the others, what comes after to all.

use std::rc::Rc;

use skywave_protocol::{ChannelName, Member, Rejection, ServerMessage};

use crate::connection::{Connection, Link, Subscription};
use crate::directory::Shelf;
use crate::encode_frame;
use crate::listeners::ListId;
use crate::local::Topic;
use crate::observer::Occurrence;
use crate::occupied::Occupied;
use crate::shard::{Channels, Shard};

impl<L: Link> Shard<L> {
    /// Adds a permitted subscription, in the order of §1.7: success and the cached event first,
    /// then the others learn, then all are told how many they are.
    pub(crate) fn join(
        &self,
        connection: &Rc<Connection<L>>,
        name: &ChannelName,
        member: Option<&Member>,
        now: u64,
    ) -> Result<(), Rejection> {
        let channels = &mut *self.channels.borrow_mut();
        let mut welcome = Vec::new();
        let id = connection.app().channels.locked(name, |shelf| {
            let newcomer = self.enter(connection, channels, shelf, (name, member))?;
            let occupied = &shelf.occupied[name];
            // Everything published so far is in our inbox: it belongs to the earlier subscribers.
            channels.collect_for(occupied.listeners.id, self.inbox());
            if let (true, Some(member)) = (newcomer, member) {
                let added = ServerMessage::MemberAdded {
                    channel: name,
                    member,
                };
                let except = connection.socket_id().into();
                self.engine
                    .deliver(&occupied.listeners, &added, Some(except));
            }
            encode_success(name, occupied, &mut welcome);
            if name.kind().is_cache() {
                match shelf.cache.frame(name, now) {
                    Some(frame) => welcome.extend_from_slice(frame),
                    None => {
                        encode_frame(&ServerMessage::CacheMiss { channel: name }, &mut welcome);
                        let app = connection.app();
                        self.engine.observe(app, name, &Occurrence::CacheMiss);
                    }
                }
            }
            let id = occupied.listeners.id;
            if let Some(occupied) = shelf.occupied.get_mut(name) {
                self.count_changed(connection.app(), name, occupied, now);
            }
            Ok::<ListId, Rejection>(id)
        })?;
        channels.flush_channel(id);
        connection.link.send(&welcome);
        self.tally().bytes_out.add(welcome.len() as u64);
        self.tally().subscriptions.add(1);
        let (channel, position) = channels.add(connection, id, || Topic::Channel(name.clone()));
        let user_id = member.map(|member| member.user_id.as_str().into());
        let subscription = Subscription {
            channel,
            position,
            user_id,
        };
        let subscriptions = &mut connection.session.borrow_mut().subscriptions;
        if subscriptions.is_empty() {
            // Many connections have one and no more, and a vector begins with room for four.
            subscriptions.reserve_exact(1);
        }
        subscriptions.push(subscription);
        Ok(())
    }

    /// Counts the subscription; true when it brings a new member.
    fn enter(
        &self,
        connection: &Connection<L>,
        channels: &Channels<L>,
        shelf: &mut Shelf,
        (name, member): (&ChannelName, Option<&Member>),
    ) -> Result<bool, Rejection> {
        let is_presence = name.kind().is_presence();
        let new = || Occupied::new(self.engine.next_list_id(), is_presence);
        let occupied = shelf.occupied.entry(name.clone()).or_insert_with(new);
        let index = channels.index_of(occupied.listeners.id);
        if index.is_some_and(|index| connection.session.borrow().subscription(index).is_some()) {
            return Err(Rejection::AlreadySubscribed {
                channel: name.as_str().into(),
            });
        }
        let app = connection.app();
        let was_empty = occupied.is_empty();
        let entered = occupied.join(self.worker, member, &app.settings().limits);
        if occupied.is_empty() {
            shelf.occupied.remove(name);
        } else if was_empty {
            self.engine.observe(app, name, &Occurrence::Occupied);
        }
        if let (Ok(true), Some(Member { user_id, .. })) = (&entered, member) {
            let added = Occurrence::MemberAdded { user_id };
            self.engine.observe(app, name, &added);
        }
        entered
    }

    /// Ends the subscription of `connection` to the channel at `index`.
    pub(crate) fn leave(&self, connection: &Connection<L>, index: u32, now: u64) {
        let Some(subscription) = connection.session.borrow_mut().remove(index) else {
            return;
        };
        let channels = &mut *self.channels.borrow_mut();
        let Some(name) = channels.topic(&subscription).channel().cloned() else {
            return;
        };
        let user_id = subscription.user_id.as_deref();
        let app = connection.app();
        app.channels.locked(&name, |shelf| {
            let Some(occupied) = shelf.occupied.get_mut(&name) else {
                return;
            };
            if let (true, Some(user_id)) = (occupied.leave(self.worker, user_id), user_id) {
                let removed = ServerMessage::MemberRemoved {
                    channel: &name,
                    user_id,
                };
                self.engine.deliver(&occupied.listeners, &removed, None);
                let removed = Occurrence::MemberRemoved { user_id };
                self.engine.observe(app, &name, &removed);
            }
            if occupied.is_empty() {
                shelf.occupied.remove(&name);
                self.engine.observe(app, &name, &Occurrence::Vacated);
            } else {
                self.count_changed(app, &name, occupied, now);
            }
        });
        channels.unsubscribe(&subscription);
    }
}

fn encode_success(channel: &ChannelName, occupied: &Occupied, out: &mut Vec<u8>) {
    let members: Option<Vec<_>> = occupied.members().map(|members| members.iter().collect());
    let presence = members.as_deref();
    encode_frame(
        &ServerMessage::SubscriptionSucceeded { channel, presence },
        out,
    );
}
