//! The directory: which channels of an app are occupied, on which workers, and by whom; and what
//! its cache channels hold.
//!
//! It is the only state that threads share about channels, and its lock is what gives a channel
//! its one order: whoever holds it may put frames into the workers' inboxes. The map is cut into
//! shelves so that publishers to different channels rarely meet at one lock. A lock is held for a
//! map look-up and a few pushes, never across I/O or an `.await`.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

use skywave_protocol::{ChannelName, Limits, Member, Rejection};

use crate::cache::Cache;
use crate::engine::Occupancy;
use crate::presence::Members;

/// Identity of one occupancy of a channel; a channel that was empty in between gets a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ChannelId(pub(crate) u64);

/// One part of a directory, under one lock.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    pub(crate) occupied: HashMap<ChannelName, Occupied>,
    /// Last events of cache channels, occupied or not.
    pub(crate) cache: Cache,
}

/// The channels of one app.
#[derive(Debug)]
pub(crate) struct Directory {
    shelves: [Mutex<Shelf>; SHELVES],
    hasher: RandomState,
}

/// Enough that two busy channels of a 16-core node seldom share a lock; 64 bytes each when empty.
pub(crate) const SHELVES: usize = 32;

impl Directory {
    /// Runs `work` with the shelf of `channel` locked.
    ///
    /// `work` must not lock another shelf, and may lock inboxes: directory before inbox, always.
    pub(crate) fn locked<R>(&self, channel: &ChannelName, work: impl FnOnce(&mut Shelf) -> R) -> R {
        let shelf = self.hasher.hash_one(channel) as usize % SHELVES;
        // A panic under this lock is a bug that has been reported by then. The map itself is whole
        // at every step, so the other channels of the shelf go on.
        work(
            &mut self.shelves[shelf]
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// Shows every occupied channel to `look`, one shelf after the other: channels come and go in
    /// between, but each one that stays is shown once.
    pub(crate) fn for_each(&self, mut look: impl FnMut(&ChannelName, &Occupied)) {
        for shelf in &self.shelves {
            let shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
            for (name, occupied) in &shelf.occupied {
                look(name, occupied);
            }
        }
    }
}

impl Default for Directory {
    fn default() -> Self {
        Self {
            shelves: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
        }
    }
}

/// A channel with at least one subscription somewhere on this node.
#[derive(Debug)]
pub(crate) struct Occupied {
    pub(crate) id: ChannelId,
    /// Subscriptions per worker. A worker with none gets no frames.
    subscriptions: Vec<u32>,
    /// Who is present; only for presence channels.
    members: Option<Box<Members>>,
}

impl Occupied {
    pub(crate) fn new(id: ChannelId, presence: bool) -> Self {
        Self {
            id,
            subscriptions: Vec::new(),
            members: presence.then(Box::default),
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
