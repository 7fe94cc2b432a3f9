//! One table of the configuration: [`Settings`].

use std::cell::RefCell;
use std::error::Error as StdError;
use std::fmt;
use std::path::PathBuf;

use crate::nearest::nearest;
use crate::substitute::{Variables, substitute};
use crate::value::{Entry, FromSetting, Place, Value};

/// The settings of one table, or of one kind of thing in the environment.
///
/// Reading notes every mistake with its place, and gives an error only to stop what they are
/// for from being made. So that one run reports all mistakes, read everything before the first `?`:
///
/// ```
/// use skywave_protocol::Secret;
/// use skywave_settings::{Settings, SettingsError};
///
/// struct Kafka { broker: String, secret: Secret, retries: u32 }
///
/// fn kafka(settings: &Settings) -> Result<Kafka, SettingsError> {
///     let broker = settings.required("broker");
///     let secret = settings.required("secret");
///     let retries = settings.optional("retries");
///     Ok(Kafka { broker: broker?, secret: secret?, retries: retries?.unwrap_or(3) })
/// }
/// # let _ = kafka;
/// ```
///
/// A key may have several names, separated by `|`, as in `client|key`; the first is the proper one.
/// Empty text is as good as none.
pub struct Settings {
    origin: Origin,
    /// The table's key: `drivers.NAME`; empty for the top of a file.
    path: String,
    /// Where the table begins.
    at: Place,
    entries: Vec<Entry>,
    /// The keys there may be.
    keys: Vec<&'static str>,
    /// Whether a text is a placeholder that nobody has replaced.
    is_placeholder: fn(&str) -> bool,
    noted: RefCell<Vec<Mistake>>,
}

/// Where settings come from.
#[derive(Clone, Debug)]
pub enum Origin {
    /// A file of this name.
    File(String),
    /// Variables of the environment.
    Environment {
        /// The kind of driver.
        kind: String,
        /// The names of the variables for a key of the kind.
        names: fn(kind: &str, key: &str) -> Vec<String>,
    },
}

/// A mistake, in the words in which it is reported.
#[derive(Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where it is; mistakes are reported in this order.
    pub at: Place,
    /// All of it, with its place and its key.
    pub text: String,
}

impl Settings {
    /// The settings of the table with the key `path` (empty for the top of a file), which may have
    /// these keys. Notes every other one.
    pub fn new(
        origin: Origin,
        path: impl Into<String>,
        at: Place,
        entries: Vec<Entry>,
        keys: Vec<&'static str>,
    ) -> Self {
        let settings = Self {
            origin,
            path: path.into(),
            at,
            entries,
            keys,
            is_placeholder: |_| false,
            noted: RefCell::default(),
        };
        settings.note_unknown_keys();
        settings
    }

    /// Refuses texts that were left in from an example, in every setting.
    #[must_use]
    pub fn refusing(mut self, is_placeholder: fn(&str) -> bool) -> Self {
        self.is_placeholder = is_placeholder;
        self
    }

    /// Puts variables into all text.
    pub fn substitute(&mut self, variables: &Variables<'_>) {
        let mut mistakes = Vec::new();
        for entry in &mut self.entries {
            substitute_value(&mut entry.value, variables, &mut |text| {
                mistakes.push((entry.key.clone(), entry.at, text));
            });
        }
        for (key, at, text) in mistakes {
            self.note(&key, at, &text);
        }
    }

    /// A setting that has to be there.
    ///
    /// # Errors
    ///
    /// The setting is missing, empty, or of another type; this has been noted.
    pub fn required<T: FromSetting>(&self, key: &str) -> Result<T, SettingsError> {
        if let Some(value) = self.optional(key)? {
            return Ok(value);
        }
        let expected = T::EXPECTED;
        Err(match self.entry(key) {
            Some(entry) => self.note(&entry.key, entry.at, &format!("empty; expected {expected}")),
            None => self.note_missing(key, expected),
        })
    }

    /// The bytes of the PEM file that a setting names, if it is there.
    ///
    /// # Errors
    ///
    /// The setting is no path, or the file cannot be read; this has been noted.
    pub fn pem_file(&self, key: &str) -> Result<Option<Vec<u8>>, SettingsError> {
        let Some(path) = self.optional::<PathBuf>(key)? else {
            return Ok(None);
        };
        std::fs::read(&path).map(Some).map_err(|error| {
            let problem = format!("{}: {error}; expected a PEM file", path.display());
            self.mistake(key, &problem)
        })
    }

    /// A setting that may be left out.
    ///
    /// # Errors
    ///
    /// The setting is of another type; this has been noted.
    pub fn optional<T: FromSetting>(&self, key: &str) -> Result<Option<T>, SettingsError> {
        let Some(entry) = self.present(key)? else {
            return Ok(None);
        };
        match T::from_setting(&entry.value) {
            _ if entry.value.is_mistaken() => Err(SettingsError::noted()),
            Some(value) => Ok(Some(value)),
            None => Err(self.note(
                &entry.key,
                entry.at,
                &format!(
                    "expected {}, found {}",
                    T::EXPECTED,
                    entry.value.description()
                ),
            )),
        }
    }

    /// A setting that is one of some words, each of which stands for a value.
    ///
    /// # Errors
    ///
    /// The setting is another word or no text; this has been noted.
    pub fn choice<T: Clone>(
        &self,
        key: &str,
        words: &[(&str, T)],
    ) -> Result<Option<T>, SettingsError> {
        let Some(word) = self.optional::<String>(key)? else {
            return Ok(None);
        };
        if let Some((_, value)) = words.iter().find(|(known, _)| *known == word) {
            return Ok(Some(value.clone()));
        }
        let known = words.iter().map(|(known, _)| *known);
        Err(self.mistake(key, &format!("`{word}`: {}", expected_one_of(&word, known))))
    }

    /// Notes what is wrong with a setting: `problem` is to say what was expected, and nothing of a
    /// value that may be secret.
    pub fn mistake(&self, key: &str, problem: &str) -> SettingsError {
        let (key, at) = self.place_of(key);
        self.note(key, at, problem)
    }

    /// Logs a warning about a setting that is right, but dangerous.
    pub fn warn(&self, key: &str, problem: &str) {
        let (key, at) = self.place_of(key);
        tracing::warn!("{}", self.describe(key, at, problem));
    }

    /// Whether a setting is there, be it right or wrong.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.entry(key)
            .is_some_and(|entry| !entry.value.is_empty_text())
    }

    /// Takes the entries of a table, and where its key is written.
    pub fn take_table(&mut self, key: &str) -> Option<(Place, Vec<Entry>)> {
        let index = self.entries.iter().position(|entry| entry.key == key)?;
        let entry = self.entries.remove(index);
        match entry.value {
            Value::Table(entries) => Some((entry.key_at, entries)),
            other => {
                let found = other.description();
                let problem = format!("expected a table, found {found}");
                self.note(key, entry.at, &problem);
                None
            }
        }
    }

    /// Takes the tables of a list, `[[key]]`, each with the place where it begins.
    pub fn take_tables(&mut self, key: &str) -> Vec<(Place, Vec<Entry>)> {
        let Some(index) = self.entries.iter().position(|entry| entry.key == key) else {
            return Vec::new();
        };
        let entry = self.entries.remove(index);
        let unfit = |at, value: &Value| {
            let found = value.description();
            self.note(
                key,
                at,
                &format!("expected tables `[[{key}]]`, found {found}"),
            );
        };
        let mut tables = Vec::new();
        match entry.value {
            Value::List(items) => {
                for (at, item) in items {
                    match item {
                        Value::Table(entries) => tables.push((at, entries)),
                        other => unfit(at, &other),
                    }
                }
            }
            other => unfit(entry.at, &other),
        }
        tables
    }

    /// The mistakes noted so far.
    #[must_use]
    pub fn into_mistakes(self) -> Vec<Mistake> {
        self.noted.into_inner()
    }

    /// Notes a mistake about the table as a whole.
    pub fn note_whole(&self, problem: &str) -> SettingsError {
        self.note("", self.at, problem)
    }

    /// Whether a mistake has been noted.
    #[must_use]
    pub fn has_mistakes(&self) -> bool {
        !self.noted.borrow().is_empty()
    }

    /// The table and its place, for mistakes that are found later.
    #[must_use]
    pub fn title(&self) -> String {
        match &self.origin {
            Origin::File(name) => format!("{name}:{}:{}: ", self.at.line, self.at.column),
            Origin::Environment { .. } => String::new(),
        }
    }

    /// The entry of a key that is there, not empty, under only one of its names, and no placeholder.
    fn present(&self, key: &str) -> Result<Option<&Entry>, SettingsError> {
        if !self.keys.contains(&key) {
            let problem = format!("its kind reads `{key}`, which is not among its keys");
            return Err(self.note_whole(&problem));
        }
        let mut entries = names(key).filter_map(|name| self.named(name));
        let Some(entry) = entries.next() else {
            return Ok(None);
        };
        if let Some(other) = entries.next() {
            let problem = format!(
                "is the same setting as `{}`; expected one of them",
                entry.key
            );
            return Err(self.note(&other.key, other.key_at, &problem));
        }
        if matches!(&entry.value, Value::Text { text, .. } if (self.is_placeholder)(text)) {
            let problem = "a placeholder; expected a value of your own";
            return Err(self.note(&entry.key, entry.at, problem));
        }
        Ok((!entry.value.is_empty_text()).then_some(entry))
    }

    /// The entry of a key under any of its names.
    fn entry(&self, key: &str) -> Option<&Entry> {
        names(key).find_map(|name| self.named(name))
    }

    fn named(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == name)
    }

    /// The name under which a setting is written, and where; the table, if it is not.
    fn place_of<'a>(&'a self, key: &'a str) -> (&'a str, Place) {
        match self.entry(key) {
            Some(entry) => (&entry.key, entry.at),
            None => (names(key).next().unwrap_or(key), self.at),
        }
    }

    fn note_unknown_keys(&self) {
        let known: Vec<&str> = self.keys.iter().flat_map(|key| names(key)).collect();
        for entry in &self.entries {
            if !known.contains(&entry.key.as_str()) {
                let expected = expected_one_of(&entry.key, known.iter().copied());
                self.note(
                    &entry.key,
                    entry.key_at,
                    &format!("unknown key; {expected}"),
                );
            }
        }
    }

    fn note_missing(&self, key: &str, expected: &str) -> SettingsError {
        match &self.origin {
            Origin::File(_) => {
                let names: Vec<_> = names(key).map(|name| format!("`{name}`")).collect();
                let names = names.join(" or ");
                self.note_whole(&format!("key {names} is missing; expected {expected}"))
            }
            Origin::Environment { .. } => {
                self.note(key, self.at, &format!("not set; expected {expected}"))
            }
        }
    }

    fn note(&self, key: &str, at: Place, problem: &str) -> SettingsError {
        let text = self.describe(key, at, problem);
        self.noted.borrow_mut().push(Mistake { at, text });
        SettingsError::noted()
    }

    fn describe(&self, key: &str, at: Place, problem: &str) -> String {
        match &self.origin {
            Origin::File(file) => {
                let Place { line, column } = at;
                let path = [self.path.as_str(), key].into_iter();
                let path: Vec<_> = path.filter(|part| !part.is_empty()).collect();
                let colon = if path.is_empty() { "" } else { ": " };
                let path = path.join(".");
                format!("{file}:{line}:{column}: {path}{colon}{problem}")
            }
            Origin::Environment { kind, .. } if key.is_empty() => {
                format!("driver `{kind}`: {problem}")
            }
            Origin::Environment {
                kind,
                names: variables,
            } => {
                let mut keys = self.keys.iter();
                let whole = keys.find(|whole| names(whole).any(|name| name == key));
                let names = variables(kind, whole.unwrap_or(&key));
                let names: Vec<_> = names.iter().map(|n| format!("`{n}`")).collect();
                format!("variable {}: {problem}", names.join(" or "))
            }
        }
    }
}

/// Names the keys; values may be secret.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.entries.iter().map(|entry| &entry.key).collect();
        f.debug_struct("Settings")
            .field("path", &self.path)
            .field("keys", &keys)
            .finish_non_exhaustive()
    }
}

/// Why something was not made of its settings: a mistake in them, which has been noted with its
/// place, or any other reason.
#[derive(Debug)]
pub struct SettingsError {
    /// `None` when it has been noted.
    reason: Option<Box<dyn StdError + Send + Sync>>,
}

impl SettingsError {
    fn noted() -> Self {
        Self { reason: None }
    }

    /// A reason that is not a mistake in one of the settings.
    pub fn because(reason: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self {
            reason: Some(reason.into()),
        }
    }

    /// The reason, unless it is a mistake that has been noted.
    #[must_use]
    pub fn into_reason(self) -> Option<Box<dyn StdError + Send + Sync>> {
        self.reason
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Some(reason) => reason.fmt(f),
            None => f.write_str("a setting is missing or wrong"),
        }
    }
}

impl StdError for SettingsError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.reason.as_ref().and_then(|reason| reason.source())
    }
}

/// What was expected instead of a name that is not known.
pub fn expected_one_of<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    if let Some(nearest) = nearest(name, known.clone()) {
        return format!("did you mean `{nearest}`?");
    }
    let known: Vec<_> = known.map(|name| format!("`{name}`")).collect();
    match known.as_slice() {
        [] => "expected none".to_owned(),
        [only] => format!("expected {only}"),
        several => format!("expected one of {}", several.join(", ")),
    }
}

/// The names of a key, the proper one first.
pub fn names(key: &str) -> impl Iterator<Item = &str> {
    key.split('|')
}

fn substitute_value(value: &mut Value, variables: &Variables<'_>, note: &mut dyn FnMut(String)) {
    match value {
        Value::Text {
            text,
            from_variable,
        } => match substitute(text, variables) {
            Ok((substituted, any)) => (*text, *from_variable) = (substituted, any),
            Err(mistakes) => {
                mistakes.into_iter().for_each(note);
                *value = Value::Mistaken;
            }
        },
        Value::List(items) => {
            for (_, item) in items {
                substitute_value(item, variables, note);
            }
        }
        _ => {}
    }
}
