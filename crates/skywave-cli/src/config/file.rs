//! The whole file: its tables, and every mistake in them.

use std::fmt;
use std::path::Path;

use skywave_server::{AddressLimits, AppSettings, WebhookSettings};
use skywave_settings::{Entry, FromSetting, Mistake, Origin, Place, Settings, Variables, parse};

use super::listen::{At, Listen, OPERATOR_KEYS};
use super::tables::{DRAIN_KEYS, DrainTimes, LOG_KEYS, Log, PER_ADDRESS_KEYS, SERVER_KEYS, Server};
use super::webhooks::WEBHOOKS_KEYS;
use super::{apps, listen, tables, webhooks};

/// What a file says. What it does not say is `None`: flags and the environment come first, and the
/// defaults are the server's.
#[derive(Debug, Default)]
pub(crate) struct File {
    pub(crate) listen: Vec<Listen>,
    pub(crate) operator: Option<At>,
    pub(crate) server: Server,
    pub(crate) per_address: AddressLimits,
    pub(crate) webhooks: WebhookSettings,
    pub(crate) drain: DrainTimes,
    pub(crate) log: Log,
    pub(crate) apps: Apps,
}

/// Apps by their ids, in the order of the file.
pub(crate) type Apps = Vec<(String, AppSettings)>;

/// The keys at the top of a file: tables, all of them.
pub(super) const TOP_KEYS: &[&str] = &[
    "listen",
    "operator",
    "server",
    "per_address",
    "drain",
    "webhooks",
    "log",
    "apps",
];

impl File {
    /// Reads the text of the file `name` in `folder`, where relative paths begin.
    ///
    /// # Errors
    ///
    /// Every mistake, in the order of the file.
    pub(crate) fn read(
        name: &str,
        text: &str,
        folder: &Path,
        variables: &Variables<'_>,
    ) -> Result<Self, Vec<String>> {
        let entries = parse(text).map_err(|mistakes| {
            let mistakes = mistakes.into_iter();
            let described = mistakes
                .map(|(at, problem)| format!("{name}:{}:{}: {problem}", at.line, at.column));
            described.collect::<Vec<_>>()
        })?;
        let mut reader = Reader {
            origin: Origin::File(name.to_owned()),
            folder,
            variables,
            mistakes: Vec::new(),
        };
        let file = reader.file(entries);
        reader.mistakes.sort_by_key(|mistake| mistake.at);
        if reader.mistakes.is_empty() {
            return Ok(file);
        }
        let mistakes = reader.mistakes.into_iter();
        Err(mistakes.map(|mistake| mistake.text).collect())
    }
}

/// A file that is being read.
pub(super) struct Reader<'a> {
    origin: Origin,
    /// Where relative paths begin.
    pub(super) folder: &'a Path,
    pub(super) variables: &'a Variables<'a>,
    mistakes: Vec<Mistake>,
}

impl Reader<'_> {
    fn file(&mut self, entries: Vec<Entry>) -> File {
        let keys = TOP_KEYS.to_vec();
        let mut top = Settings::new(self.origin.clone(), "", Place::START, entries, keys);
        let server = self.table(&mut top, "server", SERVER_KEYS, tables::server);
        let per_address = tables::per_address;
        let per_address = self.table(&mut top, "per_address", PER_ADDRESS_KEYS, per_address);
        let folder = self.folder;
        let webhooks = self.table(&mut top, "webhooks", WEBHOOKS_KEYS, |table| {
            webhooks::settings(table, folder)
        });
        let webhooks = webhooks.unwrap_or_default();
        let operator = self.table(&mut top, "operator", OPERATOR_KEYS, listen::at);
        let drain = self.table(&mut top, "drain", DRAIN_KEYS, tables::drain);
        let log = self.table(&mut top, "log", LOG_KEYS, tables::log);
        let listen = listen::read(self, &mut top);
        let apps = apps::read(self, &mut top, webhooks.allow_private);
        self.done(top);
        File {
            listen,
            server: server.unwrap_or_default(),
            per_address: per_address.unwrap_or_default(),
            webhooks,
            operator: operator.flatten(),
            drain: drain.unwrap_or_default(),
            log: log.unwrap_or_default(),
            apps,
        }
    }

    /// Reads one table, if it is there.
    fn table<T>(
        &mut self,
        within: &mut Settings,
        key: &'static str,
        keys: &[&'static str],
        read: impl FnOnce(&Settings) -> T,
    ) -> Option<T> {
        let (at, entries) = within.take_table(key)?;
        Some(self.read((key, keys), at, entries, |_, table| read(table)))
    }

    /// Reads the table `path`, which may have these keys and begins at `at`.
    pub(super) fn read<T>(
        &mut self,
        (path, keys): (&str, &[&'static str]),
        at: Place,
        entries: Vec<Entry>,
        read: impl FnOnce(&mut Self, &mut Settings) -> T,
    ) -> T {
        let mut table = Settings::new(self.origin.clone(), path, at, entries, keys.to_vec());
        table.substitute(self.variables);
        let read = read(self, &mut table);
        self.done(table);
        read
    }

    /// Keeps the mistakes of a table that has been read.
    fn done(&mut self, table: Settings) {
        self.mistakes.extend(table.into_mistakes());
    }
}

/// A setting that may be left out. `None` for a wrong one as well, which has been noted: a file with
/// a mistake is never used.
pub(super) fn said<T: FromSetting>(settings: &Settings, key: &str) -> Option<T> {
    settings.optional(key).ok().flatten()
}

/// A setting that is read from text. Text that is none is noted.
pub(super) fn parsed<T, E: fmt::Display>(
    settings: &Settings,
    key: &str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Option<T> {
    let text = said::<String>(settings, key)?;
    let parsed = parse(&text);
    parsed
        .map_err(|problem| settings.mistake(key, &problem.to_string()))
        .ok()
}
