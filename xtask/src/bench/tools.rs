//! The programs of a benchmark: our server, the baselines and the load generator.
//!
//! The load generator and the baselines are no part of this repository. Their sources are copied
//! from a folder into the target directory and built there; the folder itself is never written to
//! (cargo would leave a lock file in it).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::process;
use crate::workspace::Workspace;

/// A server that is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Server {
    /// `skywave serve`.
    Skywave,
    /// The bare epoll loop in C, without signatures: what the kernel costs.
    Floor,
    /// The prototype of the fast path in Rust.
    Prototype,
}

impl Server {
    /// In the order in which they take turns; ours is the first.
    pub(crate) const ALL: &[Self] = &[Self::Skywave, Self::Floor, Self::Prototype];

    /// What tables call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Skywave => "skywave",
            Self::Floor => "C (limit)",
            Self::Prototype => "P (direct_write)",
        }
    }
}

/// Everything built and ready to run.
pub(crate) struct Tools {
    skywave: PathBuf,
    floor: PathBuf,
    prototype: PathBuf,
    load_generator: PathBuf,
}

impl Tools {
    /// Builds the server in release mode and the tools from `folder`.
    ///
    /// # Errors
    /// Says what is missing: the folder, a part of it, a compiler or a library.
    pub(crate) fn build(workspace: &Workspace, folder: Option<PathBuf>) -> Result<Self> {
        let folder = folder.unwrap_or_else(|| workspace.path(FOLDER));
        for part in ["loadgen/Cargo.toml", "limit.c", "direct_write/Cargo.toml"] {
            ensure!(
                folder.join(part).is_file(),
                "{} is not there.\nThe load generator and the baselines are kept outside this \
                 repository. Name the folder that holds loadgen/, limit.c and direct_write/ with \
                 --tools DIR or SKYWAVE_TOOLS; without either it is {FOLDER}, seen from the \
                 repository.",
                folder.join(part).display()
            );
        }
        let target = workspace.target("bench-tools");
        fs::create_dir_all(&target)
            .with_context(|| format!("could not create {}", target.display()))?;
        let floor = target.join("limit");
        compile_floor(workspace, &folder.join("limit.c"), &floor)?;
        for tool in ["loadgen", "direct_write"] {
            let sources = target.join("sources").join(tool);
            copy(&folder.join(tool), &sources)?;
            compile_tool(workspace, &sources.join("Cargo.toml"), &target)?;
        }
        process::run(&mut workspace.cargo(&["build", "--release", "--package", "skywave-cli"]))?;
        Ok(Self {
            skywave: workspace.target("release/skywave"),
            floor,
            prototype: target.join("release/direct_write"),
            load_generator: target.join("release/loadgen"),
        })
    }

    /// The command that runs `server` on core 0.
    pub(crate) fn server(&self, server: Server, port: u16) -> Command {
        let port = port.to_string();
        match server {
            Server::Skywave => {
                let mut command = pinned(0, &self.skywave);
                command.args(["serve", "--host", "127.0.0.1", "--port", &port]);
                command.args(["--app-id", "app-id", "--app-key", "app-key"]);
                command.args(["--app-secret", "app-secret", "--workers", "1"]);
                // The one scenario with client events sends them as fast as they come back.
                command.args(["--client-events-per-second", "1000000"]);
                command
            }
            Server::Floor => {
                let mut command = pinned(0, &self.floor);
                command.args([&port, "tick"]);
                command
            }
            Server::Prototype => {
                let mut command = pinned(0, &self.prototype);
                command.args([&port, "tick"]);
                command
            }
        }
    }

    /// The command that loads the server `process` on `port` from core 1 as `scenario` says.
    pub(crate) fn load_generator(&self, port: u16, process: u32, scenario: &str) -> Command {
        let mut command = pinned(1, &self.load_generator);
        command.args(scenario.split(' '));
        command.arg("--url");
        command.arg(format!("ws://127.0.0.1:{port}/app/app-key?protocol=7"));
        command.args(["--server-pid", &process.to_string()]);
        command
    }
}

fn pinned(core: u8, program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string()]).arg(program);
    command
}

fn compile_floor(workspace: &Workspace, source: &Path, floor: &Path) -> Result<()> {
    process::run(
        workspace
            .command("gcc")
            .args(["-O3", "-march=native"])
            .arg(source)
            .arg("-o")
            .arg(floor)
            .args(["-luring", "-lcrypto"]),
    )
    .context(
        "the baseline in C needs gcc and two libraries (Debian: apt-get install gcc liburing-dev \
         libssl-dev)",
    )
}

fn compile_tool(workspace: &Workspace, manifest: &Path, target: &Path) -> Result<()> {
    process::run(
        workspace
            .cargo(&["build", "--release", "--manifest-path"])
            .arg(manifest)
            .env("CARGO_TARGET_DIR", target),
    )
}

/// Copies a folder; files that are the same already keep their time, so cargo builds nothing anew.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("could not create {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("could not read {}", from.display()))? {
        let entry = entry?;
        let (source, copied) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy(&source, &copied)?;
        } else {
            let text = fs::read(&source)
                .with_context(|| format!("could not read {}", source.display()))?;
            if fs::read(&copied).ok().as_ref() != Some(&text) {
                fs::write(&copied, text)
                    .with_context(|| format!("could not write {}", copied.display()))?;
            }
        }
    }
    Ok(())
}

/// Where the tools lie unless it is said, seen from the repository.
const FOLDER: &str = "../shared/tools";
