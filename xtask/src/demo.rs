//! `cargo xtask demo`: the product in a browser with one command.
//!
//! Brings pusher-js from the npm registry once, builds `examples/demo` in release mode and becomes
//! it, so that Ctrl-C and other signals reach the demo itself.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::process;
use crate::workspace::Workspace;

/// Options of `cargo xtask demo`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Port of 127.0.0.1 that the demo listens on.
    #[arg(long, default_value_t = 3000)]
    port: u16,
}

/// Runs the demo until it is stopped.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let assets = bring_pusher_js(workspace)?;
    println!("Building the demo in release mode; the first time takes a few minutes.");
    process::run(&mut workspace.cargo(&["build", "--release", "--package", "demo"]))?;
    let mut demo = workspace.command(workspace.target("release/demo"));
    demo.args(["--port", &options.port.to_string(), "--assets"])
        .arg(assets);
    Err(replace(&mut demo)).with_context(|| format!("could not run `{}`", process::line(&demo)))
}

/// The folder with pusher-js for browsers; installed when it is not there yet.
fn bring_pusher_js(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.path("demo-assets");
    let package = folder.join("node_modules/pusher-js");
    if !is_version(&package.join("package.json"), PUSHER_JS) {
        ensure!(
            process::installed("npm"),
            "npm is missing: the demo's pages need pusher-js {PUSHER_JS} from the npm registry.\n\
             Install Node.js with npm (on Debian: apt-get install nodejs npm) and run again."
        );
        fs::create_dir_all(&folder)
            .with_context(|| format!("could not create {}", folder.display()))?;
        process::run(
            workspace
                .command("npm")
                .args(["install", "--prefix", "demo-assets"])
                .arg(format!("pusher-js@{PUSHER_JS}"))
                .args(["--no-audit", "--no-fund", "--ignore-scripts"]),
        )
        .context("pusher-js could not be brought from the npm registry; is it reachable?")?;
    }
    Ok(package.join("dist/web"))
}

fn is_version(manifest: &std::path::Path, version: &str) -> bool {
    fs::read(manifest)
        .ok()
        .and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok())
        .is_some_and(|manifest| manifest["version"] == version)
}

#[cfg(unix)]
fn replace(command: &mut Command) -> io::Error {
    std::os::unix::process::CommandExt::exec(command)
}

#[cfg(not(unix))]
fn replace(command: &mut Command) -> io::Error {
    match command.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => error,
    }
}

/// The version that the demo's pages are written for.
const PUSHER_JS: &str = "8.6.0";
