//! `skywave bench`: load on a server, from this machine.
//!
//! ```text
//! readers   connections that subscribe, and check and time what they hear
//! writer    events, at a steady rate, from a thread of its own
//! tally     what was heard: latencies, gaps, wrong orders
//! report    figures for people and for programs
//! ```
//!
//! Whoever runs it sees what a server carries on a machine like this one, with this program beside
//! it: latencies contain the time that it takes itself. Every delivery is counted and its place in
//! the channel's order checked, so that a figure is never one of a server that loses events.

mod readers;
mod report;
mod tally;
mod writer;

use std::net::IpAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;

use self::readers::Readers;
use self::report::Report;
use self::writer::Writer;
use crate::client::{self, Api, Listener};
use crate::failure::Failure;

/// `skywave bench`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Connections, each with a subscription.
    #[arg(long, value_name = "NUMBER", default_value = "100")]
    connections: NonZeroUsize,
    /// Channels, over which the connections are spread.
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    channels: NonZeroUsize,
    /// Events to publish in a second, over all channels.
    #[arg(long, value_name = "EVENTS", default_value = "100")]
    rate: NonZeroU32,
    /// For how long.
    #[arg(long, value_name = "SECONDS", default_value = "10")]
    seconds: NonZeroU32,
    /// Data of each event.
    #[arg(long, value_name = "BYTES", default_value_t = 128)]
    size: usize,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Aim at a server on another machine. Whoever runs it should know.
    #[arg(long)]
    allow_remote: bool,
    #[command(flatten)]
    app: client::Options,
}

impl Options {
    fn channel_count(&self) -> usize {
        self.channels.get().min(self.connections.get())
    }

    fn duration(&self) -> Duration {
        Duration::from_secs(self.seconds.get().into())
    }
}

/// Connects, publishes, and tells what was heard.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    if !(MARK_BYTES..=EVENT_BYTES).contains(&options.size) {
        return Err(Failure::wrong(format!(
            "--size is {}, expected {MARK_BYTES} to {EVENT_BYTES} bytes",
            options.size
        )));
    }
    let listener = options.app.listener()?;
    let api = Api::new(options.app.target()?)?;
    // Every connection is a descriptor.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    client::run(async {
        if !options.allow_remote {
            stay_here(&listener).await?;
        }
        let report = measure(options, &listener, api).await?;
        report.print(options.json)?;
        if report.is_clean() {
            Ok(())
        } else {
            Err(Failure::Told)
        }
    })
}

async fn measure(options: &Options, listener: &Listener, api: Api) -> Result<Report, Failure> {
    // Events of another run on the same app are not ours.
    let run = getrandom::u32().context("the operating system gives no randomness")?;
    let channels: Rc<[String]> = (0..options.channel_count())
        .map(|number| format!("skywave-bench-{run:08x}-{number}"))
        .collect();
    let readers = Readers::connect(listener, &channels, options.connections.get()).await?;
    let writer = Writer {
        channels: channels.to_vec(),
        epoch: readers.epoch(),
        rate: options.rate.get(),
        duration: options.duration(),
        bytes: options.size,
    };
    let sent = readers.hear(writer.start(api)?).await?;
    Ok(readers.report(&sent, options))
}

/// A load test of somebody else's server is an attack, unless they know of it.
async fn stay_here(listener: &Listener) -> Result<(), Failure> {
    let (host, port) = listener.server.web_socket_place();
    let found = tokio::net::lookup_host((host, port)).await;
    let mut addresses = found.with_context(|| format!("no address is known for `{host}`"))?;
    if addresses.all(|address| is_here(address.ip())) {
        return Ok(());
    }
    Err(Failure::wrong(format!(
        "`{host}` is another machine; its owner should know about the load. If they do, add \
         --allow-remote"
    )))
}

fn is_here(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// How long nothing may happen.
const PATIENCE: Duration = Duration::from_secs(10);
/// An event's number and time, at their longest.
const MARK_BYTES: usize = 64;
/// What servers take as a rule.
const EVENT_BYTES: usize = 10_240;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_here() {
        for (address, here) in [
            ("127.0.0.1", true),
            ("127.8.9.1", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("192.168.0.1", false),
            ("0.0.0.0", false),
            ("::", false),
            ("2001:db8::1", false),
        ] {
            let address = address.parse().expect("an address");
            assert_eq!(is_here(address), here, "{address}");
        }
    }
}
