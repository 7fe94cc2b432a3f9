//! From the broadcast path into an app's queue, without waiting: [`Announcer`].

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use skywave_engine::{App, AppSettings, Apps, Observer, Occurrence, Webhooks};
use skywave_protocol::{ChannelName, WebhookKind};
use tokio::sync::mpsc;

use super::counters::{Counters, WebhookCounters};
use super::event::{Event, kind_of};

/// Told by the engine what happens; passes on what some endpoint wants.
///
/// An app's queue is emptied all the time by the thread of the webhooks, however its endpoints
/// fare. Were it ever full ([`Webhooks::queue_events`]), new events would be dropped and counted.
#[derive(Debug)]
pub(crate) struct Announcer {
    queues: RwLock<HashMap<String, Queue>>,
    newcomers: mpsc::UnboundedSender<Newcomer>,
    counters: Arc<Counters>,
}

#[derive(Debug)]
struct Queue {
    events: mpsc::UnboundedSender<Announced>,
    length: Arc<AtomicUsize>,
}

/// What the app's owner has decided, and an event that happened then; without one, something was
/// decided anew.
pub(super) type Announced = (Arc<AppSettings>, Option<Event>);

/// An app of which something is told for the first time.
#[derive(Debug)]
pub(super) struct Newcomer {
    pub(super) app_id: String,
    pub(super) events: mpsc::UnboundedReceiver<Announced>,
    /// How many are in `events`.
    pub(super) length: Arc<AtomicUsize>,
}

impl Announcer {
    pub(super) fn new(newcomers: mpsc::UnboundedSender<Newcomer>, counters: Arc<Counters>) -> Self {
        Self {
            queues: RwLock::default(),
            newcomers,
            counters,
        }
    }

    pub(crate) fn counters(&self) -> WebhookCounters {
        self.counters.snapshot()
    }

    /// Tells apps of which something was told before what their owners have decided anew, so that it
    /// holds for what is waiting, too.
    pub(super) fn apps_changed(&self, apps: &Apps) {
        let queues = self.queues.read().unwrap_or_else(PoisonError::into_inner);
        for (id, queue) in &*queues {
            if let Some(app) = apps.by_id(id) {
                queue.length.fetch_add(1, Ordering::Relaxed);
                let _ = queue.events.send((Arc::clone(&app.settings()), None));
            }
        }
    }

    /// Whether there was room.
    fn announce(&self, app_id: &str, announced: Announced) -> bool {
        let queues = self.queues.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = queues.get(app_id) {
            return queue.push(announced);
        }
        drop(queues);
        let mut queues = self.queues.write().unwrap_or_else(PoisonError::into_inner);
        queues
            .entry(app_id.to_owned())
            .or_insert_with(|| self.newcomer(app_id))
            .push(announced)
    }

    fn newcomer(&self, app_id: &str) -> Queue {
        let (events, arriving) = mpsc::unbounded_channel();
        let length = Arc::new(AtomicUsize::new(0));
        let newcomer = Newcomer {
            app_id: app_id.to_owned(),
            events: arriving,
            length: Arc::clone(&length),
        };
        // When the server has ended, the queue refuses what it is given.
        let _ = self.newcomers.send(newcomer);
        Queue { events, length }
    }
}

impl Observer for Announcer {
    fn observe(&self, app: &App, channel: &ChannelName, occurrence: &Occurrence<'_>) {
        let settings = app.settings();
        if !concerns(&settings.webhooks, kind_of(occurrence), channel) {
            return;
        }
        let announced = (Arc::clone(&settings), Some(Event::new(channel, occurrence)));
        if !self.announce(app.id(), announced) {
            Counters::add(&self.counters.refused, 1);
        }
    }
}

impl Queue {
    fn push(&self, announced: Announced) -> bool {
        let bound = announced.0.webhooks.queue_events.max(1);
        let full = self.length.fetch_add(1, Ordering::Relaxed) >= bound;
        if full || self.events.send(announced).is_err() {
            self.length.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        true
    }
}

/// Whether some endpoint wants this, or what it may take back.
fn concerns(webhooks: &Webhooks, kind: WebhookKind, channel: &ChannelName) -> bool {
    let counterpart = match kind {
        WebhookKind::ChannelOccupied => WebhookKind::ChannelVacated,
        WebhookKind::ChannelVacated => WebhookKind::ChannelOccupied,
        WebhookKind::MemberAdded => WebhookKind::MemberRemoved,
        WebhookKind::MemberRemoved => WebhookKind::MemberAdded,
        other => other,
    };
    let channel = channel.as_str();
    let mut endpoints = webhooks.endpoints.iter();
    endpoints.any(|endpoint| endpoint.wants(kind, channel) || endpoint.wants(counterpart, channel))
}
