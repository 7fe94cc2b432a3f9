//! What the process is told while it runs: Ctrl-C and SIGTERM end it, and a second one at once.

use std::io;
use std::process;
use std::thread;

use skywave_server::Server;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use super::systemd;

/// The signals that are waited for. From here on none of them ends the process by itself.
pub(super) struct Signals {
    runtime: Runtime,
    end: End,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let end = {
            let _entered = runtime.enter();
            End::new()?
        };
        Ok(Self { runtime, end })
    }

    /// Obeys them until the server has ended.
    pub(super) fn obey(self, server: &Server) {
        let Self { runtime, mut end } = self;
        runtime.block_on(async {
            end.asked().await;
            systemd::stopping();
            tracing::info!(connections = server.connections(), "shutting down");
            tokio::select! {
                _ = end_in_background(server.clone()) => {}
                () = end.asked() => {
                    tracing::warn!("asked a second time, ending at once");
                    process::exit(1);
                }
            }
        });
    }
}

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
fn end_in_background(server: Server) -> oneshot::Receiver<()> {
    let (done, ended) = oneshot::channel();
    thread::spawn(move || {
        server.shutdown();
        let _ = done.send(());
    });
    ended
}
