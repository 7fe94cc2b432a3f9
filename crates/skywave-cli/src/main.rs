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
#[cfg(target_env = "musl")]
use mimalloc::MiMalloc;

/// In place of musl's own allocator, with which publishes per CPU-second were 0.96 of what they are with
/// this one (three paired runs, one worker), and 0.81 with two workers (four runs, far apart).
///
/// glibc's allocator stays. Over seven paired runs its publishes were 1.03 of mimalloc's and `chan` 1.01,
/// within the spread, while an idle connection held 250 bytes instead of 441, and 324 instead of 656
/// with a subscription (three runs).
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    failure::exit(command::Command::parse().run())
}
