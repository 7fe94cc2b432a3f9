//! A coarse timer wheel: one slot per second, for all connections of a worker.
//!
//! Scheduling and firing cost O(1) and eight bytes per entry, where a timer per connection would
//! cost a task and a hundred. Deadlines are not cancelled: whoever fires looks whether its
//! connection still exists and is really due, and schedules it again when not.

use std::mem;

/// Entries by the second in which they are due.
#[derive(Debug)]
pub(crate) struct Wheel<T> {
    slots: Vec<Vec<T>>,
    /// The second that fired last.
    now: u64,
}

impl<T> Wheel<T> {
    /// A wheel for deadlines at most `horizon` seconds away, starting at second `now`.
    pub(crate) fn new(horizon: u32, now: u64) -> Self {
        let slots = (0..=horizon.min(MAX_SLOTS)).map(|_| Vec::new()).collect();
        Self { slots, now }
    }

    /// Fires `entry` in `seconds` (at least one); earlier when that is beyond the horizon.
    pub(crate) fn schedule(&mut self, entry: T, seconds: u32) {
        let seconds = u64::from(seconds).clamp(1, self.slots.len() as u64 - 1);
        let slot = self.slot(self.now + seconds);
        self.slots[slot].push(entry);
    }

    /// Moves to second `now` and returns everything due by then.
    pub(crate) fn advance(&mut self, now: u64) -> Vec<T> {
        let mut due = Vec::new();
        // Behind by more than a turn, every slot is due once.
        let from = self.now.max(now.saturating_sub(self.slots.len() as u64));
        for second in from + 1..=now {
            let slot = self.slot(second);
            // The slot gives its memory away: the next one as crowded is a turn away.
            let mut fired = mem::take(&mut self.slots[slot]);
            if due.is_empty() {
                due = fired;
            } else {
                due.append(&mut fired);
            }
        }
        self.now = self.now.max(now);
        due
    }

    fn slot(&self, second: u64) -> usize {
        (second % self.slots.len() as u64) as usize
    }
}

/// About seventeen minutes; 24 bytes each.
const MAX_SLOTS: u32 = 1023;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_fires_in_its_second_and_only_once() {
        let mut wheel = Wheel::new(10, 100);
        wheel.schedule('a', 3);
        wheel.schedule('b', 10);
        assert_eq!(wheel.advance(102), []);
        assert_eq!(wheel.advance(103), ['a']);
        assert_eq!(wheel.advance(110), ['b']);
        assert_eq!(wheel.advance(200), []);
    }

    #[test]
    fn a_late_wheel_fires_everything_that_was_due() {
        let mut wheel = Wheel::new(5, 0);
        for seconds in 1..=5 {
            wheel.schedule(seconds, seconds);
        }
        assert_eq!(wheel.advance(1_000).len(), 5);
    }

    #[test]
    fn a_deadline_beyond_the_horizon_fires_early_and_now_means_the_next_second() {
        let mut wheel = Wheel::new(5, 0);
        wheel.schedule("far", 60);
        wheel.schedule("now", 0);
        assert_eq!(wheel.advance(1), ["now"]);
        assert_eq!(wheel.advance(5), ["far"]);
    }
}
