//! How many client events a connection may send in a second.

/// Counts events in windows of one second; eight bytes, since every connection has one.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    second: u32,
    count: u32,
}

impl Rate {
    /// Counts one event at `now` (milliseconds); false when the second already had `limit`.
    pub(crate) fn allows(&mut self, now: u64, limit: u32) -> bool {
        let second = (now / 1000) as u32;
        if self.second != second {
            *self = Self { second, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        self.count <= limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_second_allows_again() {
        let mut rate = Rate::default();
        let sent: Vec<bool> = [0, 1, 2, 999, 1000].map(|now| rate.allows(now, 3)).into();
        assert_eq!(sent, [true, true, true, false, true]);
    }
}
