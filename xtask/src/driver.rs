//! The `pusher` driver against servers in other processes: our own binary, and Sockudo, a Pusher
//! server by others.
//!
//! The tests are those of `crates/skywave/tests/it/pusher/server.rs`, which are told by the
//! environment where the server is. Sockudo takes many minutes to build, so it is not installed
//! here: where it is on the `PATH`, it is tested.

use std::process::Command;

use anyhow::Result;

use crate::process::{self, Service};
use crate::workspace::Workspace;

/// The tests against `skywave serve`, which has been built.
pub(crate) fn own(workspace: &Workspace) -> Result<()> {
    let port = process::free_port()?;
    let mut skywave = workspace.command(workspace.target("debug/skywave"));
    skywave.args(["serve", "--port", &port.to_string(), "--app-id", APP]);
    skywave.args(["--app-key", KEY, "--app-secret", SECRET]);
    let _server = Service::start(&mut skywave, port)?;
    test(workspace, port)
}

/// The tests against Sockudo, if it is installed.
pub(crate) fn sockudo(workspace: &Workspace) -> Result<bool> {
    if !process::installed(SOCKUDO) {
        return Ok(false);
    }
    process::run(Command::new(SOCKUDO).arg("--version"))?;
    let port = process::free_port()?;
    let mut sockudo = workspace.command(SOCKUDO);
    sockudo
        .env("HOST", "127.0.0.1")
        .env("PORT", port.to_string())
        .env("METRICS_ENABLED", "false")
        .env("SOCKUDO_DEFAULT_APP_ID", APP)
        .env("SOCKUDO_DEFAULT_APP_KEY", KEY)
        .env("SOCKUDO_DEFAULT_APP_SECRET", SECRET)
        .env("SOCKUDO_DEFAULT_APP_ENABLE_USER_AUTHENTICATION", "true");
    let _server = Service::start(&mut sockudo, port)?;
    test(workspace, port)?;
    Ok(true)
}

fn test(workspace: &Workspace, port: u16) -> Result<()> {
    // The whole workspace, with the features of the step before, so that nothing is built again.
    let mut cargo = workspace.cargo(&["test", "--workspace", "--all-features", "--test", "it"]);
    cargo.args(["--", "pusher::server::"]).env(
        "SKYWAVE_TEST_PUSHER_URL",
        format!("http://{KEY}:{SECRET}@127.0.0.1:{port}/apps/{APP}"),
    );
    process::run(&mut cargo)
}

const SOCKUDO: &str = "sockudo";
const APP: &str = "3";
const KEY: &str = "278d425bdf160c739803";
const SECRET: &str = "7ad3773142a6692b25b8";
