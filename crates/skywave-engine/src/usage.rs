//! How much of the node an app uses, where there is a limit: connections, and events in a second.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use skywave_protocol::Rejection;

use crate::app::App;
use crate::rate::Rate;

/// What an app uses at the moment.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    connections: AtomicUsize,
    /// Events published over the HTTP API; looked at only where they are limited.
    published: Mutex<Rate>,
}

/// A place among the connections of an app; free again when it is dropped.
#[derive(Debug)]
pub struct Slot(Arc<App>);

impl Slot {
    /// Whose it is.
    pub fn app(&self) -> &Arc<App> {
        &self.0
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.usage.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl App {
    /// A place for one more connection.
    ///
    /// # Errors
    ///
    /// [`Rejection::TooManyConnections`] when all that the app may have are taken.
    pub fn slot(self: &Arc<Self>) -> Result<Slot, Rejection> {
        let taken = self.usage.connections.fetch_add(1, Ordering::Relaxed);
        // From here on it is given back by being dropped.
        let slot = Slot(Arc::clone(self));
        match self.settings().limits.connections {
            Some(limit) if taken >= limit as usize => Err(Rejection::TooManyConnections { limit }),
            _ => Ok(slot),
        }
    }

    /// Connections on this node.
    pub fn connections(&self) -> usize {
        self.usage.connections.load(Ordering::Relaxed)
    }

    /// Counts events that are about to be published over the HTTP API, all of them or none. `now`
    /// is the time that [`Engine::publish`](crate::Engine::publish) gets.
    ///
    /// # Errors
    ///
    /// [`Rejection::TooManyEvents`] when the app has published as many in this second.
    pub fn count_events(&self, events: usize, now: u64) -> Result<(), Rejection> {
        let Some(limit) = self.settings().limits.events_per_second else {
            return Ok(());
        };
        let published = &self.usage.published;
        // Nothing under this lock can leave the window half-changed.
        let mut published = published.lock().unwrap_or_else(PoisonError::into_inner);
        let events = u32::try_from(events).unwrap_or(u32::MAX);
        if published.takes(events, now, limit) {
            Ok(())
        } else {
            Err(Rejection::TooManyEvents { limit })
        }
    }
}
