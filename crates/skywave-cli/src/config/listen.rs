//! `[[listen]]`: where connections are accepted. And `[operator]`: where operators ask.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use skywave_server::{Endpoint, Proxies, Tls};
use skywave_settings::Settings;

use super::file::{Reader, parsed, said};
use super::tables::networks;

/// Keys of `[[listen]]`.
pub(super) const LISTEN_KEYS: &[&str] = &[
    "address",
    "path",
    "ipv6_only",
    "mode",
    "certificate",
    "key",
    "proxies",
    "proxy_header",
    "proxy_tls",
];

/// Keys of `[operator]`.
pub(super) const OPERATOR_KEYS: &[&str] = &["address", "path", "ipv6_only", "mode"];

/// One place where connections are accepted.
#[derive(Clone, Debug)]
pub(crate) struct Listen {
    pub(crate) at: At,
    pub(crate) tls: Option<Tls>,
    pub(crate) proxies: Option<Proxies>,
}

/// Where a socket is.
#[derive(Clone, Debug)]
pub(crate) enum At {
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
    /// An address without anything else.
    pub(crate) fn plain(address: SocketAddr) -> Self {
        let ipv6_only = false;
        Self {
            at: At::Tcp { address, ipv6_only },
            tls: None,
            proxies: None,
        }
    }

    /// The address, unless it is a path.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self.at {
            At::Tcp { address, .. } => Some(address),
            At::Unix { .. } => None,
        }
    }

    /// For the server.
    pub(crate) fn endpoint(&self) -> Endpoint {
        self.dressed(self.at.endpoint())
    }

    /// Another endpoint with the TLS and the proxies of this one.
    pub(crate) fn dressed(&self, mut endpoint: Endpoint) -> Endpoint {
        if let Some(tls) = &self.tls {
            endpoint = endpoint.tls(tls.clone());
        }
        if let Some(proxies) = &self.proxies {
            endpoint = endpoint.behind(proxies.clone());
        }
        endpoint
    }
}

impl At {
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

impl fmt::Display for At {
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
        let keys = ("listen", LISTEN_KEYS);
        let place = reader.read(keys, at, entries, |reader, table| {
            listen(reader.folder, table)
        });
        places.extend(place);
    }
    places
}

fn listen(folder: &Path, table: &Settings) -> Option<Listen> {
    let tls = tls(folder, table);
    let proxies = proxies(table);
    Some(Listen {
        at: at(table)?,
        tls,
        proxies,
    })
}

/// The socket of a table.
pub(super) fn at(table: &Settings) -> Option<At> {
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
            unfit(table, "mode", "has no meaning beside `address`");
            let (address, ipv6_only) = (address?, ipv6_only.unwrap_or(false));
            Some(At::Tcp { address, ipv6_only })
        }
        (false, true) => {
            unfit(table, "ipv6_only", "has no meaning beside `path`");
            Some(At::Unix { path: path?, mode })
        }
    }
}

/// The certificate and its key, which are read at once: a wrong one is a mistake.
fn tls(folder: &Path, table: &Settings) -> Option<Tls> {
    let certificate = said::<PathBuf>(table, "certificate");
    let key = said::<PathBuf>(table, "key");
    for (one, other) in [("certificate", "key"), ("key", "certificate")] {
        if table.has(one) && !table.has(other) {
            table.mistake(one, &format!("expected `{other}` beside it"));
        }
    }
    let tls = Tls::from_files(folder.join(certificate?), folder.join(key?));
    tls.map_err(|error| table.mistake("certificate", &error.to_string()))
        .ok()
}

fn proxies(table: &Settings) -> Option<Proxies> {
    let networks = networks(table, "proxies");
    let told = table.choice("proxy_header", PROXY_HEADERS).ok().flatten();
    let ends_tls = said::<bool>(table, "proxy_tls");
    let anonymous = table.has("path");
    if !table.has("proxies") && !anonymous {
        for key in ["proxy_header", "proxy_tls"] {
            unfit(table, key, "has no meaning without `proxies`");
        }
        return None;
    }
    if table.has("proxies") && !table.has("proxy_header") {
        table.mistake("proxies", "expected `proxy_header` beside it");
    }
    let proxies = match told? {
        Told::ProxyProtocol => Proxies::proxy_protocol(networks),
        Told::XForwardedFor => Proxies::x_forwarded_for(networks),
        Told::Forwarded => Proxies::forwarded(networks),
    };
    Some(if ends_tls == Some(true) {
        proxies.ending_tls()
    } else {
        proxies
    })
}

/// Notes a key that is there for nothing.
fn unfit(table: &Settings, key: &str, problem: &str) {
    if table.has(key) {
        table.mistake(key, problem);
    }
}

/// How a proxy tells who is behind it.
#[derive(Clone, Copy)]
pub(super) enum Told {
    ProxyProtocol,
    XForwardedFor,
    Forwarded,
}

/// Words of `listen.proxy_header`.
pub(super) const PROXY_HEADERS: &[(&str, Told)] = &[
    ("proxy-protocol", Told::ProxyProtocol),
    ("x-forwarded-for", Told::XForwardedFor),
    ("forwarded", Told::Forwarded),
];
