//! How the server is: whether its workers respond, and whether it takes connections.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::drain::Stage;
use crate::node::{Mailbox, Node};

impl Mailbox {
    /// The worker has looked at its deadlines, `late` after the time at which it wanted to.
    pub(crate) fn beat(&self, now: u64, late: Duration) {
        self.beat.store(now, Ordering::Relaxed);
        let late = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
        self.lag_us.store(late, Ordering::Relaxed);
    }

    /// Milliseconds since the worker last showed that it runs; it does so every second.
    pub(crate) fn silence(&self, now: u64) -> u64 {
        now.saturating_sub(self.beat.load(Ordering::Relaxed))
    }
}

impl Node {
    /// What is wrong with the process, if something is: it should be started anew then.
    pub(crate) fn illness(&self) -> Option<String> {
        let now = self.millisecond();
        let silent = |(number, worker): (usize, &Mailbox)| {
            let silence = worker.silence(now);
            (silence > SILENCE_MS)
                .then(|| format!("worker {number} has not responded for {silence} ms"))
        };
        self.workers.iter().enumerate().find_map(silent)
    }

    /// Whom it would refuse now: that is no illness, and a new process would not be better off.
    fn shortage(&self) -> Option<String> {
        let memory = &self.admission.memory;
        let (used, limit) = memory.used_of().filter(|_| memory.is_over())?;
        Some(format!("{used} bytes of memory are used, {limit} may be"))
    }

    /// Why nobody new should be sent here, if nobody should.
    pub(crate) fn unreadiness(&self) -> Option<String> {
        match self.stage() {
            Stage::Serving => self.illness().or_else(|| self.shortage()),
            Stage::Leaving(_) | Stage::Draining(_) => Some(format!(
                "draining, {} connections are left",
                self.connections()
            )),
            Stage::Stopping => Some("stopping".to_owned()),
        }
    }
}

/// Five beats.
const SILENCE_MS: u64 = 5_000;
