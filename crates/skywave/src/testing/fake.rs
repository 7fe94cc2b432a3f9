//! The drivers of a fake broadcaster, and what they share: the log and the engine.

use std::future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use skywave_engine::{App, Apps, Engine, Publication};
use skywave_protocol::{ChannelName, Credentials, EventName, Secret, SocketId};

use super::emitted::{Emitted, SkippedEvent};
use crate::authorize::AuthReply;
use crate::builder::{Builder, StartDriver};
use crate::client_options::{ClientOptions, Page};
use crate::driver::{BoxFuture, Driver, DriverError, Encryption, Envelope};
use crate::report::Skipped;

/// What the drivers, the recording and the browsers of one fake share.
pub(super) struct Stage {
    /// One app per driver, whose key is the driver's name.
    pub(super) engine: Arc<Engine>,
    log: Mutex<Log>,
    /// Numbers of workers that no browser uses.
    idle: Mutex<Vec<usize>>,
    connections: AtomicU64,
}

/// Everything so far, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    pub(super) emitted: Vec<Emitted>,
    pub(super) skipped: Vec<SkippedEvent>,
}

/// A driver that keeps what it is given and hands it to the engine.
struct Fake {
    name: String,
    app: Arc<App>,
    stage: Arc<Stage>,
}

/// The builder with a fake in the place of each driver, or one where there is none.
pub(super) fn faked<U>(builder: Builder<U>) -> (Builder<U>, Arc<Stage>) {
    let mut names = builder.driver_names();
    if names.is_empty() {
        names.push("fake".to_owned());
    }
    let stage = Arc::new(Stage::of(&names));
    let drivers = names.into_iter().map(|name| {
        let driver = stage.driver(name.clone());
        let start: StartDriver = Box::new(|| driver);
        (name, start)
    });
    let drivers = drivers.collect();
    (builder.with_drivers(drivers), stage)
}

impl Stage {
    fn of(drivers: &[String]) -> Self {
        // Two drivers of one name are a mistake that building the broadcaster reports.
        let mut names = drivers.to_vec();
        names.sort_unstable();
        names.dedup();
        let apps = names.into_iter().enumerate().map(|(number, name)| {
            let secret = Secret::new(format!("secret of the fake {name}"));
            App::new(number.to_string(), Credentials::new(name, &secret))
        });
        let apps = Apps::new(apps).expect("the names differ, and so do the numbers");
        Self {
            engine: Engine::new(apps, BROWSERS, None),
            log: Mutex::default(),
            idle: Mutex::new((0..BROWSERS).rev().collect()),
            connections: AtomicU64::new(0),
        }
    }

    fn driver(self: &Arc<Self>, name: String) -> Result<Arc<dyn Driver>, DriverError> {
        let app = self.app(&name);
        let stage = Arc::clone(self);
        Ok(Arc::new(Fake { name, app, stage }))
    }

    /// The app that the driver of this name publishes to.
    pub(super) fn app(&self, driver: &str) -> Arc<App> {
        let apps = self.engine.apps();
        Arc::clone(
            apps.by_key(driver)
                .expect("there is an app for every driver"),
        )
    }

    pub(super) fn log(&self) -> MutexGuard<'_, Log> {
        // Nothing under this lock leaves the log half-changed.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A worker for one browser, and a socket id that no other browser has: `1.1`, `1.2` and so on.
    pub(super) fn admit(&self) -> (usize, SocketId) {
        let worker = self.idle().pop();
        let worker = worker.unwrap_or_else(|| panic!("at most {BROWSERS} browsers at a time"));
        let number = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
        (worker, SocketId::new(1, number))
    }

    pub(super) fn release(&self, worker: usize) {
        self.idle().push(worker);
    }

    fn idle(&self) -> MutexGuard<'_, Vec<usize>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Driver for Fake {
    fn publish<'a>(&'a self, envelope: &'a Envelope) -> BoxFuture<'a, Result<(), DriverError>> {
        let publication = Publication {
            channels: &envelope.channels,
            event: envelope.event.as_str(),
            data: &envelope.data,
            except: envelope.excluded(),
        };
        // Under the lock, so that the log has the order in which browsers receive.
        let mut log = self.stage.log();
        let published = self.stage.engine.publish(&self.app, [publication], NOW);
        let accepted = published
            .map_err(|rejection| DriverError::new("the engine refused it").caused_by(rejection));
        if accepted.is_ok() {
            log.emitted.push(Emitted::new(&self.name, envelope));
        }
        Box::pin(future::ready(accepted))
    }

    fn skipped(&self, event: &EventName, skipped: &[Skipped]) {
        let skipped = skipped.iter().map(|skipped| SkippedEvent {
            event: event.to_string(),
            channel: skipped.channel.clone(),
            reason: skipped.reason,
        });
        self.stage.log().skipped.extend(skipped);
    }

    fn authorize(
        &self,
        socket_id: SocketId,
        channel: &ChannelName,
        channel_data: Option<&str>,
    ) -> Result<AuthReply, DriverError> {
        let credentials = &self.app.settings().credentials;
        let auth = credentials.sign_channel(socket_id, channel, channel_data);
        Ok(AuthReply::channel(auth, channel_data))
    }

    fn authenticate(&self, socket_id: SocketId, user_data: &str) -> Result<AuthReply, DriverError> {
        let auth = self
            .app
            .settings()
            .credentials
            .sign_user(socket_id, user_data);
        Ok(AuthReply::user(auth, user_data))
    }

    fn can_leave_out_users(&self) -> bool {
        true
    }

    fn client_options(&self, page: &Page) -> ClientOptions {
        ClientOptions::for_server(self.app.settings().credentials.key(), page)
    }

    fn encryption(&self) -> Encryption {
        Encryption::AsIs
    }
}

/// Each browser is a worker of its own to the engine, which wants to know their number; one costs
/// an empty inbox.
const BROWSERS: usize = 1_000;

/// Milliseconds. No time passes, so a cache channel keeps its event.
const NOW: u64 = 0;
