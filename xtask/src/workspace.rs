//! Where the repository and its build products are.
//!
//! Everything is derived from the place of this crate, so the commands work from any folder.
//! `CARGO_TARGET_DIR` is honoured as cargo honours it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// The repository that this tool was built from.
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    /// Finds the repository and its target directory.
    pub(crate) fn locate() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("the xtask crate has no parent folder")?
            .to_path_buf();
        let target = match env::var_os("CARGO_TARGET_DIR") {
            // Cargo resolves a relative path against the folder it was called in.
            Some(path) => env::current_dir()
                .context("the current folder is not readable")?
                .join(path),
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// A path inside the repository.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// A path inside the target directory.
    pub(crate) fn target(&self, relative: &str) -> PathBuf {
        self.target.join(relative)
    }

    /// `program`, to be run at the root of the repository.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    /// `cargo ARGUMENTS…`, building into the same target directory as this tool.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("cargo");
        command.args(arguments);
        self.prepare(&mut command);
        command
    }

    /// Makes a command that calls cargo, by another program, do what [`cargo`](Self::cargo) does.
    pub(crate) fn prepare(&self, command: &mut Command) {
        command
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", &self.target);
        for (name, _) in env::vars_os() {
            let told_of_this_crate = |prefix| name.to_string_lossy().starts_with(prefix);
            if ABOUT_THIS_CRATE.iter().copied().any(told_of_this_crate) {
                command.env_remove(&name);
            }
        }
    }
}

/// What the cargo that runs this tool says of it. Build scripts that look at their own would find
/// these instead, and ring would be built again whenever the two commands take turns.
const ABOUT_THIS_CRATE: &[&str] = &["CARGO_PKG_", "CARGO_MANIFEST_"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_says_of_this_tool_is_not_passed_on() {
        let cargo = Workspace::locate().expect("a folder").cargo(&["build"]);
        let removed = |name| cargo.get_envs().any(|variable| variable == (name, None));
        for name in ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR"] {
            assert!(removed(name.as_ref()), "{name}");
        }
    }
}
