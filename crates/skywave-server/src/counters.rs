//! What the server counts: connections and requests, nothing per delivery.
//!
//! All are plain additions without order between them; whoever reads them sees each of them whole.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use skywave_protocol::Rejection;

use crate::ending::Ending;
use crate::http::Asked;

/// The counters of a node.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Sockets accepted by the server's own listeners.
    pub(crate) sockets: Count,
    /// Sockets closed before they said anything, for want of descriptors or because their address
    /// had too many handshakes open.
    pub(crate) turned_away: Count,
    /// TLS handshakes that failed or took too long.
    pub(crate) tls_failed: Count,
    /// Connections opened, by whatever transport.
    pub(crate) opened: Count,
    ended: [Count; Ending::ALL.len()],
    /// By the name of the rejection, of which there are few.
    refused: Mutex<BTreeMap<&'static str, u64>>,
    requests: [[Count; STATUSES.len()]; Asked::ALL.len()],
    pub(crate) publish_time: Histogram,
    /// Calls to publish that were refused because a worker's inbox was full.
    pub(crate) publishes_refused_for_inbox: Count,
    /// Calls to publish that were refused because too much memory was used.
    pub(crate) publishes_refused_for_memory: Count,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    pub(crate) fn ended(&self, ending: Ending) {
        self.ended[ending as usize].add_one();
    }

    /// How many connections ended for each reason.
    pub(crate) fn endings(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Ending::ALL
            .iter()
            .map(|&ending| (ending.label(), self.ended[ending as usize].get()))
    }

    /// A connection was refused before it was one.
    pub(crate) fn refused(&self, rejection: &Rejection) {
        // Numbers cannot be left half-changed.
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        *refused.entry(rejection.name()).or_default() += 1;
    }

    /// How many connections were refused, by the name of the rejection.
    pub(crate) fn refusals(&self) -> BTreeMap<&'static str, u64> {
        let refused = self.refused.lock();
        refused.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A request was answered.
    pub(crate) fn answered(&self, asked: Asked, status: u16) {
        let known = STATUSES.iter().position(|&known| known == status);
        self.requests[asked as usize][known.unwrap_or(OTHER)].add_one();
    }

    /// How many requests were answered, by what they asked for and by status (0 for any other), as
    /// far as there were any.
    pub(crate) fn requests(&self) -> impl Iterator<Item = (&'static str, u16, u64)> {
        Asked::ALL.iter().flat_map(move |&asked| {
            let counts = STATUSES.iter().zip(&self.requests[asked as usize]);
            counts
                .map(move |(&status, count)| (asked.label(), status, count.get()))
                .filter(|&(_, _, count)| count > 0)
        })
    }
}

/// The statuses that the server answers with; the last one stands for all others.
const STATUSES: [u16; 16] = [
    101, 200, 202, 204, 400, 401, 403, 404, 405, 408, 413, 426, 429, 500, 503, 0,
];
const OTHER: usize = STATUSES.len() - 1;

/// How many durations were at most so long.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    buckets: [Count; BOUNDS_US.len() + 1],
    microseconds: AtomicU64,
}

impl Histogram {
    pub(crate) fn note(&self, duration: Duration) {
        let microseconds = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.partition_point(|&bound| bound < microseconds);
        self.buckets[bucket].add_one();
        self.microseconds.fetch_add(microseconds, Ordering::Relaxed);
    }

    /// Bounds in seconds, and how many were at most that; the last one is without a bound.
    pub(crate) fn cumulative(&self) -> Vec<(Option<f64>, u64)> {
        let bounds = BOUNDS_US.iter().map(|&bound| Some(bound as f64 / 1e6));
        let mut sum = 0;
        bounds
            .chain([None])
            .zip(&self.buckets)
            .map(|(bound, count)| {
                sum += count.get();
                (bound, sum)
            })
            .collect()
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.microseconds.load(Ordering::Relaxed) as f64 / 1e6
    }
}

/// From what a publish takes on an idle machine to what nobody should have to wait for.
const BOUNDS_US: [u64; 12] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_counts_in_its_bucket_and_all_larger_ones() {
        let histogram = Histogram::default();
        for microseconds in [0, 50, 51, 2_000_000] {
            histogram.note(Duration::from_micros(microseconds));
        }
        let cumulative = histogram.cumulative();
        assert_eq!(cumulative[0], (Some(0.000_05), 2));
        assert_eq!(cumulative[1], (Some(0.000_1), 3));
        assert_eq!(cumulative[11], (Some(1.0), 3));
        assert_eq!(cumulative[12], (None, 4));
        assert!((histogram.seconds() - 2.000_101).abs() < 1e-9);
    }

    #[test]
    fn a_status_that_nobody_expected_is_counted_with_the_others() {
        let counters = Counters::default();
        counters.answered(Asked::Events, 200);
        counters.answered(Asked::Events, 418);
        let requests: Vec<_> = counters.requests().collect();
        assert_eq!(requests, [("events", 200, 1), ("events", 0, 1)]);
    }
}
