//! Sending in the background: [`Sending::later`](crate::Sending::later), its queue and its numbers.
//!
//! ```text
//! later ─▶ checks, as ever ─▶ Lanes ─▶ a few tasks ─▶ Driver::publish, again after a while if it fails
//! ```
//!
//! The queue is bounded and in memory: what is in it when the process dies is lost. **At the bound**
//! a new event is refused with an [error](crate::Error::NotQueued); nothing that was queued is thrown
//! away for it. Tasks live only while there is something to send, on the runtime that
//! [`later`](crate::Sending::later) was called in. Order is kept per channel and driver: see
//! [`lanes`].
//!
//! An event whose driver fails is tried again, after a delay that doubles and is shortened by chance,
//! so that many processes do not come back at once. A driver that fails after it had accepted the
//! event, without saying so, gets it twice.

mod lanes;
mod settings;

use std::collections::hash_map::RandomState;
use std::error::Error as StdError;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use skywave_protocol::ChannelName;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tracing::Instrument;

use self::lanes::Lanes;
pub use self::settings::QueueSettings;
use crate::counters::{Count, Tally};
use crate::driver::{Driver, DriverError, Envelope};
use crate::error::chain;

/// The queue of events to be sent in the background, in numbers: what
/// [`Broadcaster::queue`](crate::Broadcaster::queue) gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct QueueStatus {
    /// Events in the queue now, those included that are being sent. Never more than the
    /// [capacity](QueueSettings::capacity).
    pub waiting: usize,
    /// Events that the driver accepted, since the broadcaster was built, as the following.
    pub sent: u64,
    /// Attempts that were not an event's first.
    pub retried: u64,
    /// Events that were queued and given up: every attempt failed, the driver's error was one that
    /// stays, or the time for [closing](crate::Broadcaster::close) was over. Each is logged.
    pub dropped: u64,
    /// Events that were not queued, because the queue was full or closed.
    pub refused: u64,
}

/// Why an event was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotQueued {
    /// There are as many events in the queue as it takes.
    Full {
        /// How many it takes.
        capacity: usize,
    },
    /// The broadcaster was [closed](crate::Broadcaster::close).
    Closed,
    /// There is no tokio runtime that could send it.
    NoRuntime,
}

impl fmt::Display for NotQueued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { capacity } => write!(f, "the queue is full: it takes {capacity} events"),
            Self::Closed => f.write_str("the broadcaster was closed"),
            Self::NoRuntime => {
                f.write_str("there is no tokio runtime here: expected to be called in one")
            }
        }
    }
}

/// Events that were still in the queue when the time for closing was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Undelivered {
    /// How many there were.
    pub events: usize,
}

impl fmt::Display for Undelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { events } = self;
        write!(
            f,
            "{events} queued events were not sent before the broadcaster closed"
        )
    }
}

impl StdError for Undelivered {}

/// One event for one driver.
#[derive(Clone)]
pub(crate) struct Delivery {
    pub(crate) driver_name: String,
    pub(crate) driver: Arc<dyn Driver>,
    pub(crate) envelope: Envelope,
}

/// A channel of a driver.
type Lane = (String, ChannelName);

/// The queue of a broadcaster.
pub(crate) struct Queue {
    settings: QueueSettings,
    state: Mutex<State>,
    /// Told when the queue gets empty.
    empty: Notify,
    sent: AtomicU64,
    retried: AtomicU64,
    dropped: AtomicU64,
    refused: AtomicU64,
    tally: Arc<Tally>,
}

struct State {
    lanes: Lanes<Lane, Delivery>,
    /// Tasks that send.
    tasks: usize,
    closed: bool,
    /// The time for closing is over: nothing is tried again.
    over: bool,
}

impl Queue {
    pub(crate) fn new(settings: QueueSettings, tally: Arc<Tally>) -> Arc<Self> {
        Arc::new(Self {
            settings,
            state: Mutex::new(State {
                lanes: Lanes::new(),
                tasks: 0,
                closed: false,
                over: false,
            }),
            empty: Notify::new(),
            sent: AtomicU64::new(0),
            retried: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            tally,
        })
    }

    /// Queues all of them or none.
    pub(crate) fn put(self: &Arc<Self>, deliveries: Vec<Delivery>) -> Result<(), NotQueued> {
        let put = self.try_put(deliveries);
        match put {
            Ok(()) => self.start_tasks(),
            Err(_) => add(&self.refused, 1),
        }
        put
    }

    fn try_put(&self, deliveries: Vec<Delivery>) -> Result<(), NotQueued> {
        if Handle::try_current().is_err() {
            return Err(NotQueued::NoRuntime);
        }
        let mut state = self.state();
        if state.closed {
            return Err(NotQueued::Closed);
        }
        let capacity = self.settings.capacity;
        if state.lanes.len() + deliveries.len() > capacity {
            return Err(NotQueued::Full { capacity });
        }
        for delivery in deliveries {
            let channels = delivery.envelope.channels.iter();
            let lanes = channels.map(|channel| (delivery.driver_name.clone(), channel.clone()));
            state.lanes.put(lanes.collect(), delivery);
        }
        Ok(())
    }

    pub(crate) fn status(&self) -> QueueStatus {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        QueueStatus {
            waiting: self.state().lanes.len(),
            sent: read(&self.sent),
            retried: read(&self.retried),
            dropped: read(&self.dropped),
            refused: read(&self.refused),
        }
    }

    /// Takes no more events, and waits until all are sent or the time is over.
    pub(crate) async fn close(&self) -> Result<(), Undelivered> {
        self.state().closed = true;
        let deadline = Instant::now() + self.settings.close_within;
        loop {
            // Made before looking, so that what happens in between is not missed.
            let empty = self.empty.notified();
            if self.state().lanes.len() == 0 {
                return Ok(());
            }
            if timeout_at(deadline, empty).await.is_err() {
                break;
            }
        }
        let mut state = self.state();
        state.over = true;
        let events = state.lanes.len();
        let cleared = state.lanes.clear();
        drop(state);
        add(&self.dropped, cleared as u64);
        if events == 0 {
            return Ok(());
        }
        tracing::error!(events, "closed with queued events that were not sent");
        Err(Undelivered { events })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts as many tasks as there are events that may go, up to a limit.
    fn start_tasks(self: &Arc<Self>) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let mut state = self.state();
        let more = state
            .lanes
            .ready()
            .min(MAX_TASKS.saturating_sub(state.tasks));
        state.tasks += more;
        drop(state);
        for _ in 0..more {
            runtime.spawn(Task::new(self).run());
        }
    }

    /// Sends one event, as often as it takes or is allowed.
    async fn send(&self, mut delivery: Delivery) {
        let mut delay = self.settings.first_delay;
        for attempt in 1.. {
            let Err(error) = self.attempt(&mut delivery).await else {
                return add(&self.sent, 1);
            };
            let Delivery {
                driver_name,
                envelope,
                ..
            } = &delivery;
            let (event, error) = (&envelope.event, (chain(&error), worth_retrying(&error)));
            if attempt >= self.settings.attempts || !error.1 || self.state().over {
                let error = error.0;
                tracing::error!(driver = driver_name, %event, attempt, error, "dropped a queued event");
                return add(&self.dropped, 1);
            }
            let error = error.0;
            tracing::warn!(driver = driver_name, %event, attempt, error, "will try a queued event again");
            sleep(jittered(delay)).await;
            delay = (delay * 2).min(MAX_DELAY);
            add(&self.retried, 1);
        }
    }

    async fn attempt(&self, delivery: &mut Delivery) -> Result<(), DriverError> {
        let Delivery {
            driver_name,
            driver,
            envelope,
        } = delivery;
        let span = tracing::debug_span!("publish", driver = driver_name, event = %envelope.event);
        let published = timeout(ATTEMPT_LIMIT, driver.publish(envelope).instrument(span)).await;
        let published = published.unwrap_or_else(|_| {
            let text = format!("it was not done within {ATTEMPT_LIMIT:?}");
            Err(DriverError::new(text))
        });
        self.tally.add(match &published {
            Ok(()) => Count::Published,
            Err(_) => Count::Failed,
        });
        if let Err(error) = &published {
            // Those are not to get it twice.
            envelope
                .channels
                .retain(|channel| !error.sent_to().contains(channel));
        }
        published
    }
}

/// One task, which sends while there is something that may go. Dropped in the middle of it, because
/// its runtime ended or a driver panicked, it gives its event up, and lets the others move on.
struct Task {
    queue: Arc<Queue>,
    /// The event that is being sent.
    current: Option<u64>,
}

impl Task {
    fn new(queue: &Arc<Queue>) -> Self {
        Self {
            queue: Arc::clone(queue),
            current: None,
        }
    }

    async fn run(mut self) {
        while let Some((id, delivery)) = self.next() {
            self.current = Some(id);
            self.queue.send(delivery).await;
            self.current = None;
            self.queue.state().lanes.done(id);
            // More than one may have waited for it.
            self.queue.start_tasks();
        }
    }

    fn next(&self) -> Option<(u64, Delivery)> {
        self.queue.state().lanes.next()
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        let mut state = self.queue.state();
        state.tasks -= 1;
        if let Some(id) = self.current {
            state.lanes.done(id);
            add(&self.queue.dropped, 1);
            tracing::error!("dropped a queued event: the driver panicked, or the runtime ended");
        }
        if state.lanes.len() == 0 {
            self.queue.empty.notify_waiters();
        }
        drop(state);
        self.queue.start_tasks();
    }
}

fn add(counter: &AtomicU64, number: u64) {
    counter.fetch_add(number, Ordering::Relaxed);
}

/// Whether another attempt may end better: not where a server has refused the request for what it
/// is.
fn worth_retrying(error: &DriverError) -> bool {
    #[cfg(feature = "_http")]
    {
        let mut source = error.source();
        while let Some(error) = source {
            if let Some(crate::driver::HttpError::Status { status, .. }) = error.downcast_ref() {
                // 408: it took too long. 429: too many requests.
                return matches!(status, 408 | 429) || !(300..500).contains(status);
            }
            source = error.source();
        }
    }
    let _ = error;
    true
}

/// Between half of the delay and all of it.
fn jittered(delay: Duration) -> Duration {
    // Every `RandomState` has keys of its own: chance enough for this, without a generator.
    let chance = RandomState::new().build_hasher().finish() % 1_000;
    let share = 500 + u32::try_from(chance / 2).unwrap_or_default();
    delay * share / 1_000
}

/// Tasks that send at the same time: enough to keep several requests to a server in flight.
const MAX_TASKS: usize = 16;
/// For one attempt. Drivers have limits of their own that are shorter; this one is for those
/// without.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(30);
const MAX_DELAY: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_shortened_by_at_most_half_and_by_chance() {
        let delays: Vec<_> = (0..100).map(|_| jittered(Duration::from_secs(1))).collect();
        let (half, whole) = (Duration::from_millis(500), Duration::from_secs(1));
        assert!(delays.iter().all(|delay| (half..whole).contains(delay)));
        assert!(delays.iter().any(|delay| delay != &delays[0]));
    }

    #[cfg(feature = "_http")]
    #[test]
    fn a_request_that_was_refused_for_what_it_is_is_not_made_again() {
        use crate::driver::HttpError;

        for (status, again) in [
            (400, false),
            (401, false),
            (413, false),
            (408, true),
            (429, true),
            (500, true),
            (503, true),
        ] {
            let status = HttpError::Status {
                server: "127.0.0.1:1".into(),
                status,
                text: String::new(),
            };
            let error = DriverError::new("not accepted").caused_by(status.clone());
            assert_eq!(worth_retrying(&error), again, "{status}");
        }
        assert!(worth_retrying(&DriverError::new("no connection")));
    }
}
