//! A table that all threads share, cut into shelves so that they rarely meet at one lock.
//!
//! A lock is held for a look-up and a few pushes into inboxes, never across I/O or an `.await`. Who
//! holds a shelf may lock inboxes, and no other shelf of any table.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, PoisonError};

/// Shelves of the same kind; what belongs to a key stands on one of them.
#[derive(Debug)]
pub(crate) struct Shelves<S> {
    shelves: [Mutex<S>; SHELVES],
    hasher: RandomState,
}

/// Enough that two busy channels of a 16-core node seldom share a lock.
const SHELVES: usize = 32;

impl<S> Shelves<S> {
    /// Runs `work` with the shelf of `key` locked.
    pub(crate) fn locked<R>(&self, key: impl Hash, work: impl FnOnce(&mut S) -> R) -> R {
        let shelf = self.hasher.hash_one(key) as usize % SHELVES;
        // A panic under this lock is a bug that has been reported by then. The shelf itself is whole
        // at every step, so what else stands on it goes on.
        work(
            &mut self.shelves[shelf]
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// Shows every shelf to `look`, one after the other: things come and go in between.
    pub(crate) fn for_each(&self, mut look: impl FnMut(&S)) {
        for shelf in &self.shelves {
            look(&shelf.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

impl<S: Default> Default for Shelves<S> {
    fn default() -> Self {
        Self {
            shelves: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
        }
    }
}

/// How many of `total` things fit on one shelf; at least one.
pub(crate) fn share(total: usize) -> usize {
    (total / SHELVES).max(1)
}
