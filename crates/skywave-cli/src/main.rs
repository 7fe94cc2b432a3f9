//! The `skywave` command: a self-hosted Pusher server in one binary.
//!
//! ```text
//! command   what can be typed, and which command it is
//! serve/    `skywave serve`: flags, environment and file become a running server
//! config/   the configuration file, and `skywave config`
//! client/   whose app it is, and where its server is
//! trigger, channels, listen/, auth, bench/, completions: the command of that name
//! failure   how a command ends: exit codes, and errors on the terminal
//! ```

mod auth;
mod bench;
mod channels;
mod client;
mod command;
mod completions;
mod config;
mod failure;
mod listen;
mod serve;
mod trigger;

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;

/// Beside the system's allocator, three paired runs: publishes cost less CPU in two of them (ratios
/// 0.91, 1.13, 1.21), and an idle connection holds about a fifth more memory. No clear gain, so whoever
/// measures this properly may take it out.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    failure::exit(command::Command::parse().run())
}
