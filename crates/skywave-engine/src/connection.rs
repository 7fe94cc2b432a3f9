//! A connection as the engine sees it: who it is, what it listens to, and where its bytes go.

use std::cell::RefCell;
use std::sync::Arc;

use skywave_protocol::{Member, Rejection, SocketId};

use crate::app::App;
use crate::rate::Rate;
use crate::usage::Slot;

/// Where a connection's bytes go: a socket with a bounded queue, or a recorder in a test.
///
/// All methods are called while the shard is borrowed: an implementation must not call back into
/// the [`Shard`](crate::Shard). They never block; what cannot be written is queued up to a bound
/// of the implementation's own, above which it ends the connection.
pub trait Link {
    /// Sends whole frames, in order.
    fn send(&self, frames: &[u8]);

    /// Looks at the memory that [`send`](Self::send) is going to need; what it says of it is of no
    /// account. Several links are looked at before the first of them sends.
    fn look(&self) -> bool {
        true
    }
}

/// One transport session of an app, owned by one worker for life.
#[derive(Debug)]
pub struct Connection<L> {
    /// Where its bytes go.
    pub link: L,
    slot: Slot,
    socket_id: SocketId,
    pub(crate) session: RefCell<Session>,
}

/// What a connection has said so far.
#[derive(Debug, Default)]
pub(crate) struct Session {
    pub(crate) subscriptions: Vec<Subscription>,
    /// Who it signed in as; boxed because few connections do.
    pub(crate) user: Option<Box<SignedIn>>,
    pub(crate) client_events: Rate,
}

/// Who a connection signed in as, and whom it watches.
#[derive(Debug)]
pub(crate) struct SignedIn {
    pub(crate) user: Member,
    /// Where it stands among those who watch the users of its watchlist.
    pub(crate) watching: Vec<Subscription>,
}

/// A connection listening to a channel: where it stands in that channel's list.
#[derive(Debug)]
pub(crate) struct Subscription {
    /// Index of the channel, or of the watched user, in the shard.
    pub(crate) channel: u32,
    /// Index of the connection in the channel's list of subscribers.
    pub(crate) position: u32,
    /// Its user id in a presence channel.
    pub(crate) user_id: Option<Box<str>>,
}

impl<L> Connection<L> {
    /// A connection that has said nothing yet, at a place among those of its app.
    ///
    /// `socket_id` must be unique on the cluster and not guessable: authorisations are bound to it.
    pub fn new(link: L, slot: Slot, socket_id: SocketId) -> Self {
        Self {
            link,
            slot,
            socket_id,
            session: RefCell::default(),
        }
    }

    /// The tenant it belongs to.
    pub fn app(&self) -> &Arc<App> {
        self.slot.app()
    }

    /// Whether it signed in as the user `user_id`.
    pub fn is_user(&self, user_id: &str) -> bool {
        self.session
            .borrow()
            .user
            .as_ref()
            .is_some_and(|signed_in| signed_in.user.user_id == user_id)
    }

    /// Whether its subscription to the channel at this local index is that of the member `user_id`.
    pub(crate) fn is_member(&self, channel: u32, user_id: &str) -> bool {
        let session = self.session.borrow();
        let subscription = session.subscription(channel);
        subscription.is_some_and(|subscription| subscription.user_id.as_deref() == Some(user_id))
    }

    /// Its public name.
    pub fn socket_id(&self) -> SocketId {
        self.socket_id
    }
}

impl Session {
    pub(crate) fn subscription(&self, channel: u32) -> Option<&Subscription> {
        self.subscriptions
            .iter()
            .find(|subscription| subscription.channel == channel)
    }

    /// It signs in; true when it was nobody before. Who it is known as stays, what is known of the
    /// user is replaced.
    pub(crate) fn sign_in(&mut self, user: Member) -> Result<bool, Rejection> {
        match &mut self.user {
            Some(known) if known.user.user_id != user.user_id => Err(Rejection::AlreadySignedIn),
            Some(known) => {
                known.user = user;
                Ok(false)
            }
            unknown => {
                let watching = Vec::new();
                *unknown = Some(Box::new(SignedIn { user, watching }));
                Ok(true)
            }
        }
    }

    /// The subscription, or the watch, that stands at `channel`.
    pub(crate) fn place_mut(&mut self, channel: u32) -> Option<&mut Subscription> {
        let watching = self.user.iter_mut().flat_map(|user| &mut user.watching);
        self.subscriptions
            .iter_mut()
            .chain(watching)
            .find(|subscription| subscription.channel == channel)
    }

    /// Takes the last of those it watches off its list.
    pub(crate) fn stop_watching(&mut self) -> Option<Subscription> {
        self.user.as_mut()?.watching.pop()
    }

    pub(crate) fn remove(&mut self, channel: u32) -> Option<Subscription> {
        // From the end, where a connection that leaves everything takes them.
        let at = self
            .subscriptions
            .iter()
            .rposition(|s| s.channel == channel)?;
        Some(self.subscriptions.swap_remove(at))
    }
}
