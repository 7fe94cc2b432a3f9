//! What the threads of a node share: the engine, its clock, and how to reach each worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use skywave_engine::{App, Engine, Publication};
use skywave_protocol::Rejection;
use tokio::sync::mpsc;

use crate::admission::Admission;
use crate::arrival::Arrival;
use crate::http::Fallback;

/// The engine and the workers of a running server.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) engine: Arc<Engine>,
    pub(crate) workers: Vec<Mailbox>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) fallback: Fallback,
    started: Instant,
}

/// A worker as other threads see it; it does not keep the worker running.
#[derive(Debug)]
pub(crate) struct Mailbox {
    pub(crate) arrivals: mpsc::WeakSender<Arrival>,
    /// Connections on the worker.
    pub(crate) load: AtomicUsize,
}

impl Mailbox {
    pub(crate) fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }

    /// Hands something to the worker; lost when the server is stopping.
    pub(crate) async fn send(&self, arrival: Arrival) {
        if let Some(arrivals) = self.arrivals.upgrade() {
            let _ = arrivals.send(arrival).await;
        }
    }
}

impl Node {
    pub(crate) fn new(
        engine: Arc<Engine>,
        workers: Vec<Mailbox>,
        admission: Arc<Admission>,
        fallback: Fallback,
    ) -> Self {
        Self {
            engine,
            workers,
            admission,
            fallback,
            started: Instant::now(),
        }
    }

    /// The node's clock, in milliseconds: monotonic, the same for all threads.
    pub(crate) fn millisecond(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    /// Hands events to their subscribers; see [`Engine::publish`].
    pub(crate) fn publish<'a>(
        &self,
        app: &App,
        publications: impl IntoIterator<Item = Publication<'a>>,
    ) -> Result<(), Rejection> {
        self.engine.publish(app, publications, self.millisecond())
    }

    /// The worker with the fewest connections.
    pub(crate) fn least_busy(&self) -> Option<&Mailbox> {
        self.workers.iter().min_by_key(|worker| worker.load())
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
