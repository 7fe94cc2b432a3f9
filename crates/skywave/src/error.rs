//! What can go wrong when sending ([`Error`]) and when a broadcaster is built ([`BuildError`]).

use std::error::Error as StdError;
use std::fmt;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use skywave_protocol::{ChannelName, EventNameError, NameError};

use crate::driver::DriverError;
use crate::later::NotQueued;
use crate::typed::InvalidParameter;

/// A boxed error of any type, as sources are kept.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Why an event was not sent. Whatever the reason, it was sent to no channel at all: everything is
/// checked before the driver is called, and a driver takes an event whole or not; one that needs
/// several requests for many channels may fail in between, which [`sent_to`](Self::sent_to) tells.
///
/// As an axum response it is a 500 without details; the details are logged.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// There was no channel to send to.
    NoChannels {
        /// The event's name.
        event: String,
    },
    /// There were more channels than the driver takes at once.
    TooManyChannels {
        /// The event's name.
        event: String,
        /// How many channels there were.
        count: usize,
        /// How many the driver takes.
        limit: usize,
    },
    /// A channel's name is not one that the protocol allows.
    InvalidChannel {
        /// The name as given.
        name: String,
        /// The rule that it breaks.
        problem: NameError,
    },
    /// A parameter of a [typed channel](crate::TypedChannel) cannot be part of a channel's name.
    InvalidParameter {
        /// The parameter, and what was expected of it.
        source: InvalidParameter,
    },
    /// A [typed channel](crate::TypedChannel) that needs authorisation, and none of the
    /// broadcaster's rules is about it: who may listen was forgotten to be registered. Broadcasters
    /// without any rules are taken for ones that authorise elsewhere.
    NoRule(NoRule),
    /// The event's name is not one that the protocol allows.
    InvalidEvent {
        /// The name as given.
        name: String,
        /// The rule that it breaks.
        problem: EventNameError,
    },
    /// The data cannot be written as JSON; the source says why.
    Unserialisable {
        /// The event's name.
        event: String,
        /// What `serde` reports.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// An encrypted channel is one of several: it has a key of its own, so an event for it goes to
    /// it alone.
    EncryptedAmongOthers {
        /// The encrypted channel's name.
        channel: String,
        /// How many channels there were.
        count: usize,
    },
    /// The channel is an encrypted one, and the driver has no
    /// [master key](crate::driver::Encryption).
    NoMasterKey {
        /// The channel's name.
        channel: String,
        /// The driver's name.
        driver: String,
    },
    /// The data has more bytes than the driver takes.
    TooLarge {
        /// The event's name.
        event: String,
        /// Bytes of the data as JSON text, encrypted if the channel is.
        bytes: usize,
        /// Bytes that the driver takes.
        limit: usize,
    },
    /// It was to go [to others](crate::Sending::to_others) or
    /// [to other users](crate::Sending::to_other_users), and the driver cannot leave out the
    /// connection that the request came from, or its user.
    NotLeftOut {
        /// The event's name.
        event: String,
        /// The driver's name.
        driver: String,
        /// Why it cannot.
        reason: String,
    },
    /// The broadcaster has no driver of this name.
    UnknownDriver {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// There is no broadcaster for the facade; the text says what to do.
    #[cfg(feature = "facade")]
    FacadeNotSet,
    /// No driver of the broadcaster was given as this type.
    NoDriverOfType {
        /// The type's own name, without its path.
        type_name: String,
        /// The names of the drivers there are.
        known: Vec<String>,
    },
    /// There was no driver to send with: an empty list was given to
    /// [`drivers`](crate::Broadcast::drivers).
    NoDrivers {
        /// The names there are.
        known: Vec<String>,
    },
    /// Of [several drivers](crate::Broadcast::drivers) some did not accept the event; the source
    /// says why the first of them did not. Those that accepted it have sent it.
    SomeDrivers {
        /// The names of the drivers that accepted it.
        accepted: Vec<String>,
        /// The names of those that did not, with what they report.
        failed: Vec<(String, DriverError)>,
    },
    /// The event was not queued to be sent [later](crate::Sending::later).
    NotQueued {
        /// The event's name.
        event: String,
        /// Why not.
        problem: NotQueued,
    },
    /// The driver did not accept the event; the source says why.
    Driver {
        /// The driver's name.
        driver: String,
        /// What the driver reports.
        source: DriverError,
    },
}

impl Error {
    /// The channels that the event was sent to all the same, by a driver that needs several
    /// requests for many channels. Mostly there are none.
    #[must_use]
    pub fn sent_to(&self) -> &[ChannelName] {
        match self {
            Self::Driver { source, .. } => source.sent_to(),
            _ => &[],
        }
    }

    /// What went wrong between the driver and its server, if it is that: whether to try again, and
    /// whether the event [may have arrived](crate::driver::HttpError::may_have_arrived).
    #[cfg(feature = "_http")]
    #[must_use]
    pub fn http(&self) -> Option<&crate::driver::HttpError> {
        self.behind()
    }

    /// What Ably says about its refusal, if it is one.
    #[cfg(feature = "ably")]
    #[must_use]
    pub fn ably(&self) -> Option<&crate::driver::AblyError> {
        self.behind()
    }

    /// The first error of this type among the sources.
    #[cfg(feature = "_http")]
    fn behind<E: StdError + 'static>(&self) -> Option<&E> {
        let mut source = self.source();
        while let Some(error) = source {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            source = error.source();
        }
        None
    }

    /// What came of calling these drivers; `None` when nothing failed.
    pub(crate) fn of_drivers(
        accepted: Vec<String>,
        mut failed: Vec<(String, DriverError)>,
    ) -> Option<Self> {
        if failed.len() > 1 || !accepted.is_empty() {
            return (!failed.is_empty()).then_some(Self::SomeDrivers { accepted, failed });
        }
        let (driver, source) = failed.pop()?;
        Some(Self::Driver { driver, source })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoChannels { event } => {
                write!(
                    f,
                    "event `{event}` has no channel to go to: name at least one"
                )
            }
            Self::TooManyChannels {
                event,
                count,
                limit,
            } => {
                write!(
                    f,
                    "event `{event}` names {count} channels: at most {limit} are allowed"
                )
            }
            Self::InvalidChannel { name, problem } => {
                write!(f, "invalid channel name `{name}`: {problem}")
            }
            Self::InvalidParameter { .. } => f.write_str("a typed channel cannot be named"),
            Self::NoRule(no_rule) => no_rule.fmt(f),
            Self::InvalidEvent { name, problem } => {
                write!(f, "invalid event name `{name}`: {problem}")
            }
            Self::Unserialisable { event, .. } => {
                write!(f, "the data of event `{event}` cannot be written as JSON")
            }
            Self::EncryptedAmongOthers { channel, count } => among_others(f, channel, *count),
            Self::NoMasterKey { channel, driver } => no_master_key(f, channel, driver),
            Self::TooLarge {
                event,
                bytes,
                limit,
            } => {
                write!(
                    f,
                    "the data of event `{event}` has {bytes} bytes as JSON: at most {limit} are allowed"
                )
            }
            Self::NotLeftOut { event, reason, .. } => {
                write!(f, "event `{event}` cannot go to others only: {reason}")
            }
            Self::UnknownDriver { name, known } => {
                write!(
                    f,
                    "there is no driver `{name}`: expected one of {}",
                    list(known)
                )
            }
            #[cfg(feature = "facade")]
            Self::FacadeNotSet => f.write_str(
                "the facade has no broadcaster: call `skywave::facade::set(broadcaster)` at \
                 start, or put `skywave::facade::scope` around what sends",
            ),
            Self::NoDriverOfType { type_name, known } => {
                write!(
                    f,
                    "there is no driver of type `{type_name}`: expected the type of one of {}",
                    list(known)
                )
            }
            Self::NoDrivers { known } => no_drivers(f, known),
            Self::SomeDrivers { accepted, failed } => some_drivers(f, accepted, failed),
            Self::NotQueued { event, problem } => {
                write!(f, "event `{event}` was not queued: {problem}")
            }
            Self::Driver { driver, .. } => write!(f, "driver `{driver}` did not accept the event"),
        }
    }
}

fn among_others(f: &mut fmt::Formatter<'_>, channel: &str, count: usize) -> fmt::Result {
    write!(
        f,
        "encrypted channel `{channel}` is one of {count} channels: send to it alone, it has a key \
         of its own"
    )
}

fn no_master_key(f: &mut fmt::Formatter<'_>, channel: &str, driver: &str) -> fmt::Result {
    write!(
        f,
        "channel `{channel}` is encrypted: expected an encryption master key for driver `{driver}`"
    )
}

fn no_drivers(f: &mut fmt::Formatter<'_>, known: &[String]) -> fmt::Result {
    write!(
        f,
        "there is no driver to send with: expected at least one of {}",
        list(known)
    )
}

fn some_drivers(
    f: &mut fmt::Formatter<'_>,
    accepted: &[String],
    failed: &[(String, DriverError)],
) -> fmt::Result {
    let failed: Vec<_> = failed.iter().map(|(driver, _)| driver.clone()).collect();
    write!(f, "drivers {} did not accept the event", list(&failed))?;
    if accepted.is_empty() {
        return Ok(());
    }
    write!(f, ", after {} did", list(accepted))
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Unserialisable { source, .. } => Some(source.as_ref()),
            Self::InvalidParameter { source } => Some(source),
            Self::Driver { source, .. } => Some(source),
            Self::SomeDrivers { failed, .. } => failed
                .first()
                .map(|(_, source)| source as &(dyn StdError + 'static)),
            _ => None,
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        tracing::error!(error = %chain(&self), "a broadcast failed");
        (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error").into_response()
    }
}

/// A [typed channel](crate::TypedChannel) without a rule: see [`Error::NoRule`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoRule {
    /// The channel's name.
    pub channel: String,
    /// The name of its type.
    pub channel_type: &'static str,
}

impl fmt::Display for NoRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            channel,
            channel_type,
        } = self;
        write!(
            f,
            "no rule says who may listen to `{channel}`: expected `.channel::<{channel_type}>()` \
             where the broadcaster is built"
        )
    }
}

/// Every mistake in a [`Builder`](crate::Builder), not only the first.
///
/// `Display` writes one mistake per line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildError {
    mistakes: Vec<String>,
}

impl BuildError {
    pub(crate) fn new(mistakes: Vec<String>) -> Self {
        Self { mistakes }
    }

    /// One text per mistake: the thing, what is wrong with it, and what was expected.
    #[must_use]
    pub fn mistakes(&self) -> &[String] {
        &self.mistakes
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.mistakes.join("\n"))
    }
}

impl StdError for BuildError {}

/// An error and its sources in one line, for a log or a list of mistakes.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

/// Names as a reader expects a list of choices.
pub(crate) fn list(names: &[String]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
