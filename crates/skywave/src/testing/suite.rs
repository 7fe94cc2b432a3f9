//! What every driver has to do, as a test: [`DriverSuite`].

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};
use skywave_protocol::{ChannelName, SocketId};
use tokio::time::{Instant, sleep};

use crate::broadcast::Broadcast;
use crate::broadcaster::Broadcaster;
use crate::client_options::Page;
use crate::connection::{Connection, ConnectionKey};
use crate::driver::{Driver, IntoDriver};
use crate::error::{BuildError, Error, chain};

/// The tests that the drivers of this crate pass, for one of your own.
///
/// They send events of every form to every kind of channel, alone, many at a time and from several
/// tasks at once; ask for the driver's signatures and for what pages are told; and check that what
/// it says it cannot do is an error before anything is sent. With a look at what has
/// [arrived](Self::delivering), each event has to be there once on each of its channels, in order,
/// with its data.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use skywave::Log;
/// use skywave::testing::DriverSuite;
///
/// DriverSuite::new(Log::new()).run().await;
/// # }
/// ```
#[must_use = "nothing is tested until it is run"]
pub struct DriverSuite {
    broadcaster: Result<Broadcaster, BuildError>,
    delivered: Option<Box<dyn Fn() -> Vec<Delivered> + Send + Sync>>,
    patience: Duration,
    /// What has to arrive.
    expected: Vec<Delivered>,
    failures: Vec<String>,
}

/// An event that has arrived on a channel, for [`DriverSuite::delivering`].
#[derive(Clone, Debug, PartialEq)]
pub struct Delivered {
    /// The channel's full name.
    pub channel: String,
    /// The event's name.
    pub event: String,
    /// Its data.
    pub data: Value,
}

impl Delivered {
    /// The event of this name and data on this channel.
    pub fn new(channel: impl Into<String>, event: impl Into<String>, data: Value) -> Self {
        Self {
            channel: channel.into(),
            event: event.into(),
            data,
        }
    }
}

impl fmt::Display for Delivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}: {}", self.event, self.channel, self.data)
    }
}

impl DriverSuite {
    /// A suite for a driver, which is started for it.
    pub fn new(driver: impl IntoDriver) -> Self {
        Self {
            broadcaster: Broadcaster::builder().driver(NAME, driver).build(),
            delivered: None,
            patience: Duration::from_secs(5),
            expected: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// Looks at what has arrived, too: `delivered` gives every event on every channel so far, those of
    /// one channel in order. It is asked again for up to five seconds, or [another
    /// time](Self::within). The channels that it is asked about are [`CHANNELS`](Self::CHANNELS).
    pub fn delivering(
        self,
        delivered: impl Fn() -> Vec<Delivered> + Send + Sync + 'static,
    ) -> Self {
        Self {
            delivered: Some(Box::new(delivered)),
            ..self
        }
    }

    /// How long what was accepted may take to arrive.
    pub fn within(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The channels of the events that have to arrive.
    pub const CHANNELS: [&str; 5] = [
        "suite",
        "private-suite",
        "presence-suite",
        "cache-suite",
        "suite_-=@,.;2",
    ];

    /// Runs all tests.
    ///
    /// # Panics
    ///
    /// With a list of everything that the driver does otherwise.
    pub async fn run(mut self) {
        let broadcaster = match self.broadcaster.clone() {
            Ok(broadcaster) => broadcaster,
            Err(mistakes) => panic!("the driver did not start: {mistakes}"),
        };
        let broadcast = broadcaster.as_system();
        self.forms(&broadcast).await;
        self.many(&broadcast).await;
        self.at_once(&broadcast).await;
        self.exclusions(&broadcaster).await;
        self.limits(&broadcaster).await;
        if let Ok((_, driver)) = broadcaster.chosen(None) {
            self.signatures(driver.as_ref());
            self.pages(driver.as_ref());
        }
        self.arrived().await;
        let failures: Vec<_> = self.failures.iter().map(|f| format!("\n  {f}")).collect();
        assert!(
            failures.is_empty(),
            "the driver does otherwise than expected:{}",
            failures.concat()
        );
    }

    /// Sends, and expects it to arrive if it is accepted, which it has to be.
    async fn send(&mut self, broadcast: &Broadcast, channels: &[&str], event: &str, data: Value) {
        let sent = broadcast.channel(channels, event, &data).await;
        let what = format!("`{event}` to {}", channels.join(", "));
        match sent {
            Ok(report) if report.sent == channels => {
                let arriving = channels.iter();
                self.expected
                    .extend(arriving.map(|name| Delivered::new(*name, event, data.clone())));
            }
            Ok(report) => self.fail(format!("{what}: sent to {:?} only", report.sent)),
            Err(error) => self.fail(format!("{what}: not accepted: {}", chain(&error))),
        }
    }

    /// Every kind of channel, every form of data and of name.
    async fn forms(&mut self, broadcast: &Broadcast) {
        for channel in Self::CHANNELS {
            let data = json!({ "channel": channel });
            self.send(broadcast, &[channel], "kind", data).await;
        }
        for data in [
            json!({ "nested": { "list": [1, 2.5, null, true] }, "text": "a \"quoted\"\nline" }),
            json!([]),
            json!("bare text"),
            json!("{\"text\": \"that looks like JSON\"}"),
            json!(0),
            json!(false),
            Value::Null,
            json!("žluťoučký 🐎 \u{2028} \u{0}"),
            json!("x".repeat(5_000)),
        ] {
            self.send(broadcast, &["suite"], "data", data).await;
        }
        let longest = "é".repeat(200);
        for event in ["client-like", "App\\Events\\Sent", "with space", &longest] {
            self.send(broadcast, &["suite"], event, json!({})).await;
        }
    }

    /// Several channels at a time, as many as the driver takes.
    async fn many(&mut self, broadcast: &Broadcast) {
        self.send(broadcast, &Self::CHANNELS, "several", json!(1))
            .await;
        let Ok((_, driver)) = broadcast.broadcaster.chosen(None) else {
            return;
        };
        let most = driver.limits().channels_per_event.clamp(1, 1_000);
        let mut names: Vec<String> = (1..most).map(|n| format!("suite-{n}")).collect();
        names.push("suite".to_owned());
        match broadcast.channel(&names, "most", json!(2)).await {
            Ok(_) => self
                .expected
                .push(Delivered::new("suite", "most", json!(2))),
            Err(error) => self.fail(format!("{most} channels: not accepted: {}", chain(&error))),
        }
    }

    /// From several tasks: events of one task keep their order.
    async fn at_once(&mut self, broadcast: &Broadcast) {
        let tasks = Self::CHANNELS.map(|channel| {
            let broadcast = broadcast.clone();
            tokio::spawn(async move {
                for n in 0..5 {
                    broadcast.channel(channel, "at-once", n).await?;
                }
                Ok::<_, Error>(channel)
            })
        });
        for task in tasks {
            match task.await {
                Ok(Ok(channel)) => {
                    let events = (0..5).map(|n| Delivered::new(channel, "at-once", json!(n)));
                    self.expected.extend(events);
                }
                Ok(Err(error)) => self.fail(format!("at once: not accepted: {}", chain(&error))),
                Err(error) => self.fail(format!("at once: {error}")),
            }
        }
    }

    /// What the driver says it cannot leave out never comes to it.
    async fn exclusions(&mut self, broadcaster: &Broadcaster) {
        let Ok((_, driver)) = broadcaster.chosen(None) else {
            return;
        };
        let socket_id = Connection::SocketId(SocketId::new(1_234, 5_678));
        let key = Connection::Key(ConnectionKey::new("suite!suite"));
        for connection in [socket_id, key] {
            let can = driver.can_leave_out(&connection);
            let actor = crate::actor::Actor::System;
            let broadcast = Broadcast::new(broadcaster.clone(), actor, Some(connection));
            let sent = broadcast.to("suite").event("others", json!({}));
            let what = format!("to others than {:?}", broadcast.connection());
            self.excluded(&what, can, sent.to_others().await);
        }
        let sent = broadcaster.as_user("suite").to("suite");
        let sent = sent.event("others", json!({})).to_other_users().await;
        self.excluded("to other users", driver.can_leave_out_users(), sent);
    }

    fn excluded(&mut self, what: &str, can: bool, sent: Result<crate::Report, Error>) {
        match sent {
            Ok(_) if can => self
                .expected
                .push(Delivered::new("suite", "others", json!({}))),
            Err(Error::NotLeftOut { .. }) if !can => {}
            // A connection that its server does not know may be an error of the driver's own.
            Err(Error::Driver { .. }) if can => {}
            other => self.fail(format!("{what}: it can: {can}, and yet {other:?}")),
        }
    }

    /// More than it takes is refused before it is asked.
    async fn limits(&mut self, broadcaster: &Broadcaster) {
        let Ok((_, driver)) = broadcaster.chosen(None) else {
            return;
        };
        let limits = driver.limits();
        if limits.event_bytes < 5_100 || limits.channel_name_bytes < 20 {
            self.fail(format!("limits that are too low to be of use: {limits:?}"));
        }
        let broadcast = broadcaster.as_system();
        let large = "x".repeat(limits.event_bytes);
        let sent = broadcast.channel("suite", "too-large", large).await;
        if !matches!(sent, Err(Error::TooLarge { .. })) {
            self.fail(format!("an event that is too large: {sent:?}"));
        }
    }

    /// The member and the user are returned as they were given, or the driver says that it cannot.
    fn signatures(&mut self, driver: &dyn Driver) {
        let socket_id = SocketId::new(1_234, 5_678);
        let member = r#"{"user_id":"7","user_info":{ "name":"Ada \u2665" }}"#;
        for (channel, data) in [("private-suite", None), ("presence-suite", Some(member))] {
            let name = ChannelName::parse(channel).expect("the names are written here");
            if let Ok(reply) = driver.authorize(socket_id, &name, data)
                && reply.channel_data() != data
            {
                let given = reply.channel_data();
                self.fail(format!("signature of {channel}: {data:?} became {given:?}"));
            }
        }
        let user = r#"{"id":"7" }"#;
        if let Ok(reply) = driver.authenticate(socket_id, user)
            && reply.user_data() != Some(user)
        {
            let given = reply.user_data();
            self.fail(format!("signature of a user: {user:?} became {given:?}"));
        }
    }

    /// What a page is told is JSON with a key and options.
    fn pages(&mut self, driver: &dyn Driver) {
        for address in ["http://127.0.0.1:3000", "https://example.com"] {
            let Ok(page) = Page::parse(address) else {
                continue;
            };
            let options = serde_json::to_value(driver.client_options(&page));
            let Ok(options) = options else {
                self.fail(format!("options for {address}: {options:?}"));
                continue;
            };
            if !options["key"].is_string() || !options["options"].is_object() {
                self.fail(format!(
                    "options for {address}: no key or options: {options}"
                ));
            }
        }
    }

    /// Everything is there once, and what one channel got is in order.
    async fn arrived(&mut self) {
        let Some(delivered) = self.delivered.take() else {
            return;
        };
        let deadline = Instant::now() + self.patience;
        for channel in Self::CHANNELS {
            let on = |all: &[Delivered]| -> Vec<Delivered> {
                all.iter()
                    .filter(|d| d.channel == channel)
                    .cloned()
                    .collect()
            };
            let expected = on(&self.expected);
            while on(&delivered()).len() < expected.len() && Instant::now() < deadline {
                sleep(POLL).await;
            }
            let arrived = on(&delivered());
            if arrived == expected {
                continue;
            }
            let at = arrived.iter().zip(&expected).take_while(|(a, b)| a == b);
            let at = at.count();
            let shown = |list: &[Delivered]| list.get(at).map_or("none".to_owned(), short);
            self.fail(format!(
                "{channel}: {} events arrived of {}; the first difference is number {}: {} \
                 arrived, expected {}",
                arrived.len(),
                expected.len(),
                at + 1,
                shown(&arrived),
                shown(&expected),
            ));
        }
    }

    fn fail(&mut self, what: String) {
        self.failures.push(what);
    }
}

impl fmt::Debug for DriverSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DriverSuite")
            .field("broadcaster", &self.broadcaster)
            .finish_non_exhaustive()
    }
}

/// What fits into a line.
fn short(delivered: &Delivered) -> String {
    let text = delivered.to_string();
    match text.char_indices().nth(100) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text,
    }
}

const NAME: &str = "driver";
const POLL: Duration = Duration::from_millis(5);
