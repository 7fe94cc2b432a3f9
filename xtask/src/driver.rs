//! The `pusher` driver against servers in other processes: our own binary, plain and with TLS, and
//! Sockudo, a Pusher server by others.
//!
//! The tests are those of `crates/skywave/tests/it/pusher/server.rs`, which are told by the
//! environment where the server is. Sockudo takes many minutes to build, so it is not installed
//! here: where it is on the `PATH`, it is tested.

use std::ffi::OsStr;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use crate::certificate::{self, CERTIFICATE, KEY as CERTIFIED_KEY};
use crate::process::{self, Service};
use crate::workspace::Workspace;

/// The tests against `skywave serve`, which has been built.
pub(crate) fn own(workspace: &Workspace) -> Result<()> {
    let port = process::free_port()?;
    let mut skywave = workspace.command(workspace.target("debug/skywave"));
    skywave.args(["serve", "--port", &port.to_string(), "--app-id", APP]);
    skywave.args(["--app-key", KEY, "--app-secret", SECRET]);
    let _server = Service::start(&mut skywave, port)?;
    test(workspace, "http", port, &[])?;
    own_with_tls(workspace)
}

/// The same with TLS, by a certificate that only these tests trust.
fn own_with_tls(workspace: &Workspace) -> Result<()> {
    let folder = workspace.target("driver");
    certificate::write(&folder)?;
    let port = process::free_port()?;
    let configuration = format!(
        "[[listen]]\naddress = \"127.0.0.1:{port}\"\ncertificate = \"{CERTIFICATE}\"\n\
         key = \"{CERTIFIED_KEY}\"\n[[apps]]\nid = \"{APP}\"\nkey = \"{KEY}\"\nsecret = \"{SECRET}\"\n"
    );
    let file = folder.join("skywave.toml");
    fs::write(&file, configuration).context("could not write the configuration")?;
    let mut skywave = workspace.command(workspace.target("debug/skywave"));
    skywave.args(["serve", "--config"]);
    let _server = Service::start(skywave.arg(file), port)?;
    let root = folder.join(CERTIFICATE);
    let root = ("SKYWAVE_TEST_PUSHER_ROOT", root.as_os_str());
    test(workspace, "https", port, &[root])
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
        // Its own limit is 100 where hosted Pusher's is 200 characters, of up to two bytes here.
        .env("SOCKUDO_DEFAULT_APP_MAX_EVENT_NAME_LENGTH", "400")
        .env("SOCKUDO_DEFAULT_APP_ENABLE_USER_AUTHENTICATION", "true");
    let _server = Service::start(&mut sockudo, port)?;
    test(workspace, "http", port, &[])?;
    Ok(true)
}

fn test(workspace: &Workspace, scheme: &str, port: u16, more: &[(&str, &OsStr)]) -> Result<()> {
    let host = if scheme == "https" {
        "localhost" // as the certificate says
    } else {
        "127.0.0.1"
    };
    // The whole workspace, with the features of the step before, so that nothing is built again.
    let mut cargo = workspace.cargo(&["test", "--workspace", "--all-features", "--test", "it"]);
    cargo.args(["--", "pusher::server::"]);
    let url = format!("{scheme}://{KEY}:{SECRET}@{host}:{port}/apps/{APP}");
    cargo.env("SKYWAVE_TEST_PUSHER_URL", url);
    cargo.envs(more.iter().copied());
    process::run(&mut cargo)
}

const SOCKUDO: &str = "sockudo";
const APP: &str = "3";
const KEY: &str = "278d425bdf160c739803";
const SECRET: &str = "7ad3773142a6692b25b8";
