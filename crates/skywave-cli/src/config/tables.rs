//! The tables of the server as a whole: `[server]`, `[per_address]`,
//! `[drain]` and `[log]`.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::time::Duration;

use clap::ValueEnum;
use skywave_server::{AddressLimits, IpNet};
use skywave_settings::Settings;
use tracing_subscriber::EnvFilter;

use super::file::{parsed, said};

/// Keys of `[server]`.
pub(super) const SERVER_KEYS: &[&str] = &[
    "workers",
    "activity_timeout",
    "pong_timeout",
    "request_timeout",
    "outbox_bytes",
    "message_bytes",
    "max_connections",
    "outbox_total_bytes",
    "memory_bytes",
    "hostname",
    "path_prefix",
    "first_message_timeout",
];

/// Keys of `[per_address]`.
pub(super) const PER_ADDRESS_KEYS: &[&str] = &[
    "connections",
    "connections_per_second",
    "handshakes",
    "exempt",
];

/// Keys of `[drain]`.
pub(super) const DRAIN_KEYS: &[&str] = &["notice", "over"];

/// Keys of `[log]`.
pub(super) const LOG_KEYS: &[&str] = &["format", "filter"];

/// `[server]`.
#[derive(Debug, Default)]
pub(crate) struct Server {
    pub(crate) workers: Option<NonZeroUsize>,
    pub(crate) activity_timeout: Option<Duration>,
    pub(crate) pong_timeout: Option<Duration>,
    pub(crate) request_timeout: Option<Duration>,
    pub(crate) outbox_bytes: Option<usize>,
    pub(crate) message_bytes: Option<usize>,
    pub(crate) max_connections: Option<usize>,
    pub(crate) outbox_total_bytes: Option<usize>,
    /// 0 for no limit.
    pub(crate) memory_bytes: Option<usize>,
    pub(crate) hostname: Option<String>,
    pub(crate) path_prefix: Option<String>,
    pub(crate) first_message_timeout: Option<Duration>,
}

/// `[drain]`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DrainTimes {
    pub(crate) notice: Option<Duration>,
    pub(crate) over: Option<Duration>,
}

/// `[log]`.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) format: Option<LogFormat>,
    pub(crate) filter: Option<String>,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people: a line for every entry.
    #[default]
    Text,
    /// For programs: a JSON object for every entry.
    Json,
}

/// Words of `log.format`.
pub(super) const FORMATS: &[(&str, LogFormat)] =
    &[("text", LogFormat::Text), ("json", LogFormat::Json)];

pub(super) fn server(table: &Settings) -> Server {
    let workers = said::<usize>(table, "workers").and_then(|workers| {
        let some = NonZeroUsize::new(workers);
        if some.is_none() {
            table.mistake("workers", "expected at least 1, found 0");
        }
        some
    });
    Server {
        workers,
        activity_timeout: time(table, "activity_timeout"),
        pong_timeout: time(table, "pong_timeout"),
        request_timeout: time(table, "request_timeout"),
        outbox_bytes: bytes(table, "outbox_bytes"),
        message_bytes: bytes(table, "message_bytes"),
        max_connections: said(table, "max_connections"),
        outbox_total_bytes: bytes(table, "outbox_total_bytes"),
        memory_bytes: memory(table, "memory_bytes"),
        hostname: parsed(table, "hostname", check_host),
        path_prefix: parsed(table, "path_prefix", check_prefix),
        first_message_timeout: time(table, "first_message_timeout"),
    }
}

/// A host's name, as a browser puts it into an address.
fn check_host(text: &str) -> Result<String, String> {
    let host = text.parse::<http::uri::Authority>().ok();
    match host.filter(|host| host.host() == text) {
        Some(_) => Ok(text.to_owned()),
        None => Err(format!(
            "`{text}`: expected the name of a host, without scheme and port"
        )),
    }
}

/// What paths begin with.
fn check_prefix(text: &str) -> Result<String, String> {
    let path = text.parse::<http::uri::PathAndQuery>().ok();
    let path = path.filter(|path| path.path() == text && !text.ends_with('/'));
    match path {
        Some(_) => Ok(text.to_owned()),
        None => Err(format!("`{text}`: expected a path such as `/ws`")),
    }
}

pub(super) fn per_address(table: &Settings) -> AddressLimits {
    AddressLimits {
        connections: said(table, "connections"),
        connections_per_second: said(table, "connections_per_second"),
        handshakes: said(table, "handshakes"),
        exempt: networks(table, "exempt"),
    }
}

/// Networks, and addresses as networks of one.
pub(super) fn networks(table: &Settings, key: &str) -> Vec<IpNet> {
    let listed = said::<Vec<String>>(table, key).unwrap_or_default();
    let network = |text: &String| {
        let address = text.parse::<IpAddr>().map(IpNet::from);
        let network = address.or_else(|_| text.parse());
        if network.is_err() {
            let problem = format!(
                "`{text}`: expected a network or an address, such as `10.0.0.0/8` or `::1`"
            );
            table.mistake(key, &problem);
        }
        network.ok()
    };
    listed.iter().filter_map(network).collect()
}

pub(super) fn drain(table: &Settings) -> DrainTimes {
    DrainTimes {
        notice: said(table, "notice"),
        over: said(table, "over"),
    }
}

pub(super) fn log(table: &Settings) -> Log {
    Log {
        format: table.choice("format", FORMATS).ok().flatten(),
        filter: parsed(table, "filter", |text| match EnvFilter::try_new(text) {
            Ok(_) => Ok(text.to_owned()),
            Err(_) => Err("expected a level, or levels of parts, such as `info,skywave=debug`"),
        }),
    }
}

/// A time that is told and counted in seconds: one second to one day.
pub(super) fn time(table: &Settings, key: &str) -> Option<Duration> {
    let time = said::<Duration>(table, key)?;
    let whole = time.subsec_nanos() == 0 && SECONDS.contains(&time.as_secs());
    if !whole {
        table.mistake(key, "expected whole seconds, from \"1s\" to \"1440m\"");
    }
    Some(time)
}

fn bytes(table: &Settings, key: &str) -> Option<usize> {
    let bytes = said::<usize>(table, key)?;
    if bytes < LEAST_BYTES {
        let problem = format!("expected at least {LEAST_BYTES}, found {bytes}");
        table.mistake(key, &problem);
    }
    Some(bytes)
}

/// Memory of the whole process, or 0.
fn memory(table: &Settings, key: &str) -> Option<usize> {
    let bytes = said::<usize>(table, key)?;
    if (1..LEAST_MEMORY).contains(&bytes) {
        let problem = format!("expected at least {LEAST_MEMORY}, or 0 for no limit, found {bytes}");
        table.mistake(key, &problem);
    }
    Some(bytes)
}

/// A number of seconds, as flags have it.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text
        .parse()
        .ok()
        .filter(|seconds| SECONDS.contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| {
        let (least, most) = SECONDS.into_inner();
        format!("expected a number of seconds from {least} to {most}")
    })
}

/// Seconds of a timeout. An activity timeout of zero leaves pusher-js connecting for ever.
const SECONDS: RangeInclusive<u64> = 1..=24 * 60 * 60;

/// Of a buffer: below that not even the protocol's own messages pass.
const LEAST_BYTES: usize = 1024;

/// Of the process: with less, it would refuse its first connection.
const LEAST_MEMORY: usize = 32 * 1024 * 1024;
