//! The `skywave` command: a self-hosted Pusher server in one binary.
//!
//! Exit codes: 0 for success, 1 for a failure, 2 for a command line that makes no sense.

mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mimalloc::MiMalloc;

/// Connections come and go by the thousand, each with a few small allocations; with the system's
/// allocator the memory of an idle connection was twice as large after a burst of handshakes.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Skywave: event broadcasting over the Pusher protocol.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Run a server that any Pusher library can use.
    Serve(serve::Options),
}

fn main() -> ExitCode {
    let Command { action } = Command::parse();
    let outcome = match action {
        Action::Serve(options) => serve::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("skywave: {error:#}");
            ExitCode::FAILURE
        }
    }
}
