//! How many listen to something, counted per worker: what decides who gets a frame.

/// Identity of one list of listeners: of an occupied channel, or of those who watch a user. A list
/// that was empty in between is a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ListId(pub(crate) u64);

/// Who listens, as all threads see it; the lists of connections are the workers' own.
#[derive(Debug)]
pub(crate) struct Listeners {
    pub(crate) id: ListId,
    /// A worker with none gets no frames.
    per_worker: Vec<u32>,
}

impl Listeners {
    pub(crate) fn new(id: ListId) -> Self {
        Self {
            id,
            per_worker: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, worker: usize) {
        if self.per_worker.len() <= worker {
            self.per_worker.resize(worker + 1, 0);
        }
        self.per_worker[worker] += 1;
    }

    /// True when nobody is left.
    pub(crate) fn remove(&mut self, worker: usize) -> bool {
        if let Some(count) = self.per_worker.get_mut(worker) {
            *count = count.saturating_sub(1);
        }
        self.is_empty()
    }

    /// The workers on which somebody listens.
    pub(crate) fn workers(&self) -> impl Iterator<Item = usize> {
        self.per_worker
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
            .map(|(worker, _)| worker)
    }

    pub(crate) fn count(&self) -> usize {
        self.per_worker.iter().map(|count| *count as usize).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.per_worker.iter().all(|count| *count == 0)
    }
}
