//! The configuration file, and `skywave config`.
//!
//! ```text
//! find      which file it is
//! file      the whole file: its tables, and every mistake in them
//! listen    `[[listen]]` with TLS and proxies, and `[operator]`
//! tables    what has a table of its own but apps: the server, its log
//! apps      `[[apps]]`, with secrets from files
//! limits    `[apps.limits]`
//! webhooks  `[webhooks]` and `[[apps.webhooks]]`
//! check     `skywave config check`
//! ```

mod apps;
mod check;
mod file;
mod find;
mod limits;
mod listen;
#[cfg(test)]
mod reference;
mod tables;
mod webhooks;

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use skywave_protocol::Secret;

pub(crate) use self::apps::{check_name, read_secret};
pub(crate) use self::file::{Apps, File};
pub(crate) use self::find::find;
pub(crate) use self::listen::{At, Listen};
pub(crate) use self::tables::{DrainTimes, LogFormat, seconds};
use crate::failure::Failure;

/// A file to begin with: every table, with the defaults.
pub(crate) const EXAMPLE: &str = include_str!("example.toml");

/// `skywave config`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Report every mistake in the configuration file: exit code 2 if there are any, 1 if the file
    /// cannot be read.
    Check {
        #[command(flatten)]
        place: Place,
        /// Report as one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Print a configuration file to begin with, with a new key and a new secret.
    Example,
}

/// A new key and a new secret.
pub(crate) fn made_up() -> anyhow::Result<(String, Secret)> {
    let random = || -> anyhow::Result<String> {
        let bits = getrandom::u64().context("the operating system gives no randomness")?;
        Ok(format!("{bits:016x}"))
    };
    Ok((random()?, Secret::from(random()? + &random()?)))
}

/// Where the configuration file is.
#[derive(Clone, Debug, Args)]
pub(crate) struct Place {
    /// Configuration file [default: ./skywave.toml, then /etc/skywave/skywave.toml, if there is one].
    #[arg(long, env = "SKYWAVE_CONFIG", value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,
}

/// Does what `skywave config` was asked for.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    match &options.action {
        Action::Check { place, json } => check::run(place, *json),
        Action::Example => {
            let (key, secret) = made_up()?;
            let example = EXAMPLE
                .replace("\"my-key\"", &format!("\"{key}\""))
                .replace("\"my-secret\"", &format!("\"{}\"", secret.expose()));
            Ok(io::stdout().write_all(example.as_bytes())?)
        }
    }
}
