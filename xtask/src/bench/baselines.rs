//! Our server and the two baselines under the same load, one after the other.

use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::scenario;
use super::tools::{Server, Tools};
use crate::process::{self, Service};

/// Loads each server once, as `arguments` tell the load generator. Every repetition begins with another
/// server, and every second one goes backwards, so that none always follows a certain other.
pub(super) fn repetition(tools: &Tools, arguments: &str, run: u32) -> Result<Vec<Value>> {
    let mut servers: Vec<usize> = (0..Server::ALL.len()).collect();
    servers.rotate_left(run as usize % Server::ALL.len());
    if run.is_multiple_of(2) {
        servers.reverse();
    }
    let mut results = vec![Value::Null; servers.len()];
    for server in servers {
        results[server] = loaded(tools, Server::ALL[server], arguments, run == 1)?;
    }
    Ok(results)
}

/// Loads a fresh process of `server` once.
pub(super) fn loaded(tools: &Tools, server: Server, arguments: &str, show: bool) -> Result<Value> {
    let port = process::free_port()?;
    let mut command = tools.server(server, port)?;
    if show {
        println!("$ {}", process::line(&command));
    }
    let service = Service::start(&mut command, port)?;
    let mut load = tools.load_generator.command(port, service.id(), arguments);
    if show {
        println!("$ {}", process::line(&load));
    }
    result(&mut load).with_context(|| format!("against {}", server.name()))
}

/// What a run of the load generator printed.
///
/// # Errors
/// When it is no measurement, because something was lost, reordered, refused or cut.
pub(crate) fn result(load: &mut Command) -> Result<Value> {
    let text = process::output(load)?;
    let result =
        serde_json::from_str(&text).with_context(|| format!("loadgen printed no JSON: {text}"))?;
    scenario::ensure_faultless(&result)
        .with_context(|| format!("`{}` is no measurement", process::line(load)))?;
    Ok(result)
}
