//! `skywave channels`: which channels are occupied, and who is there.

use std::io::{self, Write};

use clap::Args;
use serde_json::Value;

use crate::client::{self, Api, segment};
use crate::failure::Failure;
use crate::trigger::described;

/// `skywave channels`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// One channel, by its whole name; otherwise all that somebody listens to.
    channel: Option<String>,
    /// Only channels whose names begin like this.
    #[arg(long, conflicts_with = "channel")]
    prefix: Option<String>,
    /// What to tell: `user_count` (presence channels), `subscription_count`, cache (one channel), with
    /// commas in between.
    #[arg(long, value_name = "ATTRIBUTES")]
    info: Option<String>,
    /// List the users of the presence channel.
    #[arg(long, requires = "channel", conflicts_with = "info")]
    users: bool,
    /// Print the server's answer as it is.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    app: client::Options,
}

/// Asks and prints.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let path = match &options.channel {
        Some(channel) if options.users => format!("/channels/{}/users", segment(channel)?),
        Some(channel) => format!("/channels/{}", segment(channel)?),
        None => "/channels".to_owned(),
    };
    let params = [
        ("filter_by_prefix", &options.prefix),
        ("info", &options.info),
    ];
    let params: Vec<_> = params
        .iter()
        .filter_map(|(name, value)| Some((*name, value.as_deref()?)))
        .collect();
    let api = Api::new(options.app.target()?)?;
    client::run(async {
        let answer = api.get(&path, &params).await?;
        let mut out = io::stdout().lock();
        if options.json {
            writeln!(out, "{answer}")?;
        } else if options.users {
            for user in answer["users"].as_array().into_iter().flatten() {
                match &user["id"] {
                    Value::String(id) => writeln!(out, "{id}")?,
                    id => writeln!(out, "{id}")?,
                }
            }
        } else if let Some(channel) = &options.channel {
            writeln!(out, "{channel}{}", described(&answer))?;
        } else {
            for (name, attributes) in answer["channels"].as_object().into_iter().flatten() {
                writeln!(out, "{name}{}", described(attributes))?;
            }
        }
        Ok(())
    })
}
