//! An occupied channel: who listens to it, counted per worker, and who is present.

use skywave_protocol::{Limits, Member, Rejection};

use crate::count::Told;
use crate::presence::Members;

/// Identity of one occupancy of a channel; a channel that was empty in between gets a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ChannelId(pub(crate) u64);

/// A channel with at least one subscription somewhere on this node.
#[derive(Debug)]
pub(crate) struct Occupied {
    pub(crate) id: ChannelId,
    /// Subscriptions per worker. A worker with none gets no frames.
    subscriptions: Vec<u32>,
    /// Who is present; only for presence channels.
    members: Option<Box<Members>>,
    /// When its subscribers last learned how many they are.
    pub(crate) told: Told,
}

impl Occupied {
    pub(crate) fn new(id: ChannelId, presence: bool) -> Self {
        Self {
            id,
            subscriptions: Vec::new(),
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
        if self.subscriptions.len() <= worker {
            self.subscriptions.resize(worker + 1, 0);
        }
        self.subscriptions[worker] += 1;
        Ok(is_new)
    }

    /// Uncounts a subscription of `worker`; true when it was the last one of the member `user_id`.
    pub(crate) fn leave(&mut self, worker: usize, user_id: Option<&str>) -> bool {
        if let Some(count) = self.subscriptions.get_mut(worker) {
            *count = count.saturating_sub(1);
        }
        match (&mut self.members, user_id) {
            (Some(members), Some(user_id)) => members.leave(user_id),
            _ => false,
        }
    }

    /// The workers that have subscribers.
    pub(crate) fn workers(&self) -> impl Iterator<Item = usize> {
        self.subscriptions
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
            .map(|(worker, _)| worker)
    }

    pub(crate) fn occupancy(&self) -> Occupancy {
        Occupancy {
            subscriptions: self.subscriptions.iter().map(|count| *count as usize).sum(),
            users: self.members().map(Members::len),
        }
    }

    pub(crate) fn members(&self) -> Option<&Members> {
        self.members.as_deref()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.subscriptions.iter().all(|count| *count == 0)
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
