//! The scenarios: who is loaded with what, and which of the figures count.

use anyhow::{Result, ensure};
use serde_json::Value;

use super::tools::Server;

/// Something to measure.
pub(crate) struct Scenario {
    /// What it is called on the command line.
    pub(crate) name: &'static str,
    /// One line for people.
    pub(crate) about: &'static str,
    /// Who is loaded, and how.
    pub(crate) load: Load,
    /// The figures to compare.
    pub(crate) measures: &'static [Measure],
}

/// Who is loaded, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Load {
    /// Our server and its baselines, by the load generator with these arguments, which are
    /// separated by single spaces.
    Baselines(&'static str),
    /// An application with the server embedded, beside a server of its own.
    Embedded,
    /// Our server with two workers.
    TwoWorkers,
    /// Our server with TLS, beside itself without.
    Tls,
}

/// One figure of the results.
pub(crate) struct Measure {
    /// What it is, with its unit.
    pub(crate) what: &'static str,
    /// Where it stands in a result, as a JSON pointer.
    pub(crate) pointer: &'static str,
    /// What the number there is multiplied by.
    pub(crate) factor: f64,
}

impl Load {
    /// What is compared; ours, which the others are compared with, is the first.
    pub(crate) fn sides(self) -> Vec<&'static str> {
        match self {
            Self::Baselines(_) => Server::ALL.iter().map(|server| server.name()).collect(),
            Self::Embedded => vec!["embedded", "pingpong, one way"],
            Self::TwoWorkers => vec!["two workers"],
            Self::Tls => vec!["TLS", "plain"],
        }
    }
}

impl Measure {
    const fn new(what: &'static str, pointer: &'static str) -> Self {
        Self {
            what,
            pointer,
            factor: 1.0,
        }
    }

    const fn times(self, factor: f64) -> Self {
        Self { factor, ..self }
    }
}

/// All scenarios, in their order.
pub(crate) fn all() -> impl Iterator<Item = &'static Scenario> {
    SCENARIOS.iter()
}

/// The scenario of this name.
///
/// # Errors
/// Names the scenarios that exist.
pub(crate) fn find(name: &str) -> Result<&'static Scenario, String> {
    all()
        .find(|scenario| scenario.name == name)
        .ok_or_else(|| format!("no such scenario\n\n{}", list()))
}

/// Every scenario with its line, for `--help`.
pub(crate) fn list() -> String {
    let mut list = String::from("Scenarios:\n");
    for scenario in all() {
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

const DELIVERIES: &[Measure] = &[Measure::new(
    "deliveries per server-CPU-second",
    "/deliveries_per_cpu_s",
)];
const LATENCY: &[Measure] = &[
    Measure::new("latency p50, µs (less is better)", "/latency_us/p50"),
    Measure::new("latency p99, µs (less is better)", "/latency_us/p99"),
];
const ROUND_TRIP: &[Measure] = &[
    Measure::new("round trip p50, µs (less is better)", "/rtt_us/p50"),
    Measure::new("round trip p99, µs (less is better)", "/rtt_us/p99"),
];
const IDLE: &[Measure] = &[
    Measure::new(
        "user bytes per idle connection (less is better)",
        "/server_bytes_per_conn",
    ),
    Measure::new("handshakes per second", "/conns_per_s"),
    // The load generator may be what bounds the line above.
    Measure::new(
        "server CPU per handshake, µs (less is better)",
        "/server_cpu_us_per_conn",
    ),
];

const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "f1k_one",
        about: "fan-out to 1,000 subscribers, one publish at a time",
        load: Load::Baselines(
            "fanout --duration 2 --warmup 0.5 --conns 1000 --window 1 --inflight 1 --sample 16",
        ),
        measures: DELIVERIES,
    },
    Scenario {
        name: "f1k_sat",
        about: "fan-out to 1,000 subscribers, four publishes in flight",
        load: Load::Baselines(
            "fanout --duration 2 --warmup 0.5 --conns 1000 --window 8 --inflight 4 --nap-us 200 --sample 16",
        ),
        measures: DELIVERIES,
    },
    Scenario {
        name: "f1k_deep",
        about: "fan-out to 1,000 subscribers, 32 publishes in flight",
        load: Load::Baselines(
            "fanout --duration 2 --warmup 0.5 --conns 1000 --window 64 --inflight 32 --nap-us 500 --sample 16",
        ),
        measures: DELIVERIES,
    },
    Scenario {
        name: "f1k_50k",
        about: "fan-out to 1,000 subscribers at 50,000 deliveries a second",
        load: Load::Baselines("fanout --duration 2 --warmup 0.5 --conns 1000 --rate 50000"),
        measures: LATENCY,
    },
    Scenario {
        name: "f10k_one",
        about: "fan-out to 10,000 subscribers, one publish at a time",
        load: Load::Baselines(
            "fanout --duration 2 --warmup 0.5 --conns 10000 --window 1 --inflight 1 --sample 64",
        ),
        measures: DELIVERIES,
    },
    Scenario {
        name: "f10k_sat",
        about: "fan-out to 10,000 subscribers, four publishes in flight",
        load: Load::Baselines(
            "fanout --duration 2 --warmup 0.5 --conns 10000 --window 4 --inflight 4 --nap-us 500 --sample 64",
        ),
        measures: DELIVERIES,
    },
    Scenario {
        name: "chan",
        about: "10,000 connections on 1,000 channels, 32 publishes in flight",
        load: Load::Baselines(
            "fanout --duration 2 --warmup 0.5 --conns 10000 --channels 1000 --window 64 --inflight 32 --sample 16",
        ),
        measures: DELIVERIES,
    },
    Scenario {
        name: "chan_50k",
        about: "10,000 connections on 1,000 channels at 50,000 deliveries a second",
        load: Load::Baselines(
            "fanout --duration 2 --warmup 0.5 --conns 10000 --channels 1000 --rate 50000 --inflight 32",
        ),
        measures: LATENCY,
    },
    Scenario {
        name: "http_k16",
        about: "HTTP publishes over 16 connections",
        load: Load::Baselines("http --duration 2 --warmup 0.5 --conns 0 --inflight 16"),
        measures: &[Measure::new(
            "signed publishes per server-CPU-second",
            "/http_per_cpu_s",
        )],
    },
    Scenario {
        name: "http_batch",
        about: "HTTP batches of ten events over 16 connections",
        load: Load::Baselines("http --duration 2 --warmup 0.5 --conns 0 --inflight 16 --batch 10"),
        measures: &[
            Measure::new("events per server-CPU-second", "/http_per_cpu_s").times(BATCH_EVENTS),
        ],
    },
    Scenario {
        name: "auth",
        about: "subscriptions to private channels, 100 connections",
        load: Load::Baselines("auth --conns 100 --subs 500 --window 16"),
        measures: &[Measure::new(
            "signed private subscriptions per server-CPU-second",
            "/subs_per_cpu_s",
        )],
    },
    Scenario {
        name: "pingpong",
        about: "client events to and fro between two connections",
        load: Load::Baselines(PING_PONG),
        measures: ROUND_TRIP,
    },
    Scenario {
        name: "idle",
        about: "19,500 idle connections without a subscription",
        load: Load::Baselines(
            "idle --conns 19500 --channels 0 --hold 2 --connect-burst 512 --src-ips 4",
        ),
        measures: IDLE,
    },
    Scenario {
        name: "idle_sub",
        about: "19,500 idle connections with one subscription each",
        load: Load::Baselines(
            "idle --conns 19500 --channels 1000 --hold 2 --connect-burst 512 --src-ips 4",
        ),
        measures: IDLE,
    },
    Scenario {
        name: "embedded",
        about: "from emit in an application to a subscriber's socket, beside one way of pingpong",
        load: Load::Embedded,
        measures: LATENCY,
    },
    Scenario {
        name: "two_workers",
        about: "fan-out by two workers on all cores: nothing lost, in order, spread evenly",
        load: Load::TwoWorkers,
        measures: &[
            Measure::new("deliveries per second", "/deliveries_per_s"),
            Measure::new("deliveries per server-CPU-second", "/deliveries_per_cpu_s"),
            Measure::new(
                "share of the busier worker in the connections, %",
                "/busier_worker",
            ),
        ],
    },
    Scenario {
        name: "tls",
        about: "5,000 connections over TLS, beside as many without",
        load: Load::Tls,
        measures: &[
            Measure::new(
                "server CPU per delivery, µs (less is better)",
                "/delivery_us",
            ),
            Measure::new(
                "connections opened and subscribed per server-CPU-second",
                "/handshakes_per_cpu_s",
            ),
            Measure::new(
                "user bytes per connection (less is better)",
                "/bytes_per_connection",
            ),
        ],
    },
];

/// How the load generator plays ping-pong.
pub(super) const PING_PONG: &str = "pingpong --rounds 20000";

/// The `--batch` of `http_batch`: the load generator counts requests.
const BATCH_EVENTS: f64 = 10.0;

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
        for scenario in all() {
            let found = find(scenario.name).expect("it is in the list");
            assert_eq!(found.about, scenario.about);
            assert!(list().contains(scenario.about));
        }
        assert!(find("f1k").is_err_and(|error| error.contains("f1k_sat")));
    }

    #[test]
    fn a_batch_counts_as_many_events_as_the_load_generator_puts_into_it() {
        let batch = find("http_batch").expect("it is in the list");
        assert_eq!(
            batch.load,
            Load::Baselines("http --duration 2 --warmup 0.5 --conns 0 --inflight 16 --batch 10")
        );
        let factor = batch.measures.first().map(|measure| measure.factor);
        assert_eq!(factor, Some(10.0));
    }
}
