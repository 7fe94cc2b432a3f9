//! `skywave completions`: what a shell needs to complete command lines.

use std::io::{self, Write};

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::command::Command;
use crate::failure::Failure;

/// `skywave completions`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The shell.
    shell: Shell,
}

/// Prints the shell's script.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(
        options.shell,
        &mut Command::command(),
        "skywave",
        &mut script,
    );
    Ok(io::stdout().write_all(&script)?)
}
