//! Telling the subscribers of a channel how many they are (protocol §1.12).
//!
//! Each change is told at once while a channel has few subscriptions. Above [`FEW`] a count goes out
//! at most every [`PAUSE_MS`]: what changed in between is pending, noted by the shard on which it
//! changed, and told by that shard when the pause is over. It is told under the channel's lock, so
//! it stands in the channel's order like everything else.

use std::sync::Arc;

use skywave_protocol::{ChannelName, ServerMessage};

use crate::app::App;
use crate::connection::Link;
use crate::observer::Occurrence;
use crate::occupied::Occupied;
use crate::shard::Shard;

/// When the count of a channel was last told, and whether it has changed since.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// On the clock of the node, in milliseconds.
    at: Option<u64>,
    pending: bool,
}

/// A channel whose count is pending.
#[derive(Debug)]
pub(crate) struct Pending {
    app: Arc<App>,
    channel: ChannelName,
}

/// What becomes of a changed count.
#[derive(Debug, PartialEq, Eq)]
enum Tell {
    Now,
    /// In a while; noted already.
    Later,
    /// In a while, and nobody has noted that yet.
    Note,
}

/// Up to as many subscriptions, every change is told.
const FEW: usize = 100;

/// Above that, milliseconds from one count to the next.
const PAUSE_MS: u64 = 5_000;

impl Told {
    fn change(&mut self, subscriptions: usize, now: u64) -> Tell {
        if subscriptions <= FEW || self.is_old(now) {
            *self = Self {
                at: Some(now),
                pending: false,
            };
            return Tell::Now;
        }
        if std::mem::replace(&mut self.pending, true) {
            Tell::Later
        } else {
            Tell::Note
        }
    }

    fn is_old(&self, now: u64) -> bool {
        self.at.is_none_or(|at| now.saturating_sub(at) >= PAUSE_MS)
    }
}

impl<L: Link> Shard<L> {
    /// The number of subscriptions has changed; the caller holds the channel's lock.
    pub(crate) fn count_changed(
        &self,
        app: &Arc<App>,
        channel: &ChannelName,
        occupied: &mut Occupied,
        now: u64,
    ) {
        if !channel.kind().shows_subscription_count() || !app.settings().subscription_counts {
            return;
        }
        let count = occupied.occupancy().subscriptions;
        match occupied.told.change(count, now) {
            Tell::Now => self.tell_count(app, channel, occupied, count),
            Tell::Later => {}
            Tell::Note => self.pending_counts.borrow_mut().push(Pending {
                app: Arc::clone(app),
                channel: channel.clone(),
            }),
        }
    }

    /// Tells the counts whose pause is over; to be called about once a second.
    ///
    /// `now` is the time that [`receive`](Self::receive) gets.
    pub fn tell_counts(&self, now: u64) {
        self.pending_counts
            .borrow_mut()
            .retain(|Pending { app, channel }| {
                app.channels.locked(channel, |shelf| {
                    let Some(occupied) = shelf.occupied.get_mut(channel) else {
                        return false;
                    };
                    if !occupied.told.pending || !occupied.told.is_old(now) {
                        return occupied.told.pending;
                    }
                    occupied.told = Told {
                        at: Some(now),
                        pending: false,
                    };
                    let count = occupied.occupancy().subscriptions;
                    self.tell_count(app, channel, occupied, count);
                    false
                })
            });
    }

    fn tell_count(&self, app: &App, channel: &ChannelName, occupied: &Occupied, count: usize) {
        let message = ServerMessage::SubscriptionCount { channel, count };
        self.engine.deliver(&occupied.listeners, &message, None);
        let told = Occurrence::SubscriptionCount { count };
        self.engine.observe(app, channel, &told);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_told_every_time_and_many_after_a_pause() {
        let mut told = Told::default();
        let changes = [
            (100, 0, Tell::Now),
            (99, 0, Tell::Now),
            (101, 1, Tell::Note),
            (102, 4_999, Tell::Later),
            (103, 5_000, Tell::Now),
            (104, 9_999, Tell::Note),
            (100, 9_999, Tell::Now),
            (101, 14_999, Tell::Now),
        ];
        for (subscriptions, now, expected) in changes {
            let tell = told.change(subscriptions, now);
            assert_eq!(tell, expected, "{subscriptions} at {now}");
        }
    }
}
