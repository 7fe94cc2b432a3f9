//! The engine: what all threads of a node share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use skywave_protocol::{ChannelName, Rejection, ServerMessage, SocketId};

use crate::app::{App, Apps};
use crate::directory::{ChannelId, Occupied};
use crate::encode_frame;
use crate::inbox::{Delivery, Inbox};
use crate::presence::Members;

/// The apps of a node and the inboxes of its workers.
#[derive(Debug)]
pub struct Engine {
    apps: Apps,
    inboxes: Box<[Inbox]>,
    next_channel: AtomicU64,
}

/// An event on its way: name, channels and data, published once.
#[derive(Debug, Clone, Copy)]
pub struct Publication<'a> {
    /// Where it goes.
    pub channels: &'a [ChannelName],
    /// Its name.
    pub event: &'a str,
    /// Its data, verbatim; usually JSON text.
    pub data: &'a str,
    /// The connection that does not get it.
    pub except: Option<SocketId>,
}

/// How occupied a channel is on this node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Occupancy {
    /// Subscriptions, each connection counted.
    pub subscriptions: usize,
    /// Distinct users; only for presence channels.
    pub users: Option<usize>,
}

impl Engine {
    /// An engine for `workers` workers, each of which needs its [`Shard`](crate::Shard).
    pub fn new(apps: Apps, workers: usize) -> Arc<Self> {
        let inboxes = (0..workers).map(|_| Inbox::default()).collect();
        Arc::new(Self {
            apps,
            inboxes,
            next_channel: AtomicU64::new(0),
        })
    }

    /// The tenants.
    pub fn apps(&self) -> &Apps {
        &self.apps
    }

    /// Hands an event to every subscriber of its channels.
    ///
    /// It returns as soon as the event stands in the inboxes of all workers concerned; channels
    /// without subscribers cost a look-up. May be called from any thread; never waits.
    ///
    /// # Errors
    ///
    /// [`Rejection::OverCapacity`] when a worker is too far behind. Nothing was sent then.
    pub fn publish(&self, app: &App, publication: &Publication<'_>) -> Result<(), Rejection> {
        if self.inboxes.iter().any(Inbox::is_full) {
            return Err(Rejection::OverCapacity);
        }
        for channel in publication.channels {
            app.channels.locked(channel, |shelf| {
                let Some(occupied) = shelf.get(channel) else {
                    return;
                };
                let message = ServerMessage::Event {
                    channel,
                    event: publication.event,
                    data: publication.data,
                    user_id: None,
                };
                self.deliver(occupied, &message, publication.except);
            });
        }
        Ok(())
    }

    /// Subscriptions and users of a channel on this node.
    pub fn occupancy(&self, app: &App, channel: &ChannelName) -> Occupancy {
        app.channels.locked(channel, |shelf| {
            shelf.get(channel).map_or_else(
                || Occupancy {
                    subscriptions: 0,
                    users: channel.kind().is_presence().then_some(0),
                },
                |occupied| Occupancy {
                    subscriptions: occupied.subscription_count(),
                    users: occupied.members().map(Members::len),
                },
            )
        })
    }

    /// Puts one message for a channel into the inboxes of its workers: encoded once, shared.
    ///
    /// The caller holds the channel's lock, which is what gives the channel its order.
    pub(crate) fn deliver(
        &self,
        occupied: &Occupied,
        message: &ServerMessage<'_>,
        except: Option<SocketId>,
    ) {
        let mut frame = Vec::with_capacity(FRAME_BYTES);
        encode_frame(message, &mut frame);
        let delivery = Delivery {
            channel: occupied.id,
            frame: Bytes::from(frame),
            except,
        };
        for worker in occupied.workers() {
            self.inboxes[worker].push(delivery.clone());
        }
    }

    pub(crate) fn inbox(&self, worker: usize) -> &Inbox {
        &self.inboxes[worker]
    }

    pub(crate) fn next_channel_id(&self) -> ChannelId {
        ChannelId(self.next_channel.fetch_add(1, Ordering::Relaxed))
    }
}

/// Most events fit, so that encoding allocates once.
const FRAME_BYTES: usize = 512;
