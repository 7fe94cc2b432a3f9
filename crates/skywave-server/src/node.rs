//! What the threads of a node share: the engine, its clock, and how to reach each worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use skywave_engine::{App, Engine, Publication};
use skywave_protocol::Rejection;
use tokio::sync::{mpsc, watch};

use crate::admission::Admission;
use crate::arrival::Arrival;
use crate::counters::Counters;
use crate::drain::Stage;
use crate::http::{Fallback, Prefix};
use crate::overload::Overload;
#[cfg(feature = "webhooks")]
use crate::webhook::{Announcer, WebhookCounters};

/// The engine and the workers of a running server.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) engine: Arc<Engine>,
    pub(crate) workers: Vec<Mailbox>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) fallback: Fallback,
    pub(crate) prefix: Prefix,
    pub(crate) counters: Counters,
    pub(crate) overload: Overload,
    /// Tells what became of webhooks.
    #[cfg(feature = "webhooks")]
    webhooks: Option<Arc<Announcer>>,
    /// How far the server's life has come; every worker follows it.
    pub(crate) stage: watch::Sender<Stage>,
    /// Says that apps were replaced, so that every worker looks whose connections may stay.
    pub(crate) apps_replaced: watch::Sender<()>,
    started: Instant,
}

/// A worker as other threads see it; it does not keep the worker running.
#[derive(Debug)]
pub(crate) struct Mailbox {
    pub(crate) arrivals: mpsc::WeakSender<Arrival>,
    /// Connections on the worker.
    pub(crate) load: AtomicUsize,
    /// HTTP requests on the worker's own listeners that are being answered.
    pub(crate) requests: AtomicUsize,
    /// When the worker last showed that it runs, on the node's clock.
    pub(crate) beat: AtomicU64,
    /// How late it was then, in microseconds.
    pub(crate) lag_us: AtomicU64,
    /// Bytes in the outboxes of its connections, as of then.
    pub(crate) outbox_bytes: AtomicUsize,
    /// Bytes that they may hold together.
    pub(crate) outboxes_limit: usize,
}

impl Mailbox {
    pub(crate) fn new(arrivals: mpsc::WeakSender<Arrival>, outboxes_limit: usize) -> Self {
        Self {
            arrivals,
            load: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
            beat: AtomicU64::new(0),
            lag_us: AtomicU64::new(0),
            outbox_bytes: AtomicUsize::new(0),
            outboxes_limit,
        }
    }

    pub(crate) fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }

    /// Counts a request of the worker's as long as the result lives.
    pub(crate) fn count_request(&self) -> impl Drop + use<'_> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        Counted(&self.requests)
    }

    /// Hands something to the worker; lost when the server is stopping.
    pub(crate) async fn send(&self, arrival: Arrival) {
        if let Some(arrivals) = self.arrivals.upgrade() {
            let _ = arrivals.send(arrival).await;
        }
    }
}

/// One of so many; no longer when it is dropped.
struct Counted<'a>(&'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Node {
    pub(crate) fn new(
        engine: Arc<Engine>,
        workers: Vec<Mailbox>,
        admission: Arc<Admission>,
        (fallback, prefix): (Fallback, Prefix),
    ) -> Self {
        Self {
            engine,
            workers,
            admission,
            fallback,
            prefix,
            counters: Counters::default(),
            overload: Overload::default(),
            #[cfg(feature = "webhooks")]
            webhooks: None,
            stage: watch::Sender::new(Stage::Serving),
            apps_replaced: watch::Sender::new(()),
            started: Instant::now(),
        }
    }

    /// With somebody who tells what became of webhooks.
    #[cfg(feature = "webhooks")]
    pub(crate) fn with_webhooks(self, announcer: Arc<Announcer>) -> Self {
        Self {
            webhooks: Some(announcer),
            ..self
        }
    }

    /// What became of webhooks.
    #[cfg(feature = "webhooks")]
    pub(crate) fn webhooks(&self) -> Option<WebhookCounters> {
        self.webhooks.as_ref().map(|announcer| announcer.counters())
    }

    /// The node's clock, in milliseconds: monotonic, the same for all threads.
    pub(crate) fn millisecond(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    /// Hands events to their subscribers, all of them or none; see [`Engine::publish`].
    pub(crate) fn publish<'a>(
        &self,
        app: &App,
        publications: impl IntoIterator<Item = Publication<'a>>,
    ) -> Result<(), Rejection> {
        self.has_room_for_events()?;
        self.hand_out(app, publications, self.millisecond())
    }

    /// The same for events that count towards what their app may publish. Those that there is no room
    /// for do not.
    pub(crate) fn publish_counted<'a>(
        &self,
        app: &App,
        publications: impl ExactSizeIterator<Item = Publication<'a>>,
    ) -> Result<(), Rejection> {
        self.has_room_for_events()?;
        let now = self.millisecond();
        app.count_events(publications.len(), now)?;
        self.hand_out(app, publications, now)
    }

    fn hand_out<'a>(
        &self,
        app: &App,
        publications: impl IntoIterator<Item = Publication<'a>>,
        now: u64,
    ) -> Result<(), Rejection> {
        // An inbox may have filled since somebody looked.
        let published = self.engine.publish(app, publications, now);
        published.inspect_err(|_| self.inbox_was_full())
    }

    /// The worker with the fewest connections.
    pub(crate) fn least_busy(&self) -> Option<&Mailbox> {
        self.workers.iter().min_by_key(|worker| worker.load())
    }

    /// How far the server's life has come.
    pub(crate) fn stage(&self) -> Stage {
        *self.stage.borrow()
    }

    /// Connections on all workers.
    pub(crate) fn connections(&self) -> usize {
        self.workers.iter().map(Mailbox::load).sum()
    }

    /// Closes the connections that are signed in as a user of `app`, on every worker.
    pub(crate) async fn terminate(&self, app: &Arc<App>, user_id: &str) {
        let user_id: Arc<str> = user_id.into();
        for worker in &self.workers {
            let (app, user_id) = (Arc::clone(app), Arc::clone(&user_id));
            worker.send(Arrival::Terminate { app, user_id }).await;
        }
    }
}
