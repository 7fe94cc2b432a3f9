//! The figures of one scenario: medians, spreads and paired ratios.

use anyhow::{Context, Result};
use serde_json::Value;

use super::scenario::Scenario;
use super::tools::Server;

/// What was measured so far: for each measure and server, one value per repetition.
pub(crate) struct Figures {
    scenario: &'static Scenario,
    values: Vec<[Vec<f64>; Server::ALL.len()]>,
}

impl Figures {
    /// No figures yet.
    pub(crate) fn new(scenario: &'static Scenario) -> Self {
        let values = scenario.measures.iter().map(|_| <_>::default()).collect();
        Self { scenario, values }
    }

    /// Adds one run's result of the load generator.
    ///
    /// # Errors
    /// When a figure is not in it.
    pub(crate) fn add(&mut self, server: Server, result: &Value) -> Result<()> {
        for (measure, values) in self.scenario.measures.iter().zip(&mut self.values) {
            let value = result
                .pointer(measure.pointer)
                .and_then(Value::as_f64)
                .with_context(|| format!("loadgen's result has no {}", measure.pointer))?;
            values[server as usize].push(value);
        }
        Ok(())
    }

    /// The newest value of the first measure for every server, on one line.
    pub(crate) fn latest(&self) -> String {
        let of = |server: &Server| {
            let values = self.values.first().map(|values| &values[*server as usize]);
            let newest = values.and_then(|values| values.last()).copied();
            format!("{} {}", server.name(), grouped(newest.unwrap_or(f64::NAN)))
        };
        Server::ALL.iter().map(of).collect::<Vec<_>>().join(", ")
    }

    /// One block per measure: each server's median and spread, and how ours compares.
    pub(crate) fn table(&self) -> String {
        let mut table = String::new();
        for (measure, values) in self.scenario.measures.iter().zip(&self.values) {
            table += &format!(
                "{:<18} {:>12}   {:<26} skywave / server\n",
                self.scenario.name, "median", "[min .. max]"
            );
            let ours = &values[Server::Skywave as usize];
            for server in Server::ALL {
                let theirs = &values[*server as usize];
                let (least, most) = spread(theirs);
                let spread = format!("[{} .. {}]", grouped(least), grouped(most));
                let middle = grouped(median(theirs));
                let ratio = median(&ratios(ours, theirs));
                table += &format!(
                    "{:<18} {middle:>12}   {spread:<26} {ratio:.2}\n",
                    server.name()
                );
            }
            table += &format!("({})\n", measure.what);
        }
        table
    }
}

/// The middle value; the mean of the two middle ones when their number is even; NaN of none.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match sorted.get(half) {
        None => f64::NAN,
        Some(upper) if sorted.len() % 2 == 1 => *upper,
        Some(upper) => f64::midpoint(sorted[half - 1], *upper),
    }
}

/// Our value over theirs within each repetition.
fn ratios(ours: &[f64], theirs: &[f64]) -> Vec<f64> {
    ours.iter().zip(theirs).map(|(a, b)| a / b).collect()
}

fn spread(values: &[f64]) -> (f64, f64) {
    values.iter().fold(
        (f64::INFINITY, f64::NEG_INFINITY),
        |(least, most), value| (least.min(*value), most.max(*value)),
    )
}

/// A whole number with its thousands set apart; one decimal below a hundred.
fn grouped(value: f64) -> String {
    if !value.is_finite() || value.abs() < 100.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 && digit.is_ascii_digit() {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::scenario;
    use super::*;

    #[test]
    fn medians_of_odd_even_and_no_values() {
        for (values, expected) in [(&[3.0, 1.0, 2.0][..], 2.0), (&[4.0, 1.0, 2.0, 3.0], 2.5)] {
            assert!((median(values) - expected).abs() < 1e-9, "{values:?}");
        }
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn thousands_are_set_apart() {
        for (value, text) in [
            (0.85, "0.8"),
            (126.0, "126"),
            (2048.4, "2,048"),
            (1_234_567.0, "1,234,567"),
        ] {
            assert_eq!(grouped(value), text);
        }
    }

    #[test]
    fn ratios_are_paired_before_the_median_is_taken() {
        let mut figures = Figures::new(scenario::find("f1k_sat").expect("a scenario"));
        // The machine was twice as slow in the second repetition, for everyone.
        for (ours, theirs) in [(900.0, 1000.0), (450.0, 500.0), (960.0, 1000.0)] {
            for (server, value) in [
                (Server::Skywave, ours),
                (Server::Floor, theirs),
                (Server::Prototype, theirs),
            ] {
                let result = json!({"deliveries_per_cpu_s": value});
                figures.add(server, &result).expect("it has the figure");
            }
        }
        let table = figures.table();
        let floor = table.lines().nth(2).expect("a line of the baseline");
        assert!(floor.starts_with("C (limit)"), "{table}");
        assert!(floor.ends_with("0.90"), "{table}");
    }

    #[test]
    fn a_result_without_the_figure_is_an_error() {
        let mut figures = Figures::new(scenario::find("idle").expect("a scenario"));
        let error = figures.add(Server::Skywave, &json!({})).expect_err("empty");
        assert!(error.to_string().contains("server_bytes_per_conn"));
    }
}
