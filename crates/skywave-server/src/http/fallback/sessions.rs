//! The sessions of a node, found by what is in their paths.
//!
//! A session is named by its client: a number below a thousand and eight characters. So the name
//! says nothing about who asks, and a session belongs to the app key of the path that opened it:
//! the same name below another key is another session.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::PATIENCE;
use super::pipe::Pipe;
use super::session::{Receiver, Session};

/// The sessions that are open on a node, on all its workers.
#[derive(Default)]
pub(crate) struct Sessions {
    /// By `KEY/NUMBER/NAME`.
    open: Mutex<HashMap<Box<str>, Arc<Session>>>,
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names are no secrets, but who knows one can speak for its session.
        f.debug_struct("Sessions")
            .field("open", &self.lock().len())
            .finish()
    }
}

/// What a request that wants to receive came to.
pub(super) enum Found {
    /// The session was open.
    Open(Receiver),
    /// It is new; the pipe becomes a connection.
    New(Receiver, Pipe),
    /// There are too many.
    Full,
}

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Arc<Session>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session with this name.
    pub(super) fn find(&self, name: &str) -> Option<Arc<Session>> {
        self.lock().get(name).cloned()
    }

    /// Receives from the session with this name, which is opened when there is none.
    pub(super) fn receive(self: &Arc<Self>, name: &str) -> Found {
        let mut open = self.lock();
        let full = open.len() >= SESSIONS;
        match open.entry(name.into()) {
            Entry::Occupied(session) => Found::Open(session.get().receive()),
            Entry::Vacant(_) if full => Found::Full,
            Entry::Vacant(entry) => {
                let (session, mut pipe) = Session::new(PATIENCE);
                let receiver = session.receive();
                pipe.keep(Registration {
                    sessions: Arc::clone(self),
                    name: name.into(),
                });
                entry.insert(session);
                Found::New(receiver, pipe)
            }
        }
    }
}

/// A session in the table, until this is dropped.
struct Registration {
    sessions: Arc<Sessions>,
    name: Box<str>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.sessions.lock().remove(&self.name);
    }
}

/// Far more than a node carries in practice: a bound on what strangers can make it remember.
const SESSIONS: usize = 100_000;
