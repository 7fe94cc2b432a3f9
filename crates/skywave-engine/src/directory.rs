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

use skywave_protocol::ChannelName;

use crate::cache::Cache;
use crate::occupied::Occupied;

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

/// Enough that two busy channels of a 16-core node seldom share a lock.
const SHELVES: usize = 32;

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

    /// How many of `total` things of an app fit on one shelf; at least one.
    pub(crate) fn share(total: usize) -> usize {
        (total / SHELVES).max(1)
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
