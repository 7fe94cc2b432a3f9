//! The kinds of drivers that a configuration can name: those of the crate and the application's.

use super::{Settings, SettingsError, expected_one_of};
use crate::builder::Given;
#[cfg(feature = "ably")]
use crate::driver::ably::settings as ably;
#[cfg(feature = "embedded")]
use crate::driver::embedded::settings as embedded;
#[cfg(feature = "pusher")]
use crate::driver::pusher::settings as pusher;
use crate::driver::{DriverError, IntoDriver, Log, Null};

/// A kind of driver.
pub(super) struct Kind {
    pub(super) name: String,
    /// Its keys; names of the same setting are separated by `|`.
    pub(super) keys: Vec<&'static str>,
    make: Make,
}

/// How a driver is made of its settings.
type Make = Box<dyn Fn(&Settings) -> Result<Given, SettingsError>>;

/// The kinds that can be named.
pub(super) struct Kinds {
    kinds: Vec<Kind>,
    /// Names that were given to two kinds.
    twice: Vec<String>,
}

impl Kinds {
    /// The crate's own.
    pub(super) fn built_in() -> Self {
        let mut kinds = Self {
            kinds: Vec::new(),
            twice: Vec::new(),
        };
        #[cfg(feature = "ably")]
        kinds.add("ably", ably::KEYS, ably::from_settings);
        #[cfg(feature = "embedded")]
        kinds.add("embedded", embedded::KEYS, embedded::from_settings);
        #[cfg(feature = "pusher")]
        kinds.add("pusher", pusher::KEYS, pusher::from_settings);
        kinds.add("log", &["data"], |settings| {
            let data = settings.optional("data")?;
            Ok(Log::new().data(data.unwrap_or(false)))
        });
        kinds.add("null", &[], |_| Ok(Null));
        kinds
    }

    pub(super) fn add<D: IntoDriver>(
        &mut self,
        name: &str,
        keys: &[&'static str],
        make: impl Fn(&Settings) -> Result<D, SettingsError> + 'static,
    ) {
        if self.kinds.iter().any(|kind| kind.name == name) {
            self.twice.push(name.to_owned());
            return;
        }
        self.kinds.push(Kind {
            name: name.to_owned(),
            keys: keys.to_vec(),
            make: Box::new(move |settings| make(settings).map(Given::new)),
        });
    }

    /// The kind of this name, or what was expected instead.
    pub(super) fn find(&self, name: &str) -> Result<&Kind, String> {
        if let Some(kind) = self.kinds.iter().find(|kind| kind.name == name) {
            return Ok(kind);
        }
        if let Some((_, feature)) = FEATURES.iter().find(|(known, _)| *known == name) {
            return Err(format!(
                "driver `{name}` needs the feature `{feature}` of skywave"
            ));
        }
        let known = self.kinds.iter().map(|kind| kind.name.as_str());
        let expected = expected_one_of(name, known);
        Err(format!("unknown kind of driver `{name}`; {expected}"))
    }

    /// The names of all kinds.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.kinds.iter().map(|kind| kind.name.as_str())
    }

    /// Mistakes in the kinds themselves.
    pub(super) fn mistakes(&self) -> impl Iterator<Item = String> {
        let twice = self.twice.iter();
        twice.map(|name| format!("kind `{name}`: there are two; expected different names"))
    }
}

impl Kind {
    /// Makes a driver, unless there is a mistake in its settings.
    pub(super) fn make(&self, settings: &Settings) -> Option<Given> {
        match (self.make)(settings) {
            Ok(given) => Some(given).filter(|_| !settings.has_mistakes()),
            Err(error) => {
                if let Some(reason) = error.into_reason() {
                    settings.note_whole(&crate::error::chain(&*reason));
                }
                None
            }
        }
    }
}

impl From<DriverError> for SettingsError {
    fn from(reason: DriverError) -> Self {
        Self::because(reason)
    }
}

/// The crate's kinds that are compiled in with a feature, and the feature; the others are always
/// there.
const FEATURES: &[(&str, &str)] = &[
    ("ably", "ably"),
    ("embedded", "embedded"),
    ("pusher", "pusher"),
];

#[cfg(test)]
mod tests {
    use super::super::{env, file};
    use super::*;

    /// As if the kind's feature were not compiled in: tests are run with all of them.
    fn kinds_without(name: &str) -> Kinds {
        let mut kinds = Kinds::built_in();
        kinds.kinds.retain(|kind| kind.name != name);
        kinds
    }

    #[test]
    fn a_driver_that_is_not_compiled_in_names_its_feature() {
        for (name, feature) in FEATURES {
            let kinds = kinds_without(name);
            let needs = format!("driver `{name}` needs the feature `{feature}` of skywave");
            for (text, place) in [
                (format!("[drivers.{name}]\nsecret = \"hush\""), "1:10"),
                (format!("[drivers.main]\ndriver = \"{name}\""), "2:10"),
            ] {
                let driver = if text.contains("main") { "main" } else { name };
                let mistakes = file::read("b.toml", &text, &kinds, &|_| None).unwrap_err();
                let mistakes: Vec<_> = mistakes.into_iter().map(|mistake| mistake.text).collect();
                assert_eq!(
                    mistakes,
                    [format!("b.toml:{place}: drivers.{driver}.driver: {needs}")]
                );
            }
            let variable = |asked: &str| (asked == "BROADCAST_DRIVER").then(|| (*name).to_owned());
            let mistakes = env::read(&kinds, &variable).unwrap_err();
            assert_eq!(
                mistakes[0].text,
                format!("variable `BROADCAST_DRIVER`: {needs}")
            );
        }
    }

    #[test]
    fn every_kind_that_may_be_missing_is_known_with_its_feature() {
        let compiled_in = [
            ("ably", cfg!(feature = "ably")),
            ("embedded", cfg!(feature = "embedded")),
            ("pusher", cfg!(feature = "pusher")),
        ];
        assert_eq!(
            FEATURES.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
            compiled_in.map(|(name, _)| name)
        );
        let kinds = Kinds::built_in();
        let there: Vec<_> = kinds.names().collect();
        for (name, compiled_in) in compiled_in {
            assert_eq!(there.contains(&name), compiled_in, "{name}");
        }
        let always = there
            .iter()
            .filter(|name| FEATURES.iter().all(|(known, _)| known != *name));
        assert_eq!(always.copied().collect::<Vec<_>>(), ["log", "null"]);
    }
}
