//! The directory: which channels of an app are occupied, on which workers, and by whom; and what
//! its cache channels hold.
//!
//! It is the only state that threads share about channels, and the lock of a channel's shelf is
//! what gives the channel its one order: whoever holds it may put frames into the workers' inboxes.

use std::collections::HashMap;

use skywave_protocol::ChannelName;

use crate::cache::Cache;
use crate::occupied::Occupied;
use crate::shelves::Shelves;

/// The channels of one app.
pub(crate) type Directory = Shelves<Shelf>;

/// One part of a directory, under one lock.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    pub(crate) occupied: HashMap<ChannelName, Occupied>,
    /// Last events of cache channels, occupied or not.
    pub(crate) cache: Cache,
}
