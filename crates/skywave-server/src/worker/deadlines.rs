//! Deadlines: pings for the silent, an end for those who stay silent, linger, or do not authorise
//! themselves.
//!
//! A wheel tells whose time may have come; what is to be done follows from how the connection is
//! then. So a sign of life costs nothing but a note of the second, and no entry of a wheel is ever
//! searched for or removed.

use skywave_protocol::Rejection;

use super::{Mark, Worker};
use crate::socket::{LINGER, Phase};

impl Worker {
    /// Sees to it that a closing connection does not linger.
    pub(crate) fn linger(&self, key: u32) {
        if let Some(entry) = self.connections.borrow().get(key as usize) {
            entry.connection.link.linger(self.second());
            self.schedule(
                Mark {
                    key,
                    serial: entry.serial,
                },
                LINGER,
            );
        }
    }

    /// Has a connection looked at after so many seconds.
    pub(super) fn schedule(&self, check: Mark, seconds: u32) {
        self.wheel.borrow_mut().schedule(check, seconds);
    }

    /// Looks at the connections that are due by now.
    pub(crate) fn check_deadlines(&self) {
        let now = u64::from(self.second());
        let due = self.wheel.borrow_mut().advance(now);
        for check in due {
            self.check(check);
        }
        let due = self.unauthorised.borrow_mut().advance(now);
        for check in due {
            self.check_authorisation(check);
        }
    }

    /// Closes a connection that had its time to authorise itself and did not (§1.13).
    fn check_authorisation(&self, check: Mark) {
        let connections = self.connections.borrow();
        let entry = connections.get(check.key as usize);
        let Some(entry) = entry.filter(|entry| entry.serial == check.serial) else {
            return;
        };
        let left = entry.authorise_by.saturating_sub(self.second());
        if left > 0 {
            // The deadline is beyond the wheel, or the wheel's second a little behind ours.
            self.unauthorised.borrow_mut().schedule(check, left);
        } else if !self.shard.is_authorised(&entry.connection) {
            entry.connection.link.reject(&Rejection::Unauthorised);
        }
    }

    /// Pings a connection that was silent, cuts one that stayed silent (§1.6).
    fn check(&self, check: Mark) {
        let connections = self.connections.borrow();
        let Some(entry) = connections.get(check.key as usize) else {
            return;
        };
        if entry.serial != check.serial {
            return;
        }
        let socket = &entry.connection.link;
        let silent = socket.silent(self.second());
        match socket.phase() {
            Phase::New if silent >= self.settings.first_message => socket.reject(&Rejection::Idle),
            Phase::New | Phase::Open if silent >= self.settings.silence() => {
                socket.ping();
                self.schedule(check, self.settings.pong_timeout);
            }
            Phase::New => {
                let deadline = self.settings.silence().min(self.settings.first_message);
                self.schedule(check, deadline - silent);
            }
            Phase::Open => self.schedule(check, self.settings.silence() - silent),
            Phase::Pinged => socket.reject(&Rejection::PongTimeout),
            Phase::Closing | Phase::Done if silent >= LINGER => socket.abort(),
            // The wheel may be shorter than that, and its second is a little behind ours.
            Phase::Closing | Phase::Done => self.schedule(check, LINGER - silent),
            Phase::Cut => {}
        }
    }
}
