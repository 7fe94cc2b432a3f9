//! A worker: one thread, one runtime, the connections that live there, and their ticks.
//!
//! Three kinds of task run on a worker: one per connection ([`crate::serve`]), one that ends each
//! tick (it sleeps until the inbox holds something, lets the tasks that are ready go first, and
//! then writes everything in one go), and one that looks at deadlines once a second.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use skywave_engine::{App, Connection, Shard};
use skywave_protocol::{Rejection, SocketId};
use slab::Slab;
use tokio::sync::mpsc;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::config::Settings;
use crate::listener;
use crate::node::{Mailbox, Node};
use crate::refuse::refuse;
use crate::serve::Serve;
use crate::socket::{LINGER, Phase, Socket};
use crate::stream::{Arriving, Stream};
use crate::wheel::Wheel;

/// What reaches a worker from other threads.
pub(crate) enum Arrival {
    /// A connection that was upgraded elsewhere.
    Connection(Arriving, Visit),
    /// A listening socket, to accept connections from.
    Listener(std::net::TcpListener),
    /// The application ends the connections of one of its users.
    Terminate { app: Arc<App>, user_id: Arc<str> },
}

/// What a WebSocket handshake came to.
pub(crate) struct Visit {
    /// The app whose key was in the path, or why the connection is closed after the handshake.
    pub(crate) app: Result<Arc<App>, Rejection>,
    /// Bytes the client sent behind the handshake (trap 15).
    pub(crate) read_ahead: Bytes,
}

/// The state of one worker thread.
pub(crate) struct Worker {
    pub(crate) shard: Shard<Socket>,
    pub(crate) settings: Settings,
    /// Lent to whoever is reading; one buffer for all connections of the worker.
    pub(crate) scratch: Cell<Vec<u8>>,
    connections: RefCell<Slab<Entry>>,
    wheel: RefCell<Wheel<Check>>,
    next_serial: Cell<u32>,
    number: usize,
    pub(crate) node: Arc<Node>,
    /// The server shuts down: who still comes is told so.
    closing: Cell<bool>,
}

/// A connection in the worker's table.
struct Entry {
    connection: Rc<Connection<Socket>>,
    serial: u32,
}

/// "Look at connection `key`, if it is still the one with this serial."
#[derive(Debug, Clone, Copy)]
struct Check {
    key: u32,
    serial: u32,
}

/// What one read takes at most; as large as the largest TCP segment train loopback delivers.
pub(crate) const SCRATCH_BYTES: usize = 64 * 1024;

/// The body of the thread of worker `number`: runs until nothing can arrive any more.
pub(crate) fn run(
    (node, number): (Arc<Node>, usize),
    settings: Settings,
    arrivals: mpsc::Receiver<Arrival>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, async move {
        let worker = Rc::new(Worker {
            shard: Shard::new(Arc::clone(&node.engine), number),
            settings,
            scratch: Cell::default(),
            connections: RefCell::default(),
            wheel: RefCell::new(Wheel::new(settings.silence(), 0)),
            next_serial: Cell::new(0),
            number,
            node,
            closing: Cell::new(false),
        });
        spawn_local(end_ticks(Rc::clone(&worker)));
        spawn_local(check_deadlines(Rc::clone(&worker)));
        worker.receive(arrivals).await;
        worker.close_all().await;
    });
    Ok(())
}

/// Ends a tick whenever something is in the inbox.
async fn end_ticks(worker: Rc<Worker>) {
    loop {
        poll_fn(|cx| worker.shard.poll_inbox(cx)).await;
        worker.shard.flush();
    }
}

async fn check_deadlines(worker: Rc<Worker>) {
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        seconds.tick().await;
        let due = worker
            .wheel
            .borrow_mut()
            .advance(u64::from(worker.second()));
        for check in due {
            worker.check(check);
        }
    }
}

impl Worker {
    async fn receive(self: &Rc<Self>, mut arrivals: mpsc::Receiver<Arrival>) {
        let mut listeners = Vec::new();
        while let Some(arrival) = arrivals.recv().await {
            match arrival {
                Arrival::Connection(arriving, visit) => match arriving.land() {
                    Ok(stream) => self.admit(stream, visit),
                    Err(error) => {
                        tracing::warn!(%error, "a connection was lost on its way to a worker");
                    }
                },
                Arrival::Listener(listener) => {
                    listeners.push(spawn_local(listener::accept(Rc::clone(self), listener)));
                }
                Arrival::Terminate { app, user_id } => self.terminate(&app, &user_id),
            }
        }
        for listener in listeners {
            listener.abort();
        }
    }

    /// Takes over a stream whose handshake has been answered.
    pub(crate) fn admit(self: &Rc<Self>, stream: Stream, visit: Visit) {
        let app = match visit.app {
            Ok(app) => app,
            Err(rejection) => {
                spawn_local(refuse(stream, rejection));
                return;
            }
        };
        let socket = Socket::new(stream, self.settings.outbox_bytes, self.second());
        if self.closing.get() {
            socket.close(GOING_AWAY, SHUTTING_DOWN);
        }
        let connection = Rc::new(Connection::new(socket, app, random_socket_id()));
        let serial = self.next_serial.get().wrapping_add(1);
        self.next_serial.set(serial);
        let entry = Entry {
            connection: Rc::clone(&connection),
            serial,
        };
        let key = self.connections.borrow_mut().insert(entry);
        self.load().fetch_add(1, Ordering::Relaxed);
        self.schedule(
            Check {
                key: key as u32,
                serial,
            },
            self.settings.silence(),
        );
        spawn_local(Serve::new(
            Rc::clone(self),
            connection,
            key as u32,
            visit.read_ahead,
        ));
    }

    /// Removes a connection that ended; its task calls this once.
    pub(crate) fn dismiss(&self, connection: &Connection<Socket>, key: u32) {
        self.shard.disconnect(connection);
        self.connections.borrow_mut().remove(key as usize);
        self.load().fetch_sub(1, Ordering::Relaxed);
    }

    /// Sees to it that a closing connection does not linger.
    pub(crate) fn linger(&self, key: u32) {
        if let Some(entry) = self.connections.borrow().get(key as usize) {
            entry.connection.link.linger(self.second());
            self.schedule(
                Check {
                    key,
                    serial: entry.serial,
                },
                LINGER,
            );
        }
    }

    fn schedule(&self, check: Check, seconds: u32) {
        self.wheel.borrow_mut().schedule(check, seconds);
    }

    /// Pings a connection that was silent, cuts one that stayed silent (§1.6).
    fn check(&self, check: Check) {
        let connections = self.connections.borrow();
        let Some(entry) = connections.get(check.key as usize) else {
            return;
        };
        if entry.serial != check.serial {
            return;
        }
        let socket = &entry.connection.link;
        let silent = socket.silent(self.second());
        match socket.phase() {
            Phase::Open if silent >= self.settings.silence() => {
                socket.ping();
                self.schedule(check, self.settings.pong_timeout);
            }
            Phase::Open => self.schedule(check, self.settings.silence() - silent),
            Phase::Pinged => socket.reject(&Rejection::PongTimeout),
            Phase::Closing | Phase::Done if silent >= LINGER => socket.abort(),
            // The wheel may be shorter than that, and its second is a little behind ours.
            Phase::Closing | Phase::Done => self.schedule(check, LINGER - silent),
            Phase::Cut => {}
        }
    }

    /// Closes the connections that are signed in as the user (§1.13).
    fn terminate(&self, app: &Arc<App>, user_id: &str) {
        for (_, entry) in self.connections.borrow().iter() {
            let connection = &entry.connection;
            if Arc::ptr_eq(connection.app(), app) && connection.is_user(user_id) {
                connection.link.reject(&Rejection::Terminated);
            }
        }
    }

    /// Closes every connection with 1001 (clients come back after a second) and waits for them.
    async fn close_all(&self) {
        self.closing.set(true);
        for (_, entry) in self.connections.borrow().iter() {
            entry.connection.link.close(GOING_AWAY, SHUTTING_DOWN);
        }
        let all_gone = async {
            while !self.connections.borrow().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let _ = timeout(Duration::from_secs(SHUTDOWN_SECONDS), all_gone).await;
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

    fn load(&self) -> &AtomicUsize {
        &self.node.workers[self.number].load
    }
}

/// Connections that a worker may have more than another before it passes new ones on: moving one
/// costs a few system calls, so workers do not haggle over single connections.
const IMBALANCE: usize = 16;

/// RFC 6455 §7.4.1.
const GOING_AWAY: u16 = 1001;
const SHUTTING_DOWN: &str = "server shutting down";

/// How long connections have to take the close frame at shutdown.
const SHUTDOWN_SECONDS: u64 = 2;

/// Two random parts of 32 bits: authorisations are bound to it, so it must not be guessable.
fn random_socket_id() -> SocketId {
    let random = getrandom::u64().expect("the operating system provides randomness");
    SocketId::new(random >> 32, random & u64::from(u32::MAX))
}
