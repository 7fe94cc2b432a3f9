//! A whole file: its drivers, its default, its rules of authorisation, its queue, as a builder.

use super::kind::Kinds;
use super::{Entry, Mistake, Origin, Place, Settings, Value, Variables, expected_one_of, parse};
use crate::builder::{Builder, DEFAULT_AUTH_PATH, Given};
use crate::client_options::Page;
use crate::driver::is_placeholder;
use crate::later::QueueSettings;
use crate::paths::check_paths;
use crate::report::DriverFailure;
use crate::rule::{PublishPrivate, Unruled};
use crate::user::NoUser;

/// Keys at the top of a file.
pub(super) const TOP_KEYS: &[&str] = &[
    "default",
    "public_url",
    "driver_failure",
    "drivers",
    "auth",
    "queue",
];

/// Keys of the table `[auth]`.
pub(super) const AUTH_KEYS: &[&str] = &["path", "aliases", "private", "publish_private"];

/// Keys of the table `[queue]`.
pub(super) const QUEUE_KEYS: &[&str] = &["capacity", "attempts", "first_delay", "close_within"];

/// Keys of every driver's table, beside those of its kind.
pub(super) const DRIVER_KEYS: &[&str] = &["driver", "enabled"];

/// Reads a file's text.
///
/// # Errors
///
/// Every mistake, in the order of the file.
pub(super) fn read(
    name: &str,
    text: &str,
    kinds: &Kinds,
    variables: &Variables<'_>,
) -> Result<Builder<NoUser>, Vec<Mistake>> {
    let entries = parse(text).map_err(|mistakes| {
        let mistakes = mistakes.into_iter().map(|(at, problem)| {
            let text = format!("{name}:{}:{}: {problem}", at.line, at.column);
            Mistake { at, text }
        });
        mistakes.collect::<Vec<_>>()
    })?;
    let mut file = File {
        origin: Origin::File(name.to_owned()),
        kinds,
        variables,
        drivers: Vec::new(),
        mistakes: Vec::new(),
    };
    let builder = file.read(entries);
    file.mistakes.sort_by_key(|mistake| mistake.at);
    if file.mistakes.is_empty() {
        return Ok(builder);
    }
    Err(file.mistakes)
}

/// A file that is being read.
struct File<'a> {
    origin: Origin,
    kinds: &'a Kinds,
    variables: &'a Variables<'a>,
    /// The names of the drivers so far, and whether each is enabled.
    drivers: Vec<(String, bool)>,
    mistakes: Vec<Mistake>,
}

impl File<'_> {
    fn read(&mut self, entries: Vec<Entry>) -> Builder<NoUser> {
        let mut top = self.table("", Place::START, entries, TOP_KEYS.to_vec());
        let mut builder = Builder::new();
        let none_said = !top.has("drivers");
        let drivers = top.take_table("drivers").map(|(_, drivers)| drivers);
        if none_said || drivers.as_ref().is_some_and(Vec::is_empty) {
            top.note_whole("there is no driver; expected at least one table `[drivers.NAME]`");
        }
        for entry in drivers.unwrap_or_default() {
            builder = self.driver(builder, entry);
        }
        if let Some((at, entries)) = top.take_table("auth") {
            builder = self.auth(builder, at, entries);
        }
        if let Some((at, entries)) = top.take_table("queue") {
            builder = self.queue(builder, at, entries);
        }
        top.substitute(self.variables);
        builder = self.default_driver(builder, &top);
        if let Ok(Some(failure)) = top.choice("driver_failure", DRIVER_FAILURE) {
            builder = builder.driver_failure(failure);
        }
        if let Ok(Some(url)) = top.optional::<String>("public_url") {
            match Page::parse(&url) {
                Ok(_) => builder = builder.public_url(url),
                Err(problem) => {
                    top.mistake("public_url", &problem);
                }
            }
        }
        self.mistakes.extend(top.into_mistakes());
        builder
    }

    fn table(
        &self,
        path: &str,
        at: Place,
        entries: Vec<Entry>,
        keys: Vec<&'static str>,
    ) -> Settings {
        Settings::new(self.origin.clone(), path, at, entries, keys).refusing(is_placeholder)
    }

    /// One `[drivers.NAME]`.
    fn driver(&mut self, builder: Builder<NoUser>, entry: Entry) -> Builder<NoUser> {
        let Entry {
            key: name,
            key_at,
            at,
            value,
        } = entry;
        let path = format!("drivers.{name}");
        let Value::Table(entries) = value else {
            let found = value.description();
            let table = self.table(&path, at, Vec::new(), Vec::new());
            table.note_whole(&format!("expected a table, found {found}"));
            self.mistakes.extend(table.into_mistakes());
            self.drivers.push((name, true));
            return builder;
        };
        // What every driver has comes first: it decides what else there may be.
        let (common, own): (Vec<_>, Vec<_>) = entries
            .into_iter()
            .partition(|entry| DRIVER_KEYS.contains(&entry.key.as_str()));
        let keys = DRIVER_KEYS.to_vec();
        let mut common = self.table(&path, key_at, common, keys);
        common.substitute(self.variables);
        let enabled = common.optional("enabled").ok().flatten().unwrap_or(true);
        self.drivers.push((name.clone(), enabled));
        let kind = common.optional::<String>("driver");
        let given = match kind {
            Ok(kind) if enabled => {
                let kind = kind.unwrap_or_else(|| name.clone());
                self.enabled_driver(&common, &kind, &path, key_at, own)
            }
            _ => None,
        };
        self.mistakes.extend(common.into_mistakes());
        match given {
            Some(given) => builder.given(name, given),
            None => builder,
        }
    }

    fn enabled_driver(
        &mut self,
        common: &Settings,
        kind: &str,
        path: &str,
        at: Place,
        entries: Vec<Entry>,
    ) -> Option<Given> {
        let kind = match self.kinds.find(kind) {
            Ok(kind) => kind,
            Err(problem) => {
                common.mistake("driver", &problem);
                return None;
            }
        };
        let mut keys = kind.keys.clone();
        keys.extend(DRIVER_KEYS);
        let mut settings = self.table(path, at, entries, keys);
        settings.substitute(self.variables);
        let given = kind.make(&settings);
        let given = given.map(|given| given.placed(settings.title()));
        self.mistakes.extend(settings.into_mistakes());
        given
    }

    /// The key `default`: one of the drivers.
    fn default_driver(&self, builder: Builder<NoUser>, top: &Settings) -> Builder<NoUser> {
        let Ok(default) = top.optional::<String>("default") else {
            return builder;
        };
        let enabled = self.drivers.iter().filter(|(_, enabled)| *enabled);
        let names: Vec<&str> = enabled.map(|(name, _)| name.as_str()).collect();
        match default {
            Some(name) if names.contains(&name.as_str()) => return builder.default_driver(name),
            _ if self.drivers.is_empty() => {}
            _ if names.is_empty() => {
                top.note_whole("no driver is enabled; expected at least one that is");
            }
            Some(name) if self.drivers.iter().any(|(known, _)| *known == name) => {
                let expected = expected_one_of(&name, names.iter().copied());
                top.mistake(
                    "default",
                    &format!("driver `{name}` is not enabled; {expected}"),
                );
            }
            Some(name) => {
                let expected = expected_one_of(&name, names.iter().copied());
                top.mistake(
                    "default",
                    &format!("there is no driver `{name}`; {expected}"),
                );
            }
            None if names.len() > 1 => {
                let expected = expected_one_of("", names.iter().copied());
                top.note_whole(&format!("key `default` is missing; {expected}"));
            }
            None => {}
        }
        builder
    }

    /// The table `[auth]`.
    fn auth(
        &mut self,
        builder: Builder<NoUser>,
        at: Place,
        entries: Vec<Entry>,
    ) -> Builder<NoUser> {
        let keys = AUTH_KEYS.to_vec();
        let mut auth = self.table("auth", at, entries, keys);
        auth.substitute(self.variables);
        let mut builder = builder;
        let path = auth.optional::<String>("path").ok().flatten();
        let aliases = auth.optional::<Vec<String>>("aliases").ok().flatten();
        let mut paths = vec![path.unwrap_or_else(|| DEFAULT_AUTH_PATH.to_owned())];
        paths.extend(aliases.unwrap_or_default());
        for (path, problem) in check_paths(&paths) {
            let key = if *path == paths[0] { "path" } else { "aliases" };
            auth.mistake(key, &format!("`{path}`: {problem}"));
        }
        builder = builder.auth_paths(paths);
        if let Ok(Some(unruled)) = auth.choice("private", PRIVATE) {
            builder = builder.unruled(unruled);
        }
        if let Ok(Some(publish_private)) = auth.choice("publish_private", PUBLISH_PRIVATE) {
            builder = builder.publish_private(publish_private);
        }
        self.mistakes.extend(auth.into_mistakes());
        builder
    }

    /// The table `[queue]`.
    fn queue(
        &mut self,
        builder: Builder<NoUser>,
        at: Place,
        entries: Vec<Entry>,
    ) -> Builder<NoUser> {
        let mut table = self.table("queue", at, entries, QUEUE_KEYS.to_vec());
        table.substitute(self.variables);
        let mut queue = QueueSettings::default();
        match table.optional("capacity") {
            Ok(Some(0)) => _ = table.mistake("capacity", AT_LEAST_ONE),
            Ok(Some(capacity)) => queue = queue.capacity(capacity),
            _ => {}
        }
        match table.optional("attempts") {
            Ok(Some(0)) => _ = table.mistake("attempts", AT_LEAST_ONE),
            Ok(Some(attempts)) => queue = queue.attempts(attempts),
            _ => {}
        }
        if let Ok(Some(delay)) = table.optional("first_delay") {
            queue = queue.first_delay(delay);
        }
        if let Ok(Some(limit)) = table.optional("close_within") {
            queue = queue.close_within(limit);
        }
        self.mistakes.extend(table.into_mistakes());
        builder.queue(queue)
    }
}

const AT_LEAST_ONE: &str = "expected at least 1, found 0";

/// Words of `driver_failure`.
pub(super) const DRIVER_FAILURE: &[(&str, DriverFailure)] =
    &[("error", DriverFailure::Error), ("log", DriverFailure::Log)];

/// Words of `auth.private`.
pub(super) const PRIVATE: &[(&str, Unruled)] = &[
    ("logged-in", Unruled::LoggedIn),
    ("everyone", Unruled::Everyone),
    ("deny", Unruled::Deny),
];

/// Words of `auth.publish_private`.
pub(super) const PUBLISH_PRIVATE: &[(&str, PublishPrivate)] = &[
    ("logged-in", PublishPrivate::LoggedIn),
    ("anyone", PublishPrivate::Anyone),
];
