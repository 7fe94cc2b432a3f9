//! An outbox: the bytes that a stream did not take, and where to cut them at its bound.

use std::cell::Cell;

/// What all outboxes of a worker hold together, and the bound of each.
///
/// Only connections that are behind touch it: a write that the socket takes costs nothing here.
#[derive(Debug)]
pub(crate) struct Backlog {
    /// Bytes that one outbox may hold.
    pub(crate) limit: usize,
    bytes: Cell<usize>,
    crowded: Cell<usize>,
}

impl Backlog {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            bytes: Cell::new(0),
            crowded: Cell::new(0),
        }
    }

    /// Bytes in all outboxes of the worker.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.get()
    }

    /// Outboxes that are more than half full.
    pub(crate) fn crowded(&self) -> usize {
        self.crowded.get()
    }

    /// An outbox that held `before` bytes holds `after` now.
    pub(crate) fn changed(&self, before: usize, after: usize) {
        self.bytes.set(self.bytes.get() + after - before);
        let crowded = |bytes| usize::from(bytes > self.limit / 2);
        self.crowded
            .set(self.crowded.get() + crowded(after) - crowded(before));
    }
}

/// Bytes that the stream did not take.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    written: usize,
}

impl Outbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.written
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn unwritten(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    /// Forgets written bytes, half of what is there at a time, so that every byte is moved at most
    /// once.
    pub(crate) fn advance(&mut self, written: usize) {
        self.written += written;
        if self.written > self.bytes.len() / 2 {
            self.bytes.drain(..self.written);
            self.written = 0;
        }
    }
}

/// Where whole frames end that fit into the first `limit` bytes; at least the end of the frame of
/// which the first `sent` bytes have begun.
pub(crate) fn end_of_frames(frames: &[u8], sent: usize, limit: usize) -> usize {
    let mut end = 0;
    while end < frames.len() {
        let next = end + frame_length(&frames[end..]);
        if end >= sent && next > limit {
            break;
        }
        end = next;
    }
    end.min(frames.len())
}

/// The length of the first of some frames that we encoded (RFC 6455 §5.2, not masked).
fn frame_length(frames: &[u8]) -> usize {
    match *frames {
        [_, 127, a, b, c, d, e, f, g, h, ..] => {
            10 + u64::from_be_bytes([a, b, c, d, e, f, g, h]) as usize
        }
        [_, 126, high, low, ..] => 4 + usize::from(u16::from_be_bytes([high, low])),
        [_, length, ..] => 2 + usize::from(length),
        _ => frames.len(),
    }
}

#[cfg(test)]
mod tests {
    use skywave_websocket::frame;

    use super::*;

    #[test]
    fn frames_are_cut_where_one_ends_and_never_inside_one_that_has_begun() {
        let lengths = [2 + 10, 4 + 200, 2 + 125, 10 + 70_000, 4 + 126];
        let mut frames = Vec::new();
        for payload in [10, 200, 125, 70_000, 126] {
            frame::text(&vec![b'x'; payload], &mut frames);
        }
        let ends: Vec<usize> = (1..=lengths.len())
            .map(|count| lengths[..count].iter().sum())
            .collect();
        for (sent, limit, end) in [
            (0, 0, 0),
            (0, 11, 0),
            (0, 12, ends[0]),
            (0, ends[2], ends[2]),
            (0, ends[3] - 1, ends[2]),
            (0, ends[4] - 1, ends[3]),
            (1, 1, ends[0]),
            (12, 12, ends[0]),
            (13, 13, ends[1]),
            (ends[2] + 1, ends[2] + 5, ends[3]),
        ] {
            assert_eq!(end_of_frames(&frames, sent, limit), end, "{sent} {limit}");
        }
    }
}
