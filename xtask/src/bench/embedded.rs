//! The server embedded in an application: from `emit` to the bytes in a subscriber's socket.
//!
//! The application and its server share core 0, and the subscriber spins on core 1, as the load
//! generator does. Beside it stands half a round trip of `pingpong` with a server of its own: bytes
//! that come in by one socket and go out by another.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::baselines;
use super::scenario::PING_PONG;
use super::tools::{Server, Tools, pinned};
use crate::process;
use crate::workspace::Workspace;

/// Builds the application, which is a bench of the library.
pub(super) fn build(workspace: &Workspace) -> Result<()> {
    process::run(&mut workspace.cargo(&[
        "bench",
        "--package",
        "skywave",
        "--bench",
        NAME,
        "--no-run",
    ]))
}

/// Measures both once.
pub(super) fn repetition(workspace: &Workspace, tools: &Tools, show: bool) -> Result<Vec<Value>> {
    let mut command = pinned(0, "cargo");
    command.args(["bench", "--quiet", "--package", "skywave", "--bench", NAME]);
    command.args(["--", "--reader-core", "1"]);
    workspace.prepare(&mut command);
    if show {
        println!("$ {}", process::line(&command));
    }
    let text = process::output(&mut command)?;
    let embedded = serde_json::from_str(&text)
        .with_context(|| format!("the application printed no JSON: {text}"))?;
    let round_trip = baselines::loaded(tools, Server::Skywave, PING_PONG, show)?;
    Ok(vec![embedded, one_way(&round_trip)?])
}

/// Half of what a round trip takes.
fn one_way(round_trip: &Value) -> Result<Value> {
    let half = |quantile: &str| {
        let whole = round_trip["rtt_us"][quantile].as_f64();
        let whole = whole.with_context(|| format!("loadgen's result has no {quantile}"))?;
        Ok::<_, anyhow::Error>(whole / 2.0)
    };
    Ok(json!({"latency_us": {"p50": half("p50")?, "p99": half("p99")?}}))
}

const NAME: &str = "embedded";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_way_is_half_of_there_and_back() {
        let round_trip = json!({"rtt_us": {"p50": 41.0, "p99": 60.0}});
        assert_eq!(
            one_way(&round_trip).expect("both are there"),
            json!({"latency_us": {"p50": 20.5, "p99": 30.0}})
        );
        assert!(one_way(&json!({})).is_err());
    }
}
