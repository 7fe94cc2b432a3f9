//! The environment: the documents' variables as a builder.

use super::kind::Kinds;
use super::{Entry, Mistake, Origin, Place, Settings, Value, Variables, names};
use crate::builder::{Builder, Given};
use crate::driver::is_placeholder;
use crate::user::NoUser;

/// Reads the environment.
///
/// # Errors
///
/// Every mistake.
pub(super) fn read(
    kinds: &Kinds,
    variables: &Variables<'_>,
) -> Result<Builder<NoUser>, Vec<Mistake>> {
    let default = set(variables, DRIVER).unwrap_or_else(|| "embedded".to_owned());
    let mut mistakes = Vec::new();
    let mut builder = Builder::new();
    if let Err(problem) = kinds.find(&default) {
        let text = format!("variable `{DRIVER}`: {problem}");
        let at = Place::NONE;
        mistakes.push(Mistake { at, text });
    }
    for name in kinds.names() {
        if name != default && !beside(name, variables) {
            continue;
        }
        if let Some(given) = driver(name, kinds, variables, &mut mistakes) {
            builder = builder.given(name.to_owned(), given);
        }
    }
    if mistakes.is_empty() {
        return Ok(builder.default_driver(default));
    }
    Err(mistakes)
}

/// Whether a kind that is not the default is there, too: those that need nothing, and those that
/// have their secret.
fn beside(kind: &str, variables: &Variables<'_>) -> bool {
    let any_of = |key| {
        variable_names(kind, key)
            .iter()
            .any(|name| set(variables, name).is_some())
    };
    match kind {
        "log" | "null" => true,
        "pusher" => any_of("secret") || any_of("url"),
        "ably" => any_of("secret|key"),
        _ => false,
    }
}

/// The driver of a kind, with those of its settings that are in the environment.
fn driver(
    kind: &str,
    kinds: &Kinds,
    variables: &Variables<'_>,
    mistakes: &mut Vec<Mistake>,
) -> Option<Given> {
    let found = kinds.find(kind).ok()?;
    let mut entries = Vec::new();
    for key in &found.keys {
        let name = names(key).next().unwrap_or(key);
        let mut values = variable_names(kind, key)
            .into_iter()
            .filter_map(|variable| {
                let value = set(variables, &variable)?;
                Some((variable, value))
            });
        let Some((first, value)) = values.next() else {
            continue;
        };
        if let Some((other, _)) = values.find(|(_, other)| *other != value) {
            let text = format!(
                "variables `{first}` and `{other}` are the same setting; expected one of them, or \
                 the same value"
            );
            let at = Place::NONE;
            mistakes.push(Mistake { at, text });
        }
        entries.push(Entry {
            key: name.to_owned(),
            key_at: Place::NONE,
            at: Place::NONE,
            value: Value::Text {
                text: value,
                from_variable: true,
            },
        });
    }
    let origin = Origin::Environment {
        kind: kind.to_owned(),
        names: variable_names,
    };
    let settings = Settings::new(origin, kind, Place::NONE, entries, found.keys.clone())
        .refusing(is_placeholder);
    let given = found.make(&settings);
    mistakes.extend(settings.into_mistakes());
    given
}

/// The variables for a setting: the kind's name and the setting's, in capitals, and those that
/// other frameworks have for it.
pub(super) fn variable_names(kind: &str, key: &str) -> Vec<String> {
    let first = names(key).next().unwrap_or(key);
    let special = OTHER_NAMES
        .iter()
        .find(|(its_kind, its_key, _)| *its_kind == kind && *its_key == first);
    if let Some((_, _, variables)) = special {
        return variables.iter().map(ToString::to_string).collect();
    }
    let variable = |name: &str| {
        format!("{kind}_{name}")
            .to_uppercase()
            .replace(['-', '.'], "_")
    };
    names(key).map(variable).collect()
}

/// A variable that is set, and not to nothing.
fn set(variables: &Variables<'_>, name: &str) -> Option<String> {
    variables(name).filter(|value| !value.is_empty())
}

/// The variable that names the default driver.
const DRIVER: &str = "BROADCAST_DRIVER";

/// Settings with variables that do not follow from their names: kind, key, variables.
pub(super) const OTHER_NAMES: &[(&str, &str, &[&str])] = &[
    // The documents' names, and those that Laravel has for the same.
    (
        "pusher",
        "client",
        &["PUSHER_CLIENT", "PUSHER_APP_KEY", "PUSHER_KEY"],
    ),
    ("pusher", "secret", &["PUSHER_SECRET", "PUSHER_APP_SECRET"]),
    (
        "pusher",
        "cluster",
        &["PUSHER_CLUSTER", "PUSHER_APP_CLUSTER"],
    ),
    // As `skywave serve` has them.
    ("embedded", "app_id", &["SKYWAVE_APP_ID"]),
    ("embedded", "client", &["SKYWAVE_APP_KEY"]),
    ("embedded", "secret", &["SKYWAVE_APP_SECRET"]),
];
