//! The figures of scenarios: medians, spreads and paired ratios, and the tables of them.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::scenario::{Load, Scenario};

/// What was measured of a scenario so far.
pub(super) struct Figures {
    scenario: &'static Scenario,
    sides: Vec<&'static str>,
    /// For each measure and side, one value per repetition.
    values: Vec<Vec<Vec<f64>>>,
}

impl Figures {
    /// No figures yet.
    pub(super) fn new(scenario: &'static Scenario) -> Self {
        let sides = scenario.load.sides();
        let values = vec![vec![Vec::new(); sides.len()]; scenario.measures.len()];
        Self {
            scenario,
            sides,
            values,
        }
    }

    /// Adds the results of one repetition, one of each side.
    ///
    /// # Errors
    /// When a figure is not in them.
    pub(super) fn add(&mut self, results: &[Value]) -> Result<()> {
        ensure!(results.len() == self.sides.len(), "a side has no result");
        for (measure, sides) in self.scenario.measures.iter().zip(&mut self.values) {
            for (result, values) in results.iter().zip(sides) {
                let value = result.pointer(measure.pointer).and_then(Value::as_f64);
                let value =
                    value.with_context(|| format!("the result has no {}", measure.pointer))?;
                values.push(value * measure.factor);
            }
        }
        Ok(())
    }

    /// The newest value of the first measure for every side, on one line.
    pub(super) fn latest(&self) -> String {
        let sides = self.sides.iter().zip(self.values.iter().flatten());
        let newest = sides.map(|(side, values)| {
            let newest = values.last().copied();
            format!("{side} {}", grouped(newest.unwrap_or(f64::NAN)))
        });
        newest.collect::<Vec<_>>().join(", ")
    }

    /// One block per measure: each side's median and spread, and how ours compares.
    pub(super) fn table(&self) -> String {
        let mut table = String::new();
        for (measure, sides) in self.scenario.measures.iter().zip(&self.values) {
            table += &format!(
                "{:<18} {:>12}   {:<26} {} / this\n",
                self.scenario.name,
                "median",
                "[min .. max]",
                self.sides.first().copied().unwrap_or_default()
            );
            for (number, (side, values)) in self.sides.iter().zip(sides).enumerate() {
                let (least, most) = spread(values);
                let spread = format!("[{} .. {}]", grouped(least), grouped(most));
                let middle = grouped(median(values));
                let ratio = ratio(sides, number);
                table += &format!("{side:<18} {middle:>12}   {spread:<26} {ratio}\n");
            }
            table += &format!("({})\n", measure.what);
        }
        table
    }

    /// The rows of the summary, one per measure.
    fn rows(&self) -> String {
        let mut rows = String::new();
        for (measure, sides) in self.scenario.measures.iter().zip(&self.values) {
            let last = match (self.scenario.load, self.sides.get(1)) {
                (Load::Baselines(_), _) => format!("{} | {}", ratio(sides, 1), ratio(sides, 2)),
                (_, Some(beside)) => {
                    let theirs = sides.get(1).map_or(f64::NAN, |values| median(values));
                    format!("{beside}: {} | {}", short(theirs), ratio(sides, 1))
                }
                (_, None) => "– | –".to_owned(),
            };
            let ours = sides.first().map_or(&[][..], Vec::as_slice);
            let (least, most) = spread(ours);
            rows += &format!(
                "| `{}` | {} | {} [{} .. {}] | {last} |\n",
                self.scenario.name,
                measure.what,
                short(median(ours)),
                short(least),
                short(most),
            );
        }
        rows
    }
}

/// All figures in Markdown: those with baselines, and those of our server beside itself.
pub(super) fn summary(figures: &[Figures]) -> String {
    let mut tables = Vec::new();
    for (head, has_baselines) in [(WITH_BASELINES, true), (BESIDE_ITSELF, false)] {
        let rows: String = figures
            .iter()
            .filter(|one| matches!(one.scenario.load, Load::Baselines(_)) == has_baselines)
            .map(Figures::rows)
            .collect();
        if !rows.is_empty() {
            tables.push(format!("{head}{rows}"));
        }
    }
    tables.join("\n")
}

const WITH_BASELINES: &str = "\
| scenario | what | Skywave, median [min .. max] | of C | of P |
|---|---|---|---|---|
";
const BESIDE_ITSELF: &str = "\
| scenario | what | median [min .. max] | beside it | ratio |
|---|---|---|---|---|
";

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

/// The first side over another one: the median of the ratios within each repetition.
fn ratio(sides: &[Vec<f64>], other: usize) -> String {
    let (Some(ours), Some(theirs)) = (sides.first(), sides.get(other)) else {
        return "–".to_owned();
    };
    let ratios: Vec<f64> = ours.iter().zip(theirs).map(|(a, b)| a / b).collect();
    format!("{:.2}", median(&ratios))
}

fn spread(values: &[f64]) -> (f64, f64) {
    values.iter().fold(
        (f64::INFINITY, f64::NEG_INFINITY),
        |(least, most), value| (least.min(*value), most.max(*value)),
    )
}

/// Three or four digits, and `k` or `M` where there are more.
fn short(value: f64) -> String {
    match value.abs() {
        1e6.. => format!("{:.2}M", value / 1e6),
        1e5.. => format!("{:.0}k", value / 1e3),
        1e4.. => format!("{:.1}k", value / 1e3),
        0.0..10.0 => format!("{value:.2}"),
        _ => grouped(value),
    }
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

    /// The figures of a scenario after these repetitions, each with one value per side.
    fn figures(name: &str, pointer: &str, repetitions: &[&[f64]]) -> Figures {
        let mut figures = Figures::new(scenario::find(name).expect("a scenario"));
        for sides in repetitions {
            let results: Vec<Value> = sides.iter().map(|value| json!({pointer: value})).collect();
            figures.add(&results).expect("it has the figure");
        }
        figures
    }

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
    fn the_summary_has_few_digits() {
        for (value, text) in [
            (0.857, "0.86"),
            (52.31, "52.3"),
            (1416.2, "1,416"),
            (93_412.0, "93.4k"),
            (166_512.0, "167k"),
            (4_461_000.0, "4.46M"),
        ] {
            assert_eq!(short(value), text);
        }
    }

    #[test]
    fn ratios_are_paired_before_the_median_is_taken() {
        // The machine was twice as slow in the second repetition, for everyone.
        let repetitions: [&[f64]; 3] = [
            &[900.0, 1000.0, 500.0],
            &[450.0, 500.0, 250.0],
            &[960.0, 1000.0, 480.0],
        ];
        let figures = figures("f1k_sat", "deliveries_per_cpu_s", &repetitions);
        let table = figures.table();
        let floor = table.lines().nth(2).expect("a line of the baseline");
        assert!(floor.starts_with("C (limit)"), "{table}");
        assert!(floor.ends_with("0.90"), "{table}");
        assert_eq!(
            figures.rows(),
            "| `f1k_sat` | deliveries per server-CPU-second | 900 [450 .. 960] | 0.90 | 1.80 |\n"
        );
    }

    #[test]
    fn the_summary_has_a_table_for_each_kind() {
        let batch = figures("http_batch", "http_per_cpu_s", &[&[150.0, 200.0, 300.0]]);
        let two = {
            let mut two = Figures::new(scenario::find("two_workers").expect("a scenario"));
            let result = json!({
                "deliveries_per_s": 2e6, "deliveries_per_cpu_s": 1e6, "busier_worker": 51.5,
            });
            two.add(&[result]).expect("all figures are there");
            two
        };
        let text = summary(&[two, batch]);
        let (baselines, itself) = text.split_once("\n\n").expect("two tables");
        assert_eq!(
            baselines.lines().last(),
            Some(
                "| `http_batch` | events per server-CPU-second | 1,500 [1,500 .. 1,500] | 0.75 | 0.50 |"
            )
        );
        assert_eq!(
            itself.lines().nth(2),
            Some("| `two_workers` | deliveries per second | 2.00M [2.00M .. 2.00M] | – | – |")
        );
        assert!(summary(&[]).is_empty());
    }

    #[test]
    fn a_result_without_the_figure_is_an_error() {
        let mut figures = Figures::new(scenario::find("two_workers").expect("a scenario"));
        let error = figures.add(&[json!({})]).expect_err("empty");
        assert!(error.to_string().contains("deliveries_per_s"), "{error}");
        assert!(figures.add(&[]).is_err());
    }
}
