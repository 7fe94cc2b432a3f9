//! The task of one connection: reads, hands messages to the shard, writes what was left over.
//!
//! It is a future written by hand because every idle connection owns one: it holds three pointers, no
//! buffer, and it sleeps until the socket is readable. Most bytes to the client do not pass here; see
//! [`crate::socket`].

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use skywave_engine::Connection;
use skywave_protocol::{Rejection, ServerMessage};
use skywave_websocket::{Decoder, Message, frame};
use tokio::task::spawn_local;

use crate::arrival::Visit;
use crate::refuse::refuse;
use crate::socket::{Phase, Socket};
use crate::stream::Stream;
use crate::worker::Worker;

/// A connection being served; removes itself from the worker when dropped.
pub(crate) struct Serve {
    worker: Rc<Worker>,
    connection: Rc<Connection<Socket>>,
    /// Only inside of a message: between two, any decoder will do.
    unfinished: Option<Box<Decoder>>,
}

/// Takes over a stream after its handshake.
pub(crate) fn admit(worker: &Rc<Worker>, stream: Stream, visit: Visit) {
    let welcome = visit
        .admitted
        .and_then(|admitted| worker.admits(admitted.slot.app()).map(|()| admitted));
    match welcome {
        Ok(admitted) => {
            let connection = worker.enter(stream, admitted);
            let mut serve = Serve {
                worker: Rc::clone(worker),
                connection,
                unfinished: None,
            };
            serve.greet(&visit.answer);
            if !visit.read_ahead.is_empty() {
                serve.receive(&mut Vec::from(visit.read_ahead));
            }
            spawn_local(serve);
        }
        Err(rejection) => {
            tracing::debug!(reason = rejection.name(), "a connection was refused");
            worker.node.counters.refused(&rejection);
            let lingering = worker.node.admission.linger();
            spawn_local(refuse(stream, (visit.answer, rejection), lingering));
        }
    }
}

impl Serve {
    /// Sends the first message, behind the answer to the handshake.
    fn greet(&self, answer: &[u8]) {
        let greeting = ServerMessage::ConnectionEstablished {
            socket_id: self.connection.socket_id(),
            activity_timeout: u64::from(self.worker.settings.activity_timeout),
        };
        let shard = &self.worker.shard;
        shard.send_behind(&self.connection, answer, &greeting);
        self.worker.turn_away_if_closing(&self.connection);
    }

    /// Decodes and handles bytes of the client.
    fn receive(&mut self, bytes: &mut [u8]) {
        let Self {
            worker,
            connection,
            unfinished,
        } = self;
        let socket = &connection.link;
        let mut decoder = match unfinished.take() {
            Some(decoder) => *decoder,
            None => worker.decoder(),
        };
        socket.hear(worker.second());
        let mut messages = decoder.decode(bytes);
        while let Some(message) = messages.next() {
            match message {
                Err(error) => {
                    socket.fail(error.close_code(), &error.to_string());
                }
                Ok(Message::Close(reason)) => {
                    let mut reply = Vec::new();
                    frame::close_reply(reason, &mut reply);
                    socket.close_done(&reply);
                }
                _ if socket.phase() != Phase::Open => {}
                Ok(Message::Text(text)) => {
                    worker
                        .shard
                        .receive(connection, text, worker.node.millisecond());
                }
                Ok(Message::Binary(_)) => {
                    let rejection = Rejection::InvalidMessage {
                        reason: BINARY.into(),
                    };
                    worker
                        .shard
                        .send(connection, &ServerMessage::Error(&rejection));
                }
                Ok(Message::Ping(payload)) => socket.pong(payload),
                Ok(Message::Pong(_)) => {}
            }
        }
        if !decoder.is_between_messages() {
            *unfinished = Some(Box::new(decoder));
        }
    }

    /// Reads once into the worker's buffer and handles it; ready with false at the end.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let worker = Rc::clone(&self.worker);
        worker.with_scratch(|scratch| {
            let read = self.connection.link.poll_read(cx, scratch);
            if let Poll::Ready(Ok(length)) = read {
                self.receive(&mut scratch[..length]);
            }
            read.map_ok(|length| length > 0)
        })
    }
}

const BINARY: &str = "binary frames are not part of the protocol, send text";

impl Future for Serve {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        this.connection.link.register(cx.waker());
        loop {
            let socket = &this.connection.link;
            let flushed = socket.poll_flush(cx);
            match (socket.phase(), &flushed) {
                (Phase::Cut, _) | (_, Poll::Ready(Err(_))) => return Poll::Ready(()),
                (Phase::Done, Poll::Ready(Ok(()))) => {
                    socket.say_goodbye(cx);
                    return Poll::Ready(());
                }
                _ if socket.is_to_linger() => this.worker.linger(socket),
                _ => {}
            }
            if socket.has_failed() && flushed.is_ready() {
                // RFC 6455 §7.1.7: the peer need not wait until we lose our patience with it.
                let _ = socket.poll_end(cx);
            }
            match ready!(this.poll_receive(cx)) {
                Ok(true) => {}
                Ok(false) | Err(_) => return Poll::Ready(()),
            }
        }
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let socket_id = self.connection.socket_id();
            tracing::error!(%socket_id, "a connection ended by a panic; the others go on");
        }
        self.worker.dismiss(&self.connection);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_owns_little() {
        assert!(size_of::<Serve>() <= 24, "{}", size_of::<Serve>());
        let connection = size_of::<Connection<Socket>>();
        assert!(connection <= 176, "{connection}");
    }
}
