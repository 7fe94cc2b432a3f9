//! A channel on one worker: its subscribers there, and the frames of the current tick.
//!
//! All frames that reach a channel within one tick are joined into one buffer, and every subscriber
//! gets that buffer in one write. A frame that must skip a connection (`to_others`, client events)
//! is noted beside the buffer; only a tick with such a note looks at who the subscribers are.

use std::hint::black_box;
use std::ops::Range;
use std::rc::Rc;

use skywave_protocol::ChannelName;

use crate::connection::{Connection, Link};
use crate::counters::Written;
use crate::except::Excluded;
use crate::inbox::Delivery;
use crate::listeners::ListId;

/// One occupied channel of one worker, or those who watch a user there.
#[derive(Debug)]
pub(crate) struct Local<L> {
    pub(crate) id: ListId,
    pub(crate) topic: Topic,
    pub(crate) subscribers: Vec<Rc<Connection<L>>>,
    tick: Tick,
}

/// What is listened to. Watched users stand beside channels, not among them: no channel name leads
/// to one.
#[derive(Debug)]
pub(crate) enum Topic {
    Channel(ChannelName),
    /// The user with this id comes and goes.
    User(Box<str>),
}

impl Topic {
    pub(crate) fn channel(&self) -> Option<&ChannelName> {
        match self {
            Self::Channel(name) => Some(name),
            Self::User(_) => None,
        }
    }
}

/// The frames of one tick, joined.
#[derive(Debug, Default)]
struct Tick {
    frames: Vec<u8>,
    /// How many frames those are.
    number: u64,
    exclusions: Vec<Exclusion>,
}

/// Somebody does not get one part of the tick's frames.
#[derive(Debug)]
struct Exclusion {
    who: Excluded,
    part: Range<usize>,
}

impl<L: Link> Local<L> {
    pub(crate) fn new(id: ListId, topic: Topic) -> Self {
        Self {
            id,
            topic,
            subscribers: Vec::new(),
            tick: Tick::default(),
        }
    }

    /// Joins a frame to this tick's; true when it is the first one. `spare` lends buffers.
    pub(crate) fn append(&mut self, delivery: &Delivery, spare: &mut Vec<Vec<u8>>) -> bool {
        let start = self.tick.frames.len();
        if start == 0 && self.tick.frames.capacity() == 0 {
            self.tick.frames = spare.pop().unwrap_or_default();
        }
        self.tick.frames.extend_from_slice(&delivery.frame);
        self.tick.number += 1;
        if let Some(who) = &delivery.except {
            let part = start..self.tick.frames.len();
            let who = who.clone();
            self.tick.exclusions.push(Exclusion { who, part });
        }
        start == 0
    }

    /// Writes the tick to every subscriber, and gives the buffer back to `spare`; the channel stands
    /// at `index` in the shard. Returns what was written.
    pub(crate) fn flush(&mut self, index: u32, spare: &mut Vec<Vec<u8>>) -> Written {
        if self.tick.frames.is_empty() {
            return Written::default();
        }
        let mut tick = std::mem::take(&mut self.tick);
        let subscribers = self.subscribers.len() as u64;
        let mut written = Written {
            deliveries: tick.number * subscribers,
            bytes: tick.frames.len() as u64 * subscribers,
        };
        if tick.exclusions.is_empty() {
            for group in self.subscribers.chunks(GROUP) {
                black_box(group.iter().fold(true, |all, one| all & one.link.look()));
                for subscriber in group {
                    subscriber.link.send(&tick.frames);
                }
            }
        } else {
            for subscriber in &self.subscribers {
                tick.send_to(subscriber, index, &mut written);
            }
        }
        if tick.frames.capacity() <= SPARE_BYTES && spare.len() < SPARE_BUFFERS {
            tick.frames.clear();
            spare.push(tick.frames);
        }
        written
    }
}

/// Subscribers that are looked at before the first of them is sent to. A write to a socket leaves little in
/// the processor's caches, so each subscriber would be waited for; together they are fetched in the time
/// of one. Few enough that the first writes do not drive the last ones out again.
const GROUP: usize = 8;

/// Buffers above this size are freed after a burst.
const SPARE_BYTES: usize = 256 * 1024;
/// As many channels can be busy in one tick without allocating.
const SPARE_BUFFERS: usize = 64;

impl Tick {
    /// Takes what the subscriber does not get off what is `written`.
    fn send_to<L: Link>(&self, subscriber: &Connection<L>, channel: u32, written: &mut Written) {
        let excluded = |exclusion: &&Exclusion| exclusion.who.means(subscriber, channel);
        let mut from = 0;
        for exclusion in self.exclusions.iter().filter(excluded) {
            send_part(subscriber, &self.frames[from..exclusion.part.start]);
            from = exclusion.part.end;
            written.deliveries -= 1;
            written.bytes -= exclusion.part.len() as u64;
        }
        send_part(subscriber, &self.frames[from..]);
    }
}

fn send_part<L: Link>(subscriber: &Connection<L>, frames: &[u8]) {
    if !frames.is_empty() {
        subscriber.link.send(frames);
    }
}
