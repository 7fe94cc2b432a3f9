//! What may be sent now: [`Lanes`], a queue that keeps the order of every channel.
//!
//! Every channel of every driver is a lane. An event stands in the lanes of all its channels, and
//! may go when it is the first in each of them. So events of different channels go side by side, and
//! no channel's events overtake each other, also when one of them has to be tried again.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// Jobs in lanes. A job that was [taken](Self::next) stays the first of its lanes until it is
/// [done](Self::done).
#[derive(Debug)]
pub(super) struct Lanes<L, J> {
    jobs: HashMap<u64, Entry<L, J>>,
    lanes: HashMap<L, VecDeque<u64>>,
    /// Jobs that are the first in all their lanes and were not taken.
    ready: VecDeque<u64>,
    last_id: u64,
}

#[derive(Debug)]
struct Entry<L, J> {
    lanes: Vec<L>,
    /// Lanes in which another job is the first.
    behind: usize,
    /// `None` once it was taken.
    job: Option<J>,
}

impl<L: Clone + Eq + Hash, J> Lanes<L, J> {
    pub(super) fn new() -> Self {
        Self {
            jobs: HashMap::new(),
            lanes: HashMap::new(),
            ready: VecDeque::new(),
            last_id: 0,
        }
    }

    /// Jobs that are not done, taken or not.
    pub(super) fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Jobs that may be taken now.
    pub(super) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// Adds a job to the end of these lanes, each named once.
    pub(super) fn put(&mut self, lanes: Vec<L>, job: J) {
        self.last_id += 1;
        let id = self.last_id;
        let mut behind = 0;
        for lane in &lanes {
            let waiting = self.lanes.entry(lane.clone()).or_default();
            behind += usize::from(!waiting.is_empty());
            waiting.push_back(id);
        }
        if behind == 0 {
            self.ready.push_back(id);
        }
        let job = Some(job);
        self.jobs.insert(id, Entry { lanes, behind, job });
    }

    /// Takes a job that may go now.
    pub(super) fn next(&mut self) -> Option<(u64, J)> {
        let id = self.ready.pop_front()?;
        let job = self.jobs.get_mut(&id)?.job.take()?;
        Some((id, job))
    }

    /// Lets those behind a taken job move up.
    pub(super) fn done(&mut self, id: u64) {
        let Some(entry) = self.jobs.remove(&id) else {
            return;
        };
        for lane in entry.lanes {
            let Some(waiting) = self.lanes.get_mut(&lane) else {
                continue;
            };
            waiting.pop_front();
            let Some(first) = waiting.front() else {
                self.lanes.remove(&lane);
                continue;
            };
            if let Some(entry) = self.jobs.get_mut(first) {
                entry.behind -= 1;
                if entry.behind == 0 {
                    self.ready.push_back(*first);
                }
            }
        }
    }

    /// Forgets every job that was not taken; says how many these were.
    pub(super) fn clear(&mut self) -> usize {
        let before = self.jobs.len();
        self.ready.clear();
        self.jobs.retain(|_, entry| entry.job.is_none());
        let kept = &self.jobs;
        for waiting in self.lanes.values_mut() {
            waiting.retain(|id| kept.contains_key(id));
        }
        before - self.jobs.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes(jobs: &[(&[char], u8)]) -> Lanes<char, u8> {
        let mut lanes = Lanes::new();
        for (names, job) in jobs {
            lanes.put(names.to_vec(), *job);
        }
        lanes
    }

    /// Takes everything that may go now.
    fn taken(lanes: &mut Lanes<char, u8>) -> Vec<(u64, u8)> {
        std::iter::from_fn(|| lanes.next()).collect()
    }

    #[test]
    fn different_lanes_go_side_by_side_and_one_lane_in_its_order() {
        let mut lanes = lanes(&[(&['a'], 1), (&['a'], 2), (&['b'], 3), (&['a'], 4)]);
        assert_eq!(taken(&mut lanes), [(1, 1), (3, 3)]);
        lanes.done(3);
        assert_eq!(taken(&mut lanes), []);
        lanes.done(1);
        assert_eq!(taken(&mut lanes), [(2, 2)]);
        lanes.done(2);
        assert_eq!(taken(&mut lanes), [(4, 4)]);
        lanes.done(4);
        assert_eq!((lanes.len(), lanes.lanes.len()), (0, 0));
    }

    #[test]
    fn a_job_of_two_lanes_waits_for_both_and_holds_both() {
        let mut lanes = lanes(&[
            (&['a'], 1),
            (&['b'], 2),
            (&['a', 'b'], 3),
            (&['b'], 4),
            (&['c'], 5),
        ]);
        assert_eq!(taken(&mut lanes), [(1, 1), (2, 2), (5, 5)]);
        lanes.done(2);
        assert_eq!(taken(&mut lanes), []);
        lanes.done(1);
        assert_eq!(taken(&mut lanes), [(3, 3)]);
        lanes.done(3);
        assert_eq!(taken(&mut lanes), [(4, 4)]);
    }

    #[test]
    fn what_was_taken_survives_a_clearing() {
        let mut lanes = lanes(&[(&['a'], 1), (&['a'], 2), (&['b'], 3)]);
        assert_eq!(lanes.next(), Some((1, 1)));
        assert_eq!(lanes.clear(), 2);
        assert_eq!((lanes.len(), lanes.ready()), (1, 0));
        lanes.done(1);
        assert_eq!(lanes.len(), 0);
    }
}
