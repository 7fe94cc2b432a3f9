//! A socket with its outbox: where a connection's bytes go.
//!
//! [`Socket::send`] writes straight from the worker's loop. Only what the kernel does not take goes
//! into the outbox, and only then is the connection served to write the rest.
//!
//! **At the bound** of the outbox (a reader slower than its channels for long enough to pile up
//! `outbox_bytes`) the connection gets the whole frames that fit, an error and close code 4100
//! behind them, and nothing more; after [`LINGER`] it is cut. 4100 makes clients reconnect after a
//! second: 4200 would bring a slow reader back at once. Where much waits for others as well, that
//! bound is closer ([`Backlog::limit`]).

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, ready};

use skywave_engine::{Link, encode_frame};
use skywave_protocol::{Rejection, ServerMessage};
use skywave_websocket::{Decoder, frame};

use crate::calls::Calls;
use crate::ending::Ending;
use crate::outbox::{Backlog, Outbox, end_of_frames};
use crate::readiness::Readiness;
use crate::stream::Stream;
use crate::worker::Mark;

/// Seconds that a closed connection may take to read what is left and to close its side.
pub(crate) const LINGER: u32 = 5;

/// A stream, the bytes it did not take yet, and how far the connection's life has come.
pub(crate) struct Socket {
    /// No borrow outlives a call: the flush of a channel writes, and whoever serves the connection.
    wire: RefCell<Wire>,
    backlog: Rc<Backlog>,
    /// Where to say that the connection is to be served, and whether that was said.
    calls: Arc<Calls>,
    called: Cell<bool>,
    /// The beginning of a message; between two, any decoder will do.
    unfinished: Cell<Option<Box<Decoder>>>,
    /// Where the worker finds its connection.
    pub(crate) mark: Mark,
    phase: Cell<Phase>,
    /// Why it ends; the first reason is the true one.
    ending: Cell<Option<Ending>>,
    /// The second of the last byte heard, on the worker's clock; of the end of that, once closing.
    heard: Cell<u32>,
    /// The time to linger has begun.
    lingers: Cell<bool>,
    /// The peer broke the rules of framing: our close frame will not be understood.
    failed: Cell<bool>,
}

/// A stream, and what it did not take; few have anything there, so it is boxed.
struct Wire {
    stream: Stream,
    outbox: Option<Box<Outbox>>,
}

/// How far a connection's life has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing was heard yet; otherwise as good as open.
    New,
    /// Messages flow.
    Open,
    /// Nothing was heard for long; a ping is out.
    Pinged,
    /// We have sent a close frame; nothing more is sent, and what comes is read and dropped.
    Closing,
    /// Both sides are done: what is queued goes out, then the socket is dropped.
    Done,
    /// The peer had its time: the socket is dropped, whatever it still holds.
    Cut,
}

impl Socket {
    pub(crate) fn new(
        stream: Stream,
        backlog: Rc<Backlog>,
        calls: Arc<Calls>,
        mark: Mark,
        now: u32,
    ) -> Self {
        let outbox = None;
        Self {
            wire: RefCell::new(Wire { stream, outbox }),
            backlog,
            calls,
            called: Cell::new(false),
            unfinished: Cell::default(),
            mark,
            phase: Cell::new(Phase::New),
            ending: Cell::new(None),
            heard: Cell::new(now),
            lingers: Cell::new(false),
            failed: Cell::new(false),
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase.get()
    }

    fn is_open(&self) -> bool {
        matches!(self.phase.get(), Phase::New | Phase::Open | Phase::Pinged)
    }

    /// Something arrived at second `now`: a sign of life, as long as the connection is open.
    pub(crate) fn hear(&self, now: u32) {
        if self.is_open() {
            self.heard.set(now);
            self.phase.set(Phase::Open);
        }
    }

    /// Whether it is over, and its time to linger has not begun.
    pub(crate) fn is_to_linger(&self) -> bool {
        matches!(self.phase.get(), Phase::Closing | Phase::Done) && !self.lingers.get()
    }

    /// The time to linger begins at second `now`.
    pub(crate) fn linger(&self, now: u32) {
        self.lingers.set(true);
        self.heard.set(now);
    }

    /// Closes because the peer broke the rules of framing.
    pub(crate) fn fail(&self, code: u16, reason: &str) {
        self.failed.set(true);
        self.close(code, reason, Ending::BadFrames);
    }

    /// Whether the peer broke the rules of framing, and will not understand our close frame.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.get()
    }

    /// How long, at second `now`, it is silent; how long it lingers when it is closing.
    pub(crate) fn silent(&self, now: u32) -> u32 {
        now.saturating_sub(self.heard.get())
    }

    /// Asks the peer for a sign of life (trap 14: a control frame, which every client answers).
    pub(crate) fn ping(&self) {
        let mut bytes = Vec::new();
        frame::ping(b"", &mut bytes);
        self.phase.set(Phase::Pinged);
        self.write(&bytes);
    }

    pub(crate) fn pong(&self, payload: &[u8]) {
        let mut bytes = Vec::new();
        frame::pong(payload, &mut bytes);
        self.write(&bytes);
    }

    /// Refuses the connection as a whole: `pusher:error`, then the close frame, same code (§1.2).
    pub(crate) fn reject(&self, rejection: &Rejection) {
        let mut bytes = Vec::new();
        encode_rejection(rejection, &mut bytes);
        self.finish(&bytes, Phase::Closing, rejection.into());
    }

    /// Closes with a close frame alone.
    pub(crate) fn close(&self, code: u16, reason: &str, ending: Ending) {
        let mut bytes = Vec::new();
        frame::close(code, reason, &mut bytes);
        self.finish(&bytes, Phase::Closing, ending);
    }

    /// Why it has ended.
    pub(crate) fn ending(&self) -> Ending {
        self.ending.get().unwrap_or(Ending::Lost)
    }

    /// Answers the peer's close frame with `reply`, finished bytes.
    pub(crate) fn close_done(&self, reply: &[u8]) {
        if self.phase.get() == Phase::Closing {
            self.phase.set(Phase::Done);
        }
        self.finish(reply, Phase::Done, Ending::Client);
    }

    /// Drops the connection without a word.
    pub(crate) fn abort(&self) {
        self.phase.set(Phase::Cut);
        self.call();
    }

    /// Sends the last frames of a connection, which the bound of the outbox does not stop.
    fn finish(&self, last: &[u8], phase: Phase, ending: Ending) {
        if self.is_open() {
            let sent = self.write_directly(last);
            self.enqueue(&last[sent..]);
            self.end(phase, ending);
        }
        self.call();
    }

    /// Ends the open part of the connection's life. The time to linger begins when it is served next;
    /// until then it is not silent at all.
    fn end(&self, phase: Phase, ending: Ending) {
        self.ending.set(Some(ending));
        self.phase.set(phase);
        self.heard.set(u32::MAX);
    }

    fn write(&self, frames: &[u8]) {
        if !self.is_open() {
            return;
        }
        let sent = self.write_directly(frames);
        if sent == frames.len() {
            return;
        }
        let limit = self.backlog.limit();
        let room = limit.saturating_sub(self.wire.borrow().waiting());
        if frames.len() - sent <= room {
            self.enqueue(&frames[sent..]);
        } else {
            let ending = self.backlog.overflows();
            let end = end_of_frames(frames, sent, sent + room);
            let mut last = Vec::new();
            encode_rejection(&Rejection::TooSlow { limit }, &mut last);
            self.enqueue(&frames[sent..end]);
            self.enqueue(&last);
            self.end(Phase::Closing, ending);
            self.call();
        }
    }

    fn enqueue(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let outbox = &mut self.wire.borrow_mut().outbox;
        if outbox.is_none() {
            // From then on the stream tells when it takes something again.
            self.call();
        }
        outbox.get_or_insert_default().push(bytes, &self.backlog);
    }

    /// Writes as much as the stream takes, when nothing waits before it; returns how much that was.
    fn write_directly(&self, frames: &[u8]) -> usize {
        let wire = self.wire.borrow();
        if wire.outbox.is_some() {
            return 0;
        }
        match wire.stream.try_write(frames) {
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(_) => {
                self.phase.set(Phase::Done);
                self.call();
                frames.len()
            }
        }
    }

    /// Writes the outbox; ready when it is empty.
    pub(crate) fn flush(&self, readiness: &Readiness) -> Poll<io::Result<()>> {
        let wire = &mut *self.wire.borrow_mut();
        let flushed = wire.flush(&self.backlog);
        if flushed.is_pending() {
            // Something may have been taken since, which is told of as well.
            wire.stream.watch_writes(self.mark.key(), readiness)?;
        }
        flushed
    }

    /// Ends the sending side; only when the outbox is empty.
    pub(crate) fn end_sending(&self) -> Poll<io::Result<()>> {
        self.wire.borrow_mut().stream.end()
    }

    /// See [`Stream::say_goodbye`].
    pub(crate) fn say_goodbye(&self) {
        self.wire.borrow_mut().stream.say_goodbye();
    }

    /// Reads what is there; says with it whether that may have been all.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> Poll<io::Result<(usize, bool)>> {
        let stream = &mut self.wire.borrow_mut().stream;
        let length = ready!(stream.read(buffer))?;
        Poll::Ready(Ok((length, length < buffer.len() && stream.reads_all())))
    }

    /// Takes the decoder of the message that has begun.
    pub(crate) fn take_unfinished(&self) -> Option<Decoder> {
        self.unfinished.take().map(|decoder| *decoder)
    }

    /// Keeps a decoder for the rest of the message that has begun.
    pub(crate) fn keep_unfinished(&self, decoder: Decoder) {
        self.unfinished.set(Some(Box::new(decoder)));
    }

    /// The connection is served now: what happens from here on is a reason to serve it again.
    pub(crate) fn is_served(&self) {
        self.called.set(false);
        self.wire.borrow().stream.is_served();
    }

    /// Has the connection served, since its outbox has filled or its phase has changed.
    pub(crate) fn call(&self) {
        if !self.called.replace(true) {
            self.calls.call(self.mark.key());
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Some(outbox) = &mut self.wire.get_mut().outbox {
            outbox.discard(&self.backlog);
        }
    }
}

impl Wire {
    fn flush(&mut self, backlog: &Backlog) -> Poll<io::Result<()>> {
        while let Some(outbox) = &mut self.outbox {
            let written = ready!(self.stream.write(outbox.unwritten()))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            outbox.advance(written, backlog);
            if outbox.is_empty() {
                self.outbox = None;
            }
        }
        self.stream.flush()
    }

    /// Bytes that the stream did not take.
    fn waiting(&self) -> usize {
        self.outbox.as_ref().map_or(0, |outbox| outbox.len())
    }
}

impl Link for Socket {
    fn send(&self, frames: &[u8]) {
        self.write(frames);
    }

    fn look(&self) -> bool {
        self.is_open() & self.wire.borrow().outbox.is_none()
    }
}

/// The two frames that end a refused connection.
pub(crate) fn encode_rejection(rejection: &Rejection, out: &mut Vec<u8>) {
    encode_frame(&ServerMessage::Error(rejection), out);
    let code = rejection.close_code().unwrap_or(CLOSE_WITHOUT_CODE);
    frame::close(code, &rejection.to_string(), out);
}

/// RFC 6455 §7.4.1: policy violation, for a rejection that normally does not close.
const CLOSE_WITHOUT_CODE: u16 = 1008;
