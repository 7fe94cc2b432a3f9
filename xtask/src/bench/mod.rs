//! `cargo xtask bench`: the server against its baselines, on this machine.
//!
//! Every repetition of a scenario runs each server once, a fresh process each, in turn: our server,
//! then the bare epoll loop (C), then the prototype of the fast path (P). The server is pinned to
//! core 0 and the load generator to core 1. Figures are medians; ratios are taken within a
//! repetition first, so that a slow moment of the machine strikes both sides. A run that loses or
//! reorders a delivery is an error, never a figure.

mod figures;
mod scenario;
mod tools;

use std::path::PathBuf;
use std::process::Command;
use std::thread::available_parallelism;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use self::figures::Figures;
use self::scenario::Scenario;
use self::tools::{Server, Tools};
use crate::process::{self, Service};
use crate::workspace::Workspace;

/// Options of `cargo xtask bench`.
#[derive(clap::Args)]
#[command(after_help = scenario::list())]
pub(crate) struct Options {
    /// What to measure; fan-out, many channels and idle memory when none is named.
    #[arg(value_name = "SCENARIO", value_parser = scenario::find,
          default_values = ["f1k_sat", "chan", "idle"])]
    scenarios: Vec<&'static Scenario>,

    /// Repetitions of every scenario.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,

    /// Folder with the sources of the load generator and the baselines.
    #[arg(long, value_name = "DIR", env = "SKYWAVE_TOOLS")]
    tools: Option<PathBuf>,
}

/// Builds everything, runs the scenarios and prints a table for each.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    ensure!(
        process::installed("taskset") && available_parallelism()?.get() >= 2,
        "the server and the load generator need a core each, and `taskset` (Debian: util-linux)"
    );
    let tools = Tools::build(workspace, options.tools.clone())?;
    for scenario in &options.scenarios {
        println!("\n=== {}: {} ===", scenario.name, scenario.about);
        let mut figures = Figures::new(scenario);
        for run in 1..=options.runs {
            for server in Server::ALL {
                let result = measure(&tools, scenario, *server, run == 1)?;
                figures.add(*server, &result)?;
            }
            println!("run {run} of {}: {}", options.runs, figures.latest());
        }
        println!("\n{}", figures.table());
    }
    Ok(())
}

/// Runs `scenario` once against a fresh process of `server`.
fn measure(tools: &Tools, scenario: &Scenario, server: Server, show: bool) -> Result<Value> {
    let port = process::free_port()?;
    let mut command = tools.server(server, port);
    if show {
        println!("$ {}", process::line(&command));
    }
    let service = Service::start(&mut command, port)?;
    let mut load = tools.load_generator(port, service.id(), scenario.arguments);
    if show {
        println!("$ {}", process::line(&load));
    }
    let result = load_result(&mut load)
        .with_context(|| format!("{} against {}", scenario.name, server.name()))?;
    scenario::ensure_faultless(&result).with_context(|| {
        format!(
            "{} against {} is no measurement; `{}`",
            scenario.name,
            server.name(),
            process::line(&load)
        )
    })?;
    Ok(result)
}

fn load_result(load: &mut Command) -> Result<Value> {
    let text = process::output(load)?;
    serde_json::from_str(&text).with_context(|| format!("loadgen printed no JSON: {text}"))
}
