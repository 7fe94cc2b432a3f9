//! What became of the events that endpoints wanted.

use std::sync::atomic::{AtomicU64, Ordering};

/// The running totals behind [`WebhookCounters`].
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) queued: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) failed: AtomicU64,
    /// Never got into a line.
    pub(super) refused: AtomicU64,
    /// Gave way in a full line, or belonged to an endpoint that is no more.
    pub(super) evicted: AtomicU64,
    pub(super) attempts_failed: AtomicU64,
}

/// What became of the events of webhooks since the server started, for metrics. An event that two
/// endpoints want counts twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct WebhookCounters {
    /// Events that were put in line for an endpoint.
    pub queued: u64,
    /// Those that were acknowledged.
    pub sent: u64,
    /// Those that were given up because they grew too old, or the server ended.
    pub failed: u64,
    /// Those that had no room: the oldest of a full line, or events that never got into one.
    pub dropped: u64,
    /// Those that are in line now.
    pub waiting: u64,
    /// Requests that failed, whether they were repeated or not.
    pub attempts_failed: u64,
}

impl Counters {
    pub(super) fn add(counter: &AtomicU64, count: usize) {
        counter.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub(super) fn snapshot(&self) -> WebhookCounters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        // What left the line is read first, so that it cannot outnumber what came in.
        let (sent, failed) = (read(&self.sent), read(&self.failed));
        let (refused, evicted) = (read(&self.refused), read(&self.evicted));
        let queued = read(&self.queued);
        WebhookCounters {
            queued,
            sent,
            failed,
            dropped: refused + evicted,
            waiting: queued.saturating_sub(sent + failed + evicted),
            attempts_failed: read(&self.attempts_failed),
        }
    }
}
