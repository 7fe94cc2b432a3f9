//! Who is online, and who is told so (protocol §1.13).
//!
//! A user is online while at least one connection is signed in as them. The table counts those
//! connections and, per user, who watches. What changes is told under the lock of the user's shelf,
//! so watchers see a user come and go in the order in which it happened, and a new watcher gets
//! every change behind the state it was shown.

use std::collections::HashMap;
use std::rc::Rc;

use skywave_protocol::{Rejection, ServerMessage, Watchlist};

use crate::app::App;
use crate::connection::{Connection, Link, Subscription};
use crate::engine::Engine;
use crate::listeners::Listeners;
use crate::local::Topic;
use crate::shard::Shard;
use crate::shelves::Shelves;

/// The users of one app who are online or watched, by their ids.
pub(crate) type Users = Shelves<HashMap<Box<str>, User>>;

#[derive(Debug, Default)]
pub(crate) struct User {
    /// Connections that are signed in as the user.
    connections: u32,
    watchers: Option<Listeners>,
}

impl User {
    fn is_online(&self) -> bool {
        self.connections > 0
    }

    fn is_forgettable(&self) -> bool {
        self.connections == 0 && self.watchers.is_none()
    }
}

impl Engine {
    /// A connection signed in as the user.
    pub(crate) fn user_came(&self, app: &App, user_id: &str) {
        app.users.locked(user_id, |users| {
            let user = users.entry(user_id.into()).or_default();
            user.connections += 1;
            if user.connections == 1 {
                self.tell_watchers(user, &[user_id], &[]);
            }
        });
    }

    /// A connection that was signed in as the user has ended.
    pub(crate) fn user_went(&self, app: &App, user_id: &str) {
        app.users.locked(user_id, |users| {
            let Some(user) = users.get_mut(user_id) else {
                return;
            };
            user.connections = user.connections.saturating_sub(1);
            if !user.is_online() {
                self.tell_watchers(user, &[], &[user_id]);
            }
            if user.is_forgettable() {
                users.remove(user_id);
            }
        });
    }

    fn tell_watchers(&self, user: &User, online: &[&str], offline: &[&str]) {
        if let Some(watchers) = &user.watchers {
            let message = ServerMessage::Watchlist { online, offline };
            self.deliver(watchers, &message, None);
        }
    }
}

impl<L: Link> Shard<L> {
    /// Starts to watch the users of a list, in place of those of an earlier one, and shows who of
    /// them is online.
    ///
    /// # Errors
    ///
    /// [`Rejection::WatchlistTooLong`] when the list had to be cut; the rest of it is watched.
    pub(crate) fn watch(
        &self,
        connection: &Rc<Connection<L>>,
        watchlist: &Watchlist,
    ) -> Result<(), Rejection> {
        self.stop_watching(connection);
        let (mut online, mut offline) = (Vec::new(), Vec::new());
        for user_id in &watchlist.user_ids {
            let is_online = self.watch_user(connection, user_id);
            let state = if is_online { &mut online } else { &mut offline };
            state.push(user_id.as_str());
        }
        if !watchlist.user_ids.is_empty() {
            let (online, offline) = (&online, &offline);
            self.send(connection, &ServerMessage::Watchlist { online, offline });
        }
        if watchlist.truncated {
            let limit = watchlist.user_ids.len();
            return Err(Rejection::WatchlistTooLong { limit });
        }
        Ok(())
    }

    /// Adds a watcher; true when the user is online.
    fn watch_user(&self, connection: &Rc<Connection<L>>, user_id: &str) -> bool {
        let channels = &mut *self.channels.borrow_mut();
        let (id, is_online) = connection.app().users.locked(user_id, |users| {
            let user = users.entry(user_id.into()).or_default();
            let is_online = user.is_online();
            let new = || Listeners::new(self.engine.next_list_id());
            let watchers = user.watchers.get_or_insert_with(new);
            watchers.add(self.worker);
            // What was told so far is in our inbox: it belongs to the earlier watchers.
            channels.collect_for(watchers.id, self.inbox());
            (watchers.id, is_online)
        });
        channels.flush_channel(id);
        let (channel, position) = channels.add(connection, id, || Topic::User(user_id.into()));
        if let Some(user) = &mut connection.session.borrow_mut().user {
            user.watching.push(Subscription {
                channel,
                position,
                user_id: None,
            });
        }
        is_online
    }

    pub(crate) fn stop_watching(&self, connection: &Connection<L>) {
        loop {
            let Some(watched) = connection.session.borrow_mut().stop_watching() else {
                return;
            };
            let channels = &mut *self.channels.borrow_mut();
            if let Topic::User(user_id) = channels.topic(&watched) {
                connection.app().users.locked(&**user_id, |users| {
                    let Some(user) = users.get_mut(user_id) else {
                        return;
                    };
                    let watchers = user.watchers.as_mut();
                    if watchers.is_some_and(|watchers| watchers.remove(self.worker)) {
                        user.watchers = None;
                    }
                    if user.is_forgettable() {
                        users.remove(user_id);
                    }
                });
            }
            channels.unsubscribe(&watched);
        }
    }
}
