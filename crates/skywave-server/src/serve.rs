//! Serving connections: reading, handing messages to the shard, writing what was left over.
//!
//! A connection has no task of its own. One task of the worker serves all of them, one after the other,
//! whenever there is something to be done for one ([`crate::readiness`]). Most bytes to clients do not
//! pass here; see [`crate::socket`].
//!
//! Serving one never waits and does a bounded amount of work, and a panic ends only the connection that
//! is being served.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::{Poll, ready};

use skywave_protocol::{Rejection, ServerMessage};
use skywave_websocket::{Message, frame};
use tokio::task::spawn_local;

use crate::arrival::Visit;
use crate::readiness::Due;
use crate::refuse::refuse;
use crate::socket::Phase;
use crate::stream::Arriving;
use crate::worker::{Connection, Worker};

/// Takes over a stream after its handshake.
pub(crate) fn admit(worker: &Worker, arriving: Arriving, visit: Visit) {
    let welcome = visit
        .admitted
        .and_then(|admitted| worker.admits(admitted.slot.app()).map(|()| admitted));
    match welcome {
        Ok(admitted) => match worker.enter(arriving, admitted) {
            Ok(connection) => guarded(worker, &connection, || {
                greet(worker, &connection, &visit.answer);
                if !visit.read_ahead.is_empty() {
                    receive(worker, &connection, &mut Vec::from(visit.read_ahead));
                }
                Next::Wait
            }),
            Err(error) => tracing::warn!(%error, "a connection was lost on its way to a worker"),
        },
        Err(rejection) => {
            tracing::debug!(reason = rejection.name(), "a connection was refused");
            worker.node.counters.refused(&rejection);
            let lingering = worker.node.admission.linger();
            spawn_local(refuse(arriving, (visit.answer, rejection), lingering));
        }
    }
}

/// Serves a connection, if it is still there.
pub(crate) fn serve(worker: &Worker, due: Due) {
    if let Some(connection) = worker.connection(due.key) {
        guarded(worker, &connection, || {
            step(worker, &connection, due.thoroughly)
        });
    }
}

/// Does something for a connection, which ends should it panic.
fn guarded(worker: &Worker, connection: &Connection, act: impl FnOnce() -> Next) {
    // What a panic leaves half-done is the connection's own, or behind a lock.
    match catch_unwind(AssertUnwindSafe(act)) {
        Ok(Next::Wait) => {}
        Ok(Next::Again) => connection.link.call(),
        Ok(Next::End) => worker.dismiss(connection),
        Err(_) => {
            let socket_id = connection.socket_id();
            tracing::error!(%socket_id, "a connection ended by a panic; the others go on");
            worker.dismiss(connection);
        }
    }
}

/// How it goes on with a connection that was served.
enum Next {
    /// It is served when something happens.
    Wait,
    /// It has more to say, and others have their turn first.
    Again,
    /// It is over.
    End,
}

/// Writes what waits, and reads what there is. Unless it is to be done `thoroughly`, a read that takes
/// less than it could is the last one: when more comes, that is told.
fn step(worker: &Worker, connection: &Rc<Connection>, thoroughly: bool) -> Next {
    let socket = &connection.link;
    socket.is_served();
    for _ in 0..READS {
        let flushed = socket.flush(&worker.readiness);
        match (socket.phase(), &flushed) {
            (Phase::Cut, _) | (_, Poll::Ready(Err(_))) => return Next::End,
            (Phase::Done, Poll::Ready(Ok(()))) => {
                socket.say_goodbye();
                return Next::End;
            }
            _ if socket.is_to_linger() => worker.linger(socket),
            _ => {}
        }
        if socket.has_failed() && flushed.is_ready() {
            // RFC 6455 §7.1.7: the peer need not wait until we lose our patience with it.
            let _ = socket.end_sending();
        }
        match read(worker, connection) {
            Poll::Pending => return Next::Wait,
            Poll::Ready(Ok(Read::Some { is_all: true })) if !thoroughly => return Next::Wait,
            Poll::Ready(Ok(Read::Some { .. })) => {}
            Poll::Ready(Ok(Read::End) | Err(_)) => return Next::End,
        }
    }
    Next::Again
}

/// Reads of one connection before it is another's turn; each takes as much as the worker's buffer.
const READS: usize = 16;

/// What a read came to.
enum Read {
    /// Something, and it may have been all there was.
    Some { is_all: bool },
    /// The end of the stream.
    End,
}

/// Reads once into the worker's buffer, and handles what is in it.
fn read(worker: &Worker, connection: &Rc<Connection>) -> Poll<io::Result<Read>> {
    worker.with_scratch(|scratch| {
        let (length, is_all) = ready!(connection.link.read(scratch))?;
        if length == 0 {
            return Poll::Ready(Ok(Read::End));
        }
        receive(worker, connection, &mut scratch[..length]);
        Poll::Ready(Ok(Read::Some { is_all }))
    })
}

/// Sends the first message, behind the answer to the handshake.
fn greet(worker: &Worker, connection: &Connection, answer: &[u8]) {
    let greeting = ServerMessage::ConnectionEstablished {
        socket_id: connection.socket_id(),
        activity_timeout: u64::from(worker.settings.activity_timeout),
    };
    worker.shard.send_behind(connection, answer, &greeting);
    worker.turn_away_if_closing(connection);
}

/// Decodes and handles bytes of the client.
fn receive(worker: &Worker, connection: &Rc<Connection>, bytes: &mut [u8]) {
    let socket = &connection.link;
    let unfinished = socket.take_unfinished();
    let mut decoder = unfinished.unwrap_or_else(|| worker.decoder());
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
        socket.keep_unfinished(decoder);
    }
}

const BINARY: &str = "binary frames are not part of the protocol, send text";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_owns_little() {
        let connection = size_of::<Connection>();
        assert!(connection <= 160, "{connection}");
    }
}
