//! The programs of a benchmark: our server, the baselines and the load generator.
//!
//! The load generator and the baselines are no part of this repository. Their sources are copied
//! from a folder into the target directory and built there; the folder itself is never written to
//! (cargo would leave a lock file in it). What servers log goes to a file there as well.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::process;
use crate::workspace::Workspace;

/// Where the load generator and the baselines are.
#[derive(clap::Args)]
pub(crate) struct Sources {
    /// Folder with the sources of the load generator and the baselines.
    #[arg(long, value_name = "DIR", env = "SKYWAVE_TOOLS")]
    tools: Option<PathBuf>,
}

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
    /// Loads servers.
    pub(crate) load_generator: LoadGenerator,
    skywave: PathBuf,
    floor: PathBuf,
    prototype: PathBuf,
    folder: PathBuf,
}

impl Tools {
    /// Builds the server in release mode, and the tools.
    ///
    /// # Errors
    /// Says what is missing: the folder, a part of it, a compiler or a library.
    pub(crate) fn build(workspace: &Workspace, sources: &Sources) -> Result<Self> {
        let folder = sources.folder(workspace);
        ensure_complete(&folder)?;
        let target = target(workspace)?;
        let floor = target.join("limit");
        compile_floor(workspace, &folder.join("limit.c"), &floor)?;
        let prototype = compile_tool(workspace, &folder, "direct_write")?;
        let load_generator = LoadGenerator::build(workspace, sources)?;
        process::run(&mut workspace.cargo(&["build", "--release", "--package", "skywave-cli"]))?;
        Ok(Self {
            load_generator,
            skywave: workspace.target("release/skywave"),
            floor,
            prototype,
            folder: target,
        })
    }

    /// A folder for what a scenario writes.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file with what the last server logged.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join(LOG)
    }

    /// The command that runs `server` on core 0.
    ///
    /// # Errors
    /// When there is no place for its log.
    pub(crate) fn server(&self, server: Server, port: u16) -> Result<Command> {
        let mut command = match server {
            Server::Skywave => skywave(&self.skywave, port),
            Server::Floor | Server::Prototype => {
                let program = match server {
                    Server::Floor => &self.floor,
                    _ => &self.prototype,
                };
                let mut command = pinned(0, program);
                command.args([&port.to_string(), "tick"]);
                command
            }
        };
        self.log_to_file(&mut command)?;
        Ok(command)
    }

    /// The command that runs our server with these settings and the app of the load generator,
    /// where the system likes.
    ///
    /// # Errors
    /// When they cannot be written to a file.
    pub(crate) fn configured(&self, settings: &str) -> Result<Command> {
        self.configure(Command::new(&self.skywave), settings)
    }

    /// The same on core 0.
    ///
    /// # Errors
    /// As [`configured`](Self::configured).
    pub(crate) fn configured_on_core_0(&self, settings: &str) -> Result<Command> {
        self.configure(pinned(0, &self.skywave), settings)
    }

    /// The command `skywave`, to load a server of our own from core 1.
    pub(crate) fn skywave_on_core_1(&self) -> Command {
        pinned(1, &self.skywave)
    }

    fn configure(&self, mut command: Command, settings: &str) -> Result<Command> {
        let file = self.folder.join("skywave.toml");
        let app = "[[apps]]\nid = \"app-id\"\nkey = \"app-key\"\nsecret = \"app-secret\"\n";
        fs::write(&file, format!("{settings}\n{app}"))
            .with_context(|| format!("could not write {}", file.display()))?;
        command.args(["serve", "--config"]).arg(file);
        self.log_to_file(&mut command)?;
        Ok(command)
    }

    fn log_to_file(&self, command: &mut Command) -> Result<()> {
        let path = self.log();
        let log = File::create(&path);
        command.stderr(log.with_context(|| format!("could not write {}", path.display()))?);
        Ok(())
    }
}

/// The load generator, built and ready to run.
pub(crate) struct LoadGenerator(PathBuf);

impl LoadGenerator {
    /// Builds it.
    ///
    /// # Errors
    /// Says what is missing.
    pub(crate) fn build(workspace: &Workspace, sources: &Sources) -> Result<Self> {
        let folder = sources.folder(workspace);
        ensure_complete(&folder)?;
        compile_tool(workspace, &folder, "loadgen").map(Self)
    }

    /// The command that loads the server `process` on `port` from core 1 as `scenario` says.
    pub(crate) fn command(&self, port: u16, process: u32, scenario: &str) -> Command {
        aimed(pinned(1, &self.0), port, process, scenario)
    }

    /// The same from wherever the system likes.
    pub(crate) fn unpinned(&self, port: u16, process: u32, scenario: &str) -> Command {
        aimed(Command::new(&self.0), port, process, scenario)
    }
}

/// The command that runs this `skywave` on core 0 with one worker, and otherwise as it is by default.
pub(crate) fn skywave(program: &Path, port: u16) -> Command {
    let mut command = pinned(0, program);
    command.args(["serve", "--host", "127.0.0.1", "--port", &port.to_string()]);
    command.args(["--app-id", "app-id", "--app-key", "app-key"]);
    command.args(["--app-secret", "app-secret", "--workers", "1"]);
    // The one scenario with client events sends them as fast as they come back.
    command.args(["--client-events-per-second", "1000000"]);
    command
}

/// The command that runs `program` on a core.
pub(crate) fn pinned(core: u8, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string()]).arg(program);
    command
}

fn aimed(mut command: Command, port: u16, process: u32, scenario: &str) -> Command {
    command.args(scenario.split(' '));
    command.arg("--url");
    command.arg(format!("ws://127.0.0.1:{port}/app/app-key?protocol=7"));
    command.args(["--server-pid", &process.to_string()]);
    command
}

impl Sources {
    fn folder(&self, workspace: &Workspace) -> PathBuf {
        let folder = self.tools.clone();
        folder.unwrap_or_else(|| workspace.path(FOLDER))
    }
}

/// Where tools are built.
fn target(workspace: &Workspace) -> Result<PathBuf> {
    let target = workspace.target("bench-tools");
    fs::create_dir_all(&target)
        .with_context(|| format!("could not create {}", target.display()))?;
    Ok(target)
}

fn ensure_complete(sources: &Path) -> Result<()> {
    for part in ["loadgen/Cargo.toml", "limit.c", "direct_write/Cargo.toml"] {
        ensure!(
            sources.join(part).is_file(),
            "{} is not there.\nThe load generator and the baselines are kept outside this \
             repository. Name the folder that holds loadgen/, limit.c and direct_write/ with \
             --tools DIR or SKYWAVE_TOOLS; without either it is {FOLDER}, seen from the \
             repository.",
            sources.join(part).display()
        );
    }
    Ok(())
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

/// Builds one of the tools in Rust; where its program is.
fn compile_tool(workspace: &Workspace, folder: &Path, tool: &str) -> Result<PathBuf> {
    let target = target(workspace)?;
    let sources = target.join("sources").join(tool);
    copy(&folder.join(tool), &sources)?;
    process::run(
        workspace
            .cargo(&["build", "--release", "--manifest-path"])
            .arg(sources.join("Cargo.toml"))
            .env("CARGO_TARGET_DIR", &target),
    )?;
    Ok(target.join("release").join(tool))
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
/// What servers say.
const LOG: &str = "server.log";
