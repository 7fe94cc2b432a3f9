//! Installs what the tests need and a fresh Debian machine with Rust and Node lacks.
//!
//! Each function looks first and installs only what is missing, so a second run costs nothing.
//! Debian packages need root or `sudo`; everything else goes into the target directory or
//! `conformance/node_modules`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result, bail, ensure};

use crate::process;
use crate::workspace::Workspace;

/// What a step of the tests needs beside the Rust toolchain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Need {
    /// Valgrind, and the program that runs benches under its Callgrind.
    Callgrind,
    /// Debian's Chromium, for the browser tests.
    Chromium,
    /// The JavaScript packages of `conformance/`.
    JavaScript,
    /// A C compiler for the musl library.
    Musl,
    /// A Python environment with the packages of `conformance/requirements.txt`.
    Python,
}

/// Installs whatever of `needs` is missing.
///
/// # Errors
/// Names the missing thing and how to install it by hand when that is all that is left to do.
pub(crate) fn install(workspace: &Workspace, needs: &[Need]) -> Result<()> {
    let mut packages = Vec::new();
    if needs.contains(&Need::Chromium) && !Path::new(CHROMIUM).exists() {
        packages.push("chromium");
    }
    if needs.contains(&Need::Callgrind) && !process::installed("valgrind") {
        packages.push("valgrind");
    }
    if needs.contains(&Need::Musl) && !process::installed("musl-gcc") {
        packages.push("musl-tools");
    }
    if needs.contains(&Need::Python) && !python_makes_environments() {
        packages.extend(["python3", "python3-venv"]);
    }
    if !packages.is_empty() {
        install_debian(&packages)?;
    }
    if needs.contains(&Need::JavaScript) {
        install_javascript(workspace)?;
    }
    if needs.contains(&Need::Python) {
        install_python(workspace)?;
    }
    if needs.contains(&Need::Callgrind) {
        install_callgrind_runner(workspace)?;
    }
    Ok(())
}

/// The program that [`Need::Callgrind`] installs.
pub(crate) fn callgrind_runner(workspace: &Workspace) -> PathBuf {
    workspace.target(&format!("tools/{RUNNER}-{RUNNER_VERSION}/bin/{RUNNER}"))
}

/// A program of the Python environment that [`Need::Python`] installs.
pub(crate) fn python_program(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.target("conformance-python/bin").join(name)
}

/// The other half of the library that the benches are written with: their versions must be equal.
const RUNNER: &str = "gungraun-runner";
const RUNNER_VERSION: &str = "0.20.0";
/// The oldest Node.js whose test runner has what the suites use.
const NODE: u32 = 20;
/// Where Debian puts Chromium.
pub(crate) const CHROMIUM: &str = "/usr/bin/chromium";

fn install_debian(packages: &[&str]) -> Result<()> {
    let list = packages.join(" ");
    ensure!(
        process::installed("apt-get"),
        "missing: {list}. This is no Debian machine (no apt-get): install them by hand, Chromium \
         as {CHROMIUM}, or leave their steps out with --only"
    );
    apt(&["update", "--quiet"])?;
    let mut arguments = vec!["install", "--yes", "--quiet", "--no-install-recommends"];
    arguments.extend(packages);
    apt(&arguments)
}

fn apt(arguments: &[&str]) -> Result<()> {
    let root = process::output(Command::new("id").arg("-u"))?.trim() == "0";
    let mut command = if root {
        Command::new("env")
    } else if process::installed("sudo") {
        let mut sudo = Command::new("sudo");
        sudo.arg("env");
        sudo
    } else {
        bail!(
            "`apt-get {}` needs root: run it as root, or install sudo",
            arguments.join(" ")
        );
    };
    command
        .args(["DEBIAN_FRONTEND=noninteractive", "apt-get"])
        .args(arguments);
    process::run(&mut command)
}

fn python_makes_environments() -> bool {
    process::succeeds(Command::new("python3").args(["-c", "import ensurepip, venv"]))
}

fn install_javascript(workspace: &Workspace) -> Result<()> {
    ensure!(
        process::installed("npm") && process::installed("node"),
        "Node.js {NODE} or newer with npm is missing: the tests drive the server with the official \
         JavaScript clients"
    );
    let version = process::output(Command::new("node").arg("--version"))?;
    ensure!(
        major(&version) >= Some(NODE),
        "Node.js {NODE} or newer is needed for the tests; this is {}",
        version.trim()
    );
    let folder = workspace.path("conformance");
    // npm writes this file last, so it is older than the lock file unless that one is installed.
    let installed = modified(&folder.join("node_modules/.package-lock.json"));
    if installed.is_none() || installed < modified(&folder.join("package-lock.json")) {
        process::run(
            workspace
                .command("npm")
                .args(["ci", "--prefix", "conformance"])
                .args(["--no-audit", "--no-fund", "--ignore-scripts"]),
        )?;
    }
    Ok(())
}

fn install_callgrind_runner(workspace: &Workspace) -> Result<()> {
    if callgrind_runner(workspace).exists() {
        return Ok(());
    }
    let root = workspace.target(&format!("tools/{RUNNER}-{RUNNER_VERSION}"));
    // Unoptimised: it only starts Valgrind and reads what that wrote.
    let install = &["install", RUNNER, "--version", RUNNER_VERSION];
    process::run(
        workspace
            .cargo(install)
            .args(["--locked", "--debug", "--root"])
            .arg(root),
    )
}

fn install_python(workspace: &Workspace) -> Result<()> {
    let requirements = workspace.path("conformance/requirements.txt");
    let wanted = fs::read_to_string(&requirements)
        .with_context(|| format!("could not read {}", requirements.display()))?;
    let environment = workspace.target("conformance-python");
    // A copy of the requirements is left behind when all of them are in.
    let done = environment.join("installed.txt");
    if fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    process::run(
        workspace
            .command("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&environment),
    )?;
    process::run(
        workspace
            .command(python_program(workspace, "pip"))
            .args(["--disable-pip-version-check", "install", "--quiet"])
            .arg("--requirement")
            .arg(&requirements),
    )?;
    fs::write(&done, wanted).with_context(|| format!("could not write {}", done.display()))
}

/// The 20 of `v20.20.2`.
fn major(version: &str) -> Option<u32> {
    version
        .trim()
        .strip_prefix('v')?
        .split('.')
        .next()?
        .parse()
        .ok()
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|data| data.modified()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_benches_and_what_runs_them_have_one_version() {
        let manifest = include_str!("../../Cargo.toml");
        let line = format!("gungraun = \"={RUNNER_VERSION}\"");
        assert!(manifest.contains(&line), "expected `{line}`");
    }

    #[test]
    fn the_major_version_of_node_is_read() {
        for (text, expected) in [
            ("v20.20.2\n", Some(20)),
            ("v8.0.0", Some(8)),
            ("", None),
            ("v", None),
            ("20.1", None),
        ] {
            assert_eq!(major(text), expected, "{text:?}");
        }
    }
}
