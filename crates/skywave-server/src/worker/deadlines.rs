//! Deadlines: pings for the silent, an end for those who stay silent, linger, or do not authorise
//! themselves.
//!
//! A wheel tells whose time may have come; what is to be done follows from how the connection is
//! then. So a sign of life costs nothing but a note of the second, and no entry of a wheel is ever
//! searched for or removed.

use skywave_protocol::Rejection;

use super::{Connection, Mark, Worker};
use crate::socket::{LINGER, Phase, Socket};

impl Worker {
    /// Sees to it that a closing connection does not linger.
    pub(crate) fn linger(&self, socket: &Socket) {
        socket.linger(self.second());
        self.schedule(socket.mark, LINGER);
    }

    /// Has a connection looked at after so many seconds.
    pub(super) fn schedule(&self, mark: Mark, seconds: u32) {
        self.wheel.borrow_mut().schedule(mark, seconds);
    }

    /// Looks at the connections that are due by now.
    pub(crate) fn check_deadlines(&self) {
        let now = u64::from(self.second());
        let due = self.wheel.borrow_mut().advance(now);
        for mark in due {
            self.with(mark, |connection| self.check(&connection.link));
        }
        let due = self.unauthorised.borrow_mut().advance(now);
        for (mark, by) in due {
            self.with(mark, |connection| self.check_authorisation(connection, by));
        }
    }

    /// Closes a connection that had until second `by` to authorise itself and did not (§1.13).
    fn check_authorisation(&self, connection: &Connection, by: u32) {
        let left = by.saturating_sub(self.second());
        if left > 0 {
            // The deadline is beyond the wheel, or the wheel's second a little behind ours.
            let mut unauthorised = self.unauthorised.borrow_mut();
            unauthorised.schedule((connection.link.mark, by), left);
        } else if !self.shard.is_authorised(connection) {
            connection.link.reject(&Rejection::Unauthorised);
        }
    }

    /// Pings a connection that was silent, cuts one that stayed silent (§1.6).
    fn check(&self, socket: &Socket) {
        let silent = socket.silent(self.second());
        match socket.phase() {
            Phase::New if silent >= self.settings.first_message => socket.reject(&Rejection::Idle),
            Phase::New | Phase::Open if silent >= self.settings.silence() => {
                socket.ping();
                self.schedule(socket.mark, self.settings.pong_timeout);
            }
            Phase::New => {
                let deadline = self.settings.silence().min(self.settings.first_message);
                self.schedule(socket.mark, deadline - silent);
            }
            Phase::Open => self.schedule(socket.mark, self.settings.silence() - silent),
            Phase::Pinged => socket.reject(&Rejection::PongTimeout),
            Phase::Closing | Phase::Done if silent >= LINGER => socket.abort(),
            // The wheel may be shorter than that, and its second is a little behind ours.
            Phase::Closing | Phase::Done => self.schedule(socket.mark, LINGER - silent),
            Phase::Cut => {}
        }
    }
}
