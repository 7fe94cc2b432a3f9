//! What belongs to one endpoint: its line of events, and one request after the other.
//!
//! Requests of a lane do not overlap, which keeps the order of events. The pauses between failed
//! attempts belong to the lane, not to the batch: whoever is down is asked ever more seldom, up to
//! once a minute, while batches grow too old and are given up.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use skywave_engine::{AppSettings, WebhookEndpoint};
use skywave_http_client::Backoff;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{sleep, sleep_until};

use super::counters::Counters;
use super::event::{Event, body};
use super::target::{InvalidWebhook, Target};
use super::{Post, closed, is_closed};

/// Events on their way to one endpoint.
#[derive(Debug)]
pub(super) struct Lane {
    line: Mutex<Line>,
    changed: Notify,
}

#[derive(Debug)]
struct Line {
    plan: Arc<Plan>,
    waiting: VecDeque<Arc<Event>>,
    /// Of what is waiting.
    bytes: usize,
    /// Events of the request that is being made.
    sending: usize,
    /// Nothing will come any more.
    ended: bool,
    /// Something had no room since the last success.
    overflowing: bool,
    task: Option<AbortHandle>,
}

/// What is sent where, as the app's owner has decided.
#[derive(Debug)]
pub(super) struct Plan {
    app_id: Arc<str>,
    settings: Arc<AppSettings>,
    endpoint: WebhookEndpoint,
    target: Result<Target, InvalidWebhook>,
}

/// What a lane does next.
enum Next {
    Send(Vec<Arc<Event>>),
    WaitUntil(Instant),
    Wait,
    End,
}

impl Plan {
    pub(super) fn new(
        app_id: Arc<str>,
        settings: &Arc<AppSettings>,
        endpoint: &WebhookEndpoint,
    ) -> Self {
        let target = Target::of(endpoint);
        if let Err(error) = &target {
            tracing::error!(%app_id, %error, "an endpoint of webhooks cannot be used");
        }
        Self {
            app_id,
            settings: Arc::clone(settings),
            endpoint: endpoint.clone(),
            target,
        }
    }
}

impl Lane {
    pub(super) fn new(plan: Plan) -> Self {
        let line = Line {
            plan: Arc::new(plan),
            waiting: VecDeque::new(),
            bytes: 0,
            sending: 0,
            ended: false,
            overflowing: false,
            task: None,
        };
        Self {
            line: Mutex::new(line),
            changed: Notify::new(),
        }
    }

    /// Puts an event in line, if the endpoint wants it. When there is no room, the oldest gives
    /// way: what happened last tells more about how things are now.
    pub(super) fn push(&self, event: &Arc<Event>, counters: &Counters) {
        let mut line = self.line();
        let plan = Arc::clone(&line.plan);
        if !plan.endpoint.wants(event.kind(), event.channel.as_str()) {
            return;
        }
        line.bytes += event.bytes();
        line.waiting.push_back(Arc::clone(event));
        Counters::add(&counters.queued, 1);
        let room = plan.settings.webhooks.queue_events.max(1);
        while line.waiting.len() > room || (line.bytes > LINE_BYTES && line.waiting.len() > 1) {
            line.pop();
            Counters::add(&counters.evicted, 1);
            if !std::mem::replace(&mut line.overflowing, true) {
                tracing::warn!(
                    app_id = %plan.app_id,
                    endpoint = ?plan.target,
                    "webhooks are dropped: too many are waiting"
                );
            }
        }
        drop(line);
        self.changed.notify_one();
    }

    /// Whether it goes to this URL.
    pub(super) fn leads_to(&self, url: &str) -> bool {
        self.line().plan.endpoint.url == url
    }

    /// From now on, it is as `plan` says.
    pub(super) fn change(&self, plan: Plan) {
        self.line().plan = Arc::new(plan);
        self.changed.notify_one();
    }

    pub(super) fn is_run_by(&self, task: AbortHandle) {
        self.line().task = Some(task);
    }

    /// Nothing will be pushed any more; what is in line is still sent.
    pub(super) fn end(&self) {
        self.line().ended = true;
        self.changed.notify_one();
    }

    /// Stops at once: nobody wants this any more.
    pub(super) fn abandon(&self, counters: &Counters) {
        let mut line = self.line();
        if let Some(task) = line.task.take() {
            task.abort();
        }
        Counters::add(&counters.evicted, line.waiting.len() + line.sending);
        line.waiting.clear();
        line.sending = 0;
    }

    /// Sends what comes, until the end.
    pub(super) async fn run(self: Arc<Self>, post: Arc<Post>) {
        let mut failures = 0;
        loop {
            let next = self.next(&post);
            match next {
                Next::Send(events) => self.deliver(&events, &post, &mut failures).await,
                Next::WaitUntil(time) => {
                    tokio::select! {
                        () = sleep_until(time.into()) => {}
                        () = self.changed.notified() => {}
                    }
                }
                Next::Wait => self.changed.notified().await,
                Next::End => return,
            }
        }
    }

    fn next(&self, post: &Post) -> Next {
        let mut line = self.line();
        let now = Instant::now();
        while let Some(oldest) = line.waiting.front()
            && now.saturating_duration_since(oldest.at) >= post.settings.give_up
        {
            line.pop();
            Counters::add(&post.counters.failed, 1);
        }
        let Some(oldest) = line.waiting.front().map(|event| event.at) else {
            return if line.ended { Next::End } else { Next::Wait };
        };
        let webhooks = &line.plan.settings.webhooks;
        let (size, due) = (
            webhooks.batch_events.max(1),
            oldest + webhooks.batch_interval,
        );
        if line.waiting.len() < size && !line.ended && due > now {
            return Next::WaitUntil(due);
        }
        let count = line.waiting.len().min(size);
        line.sending = count;
        Next::Send((0..count).filter_map(|_| line.pop()).collect())
    }

    /// Sends a batch until it is acknowledged or too old.
    async fn deliver(&self, events: &[Arc<Event>], post: &Post, failures: &mut u32) {
        let Some(oldest) = events.first() else { return };
        let give_up = oldest.at + post.settings.give_up;
        let body = Bytes::from(body(events.iter().map(|event| &**event)));
        let backoff = Backoff::new(post.settings.pause, LONGEST_PAUSE);
        let mut closing = post.closing.clone();
        loop {
            let plan = Arc::clone(&self.line().plan);
            let Err(problem) = attempt(&plan, &body, post).await else {
                if std::mem::take(failures) > 0 {
                    tracing::info!(
                        app_id = %plan.app_id, endpoint = ?plan.target,
                        "webhooks arrive again"
                    );
                }
                self.line().overflowing = false;
                return self.done(&post.counters.sent, events.len());
            };
            Counters::add(&post.counters.attempts_failed, 1);
            *failures += 1;
            let pause = backoff.pause(*failures - 1);
            if *failures == 1 {
                tracing::warn!(
                    app_id = %plan.app_id, %problem,
                    "a webhook was not acknowledged and is repeated"
                );
            } else {
                tracing::debug!(app_id = %plan.app_id, %problem, ?pause, "a webhook is repeated");
            }
            if is_closed(&closing) {
                // There was one attempt in which the server was ending; there is no time for more.
                return self.give_up_all(&post.counters, events.len());
            }
            let hopeless = Instant::now() + pause >= give_up;
            if hopeless {
                tracing::warn!(
                    app_id = %plan.app_id, %problem, events = events.len(),
                    "webhooks were given up"
                );
                self.done(&post.counters.failed, events.len());
            }
            tokio::select! {
                () = sleep(pause) => {}
                () = closed(&mut closing) => {}
            }
            if hopeless {
                return;
            }
        }
    }

    fn done(&self, counter: &std::sync::atomic::AtomicU64, events: usize) {
        self.line().sending = 0;
        Counters::add(counter, events);
    }

    /// Counts the batch and everything behind it as failed.
    fn give_up_all(&self, counters: &Counters, events: usize) {
        let mut line = self.line();
        let all = events + line.waiting.len();
        line.waiting.clear();
        line.sending = 0;
        Counters::add(&counters.failed, all);
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn pop(&mut self) -> Option<Arc<Event>> {
        let event = self.waiting.pop_front()?;
        self.bytes -= event.bytes();
        Some(event)
    }
}

/// One request. Signed anew each time: the secret may have changed.
async fn attempt(plan: &Plan, body: &Bytes, post: &Post) -> Result<(), String> {
    let target = plan.target.as_ref().map_err(ToString::to_string)?;
    let request = target.request(&plan.settings.credentials, body);
    let request = request.map_err(|error| error.to_string())?;
    let acknowledged = post.client.acknowledged(request).await;
    acknowledged.map(drop).map_err(|error| error.to_string())
}

/// What may wait for one endpoint, in bytes. Client events are up to 10 KB each.
const LINE_BYTES: usize = 16 * 1024 * 1024;

/// So that a receiver that is back waits a minute at most.
const LONGEST_PAUSE: std::time::Duration = std::time::Duration::from_secs(60);
