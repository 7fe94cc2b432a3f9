//! Events at a steady rate, from a thread of their own: [`Writer`].
//!
//! A thread of its own, so that the rate does not depend on how busy the readers are. The events of
//! one channel are published one after the other, as their order is what readers check; several
//! channels are published to at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use futures_util::future::try_join_all;
use serde_json::json;
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval};

use crate::client::{self, Api};
use crate::failure::Failure;

/// What is published.
pub(super) struct Writer {
    pub(super) channels: Vec<String>,
    /// The beginning of the time that events carry.
    pub(super) epoch: Instant,
    /// Events in a second, over all channels.
    pub(super) rate: u32,
    pub(super) duration: Duration,
    /// Bytes of each event's data.
    pub(super) bytes: usize,
}

/// What was published.
#[derive(Debug)]
pub(super) struct Sent {
    /// Events, by channel.
    pub(super) events: Vec<u64>,
    pub(super) time: Duration,
}

/// Publishing that goes on.
pub(super) struct Writing {
    pub(super) events: Arc<AtomicU64>,
    pub(super) end: oneshot::Receiver<Result<Sent, Failure>>,
}

impl Writer {
    /// Begins to publish.
    pub(super) fn start(self, api: Api) -> anyhow::Result<Writing> {
        let events = Arc::<AtomicU64>::default();
        let (ended, end) = oneshot::channel();
        let count = Arc::clone(&events);
        thread::Builder::new()
            .name("bench-writer".to_owned())
            .spawn(move || {
                let mut sent = Err(anyhow!("publishing was given up").into());
                let outcome = client::run(async {
                    sent = self.publish(&api, &count).await;
                    Ok(())
                });
                // Whoever does not wait for it any more has an error of its own.
                let _ = ended.send(outcome.and(sent));
            })
            .context("cannot start a thread")?;
        Ok(Writing { events, end })
    }

    async fn publish(&self, api: &Api, count: &AtomicU64) -> Result<Sent, Failure> {
        let start = Instant::now();
        let lines = self.channels.len().min(LINES);
        let period = Duration::from_secs(1) * u32::try_from(lines).unwrap_or(1) / self.rate;
        let line = |first: usize| async move {
            let mut events = vec![0; self.channels.len()];
            let mut due = interval(period);
            due.set_missed_tick_behavior(MissedTickBehavior::Burst);
            for channel in (first..self.channels.len()).step_by(lines).cycle() {
                due.tick().await;
                if start.elapsed() >= self.duration {
                    break;
                }
                let body = json!({
                    "name": EVENT,
                    "channels": [self.channels[channel]],
                    "data": self.data(events[channel]),
                });
                api.post("/events", &body).await?;
                events[channel] += 1;
                count.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<_, Failure>(events)
        };
        let lines = try_join_all((0..lines).map(line)).await?;
        let sum = |channel: usize| lines.iter().map(|events| events[channel]).sum();
        Ok(Sent {
            events: (0..self.channels.len()).map(sum).collect(),
            time: start.elapsed(),
        })
    }

    /// The data of event `number`: the number, the time now, and as much more as is wanted.
    fn data(&self, number: u64) -> String {
        let now = self.epoch.elapsed().as_micros();
        let mark = format!(r#"{{"number":{number},"time":{now},"rest":""#);
        let rest = self.bytes.saturating_sub(mark.len() + END.len());
        format!("{mark}{:x<rest$}{END}", "")
    }
}

/// The name of the events.
pub(super) const EVENT: &str = "skywave-bench";
/// Requests at a time, each about another channel.
const LINES: usize = 16;
const END: &str = r#""}"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_json_of_the_size_that_is_wanted() {
        for bytes in [super::super::MARK_BYTES, 128, 10_240] {
            let writer = Writer {
                channels: Vec::new(),
                epoch: Instant::now(),
                rate: 1,
                duration: Duration::ZERO,
                bytes,
            };
            let data = writer.data(u64::from(u32::MAX));
            assert_eq!(data.len(), bytes);
            let data: serde_json::Value = serde_json::from_str(&data).expect("it is JSON");
            assert_eq!(data["number"], u32::MAX);
        }
    }
}
