//! `[[listen]]`: where connections are accepted.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use skywave_server::Endpoint;
use skywave_settings::Settings;

use super::file::{Reader, parsed, said};

/// Keys of `[[listen]]`.
pub(super) const LISTEN_KEYS: &[&str] = &["address", "path", "ipv6_only", "mode"];

/// One place where connections are accepted.
#[derive(Clone, Debug)]
pub(crate) enum Listen {
    Tcp {
        address: SocketAddr,
        ipv6_only: bool,
    },
    Unix {
        path: PathBuf,
        mode: Option<u32>,
    },
}

impl Listen {
    /// The address, unless it is a path.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp { address, .. } => Some(*address),
            Self::Unix { .. } => None,
        }
    }

    /// For the server.
    pub(crate) fn endpoint(&self) -> Endpoint {
        match self {
            Self::Tcp { address, ipv6_only } => {
                let endpoint = Endpoint::tcp(*address);
                if *ipv6_only {
                    endpoint.ipv6_only()
                } else {
                    endpoint
                }
            }
            Self::Unix { path, mode } => {
                let endpoint = Endpoint::unix(path);
                match mode {
                    Some(mode) => endpoint.mode(*mode),
                    None => endpoint,
                }
            }
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { address, .. } => address.fmt(f),
            Self::Unix { path, .. } => path.display().fmt(f),
        }
    }
}

/// Reads all places.
pub(super) fn read(reader: &mut Reader<'_>, top: &mut Settings) -> Vec<Listen> {
    let mut places = Vec::new();
    for (at, entries) in top.take_tables("listen") {
        let place = reader.read(("listen", LISTEN_KEYS), at, entries, |_, table| {
            listen(table)
        });
        places.extend(place);
    }
    places
}

fn listen(table: &Settings) -> Option<Listen> {
    let address = parsed(table, "address", |text| {
        text.parse::<SocketAddr>().map_err(|_| {
            format!(
                "`{text}`: expected an address and a port, such as `127.0.0.1:6001` or `[::]:6001`"
            )
        })
    });
    let path = said::<PathBuf>(table, "path");
    let ipv6_only = said::<bool>(table, "ipv6_only");
    let mode = said::<u32>(table, "mode");
    if mode.is_some_and(|mode| mode > 0o777) {
        table.mistake("mode", "expected a mode such as 0o660");
    }
    let unfit = |key: &str, beside: &str| {
        if table.has(key) {
            table.mistake(key, &format!("has no meaning beside `{beside}`"));
        }
    };
    match (table.has("address"), table.has("path")) {
        (true, true) => {
            table.mistake("path", "expected `address` or `path`, found both");
            None
        }
        (false, false) => {
            table.note_whole("key `address` or `path` is missing; expected text");
            None
        }
        (true, false) => {
            unfit("mode", "address");
            Some(Listen::Tcp {
                address: address?,
                ipv6_only: ipv6_only.unwrap_or(false),
            })
        }
        (false, true) => {
            unfit("ipv6_only", "path");
            Some(Listen::Unix { path: path?, mode })
        }
    }
}
