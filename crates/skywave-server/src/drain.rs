//! The end of a server that nobody should notice: readiness goes off, then connections are moved away.
//!
//! The official clients come back exactly one second after a close, all of them (reliability: no
//! jitter), so it is the server that spreads them: each worker closes its connections in random
//! order and at a steady pace. What was published before a connection's turn reaches it first.

use std::thread;
use std::time::{Duration, Instant};

use skywave_protocol::Rejection;
use tokio::time::sleep;

use crate::ending::Ending;
use crate::node::Node;
use crate::socket::{LINGER, Socket};
use crate::worker::{Mark, Worker};

/// How a server's connections are moved away before it ends; see
/// [`Server::drain`](crate::Server::drain).
///
/// 1. The server is no longer ready ([`is_ready`](crate::Server::is_ready), `/readyz`), and goes on
///    as before for the time of the `notice`.
/// 2. Connections are closed one by one, in random order, within the time `over`. Who connects
///    meanwhile is refused with code 4100, which makes clients try again after a second (a
///    handshake that fails would make pusher-js wait for longer); HTTP requests are answered, the
///    last on each of their connections.
/// 3. What is left after another five seconds is cut.
///
/// ```
/// use std::time::Duration;
/// use skywave_server::Drain;
///
/// let behind_a_load_balancer = Drain { notice: Duration::from_secs(10), ..Drain::default() };
/// assert_eq!(behind_a_load_balancer.over, Duration::from_secs(30));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drain {
    /// How long a load balancer may take to see that the server is no longer ready. Default 0.
    pub notice: Duration,
    /// The time over which the connections are spread. Default 30 s.
    pub over: Duration,
    /// Whether another process accepts connections at the same addresses by now, on sockets that
    /// it shares with this one, or will before long. This one then stops accepting at once and
    /// refuses nobody (who was accepted already is moved like the others), and tells its clients
    /// to come back at once (code 4200). Otherwise they are closed with 1001 and come back after a
    /// second: after 4200 and a refused attempt, pusher-js waits for 15 seconds. Default false.
    pub handed_over: bool,
}

impl Default for Drain {
    fn default() -> Self {
        Self {
            notice: Duration::ZERO,
            over: Duration::from_secs(30),
            handed_over: false,
        }
    }
}

/// How far a server's life has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Everybody is welcome.
    Serving,
    /// Not ready any more, and going on as before.
    Leaving(Drain),
    /// Connections are moved away.
    Draining(Drain),
    /// All connections are closed, and the threads end.
    Stopping,
}

impl Node {
    /// Moves all connections away; returns when they are gone, or when the time is over, or at once
    /// when this is not the first call.
    pub(crate) fn drain(&self, drain: Drain) {
        let begin = |stage: &mut Stage| {
            let begins = *stage == Stage::Serving;
            if begins {
                *stage = Stage::Leaving(drain);
            }
            begins
        };
        if !self.stage.send_if_modified(begin) {
            return;
        }
        let connections = self.connections();
        tracing::info!(connections, ?drain, "not ready any more: draining");
        let notice = if drain.handed_over {
            drain.notice.max(HANDSHAKES)
        } else {
            drain.notice
        };
        self.wait(notice, || false);
        let go_on = |stage: &mut Stage| {
            let leaving = *stage == Stage::Leaving(drain);
            if leaving {
                *stage = Stage::Draining(drain);
            }
            leaving
        };
        if self.stage.send_if_modified(go_on) {
            let lingering = Duration::from_secs(u64::from(LINGER) + 1);
            self.wait(drain.over + lingering, || self.connections() == 0);
            let left = self.connections();
            tracing::info!(left, "drained");
        }
    }

    /// Waits for so long, or until it is done, or until the server is to stop at once.
    fn wait(&self, time: Duration, is_done: impl Fn() -> bool) {
        let begin = Instant::now();
        while self.stage() != Stage::Stopping && begin.elapsed() < time && !is_done() {
            thread::sleep(STEP);
        }
    }
}

impl Worker {
    /// Follows the server's life from serving to its end.
    pub(crate) async fn follow_stage(&self) {
        let mut stages = self.node.stage.subscribe();
        loop {
            let stage = *stages.borrow_and_update();
            match stage {
                Stage::Leaving(drain) | Stage::Draining(drain) if drain.handed_over => {
                    self.stop_listening();
                }
                _ => {}
            }
            if let Stage::Draining(drain) = stage {
                self.move_away(drain).await;
            }
            // The node lives as long as its workers, so this never fails.
            let _ = stages.changed().await;
        }
    }

    /// Closes the connections of this worker in random order, spread over the time.
    async fn move_away(&self, drain: Drain) {
        let mut marks = self.marks();
        shuffle(&mut marks);
        let (begin, count) = (Instant::now(), marks.len());
        let mut rest = marks.into_iter();
        while rest.len() > 0 && self.node.stage() != Stage::Stopping {
            let passed = begin.elapsed().as_secs_f64() / drain.over.as_secs_f64().max(f64::EPSILON);
            let due = ((count as f64 * passed) as usize + 1).min(count);
            let moved = count - rest.len();
            if due > moved {
                // What has been published so far is theirs.
                self.end_tick().await;
                for mark in rest.by_ref().take(due - moved) {
                    self.with(mark, |connection| say_good_bye(&connection.link, drain));
                }
            }
            sleep(STEP).await;
        }
        // Nobody comes any more but those whose sockets had been accepted by then.
        while self.node.stage() == Stage::Draining(drain) {
            for mark in self.marks() {
                self.with(mark, |connection| say_good_bye(&connection.link, drain));
            }
            sleep(10 * STEP).await;
        }
    }
}

fn say_good_bye(socket: &Socket, drain: Drain) {
    if drain.handed_over {
        socket.reject(&Rejection::ReconnectNow);
    } else {
        // No error event, and back after a second, in every build of pusher-js (§1.14).
        socket.close(GOING_AWAY, RESTARTING, Ending::Moved);
    }
}

/// RFC 6455 §7.4.1.
pub(crate) const GOING_AWAY: u16 = 1001;
const RESTARTING: &str = "server restarting, please reconnect";

/// How long sockets that were accepted last may take for their handshakes, which nobody else can
/// answer.
const HANDSHAKES: Duration = Duration::from_millis(100);

/// How often somebody looks whether something is due.
const STEP: Duration = Duration::from_millis(10);

/// A random order; whose turn it is need not be secret.
fn shuffle(marks: &mut [Mark]) {
    let mut random = getrandom::u64().unwrap_or_default() | 1;
    for last in (1..marks.len()).rev() {
        // Xorshift: enough to deal cards.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        marks.swap(last, (random % (last as u64 + 1)) as usize);
    }
}
