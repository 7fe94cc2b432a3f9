//! `cargo xtask profile`: where the server's time goes under a scenario, as a flame graph.
//!
//! ```text
//! stacks        what `perf script` prints, merged into a tree
//! flame_graph   the tree as an SVG that needs nothing else
//! ```
//!
//! It is the binary that is measured, not one made for profiling: `perf` copies the stack with every
//! sample and unwinds it by the tables that Rust keeps for panics. The server runs on core 0; `perf`
//! and the load generator, which it starts and whose end it waits for, on core 1. So what is seen
//! begins with the first connection and ends with the last.
//!
//! The graph is drawn here: it takes little, and a library would bring a licence that nothing else
//! here has, and a script in every picture.

mod flame_graph;
mod stacks;

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};

use self::flame_graph::FlameGraph;
use self::stacks::Stacks;
use crate::bench::scenario::{self, Load, Scenario};
use crate::bench::tools::{LoadGenerator, Sources, pinned, skywave};
use crate::bench::{ensure_two_cores, result};
use crate::process::{self, Service};
use crate::workspace::Workspace;

/// Options of `cargo xtask profile`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Scenarios of `cargo xtask bench`, one graph for each.
    #[arg(value_name = "SCENARIO", required = true, value_parser = loaded_alone)]
    scenarios: Vec<&'static Scenario>,

    /// How long the load lasts, in scenarios that do not end by themselves.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,

    #[command(flatten)]
    sources: Sources,
}

/// Draws a graph for each scenario.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    ensure!(
        process::installed("perf"),
        "`perf` samples the server, and it is not installed (Debian: apt-get install linux-perf)"
    );
    ensure_two_cores()?;
    let load_generator = LoadGenerator::build(workspace, &options.sources)?;
    process::run(&mut workspace.cargo(&["build", "--release", "--package", "skywave-cli"]))?;
    let folder = workspace.path(FOLDER);
    fs::create_dir_all(&folder)
        .with_context(|| format!("could not create {}", folder.display()))?;
    for scenario in &options.scenarios {
        let stacks = sampled(workspace, &load_generator, scenario, options.seconds)?;
        let about = format!("{}: {}", scenario.name, scenario.about);
        let graph = FlameGraph::of(&stacks, &about);
        let path = folder.join(format!("{}.svg", scenario.name));
        fs::write(&path, graph.to_string())
            .with_context(|| format!("could not write {}", path.display()))?;
        println!("{}: {} samples", path.display(), stacks.samples());
        for (name, samples) in stacks.busiest(SHOWN) {
            let share = samples as f64 / stacks.samples() as f64 * 100.0;
            println!("  {share:4.1} %  {name}");
        }
    }
    Ok(())
}

/// A scenario with a server that can be looked at by itself.
fn loaded_alone(name: &str) -> Result<&'static Scenario, String> {
    let scenario = scenario::find(name)?;
    match scenario.load {
        Load::Baselines(_) => Ok(scenario),
        _ => Err(
            "this scenario cannot be profiled: it is not one server under the load generator"
                .to_owned(),
        ),
    }
}

/// Loads a fresh server, and tells where it was found.
fn sampled(
    workspace: &Workspace,
    load_generator: &LoadGenerator,
    scenario: &Scenario,
    seconds: u32,
) -> Result<Stacks> {
    let Load::Baselines(arguments) = scenario.load else {
        bail!("{} cannot be profiled", scenario.name);
    };
    let port = process::free_port()?;
    let mut server = skywave(&workspace.target("release/skywave"), port);
    println!("$ {}", process::line(&server));
    let server = Service::start(server.stderr(Stdio::null()), port)?;
    // The last of several `--duration` counts.
    let arguments = format!("{arguments} --duration {seconds}");
    let load = load_generator.unpinned(port, server.id(), &arguments);

    let data = recording(workspace, scenario);
    let mut perf = pinned(1, "perf");
    perf.args(["record", "--quiet", "--pid", &server.id().to_string()]);
    perf.args(["--freq", FREQUENCY, "--call-graph", CALL_GRAPH, "--output"]);
    perf.arg(&data).arg("--");
    perf.arg(load.get_program()).args(load.get_args());
    println!("$ {}", process::line(&perf));
    result(&mut perf)?;

    let mut script = workspace.command("perf");
    script.args(["script", "--no-inline", "--fields", "comm,ip,sym,dso"]);
    let text = process::output(script.arg("--input").arg(&data))?;
    let stacks = Stacks::parse(&text);
    ensure!(stacks.samples() > 0, "perf took no samples of the server");
    Ok(stacks)
}

/// What `perf` writes, and `perf report --input` reads; it replaces what it finds there.
fn recording(workspace: &Workspace, scenario: &Scenario) -> PathBuf {
    workspace.target(&format!("bench-tools/{}.perf", scenario.name))
}

/// Functions to name in the terminal, of those in which most time was spent.
const SHOWN: usize = 12;
/// Where graphs go.
const FOLDER: &str = "docs/profiles";
/// Samples a second; no divisor of anything, so as not to keep step with timers.
const FREQUENCY: &str = "399";
/// Bytes of stack with each sample: with half of it the outermost frames were missing.
const CALL_GRAPH: &str = "dwarf,32768";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_scenarios_with_a_server_of_ours_can_be_profiled() {
        for scenario in scenario::all() {
            let expected = matches!(scenario.load, Load::Baselines(_));
            assert_eq!(loaded_alone(scenario.name).is_ok(), expected);
        }
    }
}
