//! Webhooks: telling an app's owner over HTTP what happens in its channels. Protocol §3.4, §3.5.
//!
//! ```text
//! Engine ─▶ announcer ─▶ desk (one per app: grace, filters) ─▶ lane (one per endpoint) ─▶ HTTP
//!           try, never    who returns within the grace          batches, signature,
//!           wait          has never left                        repetitions
//! ```
//!
//! The [`Announcer`] is called under a channel's lock: it copies what some endpoint wants into the
//! app's queue, or counts it as dropped when that is full, and is done. All else happens on one
//! thread with a runtime of its own, so that a receiver that is stuck costs nobody anything but its
//! own lane.
//!
//! What is promised: events of one channel reach an endpoint in their order; a batch is repeated
//! until a 2xx or until it is just under five minutes old; every queue has a bound. What is not:
//! that an event arrives exactly once (an answer may be lost), or at all (a receiver may be gone
//! for longer, a bound may be hit); both are counted.
//!
//! ```text
//! settings   what the operator decides for all apps
//! announcer  from the broadcast path into the app's queue
//! event      one event as it waits, and the body of a request
//! desk       what belongs to one app
//! grace      departures that may be taken back
//! lane       what belongs to one endpoint: queue, batches, repetitions
//! target     an endpoint after it was checked: its address and headers
//! counters   what became of it all
//! ```

mod announcer;
mod counters;
mod desk;
mod event;
mod grace;
mod lane;
mod settings;
mod target;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use skywave_engine::{Apps, Observer};
use skywave_http_client::{CertificateError, HttpClient, Settings};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

pub(crate) use self::announcer::Announcer;
use self::announcer::Newcomer;
use self::counters::Counters;
pub use self::counters::WebhookCounters;
pub use self::settings::WebhookSettings;
pub use self::target::{InvalidWebhook, check_webhook};

/// The thread that sends webhooks, and the way to it.
#[derive(Debug)]
pub(crate) struct WebhookThread {
    announcer: Arc<Announcer>,
    closing: watch::Sender<bool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What all lanes share.
#[derive(Debug)]
struct Post {
    client: HttpClient,
    settings: WebhookSettings,
    counters: Arc<Counters>,
    closing: watch::Receiver<bool>,
}

impl WebhookThread {
    /// Starts the thread.
    pub(crate) fn start(settings: WebhookSettings) -> io::Result<Self> {
        let client = client(&settings).map_err(io::Error::other)?;
        let counters = Arc::new(Counters::default());
        let (newcomers, arriving) = mpsc::unbounded_channel();
        let (closing, closed) = watch::channel(false);
        let post = Arc::new(Post {
            client,
            settings,
            counters: Arc::clone(&counters),
            closing: closed,
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::Builder::new()
            .name("skywave-webhooks".to_owned())
            .spawn(move || runtime.block_on(run(&post, arriving)))?;
        Ok(Self {
            announcer: Arc::new(Announcer::new(newcomers, counters)),
            closing,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Who the engine tells.
    pub(crate) fn observer(&self) -> Arc<dyn Observer> {
        Arc::<Announcer>::clone(&self.announcer)
    }

    /// Who tells what became of the events.
    pub(crate) fn announcer(&self) -> Arc<Announcer> {
        Arc::clone(&self.announcer)
    }

    /// What the owners of apps have decided anew holds for what is waiting, too.
    pub(crate) fn apps_changed(&self, apps: &Apps) {
        self.announcer.apps_changed(apps);
    }

    /// What became of all events so far.
    pub(crate) fn counters(&self) -> WebhookCounters {
        self.announcer.counters()
    }

    /// Sends what is waiting, within [`WebhookSettings::flush`], and ends the thread. Blocks.
    pub(crate) fn close(&self) {
        let _ = self.closing.send(true);
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

fn client(settings: &WebhookSettings) -> Result<HttpClient, CertificateError> {
    HttpClient::new(&Settings {
        connect_timeout: settings.timeout,
        timeout: settings.timeout,
        body_limit: ANSWER_BYTES,
        root_certificate: settings.root_certificate.clone(),
        public_only: !settings.allow_private,
        ..Settings::default()
    })
}

/// One task per app, until the server ends; then all of them have a bounded time to finish.
async fn run(post: &Arc<Post>, mut arriving: mpsc::UnboundedReceiver<Newcomer>) {
    let mut desks = JoinSet::new();
    let mut closing = post.closing.clone();
    loop {
        tokio::select! {
            newcomer = arriving.recv() => match newcomer {
                Some(newcomer) => drop(desks.spawn(desk::run(newcomer, Arc::clone(post)))),
                // The engine is gone, and nobody said good-bye.
                None => break,
            },
            () = closed(&mut closing) => break,
        }
    }
    while let Ok(newcomer) = arriving.try_recv() {
        desks.spawn(desk::run(newcomer, Arc::clone(post)));
    }
    let all = async { while desks.join_next().await.is_some() {} };
    if timeout(post.settings.flush, all).await.is_err() {
        let waiting = post.counters.snapshot().waiting;
        tracing::warn!(waiting, "webhooks were not sent before the server ended");
    }
}

/// Waits until the server ends, or is gone.
async fn closed(closing: &mut watch::Receiver<bool>) {
    let _ = closing.wait_for(|closing| *closing).await;
}

/// The same, without waiting.
fn is_closed(closing: &watch::Receiver<bool>) -> bool {
    *closing.borrow() || closing.has_changed().is_err()
}

/// Of an answer, only its status counts; this much of the rest is read so that the connection can
/// be used again.
const ANSWER_BYTES: usize = 16 * 1024;
