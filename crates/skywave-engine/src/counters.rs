//! What a node has done so far, for those who watch over it.
//!
//! Counting must cost nothing where it matters. Each worker has numbers of its own that only it
//! writes, on cache lines of their own, so adding is a load and a store; and a tick is counted as a
//! whole, never a delivery.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::engine::Engine;

/// What a node has done since its start, in numbers that only grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Events that were published, by the application or over the HTTP API, each counted once
    /// whatever the number of its channels and subscribers. Client events are not among them.
    pub events: u64,
    /// Events and other news of channels (members, counts, who is online) that were handed to
    /// connections, each connection counted.
    pub deliveries: u64,
    /// Bytes of all frames that were handed to connections, answers included. What the transport
    /// adds (TLS, HTTP) is not counted, nor are control frames.
    pub bytes_out: u64,
    /// Messages of clients, understood or not.
    pub messages_in: u64,
    /// Messages of clients that were refused; a part of `messages_in`.
    pub refused_messages: u64,
    /// Client events that were passed on; a part of `messages_in`.
    pub client_events: u64,
    /// Subscriptions that succeeded.
    pub subscriptions: u64,
    /// Sign-ins that succeeded.
    pub sign_ins: u64,
}

/// The numbers of one worker; two cache lines, because processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Tally {
    pub(crate) deliveries: Count,
    pub(crate) bytes_out: Count,
    pub(crate) messages_in: Count,
    pub(crate) refused_messages: Count,
    pub(crate) client_events: Count,
    pub(crate) subscriptions: Count,
    pub(crate) sign_ins: Count,
}

/// A number that one thread writes and others read.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, number: u64) {
        let sum = self.get().wrapping_add(number);
        self.0.store(sum, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What was written to subscribers.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) deliveries: u64,
    pub(crate) bytes: u64,
}

impl Written {
    pub(crate) fn add(&mut self, more: &Self) {
        self.deliveries += more.deliveries;
        self.bytes += more.bytes;
    }
}

impl Tally {
    pub(crate) fn wrote(&self, written: &Written) {
        self.deliveries.add(written.deliveries);
        self.bytes_out.add(written.bytes);
    }
}

impl Engine {
    /// What the node has done so far. Workers go on counting meanwhile, so the numbers need not be
    /// of one moment.
    pub fn counters(&self) -> Counters {
        let mut sum = Counters {
            events: self.published.load(Ordering::Relaxed),
            ..Counters::default()
        };
        for tally in &self.tallies {
            sum.deliveries += tally.deliveries.get();
            sum.bytes_out += tally.bytes_out.get();
            sum.messages_in += tally.messages_in.get();
            sum.refused_messages += tally.refused_messages.get();
            sum.client_events += tally.client_events.get();
            sum.subscriptions += tally.subscriptions.get();
            sum.sign_ins += tally.sign_ins.get();
        }
        sum
    }
}
