//! What became of a sending: [`Report`].

use std::fmt;

use serde::{Serialize, Serializer};

use crate::channel::Channel;

/// What an awaited [`Sending`](crate::Sending) gives: the channels that the driver accepted the
/// event for, and those that it was not sent to.
///
/// ```
/// # use skywave::{Broadcaster, Null, SkipReason};
/// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
/// # let broadcaster = Broadcaster::builder().driver("null", Null).build()?;
/// # let broadcast = broadcaster.as_system();
/// let report = broadcast.channel(["news", "private-admins"], "added", "..").await?;
/// for skipped in &report.skipped {
///     println!("nothing was sent to {}: {}", skipped.channel, skipped.reason);
/// }
/// # Ok(())
/// # }
/// ```
///
/// A handler may answer with it, as JSON like this:
///
/// ```json
/// {"sent": ["news"], "skipped": [{"channel": "private-admins", "reason": "nobody is logged in"}]}
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The channels sent to, in the order given, each once.
    pub sent: Vec<Channel>,
    /// The channels not sent to. Each is also logged as a warning.
    pub skipped: Vec<Skipped>,
}

impl Report {
    /// The same after nothing was sent for another reason.
    pub(crate) fn unsent(mut self, reason: SkipReason) -> Self {
        let unsent = self.sent.drain(..);
        self.skipped
            .extend(unsent.map(|channel| Skipped { channel, reason }));
        self
    }
}

/// A channel that nothing was sent to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Skipped {
    /// The channel.
    pub channel: Channel,
    /// Why nothing was sent to it.
    pub reason: SkipReason,
}

/// Why a channel was skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SkipReason {
    /// The channel's kind is one that only logged-in users send to, and nobody was logged in; see
    /// [`PublishPrivate`](crate::PublishPrivate).
    NotLoggedIn,
    /// The event's own condition does not hold:
    /// [`CanBroadcast::broadcast_when`](crate::CanBroadcast::broadcast_when).
    Condition,
    /// No driver accepted the event, and the sender said [`or_log`](crate::Sending::or_log).
    DriverFailed,
    /// The queue did not take the event, and the sender said [`or_log`](crate::Sending::or_log).
    NotQueued,
}

/// What a driver that fails does to the sender, for
/// [`Builder::driver_failure`](crate::Builder::driver_failure).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DriverFailure {
    /// Awaiting gives an [`Error`](crate::Error), which fails a handler that says `?`.
    #[default]
    Error,
    /// The failure is logged and counted, and awaiting gives a [`Report`] without the channels, as
    /// after [`Sending::or_log`](crate::Sending::or_log).
    Log,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLoggedIn => f.write_str("nobody is logged in"),
            Self::Condition => f.write_str("the event's condition does not hold"),
            Self::DriverFailed => f.write_str("the driver failed"),
            Self::NotQueued => f.write_str("the queue did not take it"),
        }
    }
}

/// As the text that `Display` writes.
impl Serialize for SkipReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
