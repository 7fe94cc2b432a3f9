//! A shard: the part of the engine that one worker thread owns.
//!
//! It holds the worker's local view of every channel that has subscribers there, and turns what
//! stands in the worker's [`Inbox`](crate::Inbox) into writes. What a connection says is handled in
//! [`crate::session`], joining and leaving in [`crate::membership`]; this file is about lists and
//! ticks.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use skywave_protocol::ServerMessage;
use slab::Slab;

use crate::connection::{Connection, Link, Subscription};
use crate::count::Pending;
use crate::counters::{Tally, Written};
use crate::encode_frame;
use crate::engine::Engine;
use crate::inbox::{Delivery, Inbox};
use crate::listeners::ListId;
use crate::local::{Local, Topic};

/// The connections and local channels of one worker.
#[derive(Debug)]
pub struct Shard<L> {
    pub(crate) engine: Arc<Engine>,
    pub(crate) worker: usize,
    pub(crate) channels: RefCell<Channels<L>>,
    scratch: RefCell<Vec<u8>>,
    /// Channels whose changed count is not told yet; see [`crate::count`].
    pub(crate) pending_counts: RefCell<Vec<Pending>>,
}

/// The channels that have subscribers on this worker, and the users who are watched there.
#[derive(Debug)]
pub(crate) struct Channels<L> {
    local: Slab<Local<L>>,
    by_id: HashMap<ListId, u32>,
    /// Channels with frames in this tick, in the order of their first frame.
    dirty: Vec<u32>,
    /// Empty; its capacity is reused each time the inbox is taken.
    taken: VecDeque<Delivery>,
    /// What was written since it was last counted.
    written: Written,
    /// Buffers lent to the channels that are busy in a tick.
    spare: Vec<Vec<u8>>,
}

impl<L: Link> Shard<L> {
    /// The shard of worker number `worker` (from 0).
    pub fn new(engine: Arc<Engine>, worker: usize) -> Self {
        let channels = Channels {
            local: Slab::new(),
            by_id: HashMap::new(),
            dirty: Vec::new(),
            taken: VecDeque::new(),
            written: Written::default(),
            spare: Vec::new(),
        };
        Self {
            engine,
            worker,
            channels: RefCell::new(channels),
            scratch: RefCell::default(),
            pending_counts: RefCell::default(),
        }
    }

    /// The engine that this shard is part of.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Ready when there is something to [`flush`](Self::flush): in the inbox, or taken out of it
    /// already because somebody joined a channel meanwhile.
    pub fn poll_inbox(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.channels.borrow().dirty.is_empty() {
            self.inbox().poll_waiting(cx)
        } else {
            Poll::Ready(())
        }
    }

    /// Ends a tick: writes all that is in the inbox, one write per subscriber and channel.
    pub fn flush(&self) {
        self.flush_at_most(usize::MAX);
    }

    /// Ends a tick that holds at most `bytes` of frames, but always one whole frame.
    ///
    /// What a burst has piled up is better written in pieces: one write of it all is more than a
    /// socket takes and an outbox holds, however fast its reader.
    pub fn flush_at_most(&self, bytes: usize) {
        let channels = &mut *self.channels.borrow_mut();
        channels.collect(self.inbox(), bytes);
        channels.flush();
        self.tally().wrote(&std::mem::take(&mut channels.written));
    }

    /// Bytes in the inbox, for the next tick.
    pub fn waiting_bytes(&self) -> usize {
        self.inbox().bytes()
    }

    /// Sends one message to one connection.
    pub fn send(&self, connection: &Connection<L>, message: &ServerMessage<'_>) {
        self.send_behind(connection, &[], message);
    }

    /// Sends one message to one connection, in one write with bytes that stand before it and are none
    /// of the engine's business: the answer to its handshake.
    pub fn send_behind(
        &self,
        connection: &Connection<L>,
        before: &[u8],
        message: &ServerMessage<'_>,
    ) {
        let mut bytes = self.scratch.borrow_mut();
        bytes.clear();
        bytes.extend_from_slice(before);
        encode_frame(message, &mut bytes);
        connection.link.send(&bytes);
        let length = bytes.len() - before.len();
        self.tally().bytes_out.add(length as u64);
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.engine.tallies[self.worker]
    }

    pub(crate) fn inbox(&self) -> &Inbox {
        self.engine.inbox(self.worker)
    }
}

impl<L: Link> Channels<L> {
    /// Moves at most `bytes` of the inbox into the tick buffers; true when there is more.
    fn collect(&mut self, inbox: &Inbox, bytes: usize) -> bool {
        let mut taken = std::mem::take(&mut self.taken);
        let more = inbox.take(&mut taken, bytes);
        self.append(taken);
        more
    }

    /// Moves everything that waits for one channel into its tick buffer; the rest as well, when it
    /// is little.
    pub(crate) fn collect_for(&mut self, id: ListId, inbox: &Inbox) {
        let is_long = inbox.bytes() > LITTLE_BYTES || self.collect(inbox, LITTLE_BYTES);
        // Nothing comes for this channel meanwhile: the caller holds its lock.
        if is_long {
            let mut taken = std::mem::take(&mut self.taken);
            inbox.take_of(id, &mut taken);
            self.append(taken);
        }
    }

    /// Appends frames to the tick buffers; those for channels that were left are dropped.
    fn append(&mut self, mut taken: VecDeque<Delivery>) {
        for delivery in taken.drain(..) {
            let Some(&index) = self.by_id.get(&delivery.to) else {
                continue;
            };
            if self.local[index as usize].append(&delivery, &mut self.spare) {
                self.dirty.push(index);
            }
        }
        self.taken = taken;
    }

    fn flush(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for index in dirty.drain(..) {
            // The channel may be gone by now, or flushed already because somebody joined it.
            if let Some(local) = self.local.get_mut(index as usize) {
                let written = local.flush(index, &mut self.spare);
                self.written.add(&written);
            }
        }
        self.dirty = dirty;
    }

    /// Adds `connection` to the local list of a topic whose earlier frames it must not get. Returns
    /// the topic's index, and its place in the list.
    pub(crate) fn add(
        &mut self,
        connection: &Rc<Connection<L>>,
        id: ListId,
        topic: impl FnOnce() -> Topic,
    ) -> (u32, u32) {
        let channel = *self
            .by_id
            .entry(id)
            .or_insert_with(|| index(self.local.insert(Local::new(id, topic()))));
        let subscribers = &mut self.local[channel as usize].subscribers;
        let position = index(subscribers.len());
        subscribers.push(Rc::clone(connection));
        (channel, position)
    }

    /// Writes what this tick holds for one channel, before its list of subscribers changes.
    pub(crate) fn flush_channel(&mut self, id: ListId) {
        if let Some(&channel) = self.by_id.get(&id) {
            let written = self.local[channel as usize].flush(channel, &mut self.spare);
            self.written.add(&written);
        }
    }

    /// The local index of a channel.
    pub(crate) fn index_of(&self, id: ListId) -> Option<u32> {
        self.by_id.get(&id).copied()
    }

    /// What `subscription` is about.
    pub(crate) fn topic(&self, subscription: &Subscription) -> &Topic {
        &self.local[subscription.channel as usize].topic
    }

    /// Takes a subscription, already removed from its connection, out of its topic's list.
    pub(crate) fn unsubscribe(&mut self, subscription: &Subscription) {
        let local = &mut self.local[subscription.channel as usize];
        local
            .subscribers
            .swap_remove(subscription.position as usize);
        if let Some(moved) = local.subscribers.get(subscription.position as usize) {
            let mut session = moved.session.borrow_mut();
            if let Some(theirs) = session.place_mut(subscription.channel) {
                theirs.position = subscription.position;
            }
        }
        if local.subscribers.is_empty() {
            self.by_id.remove(&local.id);
            self.local.remove(subscription.channel as usize);
        }
    }
}

/// An inbox up to here is taken as a whole when somebody joins a channel.
const LITTLE_BYTES: usize = 256 * 1024;

/// Indices are 32 bits, so that a subscription stays small.
fn index(position: usize) -> u32 {
    u32::try_from(position).expect("a worker has fewer than 2^32 sockets and channels")
}
