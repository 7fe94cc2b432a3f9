//! What can be set about the queue: [`QueueSettings`].

use std::time::Duration;

/// The bounds of the queue behind [`Sending::later`](crate::Sending::later), for
/// [`Builder::queue`](crate::Builder::queue).
///
/// ```
/// use std::time::Duration;
/// use skywave::{Broadcaster, Null, QueueSettings};
///
/// let broadcaster = Broadcaster::builder()
///     .driver("null", Null)
///     .queue(QueueSettings::default().capacity(10_000).close_within(Duration::from_secs(3)))
///     .build()?;
/// # Ok::<(), skywave::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "settings do nothing until they are given to `Builder::queue`"]
pub struct QueueSettings {
    pub(super) capacity: usize,
    pub(super) attempts: u32,
    pub(super) first_delay: Duration,
    pub(super) close_within: Duration,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            capacity: 1_000,
            attempts: 8,
            first_delay: Duration::from_millis(200),
            close_within: Duration::from_secs(10),
        }
    }
}

impl QueueSettings {
    /// How many events the queue takes, 1,000 by default. When it is full, new ones are refused
    /// with [`NotQueued::Full`](crate::NotQueued::Full). An event for two drivers counts twice.
    pub fn capacity(self, events: usize) -> Self {
        Self {
            capacity: events,
            ..self
        }
    }

    /// How often an event is tried at most, 8 times by default, which takes about 20 seconds.
    pub fn attempts(self, attempts: u32) -> Self {
        Self { attempts, ..self }
    }

    /// How long to wait before the second attempt, 200 ms by default. It doubles with every
    /// attempt, up to 10 seconds; a part of up to a half is left out by chance.
    pub fn first_delay(self, delay: Duration) -> Self {
        Self {
            first_delay: delay,
            ..self
        }
    }

    /// How long [`Broadcaster::close`](crate::Broadcaster::close) waits for queued events, 10
    /// seconds by default.
    pub fn close_within(self, limit: Duration) -> Self {
        Self {
            close_within: limit,
            ..self
        }
    }

    /// What cannot be.
    pub(crate) fn mistakes(&self) -> impl Iterator<Item = String> {
        let zero =
            |name, is_zero: bool| is_zero.then(|| format!("queue {name}: 0; expected at least 1"));
        [
            zero("capacity", self.capacity == 0),
            zero("attempts", self.attempts == 0),
        ]
        .into_iter()
        .flatten()
    }
}
