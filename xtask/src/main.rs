//! The project's own commands, run as `cargo xtask COMMAND`.
//!
//! `demo` shows the product in a browser, `test` runs every check that decides whether a change may
//! land, `bench` compares the server with its baselines and `profile` draws where its time goes,
//! `fuzz` feeds the parsers for long, `dist` builds what is installed. Each command is a module; what
//! they share is [`workspace`] (where things are), [`process`] (running other programs) and [`setup`]
//! (installing what a fresh machine lacks).
//! The tool promises that a failure names what is missing and what to do about it; it leaves the
//! checks themselves to cargo, Node, libFuzzer and the conformance suite.

mod bench;
mod budget;
mod certificate;
mod demo;
mod dist;
mod driver;
mod fuzz;
mod process;
mod profile;
mod setup;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::Parser;
use workspace::Workspace;

/// Skywave's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Command {
    /// Build the demo in release mode and run it; Ctrl-C stops it.
    Demo(demo::Options),
    /// Install what the tests need, then run all of them.
    Test(test::Options),
    /// Feed the parsers for long with inputs that look for mistakes.
    Fuzz(fuzz::Options),
    /// Build what is installed: a static binary in an archive, and a Debian package.
    Dist(dist::Options),
    /// Compare the server with the baselines beside it and print the ratios.
    Bench(bench::Options),
    /// Draw where the server's time goes under a scenario: a flame graph in docs/profiles.
    Profile(profile::Options),
}

fn main() -> ExitCode {
    let command = Command::parse();
    let result = Workspace::locate().and_then(|workspace| match command {
        Command::Demo(options) => demo::run(&workspace, &options),
        Command::Test(options) => test::run(&workspace, &options),
        Command::Fuzz(options) => fuzz::run(&workspace, &options),
        Command::Dist(options) => dist::run(&workspace, &options),
        Command::Bench(options) => bench::run(&workspace, &options),
        Command::Profile(options) => profile::run(&workspace, &options),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_options_of_all_commands_go_together() {
        Command::command().debug_assert();
    }
}
