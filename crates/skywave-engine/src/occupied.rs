//! An occupied channel: who listens to it and who is present.

use skywave_protocol::{Limits, Member, Rejection};

use crate::count::Told;
use crate::listeners::{ListId, Listeners};
use crate::presence::Members;

/// A channel with at least one subscription somewhere on this node.
#[derive(Debug)]
pub(crate) struct Occupied {
    pub(crate) listeners: Listeners,
    /// Who is present; only for presence channels.
    members: Option<Box<Members>>,
    /// When its subscribers last learned how many they are.
    pub(crate) told: Told,
}

impl Occupied {
    pub(crate) fn new(id: ListId, presence: bool) -> Self {
        Self {
            listeners: Listeners::new(id),
            members: presence.then(Box::default),
            told: Told::default(),
        }
    }

    /// Counts a subscription of `worker`; true when `member` was not present before.
    pub(crate) fn join(
        &mut self,
        worker: usize,
        member: Option<&Member>,
        limits: &Limits,
    ) -> Result<bool, Rejection> {
        let is_new = match (&mut self.members, member) {
            (Some(members), Some(member)) => members.join(member, limits)?,
            _ => false,
        };
        self.listeners.add(worker);
        Ok(is_new)
    }

    /// Uncounts a subscription of `worker`; true when it was the last one of the member `user_id`.
    pub(crate) fn leave(&mut self, worker: usize, user_id: Option<&str>) -> bool {
        self.listeners.remove(worker);
        match (&mut self.members, user_id) {
            (Some(members), Some(user_id)) => members.leave(user_id),
            _ => false,
        }
    }

    pub(crate) fn occupancy(&self) -> Occupancy {
        Occupancy {
            subscriptions: self.listeners.count(),
            users: self.members().map(Members::len),
        }
    }

    pub(crate) fn members(&self) -> Option<&Members> {
        self.members.as_deref()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.listeners.is_empty()
    }
}

/// How occupied a channel is on this node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Occupancy {
    /// Subscriptions, each connection counted.
    pub subscriptions: usize,
    /// Distinct users; only for presence channels.
    pub users: Option<usize>,
}
