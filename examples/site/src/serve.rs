//! From a router to a running server on `127.0.0.1`.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use tokio::net::TcpListener;
use tokio::signal;
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

/// Command line of every example.
#[derive(clap::Parser, Clone, Debug)]
#[command(about = "An example application of Skywave, on 127.0.0.1")]
pub struct Options {
    /// Port of 127.0.0.1 to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 3000)]
    pub port: u16,

    /// Folder that holds `pusher.min.js`: `dist/web` of the npm package pusher-js.
    #[arg(long, env = "SKYWAVE_DEMO_ASSETS", default_value_os_t = brought_by_xtask())]
    pub assets: PathBuf,
}

impl Options {
    /// What was typed; explains itself and ends the process when it makes no sense.
    pub fn parse() -> Self {
        clap::Parser::parse()
    }
}

/// Serves `app` until Ctrl-C or SIGTERM; prints `Skywave NAME: http://127.0.0.1:PORT` when ready.
///
/// # Errors
///
/// When the port cannot be had.
pub async fn serve(name: &str, app: Router, options: &Options) -> Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into()))
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .init();

    let port = options.port;
    let listener = TcpListener::bind(("127.0.0.1", port))
        .await
        .with_context(|| {
            format!("could not listen on 127.0.0.1:{port}; `--port 0` takes a free port")
        })?;
    if let Some(problem) = crate::assets::problem(&options.assets) {
        eprintln!("{problem}");
    }
    println!("Skywave {name}: http://{}", listener.local_addr()?);
    io::stdout().flush()?;

    let (stop, mut stopped) = watch::channel(());
    let server = axum::serve(listener, app).with_graceful_shutdown(async move {
        stopped.changed().await.ok();
    });
    tokio::select! {
        result = server => result?,
        () = async {
            asked_to_stop().await;
            stop.send(()).ok();
            tokio::time::sleep(GRACE).await;
        } => {}
    }
    Ok(())
}

async fn asked_to_stop() {
    #[cfg(unix)]
    let terminated = async {
        match signal::unix::signal(signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<Option<()>>();
    tokio::select! {
        _ = signal::ctrl_c() => {}
        _ = terminated => {}
    }
}

/// Where `cargo xtask demo` puts pusher-js, seen from this crate's folder.
fn brought_by_xtask() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    let workspace = workspace.unwrap_or(Path::new("."));
    workspace.join("demo-assets/node_modules/pusher-js/dist/web")
}

/// How long requests that are being answered may take after the signal to stop.
const GRACE: Duration = Duration::from_secs(2);
