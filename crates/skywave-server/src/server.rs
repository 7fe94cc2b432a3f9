//! The server as its owner sees it: start, publish, serve, stop.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use http::{Request, Response};
use http_body::Body;
use hyper::upgrade::OnUpgrade;
use skywave_engine::{App, AppSettings, Apps, DuplicateApp, Engine, Publication};
use skywave_protocol::Rejection;
use tokio::sync::{mpsc, oneshot};

use crate::admission::Admission;
use crate::arrival::{Arrival, Visit};
use crate::config::{Config, Settings};
use crate::drain::{Drain, Stage};
use crate::endpoint::{Endpoint, Place};
use crate::http::{Answer, Fallback, Prefix, ResponseBody, answer};
use crate::memory::Memory;
use crate::node::{Mailbox, Node};
use crate::operator;
use crate::stream::Arriving;
use crate::thread;
#[cfg(feature = "webhooks")]
use crate::webhook::{WebhookCounters, WebhookThread};

/// Connections that may be on their way to a worker; beyond that, upgrades wait.
const ARRIVALS: usize = 1024;

/// A running server: worker threads with connections. Clones are handles to the same server.
///
/// It stops when [`shutdown`](Self::shutdown) is called or when the last handle is dropped.
///
/// ```
/// use skywave_protocol::{Credentials, Secret};
/// use skywave_server::{App, Config, Server};
///
/// let app = App::new("1", Credentials::new("my-key", &Secret::new("my-secret")));
/// let server = Server::start(Config { workers: Some(1), ..Config::new([app]) })?;
/// let address = server.listen("127.0.0.1:0".parse()?)?;
/// assert_ne!(address.port(), 0);
/// server.shutdown();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Server {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    node: Arc<Node>,
    running: Mutex<Running>,
    /// Held by whoever ends the threads, so that others who want that wait for it.
    ending: Mutex<()>,
    #[cfg(feature = "webhooks")]
    webhooks: WebhookThread,
}

/// What keeps the workers running: each ends when nothing can arrive there any more.
#[derive(Debug, Default)]
struct Running {
    arrivals: Vec<mpsc::Sender<Arrival>>,
    threads: Vec<JoinHandle<()>>,
    /// The listeners for operators, each of which ends when its sender is dropped.
    operators: Vec<(oneshot::Sender<()>, JoinHandle<()>)>,
    /// Of the endpoints, so that their certificates can be read again.
    #[cfg(feature = "tls")]
    tls: Vec<crate::tls::Tls>,
}

impl Server {
    /// Starts the worker threads. Nothing listens yet.
    ///
    /// # Errors
    ///
    /// [`StartError`] when two apps share an id or key, or a thread cannot be started.
    pub fn start(config: Config) -> Result<Self, StartError> {
        let settings = Settings::from(&config);
        let http = (Fallback::from(&config), Prefix::new(&config.path_prefix));
        let count = config.worker_count();
        let memory = Memory::new(config.memory_bytes);
        let admission = Admission::new(config.max_connections, config.per_address, memory);
        let apps = Apps::new(config.apps)?;
        #[cfg(feature = "webhooks")]
        let webhooks = WebhookThread::start(config.webhooks).map_err(StartError::Webhooks)?;
        #[cfg(feature = "webhooks")]
        let observer = Some(webhooks.observer());
        #[cfg(not(feature = "webhooks"))]
        let observer = None;
        let engine = Engine::new(apps, count, observer);
        let (senders, receivers): (Vec<_>, Vec<_>) =
            (0..count).map(|_| mpsc::channel(ARRIVALS)).unzip();
        let outboxes = settings.outboxes_bytes;
        let mailbox = |sender: &mpsc::Sender<_>| Mailbox::new(sender.downgrade(), outboxes);
        let workers = senders.iter().map(mailbox).collect();
        let node = Node::new(engine, workers, admission, http);
        #[cfg(feature = "webhooks")]
        let node = node.with_webhooks(webhooks.announcer());
        let node = Arc::new(node);
        let mut running = Running {
            arrivals: senders,
            ..Running::default()
        };
        for (number, arrivals) in receivers.into_iter().enumerate() {
            let node = Arc::clone(&node);
            let thread = std::thread::Builder::new()
                .name(format!("skywave-worker-{number}"))
                .spawn(move || {
                    if let Err(error) = thread::run((node, number), settings, arrivals) {
                        tracing::error!(%error, number, "a worker could not start");
                    }
                })
                .map_err(StartError::Thread)?;
            running.threads.push(thread);
        }
        let running = Mutex::new(running);
        Ok(Self {
            inner: Arc::new(Inner {
                node,
                running,
                ending: Mutex::default(),
                #[cfg(feature = "webhooks")]
                webhooks,
            }),
        })
    }

    /// The app with this id.
    pub fn app(&self, id: &str) -> Option<Arc<App>> {
        self.inner.node.engine.apps().by_id(id).map(Arc::clone)
    }

    /// Replaces the apps, all at once, by those with these ids and settings.
    ///
    /// An app that stays keeps its connections and channels; its new settings hold for whatever is
    /// decided from now on (a new secret, say, for new subscriptions). The connections of an app
    /// that is gone or disabled are closed with code 4003 (§1.14), and nobody else's.
    ///
    /// # Errors
    ///
    /// When two share an id or a key, with that id or key. Nothing was changed then.
    pub fn replace_apps(
        &self,
        apps: impl IntoIterator<Item = (String, AppSettings)>,
    ) -> Result<(), DuplicateApp> {
        let gone = self.inner.node.engine.replace_apps(apps)?;
        self.inner.node.apps_replaced.send_replace(());
        #[cfg(feature = "webhooks")]
        self.inner
            .webhooks
            .apps_changed(&self.inner.node.engine.apps());
        let gone: Vec<_> = gone.iter().map(|app| app.id()).collect();
        tracing::info!(?gone, "the apps were replaced");
        Ok(())
    }

    /// Hands an event to every subscriber of its channels; never waits, from any thread.
    ///
    /// # Errors
    ///
    /// [`Rejection::OverCapacity`] when the server is too far behind, or uses more memory than it
    /// may. Nothing was sent then; try again after a second or more.
    pub fn publish(&self, app: &App, publication: &Publication<'_>) -> Result<(), Rejection> {
        self.inner.node.publish(app, [*publication])
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.inner.node.connections()
    }

    /// Accepts connections at `address` (port 0: any free port) and returns where; short for
    /// [`listen_at`](Self::listen_at) with a plain [`Endpoint`].
    ///
    /// # Errors
    ///
    /// When the address cannot be bound, for instance because it is in use.
    pub fn listen(&self, address: SocketAddr) -> io::Result<SocketAddr> {
        match self.listen_at(address.into())? {
            Place::Tcp(address) => Ok(address),
            Place::Unix(_) => Err(io::ErrorKind::AddrNotAvailable.into()),
        }
    }

    /// Accepts connections at `endpoint`, beside those where it does already, and returns where.
    ///
    /// # Errors
    ///
    /// When the endpoint cannot be opened, for instance because its address is in use.
    pub fn listen_at(&self, endpoint: Endpoint) -> io::Result<Place> {
        #[cfg_attr(not(feature = "tls"), expect(unused_mut, reason = "nothing is kept"))]
        let mut running = self.running();
        if running.arrivals.is_empty() || self.inner.node.stage() != Stage::Serving {
            return Err(io::Error::other("the server ends, or has ended"));
        }
        let (listening, place, entrance) = endpoint.open()?;
        let entrance = Arc::new(entrance);
        for arrivals in &running.arrivals {
            let arrival = Arrival::Listener(listening.try_clone()?, Arc::clone(&entrance));
            arrivals
                .try_send(arrival)
                .map_err(|_| io::ErrorKind::NotConnected)?;
        }
        #[cfg(feature = "tls")]
        running.tls.extend(entrance.tls.clone());
        tracing::info!(%place, "connections are accepted");
        Ok(place)
    }

    /// Answers operators at `endpoint`, from a thread of its own, and returns where: `GET /healthz`
    /// and `/readyz`, as on every other endpoint, and `/metrics` in the text format of Prometheus.
    ///
    /// The answers tell nothing about channels and users, but they are not for everybody: choose an
    /// address that only operators reach. There is no TLS and no prefix there.
    ///
    /// # Errors
    ///
    /// When the endpoint cannot be opened, for instance because its address is in use.
    pub fn listen_operator(&self, endpoint: Endpoint) -> io::Result<Place> {
        let mut running = self.running();
        if running.arrivals.is_empty() {
            return Err(io::Error::other("the server was shut down"));
        }
        let (listening, place, _) = endpoint.open()?;
        let (end, ended) = oneshot::channel();
        let node = Arc::clone(&self.inner.node);
        let thread = std::thread::Builder::new()
            .name("skywave-operator".to_owned())
            .spawn(move || {
                if let Err(error) = operator::run(node, listening, ended) {
                    tracing::error!(%error, "operators are no longer answered");
                }
            })?;
        running.operators.push((end, thread));
        tracing::info!(%place, "operators are answered");
        Ok(place)
    }

    /// What the server has counted, in the text format of Prometheus (version 0.0.4).
    pub fn metrics(&self) -> String {
        self.inner.node.metrics()
    }

    /// Reads the certificates of all endpoints again. New connections get the new ones; those that
    /// are open go on.
    ///
    /// # Errors
    ///
    /// The first of the problems, which are all logged. An endpoint whose new certificate cannot
    /// be used keeps the one it has.
    #[cfg(feature = "tls")]
    pub fn reload_tls(&self) -> Result<(), crate::TlsError> {
        let all = self.running().tls.clone();
        let mut outcome = Ok(());
        for tls in all {
            if let Err(error) = tls.reload() {
                tracing::error!(%error, "the certificate from before stays in force");
                outcome = outcome.and(Err(error));
            }
        }
        outcome
    }

    /// Answers a request that came in elsewhere, on a tokio runtime: `/app/KEY` becomes a
    /// connection of the server, as does `/pusher/app/KEY/..` without a WebSocket, `/apps/ID/..` is
    /// its HTTP API, anything else is 404.
    ///
    /// The request must carry hyper's upgrade extension, as it does under `axum::serve`.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<ResponseBody>
    where
        B: Body<Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
    {
        match answer(&self.inner.node, request).await {
            Answer::Response(response) => response,
            Answer::Upgrade {
                response,
                upgrade,
                visit,
            } => {
                tokio::spawn(bring(Arc::clone(&self.inner.node), upgrade, visit));
                response
            }
        }
    }

    /// Whether connections are accepted: until it is drained or shut down, and while there is
    /// memory for them.
    pub fn is_ready(&self) -> bool {
        let node = &self.inner.node;
        node.stage() == Stage::Serving && !node.admission.memory.is_over()
    }

    /// Moves all connections away at a steady pace, then ends as [`shutdown`](Self::shutdown) does.
    /// Events are accepted to the end. See [`Drain`] for what happens when, and to whom.
    ///
    /// Called while it is under way already, or after its end, it ends the server at once. Blocks
    /// until the end: call it from a blocking context.
    pub fn drain(&self, drain: Drain) {
        self.inner.node.drain(drain);
        self.shutdown();
    }

    /// What became of the events that webhooks tell.
    #[cfg(feature = "webhooks")]
    pub fn webhooks(&self) -> WebhookCounters {
        self.inner.webhooks.counters()
    }

    /// Closes every connection with code 1001 and ends the worker threads; takes at most about two
    /// seconds, and as long as webhooks that are waiting may need to be sent
    /// (`WebhookSettings::flush`). Blocks: call it from a blocking context.
    pub fn shutdown(&self) {
        self.inner.node.stage.send_replace(Stage::Stopping);
        let _guard = self
            .inner
            .ending
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Running {
            arrivals,
            threads,
            operators,
            ..
        } = std::mem::take(&mut *self.running());
        drop(arrivals);
        for thread in threads {
            let _ = thread.join();
        }
        // The last connections are gone: what that vacated is told.
        #[cfg(feature = "webhooks")]
        self.inner.webhooks.close();
        for (end, thread) in operators {
            drop(end);
            let _ = thread.join();
        }
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.inner
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Brings an upgraded connection to the least busy worker.
async fn bring(node: Arc<Node>, upgrade: OnUpgrade, mut visit: Visit) {
    let arriving = match upgrade.await.map(Arriving::from_upgraded) {
        Ok(Ok((arriving, read_ahead))) => {
            visit.read_ahead = read_ahead;
            arriving
        }
        Ok(Err(error)) => return tracing::warn!(%error, "an upgraded connection was lost"),
        Err(error) => return tracing::debug!(%error, "a handshake was not completed"),
    };
    if let Some(worker) = node.least_busy() {
        worker.send(Arrival::Connection(arriving, visit)).await;
    }
}

/// Why a server did not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// Two apps share an id or a key.
    DuplicateApp(DuplicateApp),
    /// A worker thread could not be started.
    Thread(io::Error),
    /// Webhooks cannot be sent: their thread could not be started, or a certificate that they were
    /// to trust is none.
    #[cfg(feature = "webhooks")]
    Webhooks(io::Error),
}

impl From<DuplicateApp> for StartError {
    fn from(duplicate: DuplicateApp) -> Self {
        Self::DuplicateApp(duplicate)
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DuplicateApp(duplicate) => duplicate.fmt(f),
            Self::Thread(_) => f.write_str("a worker thread could not be started"),
            #[cfg(feature = "webhooks")]
            Self::Webhooks(_) => f.write_str("webhooks could not be started"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::DuplicateApp(_) => None,
            Self::Thread(error) => Some(error),
            #[cfg(feature = "webhooks")]
            Self::Webhooks(error) => Some(error),
        }
    }
}
