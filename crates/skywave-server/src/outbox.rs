//! An outbox: the bytes that a stream did not take, and where to cut them at its bound.
//!
//! **All outboxes of a worker** have a bound as well, since a thousand slow readers hold a thousand
//! times as much as one. Publishers are not refused for it: whoever opens connections and does not
//! read could silence everybody else. Instead each reader that is behind may hold a part of what is
//! left (the "dynamic threshold" of switches with shared buffers), so
//!
//! * those who keep up notice nothing: they hold nothing;
//! * the more are behind, the sooner each of them is cut, and those who hold the most come first;
//! * something is always left for somebody who is behind for a moment;
//! * the bound is never passed, but for the rest of a frame that has begun and for closing frames.

use std::cell::Cell;

use crate::ending::Ending;

/// What all outboxes of a worker hold together, and the bound of each.
///
/// Only connections that are behind touch it: a write that the socket takes costs nothing here.
#[derive(Debug)]
pub(crate) struct Backlog {
    /// Bytes that one outbox may hold.
    each: usize,
    /// Bytes that all of them may hold.
    all: usize,
    bytes: Cell<usize>,
    /// Outboxes that are more than half full, of readers that are not given up.
    crowded: Cell<usize>,
    crowded_out: Cell<usize>,
    /// How often readers were given up: an outbox that has a lower number is that of one of them.
    round: Cell<u32>,
}

impl Backlog {
    pub(crate) fn new(each: usize, all: usize) -> Self {
        Self {
            each,
            all,
            bytes: Cell::new(0),
            crowded: Cell::new(0),
            crowded_out: Cell::new(0),
            round: Cell::new(0),
        }
    }

    /// Bytes that an outbox may hold now: as many as one may hold at all, and no more than a
    /// [part](SHARE) of what is left for all of them.
    pub(crate) fn limit(&self) -> usize {
        let left = self.all.saturating_sub(self.bytes.get());
        self.each.min(left / SHARE)
    }

    /// Why a connection ends that needs more than the limit: because of itself, or of all.
    pub(crate) fn overflows(&self) -> Ending {
        if self.limit() == self.each {
            return Ending::TooSlow;
        }
        self.crowded_out.set(self.crowded_out.get() + 1);
        Ending::CrowdedOut
    }

    /// How many connections ended because of all since this was asked last.
    pub(crate) fn take_crowded_out(&self) -> usize {
        self.crowded_out.take()
    }

    /// Bytes in all outboxes of the worker.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.get()
    }

    /// Whether outboxes are more than half full whose readers may be waited for.
    pub(crate) fn is_crowded(&self) -> bool {
        self.crowded.get() > 0
    }

    /// Waits for none of the present readers any more, until they read again.
    pub(crate) fn give_up(&self) {
        self.crowded.set(0);
        self.round.set(self.round.get().wrapping_add(1));
    }

    /// An outbox that held `before` bytes has changed.
    fn note(&self, outbox: &mut Outbox, before: usize) {
        let after = outbox.len();
        self.bytes.set(self.bytes.get() + after - before);
        let (round, is_crowded) = (self.round.get(), |bytes| bytes > self.each / 2);
        let was_counted = is_crowded(before) && outbox.round == round;
        if after < before || !is_crowded(before) {
            outbox.round = round;
        }
        let is_counted = is_crowded(after) && outbox.round == round;
        self.crowded
            .set(self.crowded.get() + usize::from(is_counted) - usize::from(was_counted));
    }
}

/// An outbox may hold one part in so many of what is left. So one alone may hold a fifth of all, and
/// four times what each may hold stays free.
const SHARE: usize = 4;

/// Bytes that the stream did not take.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    written: usize,
    /// See [`Backlog::give_up`].
    round: u32,
}

impl Outbox {
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.written
    }

    pub(crate) fn push(&mut self, bytes: &[u8], backlog: &Backlog) {
        let before = self.len();
        self.bytes.extend_from_slice(bytes);
        backlog.note(self, before);
    }

    pub(crate) fn unwritten(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    /// Forgets written bytes, half of what is there at a time, so that every byte is moved at most
    /// once.
    pub(crate) fn advance(&mut self, written: usize, backlog: &Backlog) {
        let before = self.len();
        self.written += written;
        if self.written > self.bytes.len() / 2 {
            self.bytes.drain(..self.written);
            self.written = 0;
        }
        backlog.note(self, before);
    }

    /// Gives up what was not written.
    pub(crate) fn discard(&mut self, backlog: &Backlog) {
        self.advance(self.len(), backlog);
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

    /// Fills or empties an outbox until it holds so many bytes.
    fn hold(outbox: &mut Outbox, bytes: usize, backlog: &Backlog) {
        let held = outbox.len();
        match bytes.checked_sub(held) {
            Some(more) => outbox.push(&vec![b'x'; more], backlog),
            None => outbox.advance(held - bytes, backlog),
        }
    }

    #[test]
    fn an_outbox_may_hold_its_bound_or_a_part_of_what_is_left() {
        let backlog = Backlog::new(1_000, 10_000);
        let mut outbox = Outbox::default();
        for (bytes, limit) in [
            (0, 1_000),
            (6_000, 1_000),
            (6_004, 999),
            (9_998, 0),
            (12_000, 0),
        ] {
            hold(&mut outbox, bytes, &backlog);
            assert_eq!(backlog.limit(), limit, "{bytes}");
        }
        assert_eq!(backlog.overflows(), Ending::CrowdedOut);
        outbox.discard(&backlog);
        assert_eq!(backlog.overflows(), Ending::TooSlow);
        assert_eq!(
            (backlog.take_crowded_out(), backlog.take_crowded_out()),
            (1, 0)
        );
    }

    #[test]
    fn all_outboxes_never_hold_more_than_they_may_however_many_there_are() {
        for readers in [1, 5, 100, 10_000] {
            let backlog = Backlog::new(1_000, 10_000);
            let mut outboxes: Vec<Outbox> = (0..readers).map(|_| Outbox::default()).collect();
            for _ in 0..20 {
                for outbox in &mut outboxes {
                    hold(outbox, backlog.limit().max(outbox.len()), &backlog);
                }
            }
            assert!(backlog.bytes() <= 10_000, "{readers}: {}", backlog.bytes());
            let least = 1_000.min(10_000 / (readers + SHARE) / 2);
            assert!(outboxes[0].len() >= least, "{readers}");
        }
    }

    #[test]
    fn who_was_given_up_is_waited_for_again_when_they_read_or_get_behind_again() {
        let backlog = Backlog::new(1_000, 10_000);
        let mut outboxes = [Outbox::default(), Outbox::default()];
        let [stuck, slow] = &mut outboxes;
        hold(stuck, 500, &backlog);
        assert!(!backlog.is_crowded());
        hold(stuck, 900, &backlog);
        assert!(backlog.is_crowded());
        backlog.give_up();
        assert!(!backlog.is_crowded());
        stuck.push(b"more", &backlog);
        assert!(!backlog.is_crowded(), "nobody has read");
        // Another one is no worse off for it.
        hold(slow, 600, &backlog);
        assert!(backlog.is_crowded());
        hold(slow, 400, &backlog);
        assert!(!backlog.is_crowded());
        stuck.advance(1, &backlog);
        assert!(backlog.is_crowded());
        stuck.discard(&backlog);
        slow.discard(&backlog);
        assert_eq!((backlog.is_crowded(), backlog.bytes()), (false, 0));
        backlog.give_up();
        hold(stuck, 501, &backlog);
        assert!(backlog.is_crowded());
    }

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
