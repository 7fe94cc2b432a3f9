//! Figures for people and for programs: [`Report`].

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::Duration;

use serde_json::{Value, json};

use super::Options;
use super::readers::Readers;
use super::tally::Tally;
use super::writer::Sent;

/// What a run came to.
pub(super) struct Report {
    connections: usize,
    channels: usize,
    arrival: Duration,
    sent: u64,
    asked: u64,
    time: Duration,
    expected: u64,
    tally: Tally,
}

impl Report {
    pub(super) fn new(
        readers: &Readers,
        (sent, expected): (&Sent, u64),
        tally: Tally,
        options: &Options,
    ) -> Self {
        Self {
            connections: readers.count(),
            channels: sent.events.len(),
            arrival: readers.arrival,
            sent: sent.events.iter().sum(),
            asked: u64::from(options.rate.get()) * u64::from(options.seconds.get()),
            time: sent.time,
            expected,
            tally,
        }
    }

    /// Whether everything was heard, in order, by everyone.
    pub(super) fn is_clean(&self) -> bool {
        self.lost() == 0 && self.tally.disordered == 0 && self.tally.ended.0 == 0
    }

    fn lost(&self) -> u64 {
        self.expected.saturating_sub(self.tally.deliveries)
    }

    pub(super) fn print(&self, json: bool) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if json {
            writeln!(out, "{}", self.json())
        } else {
            write!(out, "{}", self.text())
        }
    }

    fn text(&self) -> String {
        let Self { tally, .. } = self;
        let mut text = format!(
            "connections  {} in {:.2} s, on {} channel(s); {} ended early\n\
             events       {} sent in {:.1} s, {} were asked for\n\
             deliveries   {} heard, {:.0} a second; {} lost, {} out of order or twice\n\
             latency      p50 {}, p90 {}, p99 {}, p99.9 {}, longest {}\n",
            self.connections,
            self.arrival.as_secs_f64(),
            self.channels,
            tally.ended.0,
            self.sent,
            self.time.as_secs_f64(),
            self.asked,
            tally.deliveries,
            tally.deliveries as f64 / self.time.as_secs_f64().max(f64::MIN_POSITIVE),
            self.lost(),
            tally.disordered,
            time(self.quantile(0.5)),
            time(self.quantile(0.9)),
            time(self.quantile(0.99)),
            time(self.quantile(0.999)),
            time(tally.latencies.max()),
        );
        let steps = self.steps();
        let most = steps.iter().map(|step| step.1).max().unwrap_or(0).max(1);
        for (below, count) in steps {
            let bar = "#".repeat((count * BAR).div_ceil(most) as usize);
            let share = count as f64 * 100.0 / tally.latencies.len() as f64;
            let _ = writeln!(text, "  below {:>8}  {share:5.1} %  {bar}", time(below));
        }
        if let Some(why) = &tally.ended.1 {
            let _ = writeln!(text, "the first connection that ended early: {why}");
        }
        text
    }

    fn json(&self) -> Value {
        let Self { tally, .. } = self;
        let steps = self.steps();
        let steps = steps
            .iter()
            .map(|(below, count)| json!({ "below": below, "count": count }));
        json!({
            "connections": {
                "opened": self.connections,
                "seconds": self.arrival.as_secs_f64(),
                "channels": self.channels,
                "ended_early": tally.ended.0,
                "first_reason": tally.ended.1,
            },
            "events": {
                "sent": self.sent,
                "asked": self.asked,
                "seconds": self.time.as_secs_f64(),
            },
            "deliveries": {
                "expected": self.expected,
                "heard": tally.deliveries,
                "lost": self.lost(),
                "disordered": tally.disordered,
            },
            "latency_us": {
                "p50": self.quantile(0.5),
                "p90": self.quantile(0.9),
                "p99": self.quantile(0.99),
                "p999": self.quantile(0.999),
                "max": tally.latencies.max(),
                "histogram": steps.collect::<Vec<_>>(),
            },
        })
    }

    fn quantile(&self, quantile: f64) -> u64 {
        self.tally.latencies.value_at_quantile(quantile)
    }

    /// How many deliveries took less than 2, 4, 8.. microseconds and more than the step before;
    /// from the first step that has any to the last.
    fn steps(&self) -> Vec<(u64, u64)> {
        let latencies = &self.tally.latencies;
        let steps = latencies.iter_log(2, 2.0);
        let steps = steps.map(|step| {
            (
                step.value_iterated_to() + 1,
                step.count_since_last_iteration(),
            )
        });
        steps.skip_while(|step| step.1 == 0).collect()
    }
}

/// Microseconds, for people.
fn time(microseconds: u64) -> String {
    match microseconds {
        0..1_000 => format!("{microseconds} µs"),
        1_000..1_000_000 => format!("{:.1} ms", microseconds as f64 / 1e3),
        _ => format!("{:.1} s", microseconds as f64 / 1e6),
    }
}

/// Characters of the longest bar.
const BAR: u64 = 40;
