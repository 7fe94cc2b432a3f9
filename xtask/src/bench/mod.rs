//! `cargo xtask bench`: the server against its baselines, on this machine.
//!
//! ```text
//! scenario      what there is to measure
//! baselines     our server, a bare epoll loop (C), a prototype of the fast path (P), in turn
//! embedded      the server inside an application, beside the server of its own
//! two_workers   two workers on all cores: nothing lost, in order, spread evenly
//! tls           our server with TLS, beside itself without
//! figures       medians, spreads, paired ratios; the tables
//! ```
//!
//! Every repetition of a scenario runs each side once, a fresh process each, in turn. A server is
//! pinned to core 0 and what loads it to core 1. Figures are medians; ratios are taken within a
//! repetition first, so that a slow moment of the machine strikes both sides. A run that loses or
//! reorders a delivery is an error, never a figure; the other scenarios are measured all the same.

mod baselines;
mod embedded;
mod figures;
mod machine;
pub(crate) mod scenario;
mod tls;
pub(crate) mod tools;
mod two_workers;
mod usage;

use std::env;
use std::thread::available_parallelism;

use anyhow::{Result, bail, ensure};
use serde_json::Value;

pub(crate) use self::baselines::result;
use self::figures::{Figures, summary};
use self::scenario::{Load, Scenario};
use self::tools::{Sources, Tools};
use crate::process;
use crate::workspace::Workspace;

/// Options of `cargo xtask bench`.
#[derive(clap::Args)]
#[command(after_help = scenario::list())]
pub(crate) struct Options {
    /// What to measure; everything when none is named.
    #[arg(value_name = "SCENARIO", value_parser = scenario::find)]
    scenarios: Vec<&'static Scenario>,

    /// Repetitions of every scenario.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,

    #[command(flatten)]
    sources: Sources,
}

/// Builds everything, runs the scenarios, and prints a table for each and one of all of them.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    ensure_two_cores()?;
    let scenarios = if options.scenarios.is_empty() {
        scenario::all().collect()
    } else {
        options.scenarios.clone()
    };
    let tools = Tools::build(workspace, &options.sources)?;
    if scenarios.iter().any(|one| one.load == Load::Embedded) {
        embedded::build(workspace)?;
    }
    let (mut measured, mut failed) = (Vec::new(), Vec::new());
    for scenario in scenarios {
        println!("\n=== {}: {} ===", scenario.name, scenario.about);
        match measure(workspace, &tools, scenario, options.runs) {
            Ok(figures) => {
                println!("\n{}", figures.table());
                measured.push(figures);
            }
            Err(error) => {
                let log = tools.log();
                eprintln!(
                    "error: {error:#}\n(the last server's log: {})",
                    log.display()
                );
                failed.push(scenario.name);
            }
        }
    }
    let command: Vec<String> = env::args().skip(1).collect();
    println!(
        "\n=== summary ===\n\n{}; runs of each server and scenario: {}.\n\n    cargo xtask {}\n\n{}",
        machine::describe(),
        options.runs,
        command.join(" "),
        summary(&measured)
    );
    if !failed.is_empty() {
        bail!("no figures of {}; see above", failed.join(", "));
    }
    Ok(())
}

/// What every measurement needs: a core for the server, and another for what loads it.
pub(crate) fn ensure_two_cores() -> Result<()> {
    ensure!(
        process::installed("taskset") && available_parallelism()?.get() >= 2,
        "the server and the load generator need a core each, and `taskset` (Debian: util-linux)"
    );
    Ok(())
}

fn measure(
    workspace: &Workspace,
    tools: &Tools,
    scenario: &'static Scenario,
    runs: u32,
) -> Result<Figures> {
    let mut figures = Figures::new(scenario);
    for run in 1..=runs {
        let results = repetition(workspace, tools, scenario, run)?;
        figures.add(&results)?;
        println!("run {run} of {runs}: {}", figures.latest());
    }
    Ok(figures)
}

/// Runs each side of `scenario` once; their results in the order of [`Load::sides`]. Shows the
/// commands the first time.
fn repetition(
    workspace: &Workspace,
    tools: &Tools,
    scenario: &Scenario,
    run: u32,
) -> Result<Vec<Value>> {
    let show = run == 1;
    match scenario.load {
        Load::Baselines(arguments) => baselines::repetition(tools, arguments, run),
        Load::Embedded => embedded::repetition(workspace, tools, show),
        Load::TwoWorkers => two_workers::repetition(tools, show),
        Load::Tls => tls::repetition(tools, show),
    }
}
