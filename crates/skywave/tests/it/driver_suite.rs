//! The suite of tests for drivers: the crate's own pass, and one that is wrong does not.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use skywave::driver::{
    BoxFuture, ChannelName, Driver, DriverError, Encryption, Envelope, SocketId,
};
use skywave::testing::{Delivered, DriverSuite};
use skywave::{AuthReply, ClientOptions, Log, Null, Page};

use crate::stage::Recorder;

#[tokio::test]
async fn drivers_that_deliver_nothing_pass() {
    DriverSuite::new(Null).run().await;
    DriverSuite::new(Log::new().data(true)).run().await;
}

#[cfg(feature = "embedded")]
#[tokio::test]
async fn the_embedded_driver_passes() {
    DriverSuite::new(skywave::Embedded::generated()).run().await;
}

fn delivered(envelope: &Envelope) -> Vec<Delivered> {
    let channels = envelope.channels.iter();
    let data: serde_json::Value = serde_json::from_str(&envelope.data).expect("data is JSON");
    channels
        .map(|name| Delivered::new(name.as_str(), envelope.event.as_str(), data.clone()))
        .collect()
}

#[tokio::test]
async fn a_driver_of_ones_own_passes_by_what_it_delivers() {
    let recorder = Recorder::new();
    let envelopes = recorder.clone();
    DriverSuite::new(recorder)
        .delivering(move || envelopes.envelopes().iter().flat_map(delivered).collect())
        .run()
        .await;
}

/// Loses every event for more than one channel, shortens members, and cannot do what it says.
#[derive(Clone)]
struct Sloppy(Recorder, Arc<Mutex<Vec<Delivered>>>);

impl Driver for Sloppy {
    fn publish<'a>(&'a self, envelope: &'a Envelope) -> BoxFuture<'a, Result<(), DriverError>> {
        Box::pin(async move {
            if envelope.except_user.is_some() {
                return Err(DriverError::new("whom?"));
            }
            if envelope.event.as_str() == "client-like" {
                return Err(DriverError::new("not to my taste"));
            }
            if envelope.channels.len() == 1 {
                self.1.lock().unwrap().extend(delivered(envelope));
            }
            Ok(())
        })
    }

    fn authorize(
        &self,
        socket_id: SocketId,
        channel: &ChannelName,
        channel_data: Option<&str>,
    ) -> Result<AuthReply, DriverError> {
        let member = channel_data.map(|_| "{}");
        self.0.authorize(socket_id, channel, member)
    }

    fn authenticate(&self, _: SocketId, _: &str) -> Result<AuthReply, DriverError> {
        Err(DriverError::new("there are no users here"))
    }

    fn can_leave_out_users(&self) -> bool {
        false
    }

    fn client_options(&self, page: &Page) -> ClientOptions {
        self.0.client_options(page)
    }

    fn encryption(&self) -> Encryption {
        Encryption::AsIs
    }
}

#[tokio::test]
async fn a_driver_that_is_wrong_is_told_everything_at_once() {
    let driver = Sloppy(Recorder::new(), Arc::default());
    let events = Arc::clone(&driver.1);
    let suite = DriverSuite::new(driver)
        .delivering(move || events.lock().unwrap().clone())
        .within(Duration::from_millis(50));
    let failed = tokio::spawn(suite.run()).await.unwrap_err().into_panic();
    let failed = failed.downcast_ref::<String>().unwrap();
    let lines: Vec<_> = failed.lines().collect();
    assert_eq!(lines.len(), 8, "{failed}");
    for (line, expected) in lines.iter().zip([
        "the driver does otherwise than expected:",
        "  `client-like` to suite: not accepted: driver `driver` did not accept the event: not to",
        "  signature of presence-suite: Some(",
        "  suite: ",
        "  private-suite: 6 events arrived of 7; the first difference is number 2: at-once on",
        "  presence-suite: ",
        "  cache-suite: ",
        "  suite_-=@,.;2: ",
    ]) {
        assert!(line.starts_with(expected), "{line}");
    }
}
