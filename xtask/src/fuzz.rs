//! `cargo xtask fuzz`: the targets of `fuzz/` under libFuzzer, for as long as one likes.
//!
//! The engine is built by the stable compiler: what cargo-fuzz would ask of a nightly one is only the
//! address sanitizer, which finds nothing where `unsafe` is forbidden. The flags below let LLVM count
//! the edges that an input takes, which is what libFuzzer goes by. What it has found to be worth
//! keeping stays in the target directory, so that the next run goes on from there.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::process;
use crate::workspace::Workspace;

/// Options of `cargo xtask fuzz`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only this target; all in turn without it.
    target: Option<String>,
    /// How long each target runs.
    #[arg(long, default_value_t = 60)]
    minutes: u64,
}

/// Builds the engine and runs the targets.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    ensure!(options.minutes > 0, "--minutes: expected at least 1");
    let engine = build(workspace)?;
    let known = process::output(&mut workspace.command(&engine))?;
    let targets: Vec<Target<'_>> = known.lines().filter_map(Target::of_line).collect();
    let wanted = |target: &&Target<'_>| {
        let only = options.target.as_deref();
        only.is_none_or(|name| name == target.name)
    };
    let names: Vec<&str> = targets.iter().map(|target| target.name).collect();
    ensure!(
        targets.iter().any(|target| wanted(&target)),
        "there is no such target; there are {}",
        names.join(", ")
    );
    let mut found = Vec::new();
    for target in targets.iter().filter(wanted) {
        println!("\n=== {} ===", target.name);
        if let Err(error) = fuzz(workspace, &engine, target, options.minutes) {
            eprintln!("error: {error:#}");
            found.push(target.name);
        }
    }
    ensure!(
        found.is_empty(),
        "found something in {}; the inputs are in {}, and belong into fuzz/regressions/TARGET/ \
         when what they show is mended",
        found.join(", "),
        workspace.target("fuzz/found").display()
    );
    Ok(())
}

/// A target, as the engine lists it.
struct Target<'a> {
    name: &'a str,
    /// Bytes.
    longest: &'a str,
}

impl<'a> Target<'a> {
    fn of_line(line: &'a str) -> Option<Self> {
        let (name, longest) = line.split_once(' ')?;
        Some(Self { name, longest })
    }
}

/// Builds the engine, and returns the program.
fn build(workspace: &Workspace) -> Result<PathBuf> {
    // With a target named, cargo does not instrument build scripts and macros.
    let triple = process::output(workspace.command("rustc").args(["--print", "host-tuple"]))?;
    let triple = triple.trim();
    let folder = workspace.target("fuzz");
    let mut cargo = workspace.command("cargo");
    cargo
        .args(["build", "--release", "--target", triple])
        .args(["--manifest-path", "fuzz/engine/Cargo.toml"])
        .env("CARGO_TARGET_DIR", &folder)
        .env("RUSTFLAGS", FLAGS.join(" "));
    process::run(&mut cargo).context("libFuzzer needs a C++ compiler (apt-get install g++)")?;
    Ok(folder.join(triple).join("release/skywave-fuzz-engine"))
}

fn fuzz(workspace: &Workspace, engine: &Path, target: &Target<'_>, minutes: u64) -> Result<()> {
    let corpus = workspace.target(&format!("fuzz/corpus/{}", target.name));
    let found = workspace.target(&format!("fuzz/found/{}", target.name));
    for folder in [&corpus, &found] {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let mut engine = workspace.command(engine);
    engine
        .env("SKYWAVE_FUZZ", target.name)
        .env("SKYWAVE_FUZZ_SEEDS", &corpus)
        .arg(format!("-max_total_time={}", minutes * 60))
        .arg(format!("-max_len={}", target.longest))
        .arg(format!("-artifact_prefix={}/", found.display()))
        .args(["-timeout=5", "-rss_limit_mb=1024", "-print_final_stats=1"])
        .arg(corpus);
    let regressions = workspace.path(&format!("fuzz/regressions/{}", target.name));
    if regressions.is_dir() {
        engine.arg(regressions);
    }
    process::run(&mut engine)
}

/// What libFuzzer needs to see where an input went.
const FLAGS: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
];
