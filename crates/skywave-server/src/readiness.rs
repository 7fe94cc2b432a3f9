//! Which connections of a worker are to be served next: those whose sockets are ready, and those that
//! are called ([`crate::calls`]).
//!
//! tokio keeps a task and a registration for every socket that it watches, 384 bytes. An idle
//! connection needs neither: it only has to be found again. So a worker has a selector of its own
//! (mio's, as tokio has inside), and registers that one with its runtime. When a socket gets ready,
//! the selector does, and one task of the worker serves everybody whom it names ([`crate::serve`]).
//!
//! A connection may be served although nothing has happened: a key can be another connection's by the
//! time that it is looked at. That is harmless, since everybody finds out by trying.

#[cfg(unix)]
use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
#[cfg(unix)]
use std::time::Duration;

#[cfg(unix)]
use mio::{Events, Interest, Registry, Token, event::Source};
#[cfg(unix)]
use tokio::io::unix::AsyncFd;

use crate::calls::Calls;

/// Somebody to be served.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Due {
    /// Where the connection stands in the worker's table.
    pub(crate) key: u32,
    /// Nobody will tell again that there is something to read: it is to be read until there is not.
    pub(crate) thoroughly: bool,
}

/// Tells which connections of a worker are to be served.
#[derive(Debug)]
pub(crate) struct Readiness {
    pub(crate) calls: Arc<Calls>,
    #[cfg(unix)]
    selector: RefCell<Selector>,
    #[cfg(unix)]
    registry: Registry,
}

#[cfg(unix)]
#[derive(Debug)]
struct Selector {
    poll: AsyncFd<mio::Poll>,
    events: Events,
}

impl Readiness {
    /// Of a worker on whose runtime this is called.
    #[cfg(unix)]
    pub(crate) fn new() -> io::Result<Self> {
        let poll = mio::Poll::new()?;
        let registry = poll.registry().try_clone()?;
        #[expect(
            deprecated,
            reason = "what took its place is unsafe, for types that may close their descriptor; a selector does not"
        )]
        let poll = AsyncFd::with_interest(poll, tokio::io::Interest::READABLE)?;
        let events = Events::with_capacity(EVENTS);
        Ok(Self {
            calls: Arc::default(),
            selector: RefCell::new(Selector { poll, events }),
            registry,
        })
    }

    /// Without a selector all sockets are boxed, and call.
    #[cfg(not(unix))]
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            calls: Arc::default(),
        })
    }

    /// Watches for connection `key` whether its socket has something to read, until it is closed.
    #[cfg(unix)]
    pub(crate) fn watch(&self, key: u32, socket: &mut impl Source) -> io::Result<()> {
        let token = Token(key as usize);
        self.registry.register(socket, token, Interest::READABLE)
    }

    /// Watches as well whether the socket takes something.
    #[cfg(unix)]
    pub(crate) fn watch_writes(&self, key: u32, socket: &mut impl Source) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        self.registry.reregister(socket, Token(key as usize), both)
    }

    /// Ready when some are due, who are then appended to `due`.
    pub(crate) fn poll_due(
        &self,
        cx: &mut Context<'_>,
        due: &mut Vec<Due>,
    ) -> Poll<io::Result<()>> {
        self.calls.take(cx, |key| {
            due.push(Due {
                key,
                thoroughly: true,
            });
        });
        #[cfg(unix)]
        self.selector.borrow_mut().take(cx, due)?;
        if due.is_empty() {
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(unix)]
impl Selector {
    /// Appends whose sockets are ready; the task is woken by the next one that gets ready.
    fn take(&mut self, cx: &mut Context<'_>, due: &mut Vec<Due>) -> io::Result<()> {
        while let Poll::Ready(guard) = self.poll.poll_read_ready_mut(cx) {
            let mut guard = guard?;
            let polled = guard
                .get_inner_mut()
                .poll(&mut self.events, Some(Duration::ZERO));
            match polled {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            let before = due.len();
            due.extend(self.events.iter().map(|event| Due {
                key: event.token().0 as u32,
                thoroughly: event.is_read_closed() || event.is_error(),
            }));
            if due.len() - before == EVENTS {
                // There may be more, and the runtime does not tell again of what it has told.
                return Ok(());
            }
            guard.clear_ready();
        }
        Ok(())
    }
}

/// Sockets that are told of at a time; the worker's other tasks get their turn in between.
#[cfg(unix)]
const EVENTS: usize = 256;
