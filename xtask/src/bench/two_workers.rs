//! Two workers under load: every delivery counted, each channel in order, connections spread.
//!
//! Nothing is pinned, so the workers have all cores and share them with the load generator: the
//! figures say that two workers work together, not how fast they could be.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Mutex;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::baselines;
use super::tools::Tools;
use super::usage::while_looking;
use crate::process::{self, Service};

/// Loads the server once; what part of the connections its busier worker had is added to the result.
pub(super) fn repetition(tools: &Tools, show: bool) -> Result<Vec<Value>> {
    let (port, operator) = (process::free_port()?, process::free_port()?);
    let settings = format!(
        "[server]\nworkers = 2\n\n[[listen]]\naddress = \"127.0.0.1:{port}\"\n\n[operator]\n\
         address = \"127.0.0.1:{operator}\"\n"
    );
    let mut command = tools.configured(&settings)?;
    if show {
        println!("{settings}\n$ {}", process::line(&command));
    }
    let service = Service::start(&mut command, port)?;
    let mut load = tools.load_generator.unpinned(port, service.id(), LOAD);
    if show {
        println!("$ {}", process::line(&load));
    }
    let fullest = Mutex::new(Vec::new());
    let look = || keep_fuller(&fullest, connections(operator).unwrap_or_default());
    let mut result = while_looking(look, || baselines::result(&mut load))?;
    let connections = fullest.into_inner().unwrap_or_default();
    result["busier_worker"] = busier_worker(&connections)?.into();
    Ok(vec![result])
}

/// Keeps the later of the two unless connections have ended by then.
fn keep_fuller(fullest: &Mutex<Vec<f64>>, now: Vec<f64>) {
    if let Ok(mut fullest) = fullest.lock()
        && now.iter().sum::<f64>() >= fullest.iter().sum()
    {
        *fullest = now;
    }
}

/// The share of the worker with more connections, in percent.
fn busier_worker(connections: &[f64]) -> Result<f64> {
    let all: f64 = connections.iter().sum();
    ensure!(
        connections.len() == 2 && all > 0.0,
        "the metrics tell of connections {connections:?}; expected some on two workers"
    );
    Ok(connections.iter().fold(0.0, |most, count| count.max(most)) / all * 100.0)
}

/// Connections of each worker, as the metrics tell.
fn connections(operator: u16) -> Result<Vec<f64>> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, operator))?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    per_worker(&answer).context("the metrics cannot be read")
}

fn per_worker(metrics: &str) -> Option<Vec<f64>> {
    let lines = metrics.lines();
    let values = lines.filter_map(|line| line.strip_prefix("skywave_connections{worker="));
    values
        .map(|line| line.split_once("} ")?.1.trim().parse().ok())
        .collect()
}

/// Every connection checks the order, and enough publishers that both workers read requests.
const LOAD: &str = "fanout --duration 2 --warmup 0.5 --conns 2000 --channels 20 --window 64 \
                    --inflight 16 --nap-us 200 --sample 1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_read_off_the_metrics() {
        let metrics = "HTTP/1.1 200 OK\r\n\r\n# HELP skywave_connections open\n\
                       skywave_connections{worker=\"0\"} 990\n\
                       skywave_connections{worker=\"1\"} 1010\nskywave_connections_total 3\n";
        let connections = per_worker(metrics).expect("two numbers");
        assert_eq!(connections, [990.0, 1010.0]);
        assert_eq!(busier_worker(&connections).expect("two workers"), 50.5);
        assert!(busier_worker(&[]).is_err());
    }

    #[test]
    fn what_counts_is_when_all_are_connected() {
        let fullest = Mutex::default();
        for now in [
            vec![5.0, 0.0],
            vec![40.0, 60.0],
            vec![50.0, 50.0],
            vec![1.0, 0.0],
        ] {
            keep_fuller(&fullest, now);
        }
        assert_eq!(fullest.into_inner().expect("nobody panicked"), [50.0, 50.0]);
    }
}
