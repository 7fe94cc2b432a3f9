//! A worker's inbox: frames on their way from any thread to the worker's subscribers.
//!
//! Publishers push while they hold the channel's lock (see [`crate::directory`]), so frames of one
//! channel stand in every inbox in the same order. The worker takes all of them at once, once a
//! tick, or in pieces when a burst has left more than a tick should hold. Pushing into an inbox that
//! is not empty wakes nobody: one wake-up per tick, not per event.
//!
//! **At the bound** ([`Inbox::BYTES`], [`Inbox::FRAMES`]) the engine refuses to publish with
//! [`Rejection::OverCapacity`](skywave_protocol::Rejection::OverCapacity) before any inbox was
//! touched, and drops client events with a word to their sender. Member events, counts and what
//! watchers are told are let through, so that nobody is left with a wrong list: they are small, and
//! every one needs somebody who comes or goes.

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
    /// Bytes of the waiting frames, and how many they are; changed under the lock, read without it.
    bytes: AtomicUsize,
    frames: AtomicUsize,
}

#[derive(Debug, Default)]
struct Waiting {
    deliveries: VecDeque<Delivery>,
    worker: Option<Waker>,
}

impl Inbox {
    /// Bytes above which publishing is refused; far above what a tick holds unless a worker is stuck.
    pub const BYTES: usize = 64 * 1024 * 1024;

    /// Frames above which publishing is refused although they are small: each takes 512
    /// bytes of memory at least, so that these are 128 MiB and more.
    pub const FRAMES: usize = 256 * 1024;

    pub(crate) fn is_full(&self) -> bool {
        self.bytes() >= Self::BYTES || self.frames() >= Self::FRAMES
    }

    pub(crate) fn push(&self, delivery: Delivery) {
        let mut waiting = self.lock();
        let bytes = self.bytes() + delivery.frame.len();
        waiting.deliveries.push_back(delivery);
        self.count(bytes, &waiting);
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
        let bytes = self.bytes();
        if bytes <= limit {
            std::mem::swap(&mut waiting.deliveries, empty);
            self.count(0, &waiting);
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
        self.count(bytes - taken, &waiting);
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
        self.count(self.bytes() - taken, &waiting);
    }

    /// Bytes of the frames that are waiting.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// How many frames are waiting.
    pub(crate) fn frames(&self) -> usize {
        self.frames.load(Ordering::Relaxed)
    }

    /// Notes what is waiting now; only under the lock.
    fn count(&self, bytes: usize, waiting: &Waiting) {
        self.bytes.store(bytes, Ordering::Relaxed);
        let frames = waiting.deliveries.len();
        self.frames.store(frames, Ordering::Relaxed);
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
