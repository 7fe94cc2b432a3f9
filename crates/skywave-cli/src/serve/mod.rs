//! `skywave serve`: the server as a process of its own.
//!
//! ```text
//! options   what can be typed, and said in the environment
//! plan      flags > environment > file > defaults, all of it checked
//! sample    an app for trying things out, and a page that listens
//! memory    how much of it the server may use, where nobody says it
//! log       where the log goes, and what it looks like
//! signals   reading the configuration again, draining, ending at once
//! systemd   telling the service manager
//! ```

mod log;
mod memory;
mod options;
mod plan;
mod sample;
mod signals;
mod systemd;

use std::io::{self, Write};

use anyhow::Context;
use skywave_server::{Endpoint, Place, Server};

#[cfg(test)]
pub(crate) use self::log::FILTER;
pub(crate) use self::options::Options;
pub(crate) use self::plan::PORT;
use self::plan::Plan;
pub(crate) use self::sample::reachable;
use self::signals::Signals;
use crate::config::At;
use crate::failure::Failure;

/// Runs until Ctrl-C or SIGTERM.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let mut plan = Plan::of(options)?;
    log::start(&plan);
    for warning in &plan.warnings {
        tracing::warn!("{warning}");
    }
    let signals = Signals::new()?;
    raise_descriptor_limit();
    let server = Server::start(plan.take_config()).context("the server cannot start")?;
    let inherited = systemd::sockets()?;
    let is_inherited = !inherited.is_empty();
    let places = listen(&server, &plan, inherited)?;
    let operators = listen_to_operators(&server, &plan)?;
    announce(&places, operators.as_ref(), &plan)?;
    systemd::ready();
    signals.obey(&server, options, plan, is_inherited);
    Ok(())
}

/// Listens at the sockets that the service manager opened, or else at every place of the plan;
/// tells where, and whether there is TLS.
fn listen(
    server: &Server,
    plan: &Plan,
    inherited: Vec<Endpoint>,
) -> anyhow::Result<Vec<(Place, bool)>> {
    let mut places = Vec::new();
    if inherited.is_empty() {
        for listen in &plan.listen {
            let place = server.listen_at(listen.endpoint());
            let place = place.with_context(|| busy(&listen.at))?;
            places.push((place, listen.tls.is_some()));
        }
    }
    for (number, endpoint) in inherited.into_iter().enumerate() {
        let listen = plan.listen.get(number);
        let endpoint = match listen {
            Some(listen) => listen.dressed(endpoint),
            None => endpoint,
        };
        let place = server.listen_at(endpoint);
        let place = place.context("cannot listen on a socket that the service manager opened")?;
        places.push((place, listen.is_some_and(|listen| listen.tls.is_some())));
    }
    Ok(places)
}

/// Listens where operators ask.
fn listen_to_operators(server: &Server, plan: &Plan) -> anyhow::Result<Option<Place>> {
    let Some(at) = &plan.operator else {
        return Ok(None);
    };
    let place = server.listen_operator(at.endpoint());
    Ok(Some(place.with_context(|| busy(at))?))
}

fn busy(at: &At) -> String {
    format!("cannot listen on {at}; choose another address, or stop what is using it")
}

/// Whoever started this process may wait for these lines.
fn announce(places: &[(Place, bool)], operators: Option<&Place>, plan: &Plan) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for (place, tls) in places {
        writeln!(out, "Skywave server: {}", told(place, *tls))?;
    }
    if let Some(place) = operators {
        writeln!(out, "Skywave operators: {}", told(place, false))?;
    }
    let address = places.iter().find_map(|(place, _)| match place {
        Place::Tcp(address) => Some(*address),
        Place::Unix(_) => None,
    });
    if let (Some(sample), Some(address)) = (&plan.sample, address) {
        write!(out, "{}", sample.introduction(address))?;
    }
    out.flush()
}

fn told(place: &Place, tls: bool) -> String {
    match place {
        Place::Tcp(address) if tls => format!("https://{address}"),
        Place::Tcp(address) => format!("http://{address}"),
        Place::Unix(path) => format!("unix:{}", path.display()),
    }
}

/// Every connection is a descriptor; the default of many systems is 1,024.
fn raise_descriptor_limit() {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) => tracing::info!(limit, "descriptors, one per connection"),
        Err(error) => tracing::warn!(%error, "cannot raise the limit of descriptors"),
    }
}
