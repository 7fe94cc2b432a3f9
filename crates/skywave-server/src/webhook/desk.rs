//! What belongs to one app: the grace, the filters, and a lane for each endpoint.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use skywave_engine::{AppSettings, Webhooks};
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use super::announcer::Newcomer;
use super::event::{Event, What};
use super::grace::{Grace, Misses};
use super::lane::{Lane, Plan};
use super::{Post, closed};

/// Passes on what happens in one app, until the server ends.
pub(super) async fn run(newcomer: Newcomer, post: Arc<Post>) {
    let Newcomer {
        app_id,
        mut events,
        length,
    } = newcomer;
    let mut desk = Desk::new(app_id, Arc::clone(&post));
    let mut closing = post.closing.clone();
    loop {
        let due = desk.grace.due();
        tokio::select! {
            biased;
            event = events.recv() => match event {
                Some((settings, event)) => {
                    length.fetch_sub(1, Ordering::Relaxed);
                    desk.take(&settings, event);
                }
                None => break,
            },
            () = at(due) => desk.let_go(Instant::now()),
            () = closed(&mut closing) => break,
        }
    }
    while let Ok((settings, event)) = events.try_recv() {
        desk.take(&settings, event);
    }
    desk.close().await;
}

struct Desk {
    app_id: Arc<str>,
    post: Arc<Post>,
    settings: Option<Arc<AppSettings>>,
    grace: Grace,
    misses: Misses,
    lanes: Vec<Arc<Lane>>,
    running: JoinSet<()>,
}

impl Desk {
    fn new(app_id: String, post: Arc<Post>) -> Self {
        Self {
            app_id: app_id.into(),
            settings: None,
            grace: Grace::new(post.settings.grace),
            misses: Misses::new(post.settings.quiet_misses),
            lanes: Vec::new(),
            running: JoinSet::new(),
            post,
        }
    }

    fn take(&mut self, settings: &Arc<AppSettings>, event: Option<Event>) {
        if !self
            .settings
            .as_ref()
            .is_some_and(|known| Arc::ptr_eq(known, settings))
        {
            self.change(settings);
        }
        let Some(event) = event else { return };
        // The queue may be behind: who left long before this event did not return in time.
        self.let_go(event.at);
        let Some(event) = self.grace.take(event) else {
            return self.let_go_of_too_many();
        };
        let room = settings.webhooks.queue_events;
        if event.what != What::CacheMiss || self.misses.tells(&event.channel, event.at, room) {
            self.tell(event);
        }
    }

    /// Tells departures whose grace is over.
    fn let_go(&mut self, now: Instant) {
        while let Some(event) = self.grace.leave(now, usize::MAX) {
            self.tell(event.told_now());
        }
    }

    fn let_go_of_too_many(&mut self) {
        let room = self
            .settings
            .as_ref()
            .map_or(0, |settings| settings.webhooks.queue_events);
        while let Some(event) = self.grace.leave(Instant::now(), room) {
            self.tell(event.told_now());
        }
    }

    fn tell(&self, event: Event) {
        let event = Arc::new(event);
        for lane in &self.lanes {
            lane.push(&event, &self.post.counters);
        }
    }

    /// Makes the lanes those of `settings`. A lane whose URL is still wanted keeps what is in it.
    fn change(&mut self, settings: &Arc<AppSettings>) {
        let mut former = std::mem::take(&mut self.lanes);
        let Webhooks { endpoints, .. } = &settings.webhooks;
        for endpoint in endpoints {
            let plan = Plan::new(Arc::clone(&self.app_id), settings, endpoint);
            let same = former.iter().position(|lane| lane.leads_to(&endpoint.url));
            let lane = match same {
                Some(same) => {
                    let lane = former.swap_remove(same);
                    lane.change(plan);
                    lane
                }
                None => self.open(plan),
            };
            self.lanes.push(lane);
        }
        for lane in former {
            lane.abandon(&self.post.counters);
        }
        self.settings = Some(Arc::clone(settings));
    }

    fn open(&mut self, plan: Plan) -> Arc<Lane> {
        let lane = Arc::new(Lane::new(plan));
        let running = Arc::clone(&lane).run(Arc::clone(&self.post));
        let task = self.running.spawn(running);
        lane.is_run_by(task);
        // Those of endpoints that are no more.
        while self.running.try_join_next().is_some() {}
        lane
    }

    /// Tells everything, departures too, and waits until the lanes are empty. Who leaves with the
    /// server does not return to it.
    async fn close(mut self) {
        while let Some(event) = self.grace.leave(Instant::now(), 0) {
            self.tell(event.told_now());
        }
        for lane in &self.lanes {
            lane.end();
        }
        while self.running.join_next().await.is_some() {}
    }
}

async fn at(due: Option<Instant>) {
    match due {
        // Timers have a resolution of a millisecond; a little later is certainly due.
        Some(due) => sleep_until((due + Duration::from_millis(1)).into()).await,
        None => pending().await,
    }
}
