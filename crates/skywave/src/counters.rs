//! What a broadcaster has done since it was built, in numbers: [`Counters`].

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// How often what happened since the broadcaster was built: what
/// [`Broadcaster::counters`](crate::Broadcaster::counters) gives, for a page of metrics.
///
/// Every number only grows. They are read one after the other, so in a busy application a sum of
/// them may be off by what happened in between.
///
/// ```
/// # use skywave::{Broadcaster, Null};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let broadcaster = Broadcaster::builder().driver("null", Null).build()?;
/// broadcaster.as_system().to("news").message("hello").await?;
/// assert_eq!(broadcaster.counters().published, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Counters {
    /// Events that a driver accepted; an event that goes through two drivers counts twice.
    pub published: u64,
    /// Channels that an event was not sent to, whatever the [reason](crate::SkipReason).
    pub skipped: u64,
    /// Events that a driver did not accept, with every attempt counted.
    pub failed: u64,
    /// Channels and users that were signed.
    pub authorised: u64,
    /// Channels and users that were denied.
    pub denied: u64,
    /// Channels and users that could be neither signed nor denied: a hook or rule failed.
    pub undecided: u64,
}

/// The counters as they are counted.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    published: AtomicU64,
    skipped: AtomicU64,
    failed: AtomicU64,
    authorised: AtomicU64,
    denied: AtomicU64,
    undecided: AtomicU64,
}

/// What is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Count {
    Published,
    Skipped,
    Failed,
    Authorised,
    Denied,
    Undecided,
}

impl Tally {
    pub(crate) fn add(&self, what: Count) {
        let counter = match what {
            Count::Published => &self.published,
            Count::Skipped => &self.skipped,
            Count::Failed => &self.failed,
            Count::Authorised => &self.authorised,
            Count::Denied => &self.denied,
            Count::Undecided => &self.undecided,
        };
        // Nothing else depends on the order in which the numbers become visible.
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> Counters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counters {
            published: read(&self.published),
            skipped: read(&self.skipped),
            failed: read(&self.failed),
            authorised: read(&self.authorised),
            denied: read(&self.denied),
            undecided: read(&self.undecided),
        }
    }
}
