//! Our server with TLS, beside itself without: what a delivery, a connection and its memory cost.
//!
//! The load generator does not speak TLS, so `skywave bench` is the generator for both sides. Each
//! side is loaded twice, with the same connections and with few or many events: the difference is
//! the price of deliveries, and what is left of the first run the price of the connections. No
//! session is resumed: every handshake is a whole one.

use std::process::Command;
use std::sync::Mutex;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::tools::Tools;
use super::usage::{cpu_seconds, resident_bytes, while_looking};
use crate::certificate::{self, CERTIFICATE, KEY};
use crate::process::{self, Service};

/// Measures the server with TLS and without.
pub(super) fn repetition(tools: &Tools, show: bool) -> Result<Vec<Value>> {
    certificate::write(tools.folder())?;
    [true, false]
        .into_iter()
        .map(|tls| {
            let few = run(tools, tls, FEW, show)?;
            let many = run(tools, tls, MANY, false)?;
            Ok(prices(&few, &many))
        })
        .collect()
}

/// Events a second, and for how many seconds.
#[derive(Clone, Copy)]
struct Events {
    rate: u32,
    seconds: u32,
}

/// What a run came to.
struct Run {
    deliveries: f64,
    /// What the server used.
    cpu_seconds: f64,
    /// By how much it grew.
    bytes: f64,
}

/// Loads a fresh server once.
fn run(tools: &Tools, tls: bool, events: Events, show: bool) -> Result<Run> {
    let port = process::free_port()?;
    let identity = format!("certificate = \"{CERTIFICATE}\"\nkey = \"{KEY}\"\n");
    let settings = format!(
        "[server]\nworkers = 1\n\n[[listen]]\naddress = \"127.0.0.1:{port}\"\n{}",
        if tls { &identity } else { "" }
    );
    let mut command = tools.configured_on_core_0(&settings)?;
    let mut load = generator(tools, port, tls, events);
    if show {
        println!("{settings}\n$ {}", process::line(&command));
        println!("$ {}", process::line(&load));
    }
    let service = Service::start(&mut command, port)?;
    let server = service.id();
    let (cpu, memory) = (cpu_seconds(server)?, resident_bytes(server)?);
    let most = Mutex::new(0.0_f64);
    let look = || {
        if let (Ok(now), Ok(mut most)) = (resident_bytes(server), most.lock()) {
            *most = most.max(now);
        }
    };
    let text = while_looking(look, || process::output(&mut load))?;
    let result: Value = serde_json::from_str(&text)
        .with_context(|| format!("`skywave bench` printed no JSON: {text}"))?;
    let deliveries = result["deliveries"]["heard"].as_f64();
    Ok(Run {
        deliveries: deliveries.context("`skywave bench` did not tell what was heard")?,
        cpu_seconds: cpu_seconds(server)? - cpu,
        bytes: most.into_inner().unwrap_or_default() - memory,
    })
}

/// `skywave bench`; it fails when an event is lost or out of order.
fn generator(tools: &Tools, port: u16, tls: bool, events: Events) -> Command {
    let mut load = tools.skywave_on_core_1();
    load.args([
        "bench",
        "--json",
        "--host",
        "127.0.0.1",
        "--port",
        &port.to_string(),
    ]);
    load.args([
        "--app-id",
        "app-id",
        "--app-key",
        "app-key",
        "--app-secret",
        "app-secret",
    ]);
    load.args(["--connections", &CONNECTIONS.to_string()]);
    load.args(["--rate", &events.rate.to_string()]);
    load.args(["--seconds", &events.seconds.to_string()]);
    if tls {
        let trusted = tools.folder().join(CERTIFICATE);
        load.arg("--tls").arg("--root-certificate").arg(trusted);
    }
    load
}

/// What a delivery and a connection cost.
fn prices(few: &Run, many: &Run) -> Value {
    let delivery = (many.cpu_seconds - few.cpu_seconds) / (many.deliveries - few.deliveries);
    let connecting = few.cpu_seconds - few.deliveries * delivery;
    json!({
        "delivery_us": delivery * 1e6,
        "handshakes_per_cpu_s": f64::from(CONNECTIONS) / connecting,
        "bytes_per_connection": many.bytes / f64::from(CONNECTIONS),
    })
}

/// Enough that what the process grows by for other reasons is little of it.
const CONNECTIONS: u32 = 5_000;
const FEW: Events = Events {
    rate: 1,
    seconds: 1,
};
/// As many as the generator takes over TLS without falling behind.
const MANY: Events = Events {
    rate: 8,
    seconds: 3,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_connections_cost_is_what_deliveries_do_not_explain() {
        let few = Run {
            deliveries: 2_000.0,
            cpu_seconds: 0.51,
            bytes: 1e6,
        };
        let many = Run {
            deliveries: 102_000.0,
            cpu_seconds: 1.01,
            bytes: 2e6,
        };
        let prices = prices(&few, &many);
        // Half a second for 100,000 deliveries, and half a second for the connections.
        for (name, expected) in [
            ("delivery_us", 5.0),
            ("handshakes_per_cpu_s", 10_000.0),
            ("bytes_per_connection", 400.0),
        ] {
            let price = prices[name].as_f64().expect("a number");
            assert!((price - expected).abs() < 1e-6, "{name} is {price}");
        }
    }
}
