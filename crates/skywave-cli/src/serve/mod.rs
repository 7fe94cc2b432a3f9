//! `skywave serve`: the server as a process of its own.
//!
//! ```text
//! options   what can be typed, and said in the environment
//! plan      flags > environment > file > defaults, all of it checked
//! sample    an app for trying things out, and a page that listens
//! log       where the log goes, and what it looks like
//! signals   draining, ending at once, reading the configuration again
//! systemd   telling the service manager
//! ```

mod log;
mod options;
mod plan;
mod sample;
mod signals;
mod systemd;

use std::io::{self, Write};

use anyhow::Context;
use skywave_server::{Place, Server};

#[cfg(test)]
pub(crate) use self::log::FILTER;
pub(crate) use self::options::Options;
pub(crate) use self::plan::PORT;
use self::plan::Plan;
pub(crate) use self::sample::reachable;
use self::signals::Signals;
use crate::config::Listen;
use crate::failure::Failure;

/// Runs until Ctrl-C or SIGTERM.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let mut plan = Plan::of(options)?;
    log::start(&plan);
    for warning in &plan.warnings {
        tracing::warn!("{warning}");
    }
    raise_descriptor_limit();
    let server = Server::start(plan.take_config()).context("the server cannot start")?;
    let places = listen(&server, &plan)?;
    let signals = Signals::new()?;
    announce(&places, &plan)?;
    systemd::ready();
    signals.obey(&server);
    Ok(())
}

/// Listens at the sockets that the service manager opened, or else at every place of the plan.
fn listen(server: &Server, plan: &Plan) -> anyhow::Result<Vec<Place>> {
    let inherited = systemd::sockets()?;
    if !inherited.is_empty() {
        let listen = |endpoint| {
            let place = server.listen_at(endpoint);
            place.context("cannot listen on a socket that the service manager opened")
        };
        return inherited.into_iter().map(listen).collect();
    }
    let listen = |listen: &Listen| {
        server.listen_at(listen.endpoint()).with_context(|| {
            format!("cannot listen on {listen}; choose another address, or stop what is using it")
        })
    };
    plan.listen.iter().map(listen).collect()
}

/// Whoever started this process may wait for these lines.
fn announce(places: &[Place], plan: &Plan) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for place in places {
        match place {
            Place::Tcp(address) => writeln!(out, "Skywave server: http://{address}")?,
            Place::Unix(path) => writeln!(out, "Skywave server: unix:{}", path.display())?,
        }
    }
    let address = places.iter().find_map(|place| match place {
        Place::Tcp(address) => Some(*address),
        Place::Unix(_) => None,
    });
    if let (Some(sample), Some(address)) = (&plan.sample, address) {
        write!(out, "{}", sample.introduction(address))?;
    }
    out.flush()
}

/// Every connection is a descriptor; the default of many systems is 1,024.
fn raise_descriptor_limit() {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) => tracing::info!(limit, "descriptors, one per connection"),
        Err(error) => tracing::warn!(%error, "cannot raise the limit of descriptors"),
    }
}
