//! Where the log goes, and what it looks like.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use super::plan::Plan;
use crate::config::LogFormat;

/// Starts the log, to standard error. `RUST_LOG` comes before the file.
pub(super) fn start(plan: &Plan) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| {
        let filter = plan.log_filter.as_deref().unwrap_or(FILTER);
        EnvFilter::new(filter)
    });
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    match plan.log_format {
        LogFormat::Text => log.with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}

/// What is shown unless something else is said.
pub(crate) const FILTER: &str = "info";
