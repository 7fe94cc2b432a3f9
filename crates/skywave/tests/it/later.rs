//! Sending in the background.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use skywave::driver::{BoxFuture, ChannelName, Driver, DriverError, Envelope, SocketId};
use skywave::{
    AuthReply, Broadcast, Broadcaster, ClientOptions, Error, NotQueued, Page, QueueSettings,
    SkipReason,
};
use tokio::sync::Semaphore;

use crate::stage::{Recorder, builder, without_users};

/// Fails so many times, then records; an attempt needs a permit.
#[derive(Clone)]
struct Moody {
    recorder: Recorder,
    failures: Arc<AtomicUsize>,
    permits: Arc<Semaphore>,
}

impl Moody {
    fn failing(times: usize) -> Self {
        Self {
            recorder: Recorder::new(),
            failures: Arc::new(AtomicUsize::new(times)),
            permits: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
        }
    }

    /// Holds everything until there are permits.
    fn holding() -> Self {
        Self {
            permits: Arc::new(Semaphore::new(0)),
            ..Self::failing(0)
        }
    }

    /// What was recorded, as `channel event`.
    fn events(&self) -> Vec<String> {
        let envelopes = self.recorder.envelopes();
        let line = |e: &Envelope| format!("{} {}", e.channels[0], e.event);
        envelopes.iter().map(line).collect()
    }
}

impl Driver for Moody {
    fn publish<'a>(&'a self, envelope: &'a Envelope) -> BoxFuture<'a, Result<(), DriverError>> {
        Box::pin(async {
            self.permits.acquire().await.unwrap().forget();
            if envelope.event.as_str() == "panic" {
                panic!("the driver has a mistake");
            }
            let fails = |left: usize| left.checked_sub(1);
            let order = Ordering::Relaxed;
            if self.failures.fetch_update(order, order, fails).is_ok() {
                if envelope.event.as_str() == "half" {
                    let first = envelope.channels[..1].to_vec();
                    return Err(DriverError::new("no connection").after_sending_to(first));
                }
                return Err(DriverError::new("no connection"));
            }
            self.recorder.publish(envelope).await
        })
    }

    fn authorize(
        &self,
        socket_id: SocketId,
        channel: &ChannelName,
        data: Option<&str>,
    ) -> Result<AuthReply, DriverError> {
        self.recorder.authorize(socket_id, channel, data)
    }

    fn authenticate(&self, socket_id: SocketId, user_data: &str) -> Result<AuthReply, DriverError> {
        self.recorder.authenticate(socket_id, user_data)
    }

    fn client_options(&self, page: &Page) -> ClientOptions {
        self.recorder.client_options(page)
    }
}

/// Quick to try again and to close.
fn settings() -> QueueSettings {
    QueueSettings::default()
        .first_delay(Duration::from_millis(1))
        .close_within(Duration::from_secs(10))
}

fn with(driver: &Moody, settings: QueueSettings) -> Broadcaster {
    Broadcaster::builder()
        .driver("moody", driver.clone())
        .queue(settings)
        .build()
        .unwrap()
}

fn queue(broadcast: &Broadcast, channel: &str, events: impl IntoIterator<Item = u32>) {
    for number in events {
        let sending = broadcast.to(channel).named(number.to_string()).message("x");
        let report = sending.later().unwrap();
        assert_eq!(report.sent, [channel]);
    }
}

#[tokio::test]
async fn an_event_is_sent_in_the_background_and_counted() {
    let driver = Moody::failing(0);
    let broadcaster = with(&driver, settings());
    queue(&broadcaster.as_system(), "news", [1]);
    broadcaster.close().await.unwrap();
    assert_eq!(driver.events(), ["news 1"]);
    let status = broadcaster.queue();
    assert_eq!((status.waiting, status.sent, status.dropped), (0, 1, 0));
    assert_eq!(broadcaster.counters().published, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channels_events_keep_their_order_also_when_some_fail() {
    let driver = Moody::failing(20);
    let broadcaster = with(&driver, settings().attempts(100));
    let system = broadcaster.as_system();
    for number in 0..20 {
        queue(&system, "a", [number]);
        queue(&system, "b", [number]);
        let both = system.to(["a", "b"]).named(format!("both{number}"));
        both.message("x").later().unwrap();
    }
    broadcaster.close().await.unwrap();
    let events = driver.recorder.envelopes();
    for channel in ["a", "b"] {
        let received = events.iter().filter(|envelope| {
            let mut channels = envelope.channels.iter();
            channels.any(|name| name.as_str() == channel)
        });
        let received: Vec<_> = received
            .map(|envelope| envelope.event.to_string())
            .collect();
        let expected: Vec<_> = (0..20)
            .flat_map(|number| [number.to_string(), format!("both{number}")])
            .collect();
        assert_eq!(received, expected, "{channel}");
    }
    let status = broadcaster.queue();
    assert_eq!((status.sent, status.retried, status.dropped), (60, 20, 0));
}

#[tokio::test]
async fn a_channel_that_has_to_wait_does_not_hold_up_another() {
    let driver = Moody::holding();
    let broadcaster = with(&driver, settings());
    let system = broadcaster.as_system();
    system
        .driver("moody")
        .to("stuck")
        .named("panic")
        .message("x")
        .later()
        .unwrap();
    queue(&system, "stuck", [1]);
    queue(&system, "free", [2]);
    // One permit for the driver's panic, which costs its own event only, and one for each other.
    driver.permits.add_permits(3);
    broadcaster.close().await.unwrap();
    let mut events = driver.events();
    events.sort();
    assert_eq!(events, ["free 2", "stuck 1"]);
    let status = broadcaster.queue();
    assert_eq!((status.sent, status.dropped), (2, 1));
}

#[tokio::test]
async fn another_attempt_leaves_out_the_channels_that_were_sent_to() {
    let driver = Moody::failing(1);
    let broadcaster = with(&driver, settings());
    let sending = broadcaster.as_system().to(["a", "b", "c"]).named("half");
    sending.message("x").later().unwrap();
    broadcaster.close().await.unwrap();
    assert_eq!(driver.recorder.only().0, ["b", "c"]);
}

#[tokio::test]
async fn an_event_is_given_up_after_the_last_attempt() {
    let driver = Moody::failing(3);
    let broadcaster = with(&driver, settings().attempts(3));
    queue(&broadcaster.as_system(), "news", [1, 2]);
    broadcaster.close().await.unwrap();
    assert_eq!(driver.events(), ["news 2"]);
    let status = broadcaster.queue();
    assert_eq!((status.sent, status.retried, status.dropped), (1, 2, 1));
    let counters = broadcaster.counters();
    assert_eq!((counters.published, counters.failed), (1, 3));
}

#[tokio::test]
async fn a_full_queue_refuses_the_new_event_and_keeps_the_old_ones() {
    let driver = Moody::holding();
    let broadcaster = with(&driver, settings().capacity(2));
    let system = broadcaster.as_system();
    queue(&system, "news", [1, 2]);
    let error = system.to("news").message("x").later().unwrap_err();
    assert_eq!(
        error.to_string(),
        "event `base-event` was not queued: the queue is full: it takes 2 events"
    );
    let report = system.to("news").message("x").or_log().later().unwrap();
    assert_eq!(report.sent.len(), 0);
    assert_eq!(report.skipped[0].reason, SkipReason::NotQueued);
    let status = broadcaster.queue();
    assert_eq!((status.waiting, status.refused), (2, 2));

    driver.permits.add_permits(2);
    broadcaster.close().await.unwrap();
    assert_eq!(driver.events(), ["news 1", "news 2"]);
}

#[tokio::test]
async fn closing_waits_no_longer_than_it_may() {
    let driver = Moody::holding();
    let broadcaster = with(&driver, settings().close_within(Duration::from_millis(20)));
    let system = broadcaster.as_system();
    queue(&system, "news", [1, 2, 3]);
    // So that the first one is on its way.
    tokio::task::yield_now().await;
    let undelivered = broadcaster.close().await.unwrap_err();
    assert_eq!(undelivered.events, 3);
    assert_eq!(broadcaster.queue().dropped, 2, "the first may still arrive");

    let error = system.to("news").message("x").later().unwrap_err();
    assert!(matches!(
        error,
        Error::NotQueued {
            problem: NotQueued::Closed,
            ..
        }
    ));
    driver.permits.add_permits(2);
    system.to("news").named("now").message("x").await.unwrap();
    assert!(driver.events().contains(&"news now".to_owned()));
}

#[tokio::test]
async fn what_is_wrong_with_the_event_is_told_at_once() {
    let recorder = Recorder::new();
    let broadcaster = builder(&recorder).build().unwrap();
    let system = broadcaster.as_system();
    let error = system.to("no spaces").message("x").later().unwrap_err();
    assert!(matches!(error, Error::InvalidChannel { .. }));
    assert_eq!(broadcaster.queue(), skywave::QueueStatus::default());
}

#[test]
fn without_a_runtime_it_is_an_error() {
    let broadcaster = without_users(&Recorder::new()).build().unwrap();
    let error = broadcaster.as_system().to("news").message("x").later();
    assert!(matches!(
        error.unwrap_err(),
        Error::NotQueued {
            problem: NotQueued::NoRuntime,
            ..
        }
    ));
}

#[test]
fn what_a_runtime_left_undone_does_not_hold_up_the_next_one() {
    let driver = Moody::holding();
    let broadcaster = with(&driver, settings());
    let runtime = || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().build().unwrap()
    };
    runtime().block_on(async {
        queue(&broadcaster.as_system(), "news", [1]);
        tokio::task::yield_now().await;
    });
    assert_eq!(broadcaster.queue().dropped, 1);
    driver.permits.add_permits(1);
    runtime().block_on(async {
        queue(&broadcaster.as_system(), "news", [2]);
        broadcaster.close().await.unwrap();
    });
    assert_eq!(driver.events(), ["news 2"]);
}

#[test]
fn settings_that_cannot_be_are_mistakes() {
    let settings = QueueSettings::default().capacity(0).attempts(0);
    let built = without_users(&Recorder::new()).queue(settings).build();
    assert_eq!(
        built.unwrap_err().mistakes(),
        [
            "queue capacity: 0; expected at least 1",
            "queue attempts: 0; expected at least 1"
        ]
    );
}
