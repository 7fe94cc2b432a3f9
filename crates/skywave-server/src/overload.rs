//! A node at the end of its means: what it refuses then, and how that is told.
//!
//! | what runs out | what is refused | it ends |
//! |---|---|---|
//! | descriptors | sockets, at once ([`crate::listener`]) | when connections end |
//! | a worker's inbox | events: 503 ([`skywave_engine::Inbox`]) | when the worker has caught up |
//! | all outboxes of a worker | readers that are behind: 4100 ([`crate::outbox`]) | when they read, or are gone |
//! | memory | connections: 4100, events: 503 ([`crate::memory`]) | when clearly less is used, or fewer are left |
//!
//! A shortage shows with every request, so each is logged at most once in [`PAUSE_MS`], with what it
//! takes to judge it; how often it happened is counted.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use skywave_engine::Inbox;
use skywave_protocol::Rejection;

use crate::node::Node;

/// What runs out, and what was told of it.
#[derive(Debug, Default)]
pub(crate) struct Overload {
    descriptors: Shortage,
    inbox: Shortage,
    outboxes: Shortage,
    memory: Shortage,
    /// The millisecond at which somebody may look again.
    look_at: AtomicU64,
}

/// One thing that runs out.
#[derive(Debug, Default)]
struct Shortage {
    /// The millisecond at which it may be told again.
    tell_at: AtomicU64,
    /// Its beginning was told, its end was not.
    told: AtomicBool,
}

impl Node {
    /// Whether events are accepted, as far as memory and inboxes go.
    pub(crate) fn has_room_for_events(&self) -> Result<(), Rejection> {
        if self.admission.memory.is_over() {
            self.counters.publishes_refused_for_memory.add_one();
            return Err(Rejection::OverCapacity);
        }
        if self.engine.is_behind() {
            self.inbox_was_full();
            return Err(Rejection::OverCapacity);
        }
        Ok(())
    }

    /// Events were refused, because a worker is too far behind.
    pub(crate) fn inbox_was_full(&self) {
        let counter = &self.counters.publishes_refused_for_inbox;
        counter.add_one();
        if self.overload.inbox.shows(self.millisecond()) {
            let waiting = |&worker: &usize| self.engine.waiting_bytes(worker);
            let worker = (0..self.workers.len()).max_by_key(waiting).unwrap_or(0);
            tracing::warn!(
                worker,
                waiting_bytes = self.engine.waiting_bytes(worker),
                limit_bytes = Inbox::BYTES,
                waiting_frames = self.engine.waiting_frames(worker),
                limit_frames = Inbox::FRAMES,
                refused = counter.get(),
                "events are refused: a worker is too far behind"
            );
        }
    }

    /// So many readers had to go within the last second because all outboxes of a worker were full.
    pub(crate) fn outboxes_were_full(&self, worker: usize, readers: usize) {
        if self.overload.outboxes.shows(self.millisecond()) {
            let mailbox = &self.workers[worker];
            tracing::warn!(
                worker,
                readers,
                waiting_bytes = mailbox.outbox_bytes.load(Ordering::Relaxed),
                limit_bytes = mailbox.outboxes_limit,
                "slow readers are closed early: too much is waiting for all of them together"
            );
        }
    }

    /// Connections cannot be accepted.
    pub(crate) fn complain(&self, error: &io::Error) {
        if self.overload.descriptors.shows(self.millisecond()) {
            let refused = self.counters.turned_away.get();
            tracing::warn!(%error, refused, "connections cannot be accepted");
        }
    }

    /// Looks after everything that runs out and is not noticed by anybody else, once a second,
    /// however many workers ask for it. Any that runs is enough.
    pub(crate) fn look_around(&self) {
        let now = self.millisecond();
        if !is_due(&self.overload.look_at, now, LOOK_PAUSE_MS) {
            return;
        }
        let memory = &self.admission.memory;
        memory.look(self.connections());
        if let Some((used_bytes, limit_bytes)) = memory.used_of() {
            if !memory.is_over() {
                if self.overload.memory.ends() {
                    let connections = self.connections();
                    tracing::info!(
                        used_bytes,
                        limit_bytes,
                        connections,
                        "there is memory again for new connections and events"
                    );
                }
            } else if self.overload.memory.shows(now) {
                let refused_events = self.counters.publishes_refused_for_memory.get();
                tracing::warn!(
                    used_bytes,
                    limit_bytes,
                    refused_events,
                    "more memory is used than may be: new connections and events are refused"
                );
            }
        }
        if !self.engine.is_behind() && self.overload.inbox.ends() {
            let refused = self.counters.publishes_refused_for_inbox.get();
            tracing::info!(
                refused,
                "events are accepted again: the worker has caught up"
            );
        }
    }
}

impl Shortage {
    /// Whether it is to be told at millisecond `now`: now and then, since it shows often.
    fn shows(&self, now: u64) -> bool {
        let is_due = is_due(&self.tell_at, now, PAUSE_MS);
        if is_due {
            self.told.store(true, Ordering::Relaxed);
        }
        is_due
    }

    /// Whether its end is to be told: once, if its beginning was.
    fn ends(&self) -> bool {
        self.told.swap(false, Ordering::Relaxed)
    }
}

/// Whether a time has come; for one of those who ask at that time, and not again within the pause.
fn is_due(at: &AtomicU64, now: u64, pause: u64) -> bool {
    let due = at.load(Ordering::Relaxed);
    let (next, order) = (now + pause, Ordering::Relaxed);
    now >= due && at.compare_exchange(due, next, order, order).is_ok()
}

/// At most once in this time is a shortage told.
const PAUSE_MS: u64 = 10_000;

/// A little less than the second after which each worker asks.
const LOOK_PAUSE_MS: u64 = 900;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_is_told_once_in_ten_seconds() {
        let shortage = Shortage::default();
        let told: Vec<bool> = [0, 1, 9_999, 10_000, 10_001, 50_000]
            .map(|now| shortage.shows(now))
            .into();
        assert_eq!(told, [true, false, false, true, false, true]);
    }

    #[test]
    fn its_end_is_told_once_and_only_after_its_beginning() {
        let shortage = Shortage::default();
        assert!(!shortage.ends());
        assert!(shortage.shows(0));
        assert!(shortage.ends());
        assert!(!shortage.ends());
        assert!(!shortage.shows(5_000));
        assert!(!shortage.ends(), "nobody heard that it was there again");
    }
}
