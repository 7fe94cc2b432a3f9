//! A worker: the connections that live on one thread, and their deadlines.
//!
//! This is the thread's state; what runs on it is in [`crate::thread`]. What becomes of connections
//! whose time has come is in [`deadlines`].

mod deadlines;

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use skywave_engine::{App, Shard};
use skywave_protocol::{Rejection, SocketId};
use skywave_websocket::{Decoder, Limits};
use slab::Slab;
use tokio::task::{AbortHandle, yield_now};
use tokio::time::{sleep, timeout};

use crate::admission::Seat;
use crate::config::Settings;
use crate::date::Date;
use crate::drain::{GOING_AWAY, Stage};
use crate::ending::Ending;
use crate::http::Admitted;
use crate::node::{Mailbox, Node};
use crate::outbox::Backlog;
use crate::readiness::Readiness;
use crate::socket::Socket;
use crate::stream::{Arriving, Stream};
use crate::wheel::Wheel;

/// The state of one worker thread.
pub(crate) struct Worker {
    pub(crate) shard: Shard<Socket>,
    pub(crate) settings: Settings,
    /// Whose turn it is.
    pub(crate) readiness: Readiness,
    /// Lent to whoever is reading; one buffer for all connections of the worker.
    scratch: Cell<Vec<u8>>,
    /// For the answers that are written here.
    pub(crate) date: Date,
    connections: RefCell<Slab<Entry>>,
    backlog: Rc<Backlog>,
    wheel: RefCell<Wheel<Mark>>,
    /// Connections that must authorise themselves, and by which second.
    unauthorised: RefCell<Wheel<(Mark, u32)>>,
    next_serial: Cell<u32>,
    number: usize,
    pub(crate) node: Arc<Node>,
    /// The server shuts down: who still comes is told so.
    closing: Cell<bool>,
    listeners: RefCell<Vec<AbortHandle>>,
}

/// A connection of a worker.
pub(crate) type Connection = skywave_engine::Connection<Socket>;

/// A connection in the worker's table.
struct Entry {
    connection: Rc<Connection>,
    /// Given back when the connection ends.
    _seat: Option<Box<Seat>>,
}

/// Connection `key`, if it is still the one with this serial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    key: u32,
    serial: u32,
}

impl Mark {
    /// Where the connection stands in the worker's table, as long as it is there.
    pub(crate) fn key(self) -> u32 {
        self.key
    }
}

/// What one read takes at most.
pub(crate) const SCRATCH_BYTES: usize = 64 * 1024;

impl Worker {
    /// The state of worker `number`, which has no connections yet.
    pub(crate) fn new(node: Arc<Node>, number: usize, settings: Settings) -> io::Result<Self> {
        Ok(Self {
            readiness: Readiness::new()?,
            shard: Shard::new(Arc::clone(&node.engine), number),
            settings,
            scratch: Cell::default(),
            date: Date::default(),
            connections: RefCell::default(),
            backlog: Rc::new(Backlog::new(settings.outbox_bytes, settings.outboxes_bytes)),
            wheel: RefCell::new(Wheel::new(settings.silence(), 0)),
            unauthorised: RefCell::new(Wheel::new(AUTHORISATION_HORIZON, 0)),
            next_serial: Cell::new(0),
            number,
            node,
            closing: Cell::new(false),
            listeners: RefCell::default(),
        })
    }

    /// For a connection of which nothing is decoded so far.
    pub(crate) fn decoder(&self) -> Decoder {
        Decoder::new(Limits {
            message_bytes: self.settings.message_bytes,
            ..Limits::default()
        })
    }

    /// Does something with the buffer that everybody on the worker reads into.
    pub(crate) fn with_scratch<T>(&self, read: impl FnOnce(&mut [u8]) -> T) -> T {
        let mut scratch = self.scratch.take();
        if scratch.is_empty() {
            scratch = vec![0; SCRATCH_BYTES];
        }
        let result = read(&mut scratch);
        self.scratch.set(scratch);
        result
    }

    /// Ends a tick, or a piece of one that would hold more than a socket and its outbox take.
    ///
    /// Between the pieces other tasks write what waits in outboxes; those that are more than half
    /// full and get emptier are given a moment to do so. Who does not read is waited for once.
    pub(crate) async fn end_tick(&self) {
        let piece = TICK_BYTES.min(self.settings.outbox_bytes / 2);
        self.shard.flush_at_most(piece);
        if self.shard.waiting_bytes() == 0 {
            return;
        }
        yield_now().await;
        let (mut least, mut stalled) = (self.backlog.bytes(), 0);
        for _ in 0..PATIENCE_MS {
            if !self.backlog.is_crowded() {
                break;
            }
            if stalled == STALLED_MS {
                self.backlog.give_up();
                break;
            }
            sleep(Duration::from_millis(1)).await;
            stalled = if self.backlog.bytes() < least {
                0
            } else {
                stalled + 1
            };
            least = least.min(self.backlog.bytes());
        }
    }

    /// Whether a new connection of `app` is welcome.
    pub(crate) fn admits(&self, app: &App) -> Result<(), Rejection> {
        match self.node.stage() {
            // Who takes over got the socket a moment too late for this one, that is all.
            Stage::Draining(drain) if !drain.handed_over => return Err(Rejection::OverCapacity),
            _ => {}
        }
        // It was found when the handshake came; that may be a while ago.
        if app.settings().enabled {
            Ok(())
        } else {
            Err(Rejection::AppDisabled)
        }
    }

    /// Puts a new connection into the table.
    ///
    /// # Errors
    ///
    /// When the system does not watch its socket. It is gone then.
    pub(crate) fn enter(
        &self,
        arriving: Arriving,
        admitted: Admitted,
    ) -> io::Result<Rc<Connection>> {
        let mut connections = self.connections.borrow_mut();
        let vacancy = connections.vacant_entry();
        let mark = Mark {
            key: vacancy.key() as u32,
            serial: self.next_serial.get().wrapping_add(1),
        };
        self.next_serial.set(mark.serial);
        let now = self.second();
        let stream = Stream::new(arriving, mark.key, &self.readiness)?;
        let (backlog, calls) = (Rc::clone(&self.backlog), Arc::clone(&self.readiness.calls));
        let socket = Socket::new(stream, backlog, calls, mark, now);
        let connection = Rc::new(Connection::new(socket, admitted.slot, random_socket_id()));
        vacancy.insert(Entry {
            connection: Rc::clone(&connection),
            _seat: admitted.seat,
        });
        self.load().fetch_add(1, Ordering::Relaxed);
        let settings = &self.settings;
        self.schedule(mark, settings.silence().min(settings.first_message));
        if let Some(timeout) = connection.app().settings().authorisation_timeout {
            let timeout = seconds(timeout);
            let mut unauthorised = self.unauthorised.borrow_mut();
            unauthorised.schedule((mark, now.saturating_add(timeout)), timeout);
        }
        self.node.counters.opened.add_one();
        let (socket_id, app) = (connection.socket_id(), connection.app().id());
        tracing::debug!(%socket_id, app, "a connection was opened");
        Ok(connection)
    }

    /// The connection at this place of the table.
    pub(crate) fn connection(&self, key: u32) -> Option<Rc<Connection>> {
        let connections = self.connections.borrow();
        let entry = connections.get(key as usize)?;
        Some(Rc::clone(&entry.connection))
    }

    /// Closes a connection that came while the server shuts down.
    pub(crate) fn turn_away_if_closing(&self, connection: &Connection) {
        if self.closing.get() {
            let socket = &connection.link;
            socket.close(GOING_AWAY, SHUTTING_DOWN, Ending::Shutdown);
        }
    }

    /// Shows that the worker runs, and how it is.
    pub(crate) fn beat(&self, late: Duration) {
        let mailbox = self.mailbox();
        mailbox.beat(self.node.millisecond(), late);
        let waiting = self.backlog.bytes();
        mailbox.outbox_bytes.store(waiting, Ordering::Relaxed);
        match self.backlog.take_crowded_out() {
            0 => {}
            readers => self.node.outboxes_were_full(self.number, readers),
        }
        self.node.look_around();
    }

    /// Removes a connection that ended.
    pub(crate) fn dismiss(&self, connection: &Connection) {
        self.shard.disconnect(connection, self.node.millisecond());
        let key = connection.link.mark.key as usize;
        self.connections.borrow_mut().remove(key);
        let (socket_id, ending) = (connection.socket_id(), connection.link.ending());
        self.node.counters.ended(ending);
        self.load().fetch_sub(1, Ordering::Relaxed);
        tracing::debug!(%socket_id, reason = ending.label(), "a connection ended");
    }

    /// Closes the connections that are signed in as the user (§1.13).
    pub(crate) fn terminate(&self, app: &Arc<App>, user_id: &str) {
        for (_, entry) in self.connections.borrow().iter() {
            let connection = &entry.connection;
            if Arc::ptr_eq(connection.app(), app) && connection.is_user(user_id) {
                connection.link.reject(&Rejection::Terminated);
            }
        }
    }

    /// Closes the connections whose app is gone or disabled.
    pub(crate) async fn follow_apps(&self) {
        let mut replaced = self.node.apps_replaced.subscribe();
        loop {
            for (_, entry) in self.connections.borrow().iter() {
                if !entry.connection.app().settings().enabled {
                    entry.connection.link.reject(&Rejection::AppDisabled);
                }
            }
            // The node lives as long as its workers, so this never fails.
            let _ = replaced.changed().await;
        }
    }

    /// All connections as they are now.
    pub(crate) fn marks(&self) -> Vec<Mark> {
        let connections = self.connections.borrow();
        let mark = |(_, entry): (usize, &Entry)| entry.connection.link.mark;
        connections.iter().map(mark).collect()
    }

    /// Does something with a connection that is still there.
    pub(crate) fn with(&self, mark: Mark, act: impl FnOnce(&Connection)) {
        let connections = self.connections.borrow();
        let entry = connections.get(mark.key as usize);
        if let Some(Entry { connection, .. }) = entry
            && connection.link.mark == mark
        {
            act(connection);
        }
    }

    /// Remembers a task that accepts connections.
    pub(crate) fn listens(&self, listener: AbortHandle) {
        self.listeners.borrow_mut().push(listener);
    }

    /// Accepts no more connections; those that are there go on.
    pub(crate) fn stop_listening(&self) {
        for listener in self.listeners.take() {
            listener.abort();
        }
    }

    /// Closes every connection with 1001 (clients come back after a second) and waits for them, and
    /// for the answers to requests that are there.
    pub(crate) async fn close_all(&self) {
        self.stop_listening();
        self.closing.set(true);
        // What was published is theirs.
        self.shard.flush();
        for (_, entry) in self.connections.borrow().iter() {
            entry
                .connection
                .link
                .close(GOING_AWAY, SHUTTING_DOWN, Ending::Shutdown);
        }
        // The node's, since requests here may carry sessions that live on another worker.
        let all_gone = async {
            while self.node.connections() > 0 || self.answering() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let _ = timeout(Duration::from_secs(SHUTDOWN_SECONDS), all_gone).await;
        for mark in self.marks() {
            if let Some(connection) = self.connection(mark.key) {
                self.dismiss(&connection);
            }
        }
    }

    fn answering(&self) -> bool {
        self.mailbox().requests.load(Ordering::Relaxed) > 0
    }

    /// The node's clock, in seconds.
    pub(crate) fn second(&self) -> u32 {
        (self.node.millisecond() / 1000) as u32
    }

    /// The least busy worker, when this one has clearly more connections than it.
    pub(crate) fn less_busy_peer(&self) -> Option<&Mailbox> {
        let peer = self.node.least_busy()?;
        (peer.load() + IMBALANCE < self.load().load(Ordering::Relaxed)).then_some(peer)
    }

    /// The worker whose turn it is, unless it is this one.
    #[cfg(feature = "tls")]
    pub(crate) fn another_in_turn(&self, turn: &AtomicUsize) -> Option<&Mailbox> {
        let workers = &self.node.workers;
        let number = turn.fetch_add(1, Ordering::Relaxed) % workers.len();
        (number != self.number).then(|| &workers[number])
    }

    fn load(&self) -> &AtomicUsize {
        &self.mailbox().load
    }

    /// This worker as other threads see it.
    pub(crate) fn mailbox(&self) -> &Mailbox {
        &self.node.workers[self.number]
    }
}

/// What one tick joins at most. A quarter of the default outbox, so that a reader that keeps up finds
/// room for several, and far above what ticks hold outside of a burst.
const TICK_BYTES: usize = 256 * 1024;

/// Milliseconds that everybody else on the worker waits, per piece of a burst, for readers that are
/// behind and reading; a reader is cut before it could make them wait for many pieces.
const PATIENCE_MS: u32 = 10;
/// As long when nobody reads; those are not waited for again before they do.
const STALLED_MS: u32 = 4;

/// Connections that a worker may have more than another before it passes new ones on: moving one
/// costs a few system calls, so workers do not haggle over single connections.
const IMBALANCE: usize = 16;

const SHUTTING_DOWN: &str = "server shutting down";

/// How long connections have to take the close frame at shutdown.
const SHUTDOWN_SECONDS: u64 = 2;

/// Deadlines to authorise oneself are usually closer than that; others are looked at in between.
const AUTHORISATION_HORIZON: u32 = 120;

/// Ticks of the clock after which it has passed for certain: the present second has begun already.
fn seconds(timeout: Duration) -> u32 {
    let rounded_up = timeout
        .as_secs()
        .saturating_add(u64::from(timeout.subsec_nanos() > 0));
    u32::try_from(rounded_up.saturating_add(1)).unwrap_or(u32::MAX)
}

/// Two random parts of 32 bits: authorisations are bound to it, so it must not be guessable.
fn random_socket_id() -> SocketId {
    let random = getrandom::u64().expect("the operating system provides randomness");
    SocketId::new(random >> 32, random & u64::from(u32::MAX))
}
