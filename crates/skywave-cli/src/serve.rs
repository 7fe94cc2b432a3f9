//! `skywave serve`: the server as a process of its own.

use std::io::{self, IsTerminal, Write};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::Args;
use skywave_protocol::{Credentials, Limits, Secret};
use skywave_server::{App, AppSettings, Config, Server};
use tracing_subscriber::EnvFilter;

/// What can be said on the command line; most of it in the environment as well.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Address to listen on.
    #[arg(long, env = "SKYWAVE_HOST", default_value = "127.0.0.1")]
    host: IpAddr,
    /// Port to listen on; 0 takes any free one.
    #[arg(long, env = "SKYWAVE_PORT", default_value_t = 6001)]
    port: u16,
    /// Id of the app, decimal digits (some libraries insist), used in HTTP paths.
    #[arg(long, env = "SKYWAVE_APP_ID", default_value = "1")]
    app_id: String,
    /// Key of the app, given to browsers; generated when left out.
    #[arg(long, env = "SKYWAVE_APP_KEY")]
    app_key: Option<String>,
    /// Secret of the app, shared with its server; generated when left out.
    #[arg(long, env = "SKYWAVE_APP_SECRET", hide_env_values = true)]
    app_secret: Option<String>,
    /// Threads that carry connections [default: one per core].
    #[arg(long, env = "SKYWAVE_WORKERS")]
    workers: Option<NonZeroUsize>,
    /// Seconds of silence after which clients check the connection.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    activity_timeout: u64,
    /// Seconds a peer may take to answer a ping.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pong_timeout: u64,
    /// Client events that one connection may send in a second.
    #[arg(long, default_value_t = Limits::default().client_events_per_second)]
    client_events_per_second: u32,
    /// Refuse events that clients send to each other.
    #[arg(long)]
    no_client_events: bool,
}

/// Runs until Ctrl-C or SIGTERM.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    log_to_stderr();
    let app = options.app()?;
    raise_descriptor_limit();
    let config = Config {
        workers: options.workers.map(NonZeroUsize::get),
        activity_timeout: Duration::from_secs(options.activity_timeout),
        pong_timeout: Duration::from_secs(options.pong_timeout),
        ..Config::new([app])
    };
    let server = Server::start(config)?;
    let address = SocketAddr::new(options.host, options.port);
    let address = server.listen(address).with_context(|| {
        format!("cannot listen on {address}; choose another --port, or stop what is using it")
    })?;
    // Whoever started this process may wait for this line.
    writeln!(io::stdout(), "Skywave server: http://{address}")?;
    wait_for_signal()?;
    tracing::info!(connections = server.connections(), "shutting down");
    server.shutdown();
    Ok(())
}

impl Options {
    fn app(&self) -> anyhow::Result<App> {
        let digits = !self.app_id.is_empty() && self.app_id.bytes().all(|b| b.is_ascii_digit());
        if !digits {
            tracing::warn!(
                app_id = self.app_id,
                "some Pusher libraries only accept app ids of decimal digits"
            );
        }
        ensure!(
            !self.app_id.is_empty() && !self.app_id.contains(['/', '?', '#', '%']),
            "--app-id is {:?}, expected a name that can stand in a URL path",
            self.app_id,
        );
        let (key, secret) = match (&self.app_key, &self.app_secret) {
            (Some(key), Some(secret)) => (key.clone(), secret.clone()),
            (None, None) => generated()?,
            (Some(_), None) => bail!("--app-key is given without --app-secret; give both or none"),
            (None, Some(_)) => bail!("--app-secret is given without --app-key; give both or none"),
        };
        ensure!(!secret.is_empty(), "--app-secret is empty");
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        ensure!(
            !key.is_empty() && key.bytes().all(legal),
            "--app-key is {key:?}, expected letters, digits, - and _",
        );
        let limits = Limits {
            client_events_per_second: self.client_events_per_second,
            ..Limits::default()
        };
        let settings = AppSettings {
            limits,
            client_events: !self.no_client_events,
            ..AppSettings::new(Credentials::new(key, &Secret::new(secret)))
        };
        Ok(App::new(self.app_id.clone(), settings))
    }
}

/// A key and a secret for trying things out; the only place where a secret is ever printed.
fn generated() -> anyhow::Result<(String, String)> {
    let random = || -> anyhow::Result<String> {
        let bits = getrandom::u64().context("the operating system gives no randomness")?;
        Ok(format!("{bits:016x}"))
    };
    let (key, secret) = (random()?, random()? + &random()?);
    writeln!(
        io::stdout(),
        "Generated for this run: --app-key {key} --app-secret {secret}"
    )?;
    Ok((key, secret))
}

/// Every connection is a descriptor; the default of many systems is 1,024.
fn raise_descriptor_limit() {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) => tracing::info!(limit, "descriptors, one per connection"),
        Err(error) => tracing::warn!(%error, "cannot raise the limit of descriptors"),
    }
}

fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
}

fn wait_for_signal() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let mut terminate = signal(SignalKind::terminate())?;
            tokio::select! {
                outcome = tokio::signal::ctrl_c() => outcome?,
                _ = terminate.recv() => {}
            }
            Ok(())
        })
}
