//! A session: a connection whose bytes travel in HTTP requests and responses.
//!
//! To the rest of the server it is an ordinary connection. Its stream is a [`Pipe`], which takes
//! the WebSocket frames that the server writes and gives it frames that the client could have sent;
//! so limits, liveness, draining and all that is said are the same as on a WebSocket. The other
//! end is held by requests: any number that [send](Session::send), and one [`Receiver`].
//!
//! **Bounds.** Towards the client at most [`OUTGOING_BYTES`] wait here; then the pipe takes no more,
//! and the connection's outbox decides. Towards the server at most [`INCOMING_BYTES`] wait; then
//! requests that send do.
//!
//! **The end.** A client does not say good-bye. The session ends when no receiver was there for
//! its patience, when the client was shown a close frame, or when the server drops the pipe.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::frames::{self, ServerFrame};
use super::order::Order;
use super::pipe::Pipe;

/// What connects the requests of a client with its connection.
pub(crate) struct Session {
    state: Mutex<State>,
    /// There is room for what the client sends, or nobody is left who reads it.
    room: Notify,
    pub(super) order: Order,
    /// How long the session lives without a receiver.
    patience: Duration,
}

#[derive(Default)]
struct State {
    outgoing: VecDeque<ServerFrame>,
    outgoing_bytes: usize,
    incoming: VecDeque<u8>,
    /// How to call the connection, which both reads and writes.
    connection: Option<Waker>,
    receiver: Option<Waker>,
    /// The number of the receiver that counts; a new one replaces it.
    turn: u64,
    /// Since when there is none.
    alone_since: Option<Instant>,
    /// The client was shown a close frame.
    closed: bool,
    /// The connection is no more.
    over: bool,
}

/// The session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) struct Over;

impl Session {
    /// A session that ends when it has no receiver for as long as `patience`, and its other end.
    pub(in crate::http) fn new(patience: Duration) -> (Arc<Self>, Pipe) {
        let session = Arc::new(Self {
            state: Mutex::default(),
            room: Notify::new(),
            order: Order::default(),
            patience,
        });
        (Arc::clone(&session), Pipe::new(session))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that panics runs under the lock; a state is whole at every moment anyway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request begins to receive, instead of the one that did.
    pub(in crate::http) fn receive(self: &Arc<Self>) -> Receiver {
        let mut state = self.lock();
        if state.turn > 0 {
            // Who asks is alive. (At first it has nothing to prove.)
            state.answer(frames::pong);
        }
        state.turn += 1;
        state.alone_since = None;
        wake(&mut state.receiver);
        Receiver {
            turn: state.turn,
            session: Arc::clone(self),
        }
    }

    /// Gives the connection frames of the client, once there is room.
    pub(in crate::http) async fn send(&self, frames: &[u8]) -> Result<(), Over> {
        loop {
            let mut room = std::pin::pin!(self.room.notified());
            room.as_mut().enable();
            {
                let mut state = self.lock();
                if state.over {
                    return Err(Over);
                }
                if state.incoming.len() < INCOMING_BYTES {
                    state.incoming.extend(frames);
                    wake(&mut state.connection);
                    return Ok(());
                }
            }
            room.await;
        }
    }

    /// The connection reads. Ready with the number of bytes, 0 when the client is gone.
    pub(super) fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<usize> {
        let mut state = self.lock();
        let length = buffer.len().min(state.incoming.len());
        if length > 0 {
            for (to, from) in buffer.iter_mut().zip(state.incoming.drain(..length)) {
                *to = from;
            }
            if state.incoming.is_empty() {
                state.incoming = VecDeque::new();
            }
            self.room.notify_waiters();
            return Poll::Ready(length);
        }
        if state.closed {
            return Poll::Ready(0);
        }
        state.connection = Some(cx.waker().clone());
        Poll::Pending
    }

    /// When the client is given up, should nothing happen until then.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.lock().alone_since.map(|since| since + self.patience)
    }

    /// How many bytes the connection may write now.
    pub(super) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<usize> {
        let mut state = self.lock();
        match OUTGOING_BYTES.saturating_sub(state.outgoing_bytes) {
            0 => {
                state.connection = Some(cx.waker().clone());
                Poll::Pending
            }
            room => Poll::Ready(room),
        }
    }

    /// The connection wrote a frame.
    pub(super) fn push(&self, frame: ServerFrame) {
        let mut state = self.lock();
        state.outgoing_bytes += weight(&frame);
        state.outgoing.push_back(frame);
        wake(&mut state.receiver);
    }

    /// The connection is no more.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.over = true;
        state.incoming = VecDeque::new();
        wake(&mut state.receiver);
        self.room.notify_waiters();
    }
}

impl State {
    /// Gives the connection a frame that no message causes, unless too much waits already.
    fn answer(&mut self, encode: impl FnOnce(&mut Vec<u8>)) {
        if self.incoming.len() < INCOMING_BYTES {
            let mut frame = Vec::new();
            encode(&mut frame);
            self.incoming.extend(frame);
            wake(&mut self.connection);
        }
    }
}

/// The one request that receives what the server says. Its client is gone when this is dropped.
pub(crate) struct Receiver {
    session: Arc<Session>,
    turn: u64,
}

impl Receiver {
    /// The next frame; `None` when another request receives now or the session is over.
    pub(in crate::http) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<ServerFrame>> {
        let mut state = self.session.lock();
        if state.turn != self.turn {
            return Poll::Ready(None);
        }
        let Some(frame) = state.outgoing.pop_front() else {
            return self.wait(&mut state, cx).map(|()| None);
        };
        state.outgoing_bytes -= weight(&frame);
        wake(&mut state.connection);
        if let ServerFrame::Close { code, .. } = frame {
            state.answer(|out| frames::close(code, out));
            state.closed = true;
        }
        Poll::Ready(Some(frame))
    }

    /// Ready when another request receives now or the session is over; takes nothing.
    pub(super) fn poll_replaced(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.wait(&mut self.session.lock(), cx)
    }

    /// Tells the connection that the client is there.
    pub(in crate::http) fn is_alive(&self) {
        self.session.lock().answer(frames::pong);
    }

    /// The session that this receives for.
    pub(super) fn session(&self) -> &Arc<Session> {
        &self.session
    }

    fn wait(&self, state: &mut State, cx: &mut Context<'_>) -> Poll<()> {
        if state.turn != self.turn || state.over || state.closed {
            return Poll::Ready(());
        }
        state.receiver = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let mut state = self.session.lock();
        if state.turn == self.turn {
            state.alone_since = Some(Instant::now());
            wake(&mut state.connection);
        }
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

/// What a frame counts for: its text, and what it costs to keep it.
fn weight(frame: &ServerFrame) -> usize {
    let text = match frame {
        ServerFrame::Text(text) => text.len(),
        ServerFrame::Close { reason, .. } => reason.len(),
        ServerFrame::Ping | ServerFrame::Pong => 0,
    };
    size_of::<ServerFrame>() + text
}

/// What may wait for the client here; the outbox of its connection follows behind.
const OUTGOING_BYTES: usize = 64 * 1024;

/// What may wait for the server; one request's worth may come on top.
const INCOMING_BYTES: usize = 64 * 1024;
