//! The server's end of a session: a stream like any other below a connection.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep_until};

use super::frames::FrameReader;
use super::session::Session;

/// A stream that carries WebSocket frames from and to a [`Session`], which is over when this is
/// dropped.
pub(crate) struct Pipe {
    session: Arc<Session>,
    written: FrameReader,
    /// Runs while no request receives.
    patience: Option<Pin<Box<Sleep>>>,
    /// Dropped with the pipe.
    registration: Option<Box<dyn Send>>,
}

impl Pipe {
    pub(super) fn new(session: Arc<Session>) -> Self {
        Self {
            session,
            written: FrameReader::default(),
            patience: None,
            registration: None,
        }
    }

    /// Keeps something for as long as the connection lives.
    pub(super) fn keep(&mut self, registration: impl Send + 'static) {
        self.registration = Some(Box::new(registration));
    }

    /// Ready when no request received for too long.
    fn poll_abandoned(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.session.deadline() else {
            self.patience = None;
            return Poll::Pending;
        };
        let patience = self
            .patience
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if patience.deadline() != deadline {
            patience.as_mut().reset(deadline);
        }
        patience.as_mut().poll(cx)
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.session.poll_read(cx, buffer.initialize_unfilled()) {
            Poll::Ready(length) => {
                buffer.advance(length);
                Poll::Ready(Ok(()))
            }
            // The end of the stream, as from a socket that was closed.
            Poll::Pending => self.poll_abandoned(cx).map(Ok),
        }
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let room = ready!(self.session.poll_room(cx));
        let length = bytes.len().min(room);
        let Self {
            session, written, ..
        } = &mut *self;
        written.read(&bytes[..length], |frame| session.push(frame));
        Poll::Ready(Ok(length))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// The close frame says it already.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // First, so that nobody finds a session that is over.
        self.registration = None;
        self.session.end();
    }
}
