//! `cargo xtask test`: every check that decides whether a change may land.
//!
//! The steps run in order and the first failure stops the run, so the reason is the last thing on
//! the screen. What a step needs is installed before the first one starts. The table at the end
//! names every step with its time; the steps after a failure are listed as not run.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::budget;
use crate::driver;
use crate::process::{self, Service};
use crate::setup::{self, Need};
use crate::workspace::Workspace;

/// Options of `cargo xtask test`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Run only these steps, in the usual order.
    #[arg(long, value_name = "STEP", num_args = 1.., value_delimiter = ',')]
    only: Vec<Step>,
}

/// One step; the order here is the order of the run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Step {
    /// `cargo fmt --check`
    Fmt,
    /// Clippy on every target; a warning is an error.
    Clippy,
    /// The documentation of every crate; a warning is an error.
    Doc,
    /// Unit, integration and documentation tests of every crate.
    Test,
    /// The `pusher` driver against `skywave serve` in another process, plain and over TLS.
    Driver,
    /// The same against a server by others, when Sockudo is installed.
    Peer,
    /// The budget of crates.
    Crates,
    /// The instructions of the hot paths, counted by Callgrind, against their limits.
    Instructions,
    /// Autobahn's cases against the WebSocket codec.
    Autobahn,
    /// The protocol, with the official clients in Node.
    Node,
    /// The demo's pages and the clients in headless Chromium.
    Browser,
    /// Licences and sources of the dependencies, when cargo-deny is installed.
    Deny,
}

/// Runs the steps and prints their table.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let steps: Vec<Step> = Step::value_variants()
        .iter()
        .copied()
        .filter(|step| options.only.is_empty() || options.only.contains(step))
        .collect();
    let needs: Vec<Need> = steps
        .iter()
        .flat_map(|step| step.needs())
        .copied()
        .collect();
    setup::install(workspace, &needs).context("could not install what the tests need")?;

    let mut report = Report::default();
    for step in steps {
        if report.failed() {
            report.add(step, Outcome::NotRun, Duration::ZERO);
            continue;
        }
        println!("\n=== {} ===", step.name());
        let start = Instant::now();
        let outcome = step.run(workspace).unwrap_or_else(|error| {
            eprintln!("error: {error:#}");
            Outcome::Failed
        });
        report.add(step, outcome, start.elapsed());
    }
    report.print();
    if report.failed() {
        bail!("a step failed; see above");
    }
    Ok(())
}

impl Step {
    fn name(self) -> String {
        self.to_possible_value()
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default()
    }

    fn needs(self) -> &'static [Need] {
        match self {
            Self::Instructions => &[Need::Callgrind],
            Self::Autobahn => &[Need::Python],
            Self::Node => &[Need::JavaScript, Need::Python],
            Self::Browser => &[Need::JavaScript, Need::Chromium],
            _ => &[],
        }
    }

    fn run(self, workspace: &Workspace) -> Result<Outcome> {
        let cargo = |arguments: &[&str]| process::run(&mut workspace.cargo(arguments));
        match self {
            Self::Fmt => cargo(&["fmt", "--all", "--check"])?,
            Self::Clippy => {
                cargo(CLIPPY)?;
                cargo(BARE)?;
            }
            Self::Doc => document(workspace)?,
            Self::Test => cargo(&["test", "--workspace", "--all-features"])?,
            Self::Driver => {
                process::run(&mut workspace.cargo(BUILD))?;
                driver::own(workspace)?;
            }
            Self::Peer => {
                if !driver::sockudo(workspace)? {
                    return Ok(Outcome::Skipped(
                        "sockudo is not installed (docs/drivers.md says how)",
                    ));
                }
            }
            Self::Crates => budget::check(workspace)?,
            Self::Instructions => instructions(workspace)?,
            Self::Autobahn => autobahn(workspace)?,
            Self::Node => suite(workspace, "node")?,
            Self::Browser => suite(workspace, "browser")?,
            Self::Deny => {
                if !process::installed("cargo-deny") {
                    return Ok(Outcome::Skipped(
                        "cargo-deny is not installed (cargo install cargo-deny)",
                    ));
                }
                // Not the advisories: they come over the network and change without the code.
                cargo(&["deny", "check", "bans", "licenses", "sources"])?;
            }
        }
        Ok(Outcome::Passed)
    }
}

const CLIPPY: &[&str] = &[
    "clippy",
    "--workspace",
    "--all-targets",
    "--all-features",
    "--",
    "--deny",
    "warnings",
];

/// The library alone: a feature may only add, so the rest has to stand without it.
const BARE: &[&str] = &[
    "clippy",
    "--package",
    "skywave",
    "--no-default-features",
    "--",
    "--deny",
    "warnings",
];

fn document(workspace: &Workspace) -> Result<()> {
    // Libraries only: the binary `skywave` would write over the pages of the library `skywave`.
    process::run(
        workspace
            .cargo(&["doc", "--workspace", "--all-features", "--no-deps", "--lib"])
            .env("RUSTDOCFLAGS", "--deny warnings"),
    )
}

/// Counts the instructions of the hot paths; no clock is read, so a busy machine changes nothing.
fn instructions(workspace: &Workspace) -> Result<()> {
    process::run(
        workspace
            .cargo(&[
                "bench",
                "--package",
                "skywave-engine",
                "--bench",
                "instructions",
            ])
            .env("GUNGRAUN_RUNNER", setup::callgrind_runner(workspace)),
    )
}

/// Runs Autobahn's cases against the codec's echo server.
fn autobahn(workspace: &Workspace) -> Result<()> {
    process::run(&mut workspace.cargo(BUILD))?;
    let port = process::free_port()?;
    let mut echo = workspace.command(workspace.target("debug/examples/echo"));
    let _echo = Service::start(echo.args(["--port", &port.to_string()]), port)?;
    let mut kosoku = workspace.command(setup::python_program(workspace, "kosoku"));
    kosoku
        .args(["--parallelism", "2", "--outdir"])
        .arg(workspace.target("autobahn"));
    // Compression is an extension that the server does not offer.
    for compression in ["12.*", "13.*"] {
        kosoku.args(["--exclude", compression]);
    }
    process::run(kosoku.arg(format!("127.0.0.1:{port}")))
}

/// Runs one folder of `conformance/` with Node's own test runner.
fn suite(workspace: &Workspace, folder: &str) -> Result<()> {
    process::run(&mut workspace.cargo(BUILD))?;
    let mut node = workspace.command("node");
    // A failing test may leave a connection open, which would keep its process waiting.
    node.args(["--test", "--test-force-exit", "--test-reporter=spec"])
        .args(test_files(workspace, folder)?)
        .env("SKYWAVE_BIN", workspace.target("debug"))
        .env("SKYWAVE_PYTHON", setup::python_program(workspace, "python"));
    process::run(&mut node)
}

/// The test files of one folder of `conformance/`, sorted by name.
fn test_files(workspace: &Workspace, folder: &str) -> Result<Vec<String>> {
    let folder = format!("conformance/{folder}");
    let entries = std::fs::read_dir(workspace.path(&folder))
        .with_context(|| format!("could not read {folder}"))?;
    let mut files = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".test.js") {
            files.push(format!("{folder}/{name}"));
        }
    }
    // Without a file Node would search the whole tree for tests, or pass with none.
    anyhow::ensure!(!files.is_empty(), "{folder} has no *.test.js");
    files.sort();
    Ok(files)
}

/// Builds what `cargo test` has built already, with the same features, so that it costs nothing.
const BUILD: &[&str] = &[
    "build",
    "--workspace",
    "--all-features",
    "--bins",
    "--examples",
];

enum Outcome {
    Passed,
    Failed,
    Skipped(&'static str),
    NotRun,
}

/// What became of each step.
#[derive(Default)]
struct Report {
    lines: Vec<(String, Outcome, Duration)>,
}

impl Report {
    fn add(&mut self, step: Step, outcome: Outcome, time: Duration) {
        self.lines.push((step.name(), outcome, time));
    }

    fn failed(&self) -> bool {
        self.count(|outcome| matches!(outcome, Outcome::Failed)) > 0
    }

    fn count(&self, wanted: impl Fn(&Outcome) -> bool) -> usize {
        self.lines.iter().filter(|line| wanted(&line.1)).count()
    }

    fn print(&self) {
        println!("\n{}", self.table());
        let passed = self.count(|outcome| matches!(outcome, Outcome::Passed));
        let failed = self.count(|outcome| matches!(outcome, Outcome::Failed));
        println!("{passed} passed, {failed} failed");
    }

    fn table(&self) -> String {
        let mut table = String::new();
        for (name, outcome, time) in &self.lines {
            let what = match outcome {
                Outcome::Passed => "passed".to_owned(),
                Outcome::Failed => "FAILED".to_owned(),
                Outcome::Skipped(why) => format!("skipped: {why}"),
                Outcome::NotRun => "not run".to_owned(),
            };
            table += &format!("{name:<12} {:>7.1} s  {what}\n", time.as_secs_f64());
        }
        let total: Duration = self.lines.iter().map(|line| line.2).sum();
        table + &format!("{:<12} {:>7.1} s\n", "total", total.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_after_a_failure_are_listed_as_not_run() {
        let mut report = Report::default();
        report.add(Step::Fmt, Outcome::Passed, Duration::from_millis(1500));
        assert!(!report.failed());
        report.add(Step::Clippy, Outcome::Failed, Duration::from_secs(2));
        report.add(Step::Doc, Outcome::NotRun, Duration::ZERO);
        assert!(report.failed());
        assert_eq!(
            report.table(),
            "fmt              1.5 s  passed\n\
             clippy           2.0 s  FAILED\n\
             doc              0.0 s  not run\n\
             total            3.5 s\n"
        );
    }

    #[test]
    fn every_step_has_a_name_to_select_it_by() {
        for step in Step::value_variants() {
            assert_eq!(Step::from_str(&step.name(), false), Ok(*step));
        }
    }
}
