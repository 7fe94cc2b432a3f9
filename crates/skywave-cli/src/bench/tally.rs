//! What was heard: [`Tally`].

use hdrhistogram::Histogram;

/// What all connections heard, and whether it was what they should have.
pub(super) struct Tally {
    /// Microseconds from before the request until the event was read.
    pub(super) latencies: Histogram<u64>,
    /// Events heard.
    pub(super) deliveries: u64,
    /// Events that came after a later one of their channel, or twice.
    pub(super) disordered: u64,
    /// Connections that ended early, and why the first of them did.
    pub(super) ended: (u64, Option<String>),
}

/// Where a connection is in its channel's order.
#[derive(Default)]
pub(super) struct Position {
    next: u64,
}

impl Tally {
    pub(super) fn new() -> Self {
        let latencies = Histogram::new_with_max(LONGEST, SIGNIFICANT_DIGITS);
        Self {
            latencies: latencies.expect("these bounds are valid"),
            deliveries: 0,
            disordered: 0,
            ended: (0, None),
        }
    }

    /// Counts event `number` of a channel, heard by a connection at `position` after so many
    /// microseconds. A number left out is not lost yet; it is when the end comes without it.
    pub(super) fn heard(&mut self, position: &mut Position, number: u64, latency: u64) {
        self.deliveries += 1;
        if number < position.next {
            self.disordered += 1;
        }
        position.next = position.next.max(number + 1);
        self.latencies.saturating_record(latency);
    }

    /// A connection ended that should not have.
    pub(super) fn lost(&mut self, why: String) {
        self.ended.0 += 1;
        self.ended.1.get_or_insert(why);
    }
}

/// Latencies above a minute count as a minute.
const LONGEST: u64 = 60_000_000;
const SIGNIFICANT_DIGITS: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_out_of_order_and_heard_twice_are_noticed() {
        for (numbers, disordered) in [
            (&[0, 1, 2][..], 0),
            (&[0, 2, 3], 0),
            (&[0, 2, 1, 3], 1),
            (&[0, 1, 1, 2], 1),
            (&[2, 1, 0], 2),
        ] {
            let (mut tally, mut position) = (Tally::new(), Position::default());
            for &number in numbers {
                tally.heard(&mut position, number, 1);
            }
            assert_eq!(tally.deliveries, numbers.len() as u64, "{numbers:?}");
            assert_eq!(tally.disordered, disordered, "{numbers:?}");
        }
    }

    #[test]
    fn of_the_connections_that_end_the_first_says_why() {
        let mut tally = Tally::new();
        tally.lost("too slow".to_owned());
        tally.lost("reset".to_owned());
        assert_eq!(tally.ended, (2, Some("too slow".to_owned())));
    }
}
