//! What cache channels hold: the last published event of each, for those who come later.
//!
//! An event is kept for [`Limits::cache_ms`] and replayed as the finished frame it was sent as.
//! Expired events are forgotten when they are looked at, and when room is needed: at
//! [`Limits::cached_channels`] the event closest to its end makes room for the new one.
//!
//! [`Limits::cache_ms`]: skywave_protocol::Limits::cache_ms
//! [`Limits::cached_channels`]: skywave_protocol::Limits::cached_channels

use std::collections::HashMap;

use bytes::Bytes;
use skywave_protocol::ChannelName;

/// The cached events of one shelf of the directory.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    by_channel: HashMap<ChannelName, Cached>,
}

#[derive(Debug)]
struct Cached {
    frame: Bytes,
    data: Box<str>,
    /// On the clock of the node, in milliseconds.
    expires: u64,
}

impl Cache {
    /// Keeps an event until `expires`, in place of the channel's earlier one.
    pub(crate) fn keep(&mut self, channel: &ChannelName, frame: &Bytes, data: &str, expires: u64) {
        let cached = Cached {
            frame: frame.clone(),
            data: data.into(),
            expires,
        };
        self.by_channel.insert(channel.clone(), cached);
    }

    /// Makes room for an event of `channel`, where at most `room` channels may hold one.
    pub(crate) fn make_room(&mut self, room: usize, channel: &ChannelName, now: u64) {
        if self.by_channel.len() < room || self.by_channel.contains_key(channel) {
            return;
        }
        self.by_channel.retain(|_, cached| cached.expires > now);
        if self.by_channel.len() >= room {
            let next = self
                .by_channel
                .iter()
                .min_by_key(|(_, cached)| cached.expires);
            if let Some(channel) = next.map(|(channel, _)| channel.clone()) {
                self.by_channel.remove(&channel);
            }
        }
    }

    /// The frame to replay to a new subscriber.
    pub(crate) fn frame(&mut self, channel: &ChannelName, now: u64) -> Option<&Bytes> {
        self.fresh(channel, now).map(|cached| &cached.frame)
    }

    /// The data held, and for how many milliseconds still.
    pub(crate) fn data(&mut self, channel: &ChannelName, now: u64) -> Option<(&str, u64)> {
        self.fresh(channel, now)
            .map(|cached| (&*cached.data, cached.expires - now))
    }

    fn fresh(&mut self, channel: &ChannelName, now: u64) -> Option<&Cached> {
        if self.by_channel.get(channel)?.expires <= now {
            self.by_channel.remove(channel);
        }
        self.by_channel.get(channel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(name: &str) -> ChannelName {
        ChannelName::parse(name).expect("a valid name")
    }

    #[test]
    fn an_event_is_held_until_it_expires_and_replaced_by_the_next() {
        let (mut cache, name) = (Cache::default(), channel("cache-a"));
        cache.keep(&name, &Bytes::from_static(b"1"), "one", 100);
        cache.keep(&name, &Bytes::from_static(b"2"), "two", 150);
        assert_eq!(cache.data(&name, 149), Some(("two", 1)));
        assert_eq!(cache.frame(&name, 149), Some(&Bytes::from_static(b"2")));
        assert_eq!(cache.frame(&name, 150), None);
        assert_eq!(cache.by_channel.len(), 0, "an expired event is forgotten");
    }

    #[test]
    fn at_the_limit_the_event_closest_to_its_end_makes_room() {
        let mut cache = Cache::default();
        let names = ["cache-a", "cache-b", "cache-c"].map(channel);
        for (expires, name) in (100..).zip(&names) {
            cache.make_room(2, name, 0);
            cache.keep(name, &Bytes::new(), "{}", expires);
        }
        let held = names.each_ref().map(|name| cache.data(name, 3).is_some());
        assert_eq!(held, [false, true, true]);
    }
}
