//! What the server has counted, as text for Prometheus.
//!
//! The format is version 0.0.4 of the text exposition format. Every name begins with `skywave_` and
//! ends with its unit; there are no labels whose values grow with use: none per channel, user or
//! address. `docs/metrics.md` explains them, and a test compares it with this file.

use std::fmt::{Display, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::drain::Stage;
use crate::memory;
use crate::node::Node;

/// The media type of the text.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

impl Node {
    /// All metrics, as they are now.
    pub(crate) fn metrics(&self) -> String {
        let mut text = Text::default();
        self.describe_server(&mut text);
        self.describe_connections(&mut text);
        self.describe_requests(&mut text);
        self.describe_events(&mut text);
        #[cfg(feature = "webhooks")]
        self.describe_webhooks(&mut text);
        self.describe_workers(&mut text);
        self.describe_memory(&mut text);
        describe_process(&mut text);
        text.0
    }

    fn describe_server(&self, text: &mut Text) {
        text.family(
            "skywave_build_info",
            GAUGE,
            "Always 1; the version is a label.",
        );
        text.sample("", &[("version", env!("CARGO_PKG_VERSION"))], 1);
        text.gauge(
            "skywave_uptime_seconds",
            "Time since the server was started.",
            self.millisecond() / 1000,
        );
        text.gauge(
            "skywave_ready",
            "1 while new connections are welcome, 0 otherwise.",
            u8::from(self.unreadiness().is_none()),
        );
        text.gauge(
            "skywave_draining",
            "1 while connections are being moved away, 0 otherwise.",
            u8::from(matches!(
                self.stage(),
                Stage::Leaving(_) | Stage::Draining(_)
            )),
        );
        text.gauge(
            "skywave_apps",
            "Apps that are configured.",
            self.engine.apps().iter().count(),
        );
    }

    fn describe_connections(&self, text: &mut Text) {
        let counters = &self.counters;
        text.counter(
            "skywave_sockets_accepted_total",
            "Sockets accepted by the server's own listeners.",
            counters.sockets.get(),
        );
        text.counter(
            "skywave_sockets_turned_away_total",
            "Sockets closed at once: no descriptor left, or too many handshakes of one address.",
            counters.turned_away.get(),
        );
        text.counter(
            "skywave_tls_handshakes_failed_total",
            "TLS handshakes that failed or took too long.",
            counters.tls_failed.get(),
        );
        let mut apps: Vec<_> = self.engine.apps().iter().map(Arc::clone).collect();
        apps.sort_by(|one, other| one.id().cmp(other.id()));
        text.family(
            "skywave_app_connections",
            GAUGE,
            "Connections that are open, by app.",
        );
        for app in apps {
            text.sample("", &[("app", app.id())], app.connections());
        }
        text.counter(
            "skywave_connections_opened_total",
            "Connections opened, by whatever transport.",
            counters.opened.get(),
        );
        text.family(
            "skywave_connections_ended_total",
            COUNTER,
            "Connections that ended, by reason.",
        );
        for (reason, count) in counters.endings() {
            text.sample("", &[("reason", reason)], count);
        }
        text.family(
            "skywave_connections_refused_total",
            COUNTER,
            "Connections refused right after their handshake, by the name of the refusal.",
        );
        for (reason, count) in counters.refusals() {
            text.sample("", &[("reason", reason)], count);
        }
    }

    fn describe_requests(&self, text: &mut Text) {
        text.family(
            "skywave_http_requests_total",
            COUNTER,
            "HTTP requests answered, by what they asked for and by status.",
        );
        for (endpoint, status, count) in self.counters.requests() {
            let status = match status {
                0 => "other".to_owned(),
                status => status.to_string(),
            };
            let labels = [("endpoint", endpoint), ("status", status.as_str())];
            text.sample("", &labels, count);
        }
        let counters = &self.counters;
        text.family(
            "skywave_publishes_refused_total",
            COUNTER,
            "Calls to publish that were refused because the server was over capacity, by reason.",
        );
        for (reason, count) in [
            ("inbox", &counters.publishes_refused_for_inbox),
            ("memory", &counters.publishes_refused_for_memory),
        ] {
            text.sample("", &[("reason", reason)], count.get());
        }
        text.family(
            "skywave_publish_seconds",
            "histogram",
            "Time from the head of a request that publishes to its answer.",
        );
        let times = &self.counters.publish_time;
        let mut all = 0;
        for (bound, count) in times.cumulative() {
            let bound = bound.map_or_else(|| "+Inf".to_owned(), |bound| bound.to_string());
            text.sample("_bucket", &[("le", bound.as_str())], count);
            all = count;
        }
        text.sample("_sum", &[], times.seconds());
        text.sample("_count", &[], all);
    }

    fn describe_events(&self, text: &mut Text) {
        let counted = self.engine.counters();
        for (name, help, count) in [
            (
                "skywave_events_published_total",
                "Events published by applications, each counted once.",
                counted.events,
            ),
            (
                "skywave_deliveries_total",
                "Events and other news of channels handed to connections, each counted.",
                counted.deliveries,
            ),
            (
                "skywave_sent_bytes_total",
                "Bytes of frames handed to connections, without control frames, TLS and HTTP.",
                counted.bytes_out,
            ),
            (
                "skywave_messages_received_total",
                "Messages of clients, understood or not.",
                counted.messages_in,
            ),
            (
                "skywave_messages_refused_total",
                "Messages of clients that were refused.",
                counted.refused_messages,
            ),
            (
                "skywave_client_events_total",
                "Client events that were passed on.",
                counted.client_events,
            ),
            (
                "skywave_subscriptions_total",
                "Subscriptions that succeeded.",
                counted.subscriptions,
            ),
            (
                "skywave_sign_ins_total",
                "Sign-ins that succeeded.",
                counted.sign_ins,
            ),
        ] {
            text.counter(name, help, count);
        }
    }

    #[cfg(feature = "webhooks")]
    fn describe_webhooks(&self, text: &mut Text) {
        let counted = self.webhooks().unwrap_or_default();
        text.counter(
            "skywave_webhook_events_queued_total",
            "Events of webhooks that were put in line, once for each endpoint that wants them.",
            counted.queued,
        );
        text.counter(
            "skywave_webhook_events_sent_total",
            "Events of webhooks that were acknowledged.",
            counted.sent,
        );
        text.counter(
            "skywave_webhook_events_failed_total",
            "Events of webhooks that were given up.",
            counted.failed,
        );
        text.counter(
            "skywave_webhook_events_dropped_total",
            "Events of webhooks for which there was no room.",
            counted.dropped,
        );
        text.gauge(
            "skywave_webhook_events_waiting",
            "Events of webhooks that are in line.",
            counted.waiting,
        );
        text.counter(
            "skywave_webhook_attempts_failed_total",
            "Requests of webhooks that failed, whether they were repeated or not.",
            counted.attempts_failed,
        );
    }

    fn describe_workers(&self, text: &mut Text) {
        let connections = |worker: usize| self.workers[worker].load();
        let name = "skywave_connections";
        self.per_worker(text, name, "Connections that are open.", connections);
        let inbox = |worker| self.engine.waiting_bytes(worker);
        let name = "skywave_inbox_bytes";
        let help = "Frames on their way to a worker.";
        self.per_worker(text, name, help, inbox);
        let outbox = |worker: usize| self.workers[worker].outbox_bytes.load(Ordering::Relaxed);
        let name = "skywave_outbox_bytes";
        let help = "Bytes that sockets have not taken yet, a second ago at most.";
        self.per_worker(text, name, help, outbox);
        let limit = |worker: usize| self.workers[worker].outboxes_limit;
        let name = "skywave_outbox_limit_bytes";
        let help = "Bytes that may wait for all slow readers of a worker together.";
        self.per_worker(text, name, help, limit);
        let lag = |worker: usize| {
            let late = self.workers[worker].lag_us.load(Ordering::Relaxed);
            // A worker that is stuck has no news of its own.
            let missed = self.workers[worker]
                .silence(self.millisecond())
                .saturating_sub(BEAT_MS);
            (late as f64 / 1e6).max(missed as f64 / 1e3)
        };
        let name = "skywave_worker_lag_seconds";
        let help = "How late a worker was for what it does every second.";
        self.per_worker(text, name, help, lag);
    }

    fn describe_memory(&self, text: &mut Text) {
        let memory = &self.admission.memory;
        let (_, limit) = memory.used_of().unwrap_or_default();
        text.gauge(
            "skywave_memory_limit_bytes",
            "Memory above which new connections and events are refused, 0 without a limit.",
            limit,
        );
        text.gauge(
            "skywave_memory_over",
            "1 while new connections and events are refused for want of memory, 0 otherwise.",
            u8::from(memory.is_over()),
        );
    }

    fn per_worker<V: Display>(
        &self,
        text: &mut Text,
        name: &'static str,
        help: &str,
        value: impl Fn(usize) -> V,
    ) {
        text.family(name, GAUGE, help);
        for worker in 0..self.workers.len() {
            text.sample("", &[("worker", &worker.to_string())], value(worker));
        }
    }
}

/// A beat, and half of one that may still come.
const BEAT_MS: u64 = 1_500;

/// What the operating system says of the process, where it does so in files.
fn describe_process(text: &mut Text) {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/self/{name}"));
    if let Some(bytes) = memory::resident() {
        let help = "Memory of the process that is not paged out.";
        text.gauge("skywave_resident_memory_bytes", help, bytes);
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        let help = "Descriptors that are open: sockets and files.";
        text.gauge("skywave_open_descriptors", help, open.count());
    }
    let limit = read("limits").ok().and_then(|limits| {
        let line = limits
            .lines()
            .find_map(|l| l.strip_prefix("Max open files"))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    });
    if let Some(limit) = limit {
        let help = "Descriptors that may be open, one per connection.";
        text.gauge("skywave_descriptors_limit", help, limit);
    }
}

const COUNTER: &str = "counter";
const GAUGE: &str = "gauge";

/// The text as it grows.
#[derive(Debug, Default)]
struct Text(String, &'static str);

impl Text {
    fn gauge(&mut self, name: &'static str, help: &str, value: impl Display) {
        self.family(name, GAUGE, help);
        self.sample("", &[], value);
    }

    fn counter(&mut self, name: &'static str, help: &str, value: impl Display) {
        self.family(name, COUNTER, help);
        self.sample("", &[], value);
    }

    /// Begins a metric; samples of it follow.
    fn family(&mut self, name: &'static str, kind: &str, help: &str) {
        self.1 = name;
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        let Self(text, name) = self;
        let _ = write!(text, "{name}{suffix}");
        for (number, (label, value)) in labels.iter().enumerate() {
            let before = if number == 0 { '{' } else { ',' };
            let _ = write!(text, "{before}{label}=\"{}\"", escaped(value));
        }
        let behind = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(text, "{behind} {value}");
    }
}

/// The value of a label: an app's id may be anything.
fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_samples_belong_to_their_metric() {
        let mut text = Text::default();
        text.family("skywave_x_total", COUNTER, "What it is.");
        text.sample("", &[("app", "a\"b\\c\nd"), ("b", "1")], 3);
        text.sample("_sum", &[], 0.5);
        let expected = "# HELP skywave_x_total What it is.\n# TYPE skywave_x_total counter\n\
                        skywave_x_total{app=\"a\\\"b\\\\c\\nd\",b=\"1\"} 3\n\
                        skywave_x_total_sum 0.5\n";
        assert_eq!(text.0, expected);
    }
}
