//! Calls for connections that want to be served although no selector says so ([`crate::readiness`]):
//! because they have something to write, or are to be closed, or because their streams are no sockets
//! (TLS, sessions over HTTP).
//!
//! They may come from any thread. Whoever has called does not call again before the answer, so that no
//! more than two wait for a connection: its own, and its stream's.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Wake, Waker};

/// Connections that somebody wants to be served.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    keys: Vec<u32>,
    task: Option<Waker>,
}

/// Calls one connection, from any thread.
#[derive(Debug)]
pub(crate) struct Caller {
    calls: Arc<Calls>,
    key: u32,
    /// It has called, and was not answered yet.
    has_called: AtomicBool,
}

impl Calls {
    /// How the stream of connection `key` calls it.
    pub(crate) fn caller(self: &Arc<Self>, key: u32) -> Arc<Caller> {
        Arc::new(Caller {
            calls: Arc::clone(self),
            key,
            has_called: AtomicBool::new(false),
        })
    }

    /// Has connection `key` served.
    pub(crate) fn call(&self, key: u32) {
        let mut waiting = self.lock();
        waiting.keys.push(key);
        let task = waiting.task.take();
        drop(waiting);
        if let Some(task) = task {
            task.wake();
        }
    }

    /// Shows `due` who was called; the task is woken by the next call when that is nobody.
    pub(crate) fn take(&self, cx: &Context<'_>, due: impl FnMut(u32)) {
        let mut waiting = self.lock();
        if waiting.keys.is_empty() {
            waiting.task = Some(cx.waker().clone());
        }
        waiting.keys.drain(..).for_each(due);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing under this lock can leave the two fields half-changed.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Caller {
    /// The connection is served now: what happens from here on is a reason to call again.
    pub(crate) fn is_answered(&self) {
        self.has_called.store(false, Ordering::Release);
    }
}

impl Wake for Caller {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.has_called.swap(true, Ordering::AcqRel) {
            self.calls.call(self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(calls: &Calls, waker: &Waker) -> Vec<u32> {
        let mut keys = Vec::new();
        calls.take(&Context::from_waker(waker), |key| keys.push(key));
        keys
    }

    #[test]
    fn a_caller_calls_once_until_it_is_answered() {
        let calls = Arc::new(Calls::default());
        let caller = calls.caller(7);
        let waker = Waker::from(Arc::clone(&caller));
        waker.wake_by_ref();
        waker.wake_by_ref();
        calls.call(8);
        assert_eq!(taken(&calls, Waker::noop()), [7, 8]);
        waker.wake_by_ref();
        assert_eq!(taken(&calls, Waker::noop()), [0_u32; 0]);
        caller.is_answered();
        waker.wake();
        assert_eq!(taken(&calls, Waker::noop()), [7]);
    }

    #[test]
    fn who_waits_for_calls_is_woken_by_the_next() {
        let calls = Arc::new(Calls::default());
        // Its task is one that can be seen to be woken.
        let seen = Arc::new(Calls::default());
        let task = Waker::from(seen.caller(1));
        assert_eq!(taken(&calls, &task), [0_u32; 0]);
        calls.call(7);
        calls.call(8);
        assert_eq!(taken(&seen, Waker::noop()), [1]);
        assert_eq!(taken(&calls, &task), [7, 8]);
    }
}
