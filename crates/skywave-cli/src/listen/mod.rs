//! `skywave listen`: events in the terminal, as they happen.
//!
//! ```text
//! session   one connection from its first message to its last
//! line      what is printed
//! ```
//!
//! A connection that ends is opened again, unless the server says that it is no use.

mod line;
mod session;

use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use serde_json::{Value, json};
use tokio::time::sleep;

use self::line::Printer;
use self::session::{Ended, Session};
use crate::client::{self, name};
use crate::failure::Failure;

/// `skywave listen`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Channels, by their whole names. Private and presence channels are signed for with the
    /// app's secret.
    #[arg(required = true)]
    channels: Vec<String>,
    /// Only events of this name.
    #[arg(long, value_name = "NAME")]
    event: Option<String>,
    /// End after so many events.
    #[arg(long, value_name = "NUMBER")]
    count: Option<u64>,
    /// Who to be in presence channels.
    #[arg(long, value_name = "ID", default_value = "skywave-listen")]
    user_id: String,
    /// What the others are told there, as JSON.
    #[arg(long, value_name = "JSON", value_parser = json_value)]
    user_info: Option<Value>,
    /// Print a JSON object a line: channel, event, data, and `user_id` if there is one.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    app: client::Options,
}

fn json_value(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("expected JSON: {error}"))
}

/// Listens until Ctrl-C, or until there were enough events.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let channels: Result<Vec<_>, _> = options.channels.iter().map(|text| name(text)).collect();
    let channels = channels?;
    let listener = options.app.listener()?;
    if let Some(channel) = channels
        .iter()
        .find(|name| name.kind().needs_authorisation())
        && listener.credentials.is_none()
    {
        return Err(Failure::wrong(format!(
            "channel `{channel}` is signed for: give --app-secret-file, or SKYWAVE_APP_SECRET"
        )));
    }
    let mut member = json!({ "user_id": options.user_id });
    if let Some(info) = &options.user_info {
        member["user_info"] = info.clone();
    }
    let printer = Printer::new(options.json, options.event.clone(), options.count);
    let session = Session {
        listener: &listener,
        channels: &channels,
        member: member.to_string(),
        printer,
    };
    client::run(async {
        tokio::select! {
            ended = listen(session) => ended,
            _ = tokio::signal::ctrl_c() => Ok(()),
        }
    })
}

/// One connection after the other.
async fn listen(mut session: Session<'_>) -> Result<(), Failure> {
    let mut before = false;
    let mut failures = 0;
    loop {
        let (ended, connected) = session.run().await?;
        let (pause, why) = match ended {
            Ended::Enough => return Ok(()),
            Ended::Refused(why) => return Err(anyhow!(why).into()),
            // A wrong address, most likely: waiting would hide it.
            Ended::Lost(why) if !before && !connected => return Err(anyhow!(why).into()),
            Ended::Moved(why) if connected => (Duration::ZERO, why),
            Ended::Lost(why) | Ended::Moved(why) => {
                failures = if connected { 0 } else { failures + 1 };
                (LONGEST.min(FIRST * (1 << failures.min(5))), why)
            }
        };
        before |= connected;
        eprintln!("skywave: {why}; connecting again in {} s", pause.as_secs());
        sleep(pause).await;
    }
}

/// The pauses before connecting again.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);
