//! How many events there may be in a second: of a client, of an app.

/// Counts events in windows of one second; eight bytes, since every connection has one.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    second: u32,
    count: u32,
}

impl Rate {
    /// Counts so many events at `now` (milliseconds), all or none; false when the second would have
    /// more than `limit` then.
    pub(crate) fn takes(&mut self, events: u32, now: u64, limit: u32) -> bool {
        let second = (now / 1000) as u32;
        if self.second != second {
            *self = Self { second, count: 0 };
        }
        let count = self.count.saturating_add(events);
        let in_time = count <= limit;
        if in_time {
            self.count = count;
        }
        in_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_second_allows_again() {
        let mut rate = Rate::default();
        let sent: Vec<bool> = [0, 1, 2, 999, 1000].map(|now| rate.takes(1, now, 3)).into();
        assert_eq!(sent, [true, true, true, false, true]);
    }

    #[test]
    fn what_does_not_fit_is_not_counted() {
        let mut rate = Rate::default();
        let sent: Vec<bool> = [2, 2, 1, 1, u32::MAX]
            .map(|events| rate.takes(events, 0, 3))
            .into();
        assert_eq!(sent, [true, false, true, false, false]);
    }
}
