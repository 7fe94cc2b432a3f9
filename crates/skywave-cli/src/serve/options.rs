//! What can be typed, and said in the environment: [`Options`].

use std::net::IpAddr;
use std::num::{NonZeroUsize, ParseIntError};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::config::{LogFormat, Place, seconds};

/// What a flag or a variable says comes before what the file says.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(super) place: Place,
    /// Address to listen on, instead of those of the file [default: 127.0.0.1].
    #[arg(long, env = "SKYWAVE_HOST")]
    pub(super) host: Option<IpAddr>,
    /// Port to listen on; 0 takes any free one [default: 6001].
    #[arg(long, env = "SKYWAVE_PORT")]
    pub(super) port: Option<u16>,
    /// Id of an app, used in HTTP paths; some libraries insist on decimal digits [default: 1].
    #[arg(long, env = "SKYWAVE_APP_ID")]
    pub(super) app_id: Option<String>,
    /// Key of the app, given to browsers. Without any app, one is made up.
    #[arg(long, env = "SKYWAVE_APP_KEY")]
    pub(super) app_key: Option<String>,
    /// Secret of the app, shared with its application. Others on this machine can see a command
    /// line: prefer the variable, or a file.
    #[arg(long, env = "SKYWAVE_APP_SECRET", hide_env_values = true)]
    pub(super) app_secret: Option<String>,
    /// File with the secret of the app.
    #[arg(long, env = "SKYWAVE_APP_SECRET_FILE", value_name = "FILE")]
    pub(super) app_secret_file: Option<PathBuf>,
    /// Threads that carry connections [default: one per core].
    #[arg(long, env = "SKYWAVE_WORKERS")]
    pub(super) workers: Option<NonZeroUsize>,
    /// Seconds of silence after which clients check the connection [default: 120].
    #[arg(long, env = "SKYWAVE_ACTIVITY_TIMEOUT", value_name = "SECONDS", value_parser = seconds)]
    pub(super) activity_timeout: Option<Duration>,
    /// Seconds a peer may take to answer a ping [default: 30].
    #[arg(long, env = "SKYWAVE_PONG_TIMEOUT", value_name = "SECONDS", value_parser = seconds)]
    pub(super) pong_timeout: Option<Duration>,
    /// Client events that one connection may send in a second, in every app [default: 10].
    #[arg(long, value_name = "NUMBER")]
    pub(super) client_events_per_second: Option<u32>,
    /// Refuse events that clients send to each other, in every app.
    #[arg(long)]
    pub(super) no_client_events: bool,
    /// Longest time over which connections are moved away at the end [default: 30; 3 with sockets of
    /// the service manager].
    #[arg(long, env = "SKYWAVE_DRAIN_OVER", value_name = "SECONDS", value_parser = any_seconds)]
    pub(super) drain_over: Option<Duration>,
    /// How the log is written, to standard error [default: text].
    #[arg(long, env = "SKYWAVE_LOG_FORMAT", value_name = "FORMAT")]
    pub(super) log_format: Option<LogFormat>,
}

fn any_seconds(text: &str) -> Result<Duration, ParseIntError> {
    text.parse().map(Duration::from_secs)
}
