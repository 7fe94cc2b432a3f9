//! Connections that subscribe, and check and time what they hear: [`Readers`].

use std::cell::{Cell, RefCell};
use std::io::{self, IsTerminal};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use futures_util::{SinkExt, StreamExt, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::LocalSet;
use tokio::time::{interval, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

use super::tally::{Position, Tally};
use super::writer::{EVENT, Sent, Writing};
use super::{Options, PATIENCE, Report};
use crate::client::{Connection, Listener, open};
use crate::failure::Failure;

/// Connections, each subscribed to a channel.
pub(super) struct Readers {
    shared: Rc<Shared>,
    tasks: LocalSet,
    connections: usize,
    /// From the first connection until the last subscription.
    pub(super) arrival: Duration,
}

/// What all connections share.
struct Shared {
    channels: Rc<[String]>,
    epoch: Instant,
    subscribed: Cell<usize>,
    tally: RefCell<Tally>,
}

impl Readers {
    /// Opens the connections, and waits until each is subscribed.
    pub(super) async fn connect(
        listener: &Listener,
        channels: &Rc<[String]>,
        connections: usize,
    ) -> Result<Self, Failure> {
        let shared = Rc::new(Shared {
            channels: Rc::clone(channels),
            epoch: Instant::now(),
            subscribed: Cell::new(0),
            tally: RefCell::new(Tally::new()),
        });
        let tasks = LocalSet::new();
        let opened = Cell::new(0);
        let opening = stream::iter(0..connections)
            .map(
                |number| async move { open(listener).await.map(|connection| (number, connection)) },
            )
            .buffer_unordered(OPENING)
            .for_each(|result| {
                match result {
                    Ok((number, connection)) => {
                        opened.set(opened.get() + 1);
                        let channel = number % channels.len();
                        tasks.spawn_local(Rc::clone(&shared).read(connection, channel));
                    }
                    Err(error) => shared.tally.borrow_mut().lost(format!("{error:#}")),
                }
                async {}
            });
        tasks.run_until(opening).await;
        if let (_, Some(why)) = &shared.tally.borrow().ended {
            let opened = opened.get();
            return Err(anyhow!("{opened} of {connections} connections were opened: {why}").into());
        }
        let subscribed = || shared.subscribed.get();
        tasks.run_until(until(subscribed, connections)).await;
        if subscribed() < connections {
            let count = subscribed();
            let why =
                format!("{count} of {connections} subscriptions came about, and then no more");
            return Err(anyhow!(why).into());
        }
        let arrival = shared.epoch.elapsed();
        Ok(Self {
            shared,
            tasks,
            connections,
            arrival,
        })
    }

    /// The beginning of the time that events carry.
    pub(super) fn epoch(&self) -> Instant {
        self.shared.epoch
    }

    /// Listens until everything that is published has been heard, or nothing more comes.
    pub(super) async fn hear(&self, writing: Writing) -> Result<Sent, Failure> {
        let Writing { events, mut end } = writing;
        let heard = || self.shared.tally.borrow().deliveries;
        let published = async {
            let mut seconds = interval(Duration::from_secs(1));
            let is_watched = io::stderr().is_terminal();
            loop {
                tokio::select! {
                    sent = &mut end => {
                        return sent.map_err(|_| anyhow!("publishing ended early"))?;
                    }
                    _ = seconds.tick() => if is_watched {
                        let events = events.load(Ordering::Relaxed);
                        eprint!("\r{events} events sent, {} heard ", heard());
                    }
                }
            }
        };
        let sent = self.tasks.run_until(published).await?;
        let expected = self.expected(&sent);
        let heard = || usize::try_from(heard()).unwrap_or(usize::MAX);
        let all = until(heard, usize::try_from(expected).unwrap_or(usize::MAX));
        self.tasks.run_until(all).await;
        if io::stderr().is_terminal() {
            eprintln!();
        }
        Ok(sent)
    }

    pub(super) fn report(self, sent: &Sent, options: &Options) -> Report {
        let expected = self.expected(sent);
        let tally = self.shared.tally.replace(Tally::new());
        Report::new(&self, (sent, expected), tally, options)
    }

    pub(super) fn count(&self) -> usize {
        self.connections
    }

    /// Deliveries that the published events should come to.
    fn expected(&self, sent: &Sent) -> u64 {
        let channels = self.shared.channels.len();
        let readers = |channel: usize| (self.connections - channel).div_ceil(channels) as u64;
        let events = sent.events.iter().enumerate();
        events
            .map(|(channel, events)| events * readers(channel))
            .sum()
    }
}

/// Waits until `count` has reached `goal`, or nothing changes any more.
async fn until(count: impl Fn() -> usize, goal: usize) {
    let (mut last, mut since) = (count(), Instant::now());
    while count() < goal && since.elapsed() < PATIENCE {
        sleep(Duration::from_millis(5)).await;
        if count() != last {
            (last, since) = (count(), Instant::now());
        }
    }
}

/// A message, as far as a reader looks at it.
#[derive(Deserialize)]
struct Heard {
    event: String,
    #[serde(default)]
    data: Value,
}

/// What an event's data begins with.
#[derive(Deserialize)]
struct Mark {
    number: u64,
    time: u64,
}

impl Shared {
    /// Reads one connection to its end, which is an early one: readers are dropped at theirs.
    async fn read(self: Rc<Self>, mut connection: Connection, channel: usize) {
        let why = self.listen(&mut connection, channel).await;
        self.tally.borrow_mut().lost(why);
    }

    async fn listen(&self, connection: &mut Connection, channel: usize) -> String {
        let mut position = Position::default();
        loop {
            let message = match connection.next().await {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Close(Some(frame)))) => {
                    return format!(
                        "closed with code {}: {}",
                        u16::from(frame.code),
                        frame.reason
                    );
                }
                Some(Ok(_)) => continue,
                Some(Err(error)) => return error.to_string(),
                None => return "the connection ended".to_owned(),
            };
            let Ok(Heard { event, data }) = serde_json::from_str(&message) else {
                return "the server sent what is no message".to_owned();
            };
            let reply = match event.as_str() {
                EVENT => {
                    self.count(&mut position, &data);
                    continue;
                }
                "pusher:connection_established" => {
                    let data = json!({ "channel": self.channels[channel] });
                    json!({ "event": "pusher:subscribe", "data": data })
                }
                "pusher_internal:subscription_succeeded" => {
                    self.subscribed.set(self.subscribed.get() + 1);
                    continue;
                }
                "pusher:ping" => json!({ "event": "pusher:pong", "data": {} }),
                "pusher:error" => return format!("the server says: {}", data["message"]),
                _ => continue,
            };
            let sending = connection.send(Message::text(reply.to_string()));
            match timeout(PATIENCE, sending).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return error.to_string(),
                Err(_) => return "the server does not read".to_owned(),
            }
        }
    }

    fn count(&self, position: &mut Position, data: &Value) {
        let mark = data
            .as_str()
            .and_then(|data| serde_json::from_str(data).ok());
        if let Some(Mark { number, time }) = mark {
            let now = u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(u64::MAX);
            let latency = now.saturating_sub(time);
            self.tally.borrow_mut().heard(position, number, latency);
        }
    }
}

/// Handshakes at a time.
const OPENING: usize = 64;
