//! The scenarios: what the load generator does, and which of its figures counts.

use anyhow::{Result, ensure};
use serde_json::Value;

/// One way of loading a server.
pub(crate) struct Scenario {
    /// What it is called on the command line.
    pub(crate) name: &'static str,
    /// One line for people.
    pub(crate) about: &'static str,
    /// Arguments of the load generator, separated by single spaces.
    pub(crate) arguments: &'static str,
    /// The figures to compare.
    pub(crate) measures: &'static [Measure],
}

/// One figure of the load generator's result.
pub(crate) struct Measure {
    /// What it is, with its unit.
    pub(crate) what: &'static str,
    /// Where it stands in the result, as a JSON pointer.
    pub(crate) pointer: &'static str,
}

/// The scenario of this name.
///
/// # Errors
/// Names the scenarios that exist.
pub(crate) fn find(name: &str) -> Result<&'static Scenario, String> {
    SCENARIOS
        .iter()
        .find(|scenario| scenario.name == name)
        .ok_or_else(|| format!("no such scenario\n\n{}", list()))
}

/// Every scenario with its line, for `--help`.
pub(crate) fn list() -> String {
    let mut list = String::from("Scenarios:\n");
    for scenario in SCENARIOS {
        list += &format!("  {:<11} {}\n", scenario.name, scenario.about);
    }
    list
}

/// Checks that nothing was lost, reordered, refused or cut during the run.
///
/// # Errors
/// Names every count that is not zero, and what the load generator said about it.
pub(crate) fn ensure_faultless(result: &Value) -> Result<()> {
    let faults: Vec<String> = FAULTS
        .iter()
        .filter_map(|fault| {
            let count = result.get(fault)?;
            (count.as_i64() != Some(0)).then(|| format!("{fault} = {count}"))
        })
        .collect();
    ensure!(
        faults.is_empty(),
        "{} (must be 0; first error: {})",
        faults.join(", "),
        result["first_error"]
    );
    Ok(())
}

/// Counts of the result that must be zero where they are present.
const FAULTS: &[&str] = &[
    "lost",
    "wrong_counts",
    "order_errors",
    "http_err",
    "dead",
    "refused",
];

const DELIVERIES: &[Measure] = &[Measure {
    what: "deliveries per server-CPU-second",
    pointer: "/deliveries_per_cpu_s",
}];
const LATENCY: &[Measure] = &[
    Measure {
        what: "latency p50, µs",
        pointer: "/latency_us/p50",
    },
    Measure {
        what: "latency p99, µs",
        pointer: "/latency_us/p99",
    },
];
const ROUND_TRIP: &[Measure] = &[
    Measure {
        what: "round trip p50, µs",
        pointer: "/rtt_us/p50",
    },
    Measure {
        what: "round trip p99, µs",
        pointer: "/rtt_us/p99",
    },
];
const MEMORY: &[Measure] = &[Measure {
    what: "user memory per idle connection, bytes",
    pointer: "/server_bytes_per_conn",
}];

const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "f1k_one",
        about: "fan-out to 1,000 subscribers, one publish at a time",
        arguments: "fanout --duration 2 --warmup 0.5 --conns 1000 --window 1 --inflight 1 --sample 16",
        measures: DELIVERIES,
    },
    Scenario {
        name: "f1k_sat",
        about: "fan-out to 1,000 subscribers, four publishes in flight",
        arguments: "fanout --duration 2 --warmup 0.5 --conns 1000 --window 8 --inflight 4 --nap-us 200 --sample 16",
        measures: DELIVERIES,
    },
    Scenario {
        name: "f1k_deep",
        about: "fan-out to 1,000 subscribers, 32 publishes in flight",
        arguments: "fanout --duration 2 --warmup 0.5 --conns 1000 --window 64 --inflight 32 --nap-us 500 --sample 16",
        measures: DELIVERIES,
    },
    Scenario {
        name: "f1k_50k",
        about: "fan-out to 1,000 subscribers at 50,000 deliveries a second",
        arguments: "fanout --duration 2 --warmup 0.5 --conns 1000 --rate 50000",
        measures: LATENCY,
    },
    Scenario {
        name: "f10k_one",
        about: "fan-out to 10,000 subscribers, one publish at a time",
        arguments: "fanout --duration 2 --warmup 0.5 --conns 10000 --window 1 --inflight 1 --sample 64",
        measures: DELIVERIES,
    },
    Scenario {
        name: "f10k_sat",
        about: "fan-out to 10,000 subscribers, four publishes in flight",
        arguments: "fanout --duration 2 --warmup 0.5 --conns 10000 --window 4 --inflight 4 --nap-us 500 --sample 64",
        measures: DELIVERIES,
    },
    Scenario {
        name: "chan",
        about: "10,000 connections on 1,000 channels, 32 publishes in flight",
        arguments: "fanout --duration 2 --warmup 0.5 --conns 10000 --channels 1000 --window 64 --inflight 32 --sample 16",
        measures: DELIVERIES,
    },
    Scenario {
        name: "chan_50k",
        about: "10,000 connections on 1,000 channels at 50,000 deliveries a second",
        arguments: "fanout --duration 2 --warmup 0.5 --conns 10000 --channels 1000 --rate 50000 --inflight 32",
        measures: LATENCY,
    },
    Scenario {
        name: "http_k16",
        about: "HTTP publishes over 16 connections",
        arguments: "http --duration 2 --warmup 0.5 --conns 0 --inflight 16",
        measures: &[Measure {
            what: "publishes per server-CPU-second",
            pointer: "/http_per_cpu_s",
        }],
    },
    Scenario {
        name: "http_batch",
        about: "HTTP batches of ten events over 16 connections",
        arguments: "http --duration 2 --warmup 0.5 --conns 0 --inflight 16 --batch 10",
        measures: &[Measure {
            what: "batches per server-CPU-second",
            pointer: "/http_per_cpu_s",
        }],
    },
    Scenario {
        name: "auth",
        about: "subscriptions to private channels, 100 connections",
        arguments: "auth --conns 100 --subs 500 --window 16",
        measures: &[Measure {
            what: "subscriptions per server-CPU-second",
            pointer: "/subs_per_cpu_s",
        }],
    },
    Scenario {
        name: "pingpong",
        about: "client events to and fro between two connections",
        arguments: "pingpong --rounds 20000",
        measures: ROUND_TRIP,
    },
    Scenario {
        name: "idle",
        about: "19,500 idle connections without a subscription",
        arguments: "idle --conns 19500 --channels 0 --hold 2 --connect-burst 512 --src-ips 4",
        measures: MEMORY,
    },
    Scenario {
        name: "idle_sub",
        about: "19,500 idle connections with one subscription each",
        arguments: "idle --conns 19500 --channels 1000 --hold 2 --connect-burst 512 --src-ips 4",
        measures: MEMORY,
    },
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_run_without_faults_counts() {
        let result = json!({"lost": 0, "order_errors": 0, "dead": 0, "first_error": null});
        assert!(ensure_faultless(&result).is_ok());
    }

    #[test]
    fn a_lost_delivery_is_an_error_that_says_so() {
        let result = json!({"lost": 3, "order_errors": 0, "dead": 1, "first_error": "closed"});
        let error = ensure_faultless(&result).expect_err("three are lost");
        assert_eq!(
            error.to_string(),
            "lost = 3, dead = 1 (must be 0; first error: \"closed\")"
        );
    }

    #[test]
    fn every_scenario_is_found_by_its_own_name() {
        for scenario in SCENARIOS {
            let found = find(scenario.name).expect("it is in the list");
            assert_eq!(found.arguments, scenario.arguments);
        }
        assert!(find("f1k").is_err_and(|error| error.contains("f1k_sat")));
    }
}
