//! A worker's inbox: frames on their way from any thread to the worker's subscribers.
//!
//! Publishers push while they hold the channel's lock (see [`crate::directory`]), so frames of one
//! channel stand in every inbox in the same order. The worker takes all of them at once, once a
//! tick, or in pieces when a burst has left more than a tick should hold. Pushing into an inbox that
//! is not empty wakes nobody: one wake-up per tick, not per event.
//!
//! **At the bound** ([`Inbox::BYTES`]) the engine refuses to publish with
//! [`Rejection::OverCapacity`](skywave_protocol::Rejection::OverCapacity) before any inbox was
//! touched. Member events, client events, counts and what watchers are told are let through: they
//! are small, and their rate is bounded elsewhere.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use crate::except::Excluded;
use crate::listeners::ListId;

/// Finished bytes for those who listen to something on one worker.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    /// Whose list it is for.
    pub(crate) to: ListId,
    pub(crate) frame: Bytes,
    /// Who must not get it.
    pub(crate) except: Option<Excluded>,
}

/// Frames waiting for a worker's next tick.
#[derive(Debug, Default)]
pub struct Inbox {
    waiting: Mutex<Waiting>,
    /// Bytes of the waiting frames; changed under the lock, read without it.
    bytes: AtomicUsize,
}

#[derive(Debug, Default)]
struct Waiting {
    deliveries: VecDeque<Delivery>,
    worker: Option<Waker>,
}

impl Inbox {
    /// Bytes above which publishing is refused; far above what a tick holds unless a worker is stuck.
    pub const BYTES: usize = 64 * 1024 * 1024;

    pub(crate) fn is_full(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) >= Self::BYTES
    }

    pub(crate) fn push(&self, delivery: Delivery) {
        let mut waiting = self.lock();
        self.bytes
            .fetch_add(delivery.frame.len(), Ordering::Relaxed);
        waiting.deliveries.push_back(delivery);
        let worker = waiting.worker.take();
        drop(waiting);
        if let Some(worker) = worker {
            worker.wake();
        }
    }

    /// Moves the waiting deliveries into `empty`: all of them when they are at most `limit` bytes,
    /// otherwise from the front until there are that many, but always one. True when some are left.
    pub(crate) fn take(&self, empty: &mut VecDeque<Delivery>, limit: usize) -> bool {
        let mut waiting = self.lock();
        let bytes = self.bytes.load(Ordering::Relaxed);
        if bytes <= limit {
            std::mem::swap(&mut waiting.deliveries, empty);
            self.bytes.store(0, Ordering::Relaxed);
            return false;
        }
        let mut taken = 0;
        while let Some(delivery) = waiting.deliveries.pop_front() {
            taken += delivery.frame.len();
            empty.push_back(delivery);
            if taken >= limit {
                break;
            }
        }
        self.bytes.store(bytes - taken, Ordering::Relaxed);
        !waiting.deliveries.is_empty()
    }

    /// Moves only what is waiting for `list`; the others keep their places. Looks at everything that
    /// is waiting.
    pub(crate) fn take_of(&self, list: ListId, empty: &mut VecDeque<Delivery>) {
        let mut waiting = self.lock();
        let mut taken = 0;
        waiting.deliveries.retain_mut(|delivery| {
            if delivery.to != list {
                return true;
            }
            taken += delivery.frame.len();
            empty.push_back(delivery.clone());
            false
        });
        self.bytes.fetch_sub(taken, Ordering::Relaxed);
    }

    /// Bytes of the frames that are waiting.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Ready when something is waiting.
    pub(crate) fn poll_waiting(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut waiting = self.lock();
        if waiting.deliveries.is_empty() {
            waiting.worker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing under this lock can leave the two fields half-changed.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
