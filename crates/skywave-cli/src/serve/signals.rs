//! What the process is told while it runs: SIGHUP has it read its configuration again; Ctrl-C and
//! SIGTERM end it, and a second one at once.

use std::io;
use std::process;
use std::thread;
use std::time::Duration;

use skywave_server::{Drain, Server};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use super::options::Options;
use super::plan::Plan;
use super::systemd;
use crate::config::DrainTimes;
use crate::failure::Failure;

/// The signals that are waited for. From here on none of them ends the process by itself.
pub(super) struct Signals {
    runtime: Runtime,
    hang_up: Signal,
    end: End,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let entered = runtime.enter();
        let hang_up = signal(SignalKind::hangup())?;
        let end = End::new()?;
        drop(entered);
        Ok(Self {
            runtime,
            hang_up,
            end,
        })
    }

    /// Obeys them until the server has ended.
    /// `inherited` says that the service manager opened the sockets, and keeps them open.
    pub(super) fn obey(self, server: &Server, options: &Options, mut plan: Plan, inherited: bool) {
        let Self {
            runtime,
            mut hang_up,
            mut end,
        } = self;
        runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = hang_up.recv() => plan = reload(server, options, plan),
                    () = end.asked() => break,
                }
            }
            systemd::stopping();
            let connections = server.connections();
            let drain = drain(plan.drain, connections, inherited);
            tracing::info!(connections, over = ?drain.over, "ending: connections are moved away");
            tokio::select! {
                _ = end_in_background(server.clone(), drain) => {}
                () = end.asked() => {
                    tracing::warn!("asked a second time, ending at once");
                    process::exit(1);
                }
            }
        });
    }
}

/// How connections are moved away. Few of them need not be spread over a long time: no server minds
/// a hundred newcomers in a second. Where the service manager keeps the sockets open, newcomers wait
/// in them for the next process, which should not be long.
fn drain(said: DrainTimes, connections: usize, inherited: bool) -> Drain {
    let defaults = Drain::default();
    let usual = if inherited { HAND_OVER } else { defaults.over };
    let connections = u32::try_from(connections).unwrap_or(u32::MAX);
    let needed = Duration::from_millis(10).saturating_mul(connections);
    Drain {
        notice: said.notice.unwrap_or(defaults.notice),
        over: said.over.unwrap_or(usual).min(needed),
        handed_over: inherited,
    }
}

/// How long newcomers wait at most.
pub(crate) const HAND_OVER: Duration = Duration::from_secs(3);

/// The signals that end the process.
struct End {
    interrupt: Signal,
    terminate: Signal,
}

impl End {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Ending takes a while, in which signals are obeyed still.
fn end_in_background(server: Server, drain: Drain) -> oneshot::Receiver<()> {
    let (done, ended) = oneshot::channel();
    thread::spawn(move || {
        server.drain(drain);
        let _ = done.send(());
    });
    ended
}

/// Reads the configuration again. With a mistake in it, everything stays as it was.
fn reload(server: &Server, options: &Options, plan: Plan) -> Plan {
    systemd::reloading();
    let kept = match plan.again(options) {
        Ok(new) => match server.replace_apps(new.apps.iter().cloned()) {
            Ok(()) => {
                // What is wrong with a certificate is logged there; the old one stays.
                let _ = server.reload_tls();
                if new.needs_restart {
                    tracing::warn!(
                        "not only apps and certificates changed: the rest takes a restart"
                    );
                }
                tracing::info!(apps = new.apps.len(), "the configuration was read again");
                new
            }
            Err(error) => {
                tracing::error!(%error, "the configuration was not taken over");
                plan
            }
        },
        Err(Failure::Wrong(mistakes)) => {
            for mistake in &mistakes {
                tracing::error!("{mistake}");
            }
            tracing::error!(
                mistakes = mistakes.len(),
                "the configuration has mistakes; the old one stays"
            );
            plan
        }
        Err(Failure::Failed(error)) => {
            tracing::error!("{error:#}; the old configuration stays");
            plan
        }
        Err(Failure::Told) => plan,
    };
    systemd::ready();
    kept
}
