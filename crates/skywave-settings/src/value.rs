//! Values as they were written ([`Value`]) and as they are wanted ([`FromSetting`]).

use std::path::PathBuf;
use std::time::Duration;

use skywave_protocol::Secret;

/// Where something is written in a file: line and column, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl Place {
    /// The beginning of a file.
    pub const START: Self = Self { line: 1, column: 1 };

    /// The place of what is written in no file.
    pub const NONE: Self = Self { line: 0, column: 0 };
}

/// `key = value`. No `Debug`: the value may be secret.
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key begins.
    pub key_at: Place,
    /// Where the value begins.
    pub at: Place,
    /// The value.
    pub value: Value,
}

/// A value as it was written. No `Debug`: it may be secret.
pub enum Value {
    /// Text.
    Text {
        /// With its variables put in.
        text: String,
        /// Whether there were any: then the text may stand for a number or a flag.
        from_variable: bool,
    },
    /// A whole number.
    Number(i64),
    /// True or false.
    Flag(bool),
    /// A list, with the places of its items.
    List(Vec<(Place, Value)>),
    /// A table.
    Table(Vec<Entry>),
    /// Something that no setting is, described.
    Other(&'static str),
    /// Something with a mistake that has been noted already.
    Mistaken,
}

impl Value {
    /// What it is, for a message: never its content, except for numbers.
    #[must_use]
    pub fn description(&self) -> String {
        match self {
            Self::Text { .. } => "text".to_owned(),
            Self::Number(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::List(_) => "a list".to_owned(),
            Self::Table(_) => "a table".to_owned(),
            Self::Other(description) => (*description).to_owned(),
            Self::Mistaken => "a mistake".to_owned(),
        }
    }

    /// Whether there is a mistake in it that has been noted already.
    pub(crate) fn is_mistaken(&self) -> bool {
        match self {
            Self::Mistaken => true,
            Self::List(items) => items.iter().any(|(_, item)| item.is_mistaken()),
            _ => false,
        }
    }

    pub(crate) fn is_empty_text(&self) -> bool {
        matches!(self, Self::Text { text, .. } if text.is_empty())
    }

    /// The text of a variable, which may stand for something else.
    fn variable(&self) -> Option<&str> {
        match self {
            Self::Text {
                text,
                from_variable: true,
            } => Some(text),
            _ => None,
        }
    }
}

/// A type that a setting can have. Where text contains variables, as in `port = "${PORT:-443}"`,
/// it may stand for a number, a flag or a list (with commas), too.
pub trait FromSetting: Sized {
    /// What was expected, for a message.
    #[doc(hidden)]
    const EXPECTED: &'static str;

    #[doc(hidden)]
    fn from_setting(value: &Value) -> Option<Self>;
}

impl FromSetting for String {
    const EXPECTED: &'static str = "text";

    fn from_setting(value: &Value) -> Option<Self> {
        match value {
            Value::Text { text, .. } => Some(text.clone()),
            _ => None,
        }
    }
}

impl FromSetting for Secret {
    const EXPECTED: &'static str = "text";

    fn from_setting(value: &Value) -> Option<Self> {
        String::from_setting(value).map(Self::from)
    }
}

impl FromSetting for PathBuf {
    const EXPECTED: &'static str = "text, a path";

    fn from_setting(value: &Value) -> Option<Self> {
        String::from_setting(value).map(Self::from)
    }
}

impl FromSetting for bool {
    const EXPECTED: &'static str = "true or false";

    fn from_setting(value: &Value) -> Option<Self> {
        match value {
            Value::Flag(flag) => Some(*flag),
            _ => value.variable()?.parse().ok(),
        }
    }
}

/// Whole numbers.
macro_rules! numbers {
    ($($number:ty: $expected:literal,)*) => {$(
        impl FromSetting for $number {
            const EXPECTED: &'static str = $expected;

            fn from_setting(value: &Value) -> Option<Self> {
                match value {
                    Value::Number(number) => (*number).try_into().ok(),
                    _ => value.variable()?.parse().ok(),
                }
            }
        }
    )*};
}

numbers! {
    u8: "a number from 0 to 255",
    u16: "a number from 0 to 65535",
    u32: "a number from 0 to 4294967295",
    u64: "a number from 0",
    usize: "a number from 0",
}

impl FromSetting for Duration {
    const EXPECTED: &'static str = "a time such as \"250ms\", \"10s\" or \"2m\"";

    fn from_setting(value: &Value) -> Option<Self> {
        let text = String::from_setting(value)?;
        let digits = text.trim_end_matches(|char: char| char.is_ascii_alphabetic());
        let number: u64 = digits.trim_end().parse().ok()?;
        match text.strip_prefix(digits)? {
            "ms" => Some(Self::from_millis(number)),
            "s" => Some(Self::from_secs(number)),
            "m" => number.checked_mul(60).map(Self::from_secs),
            _ => None,
        }
    }
}

impl FromSetting for Vec<String> {
    const EXPECTED: &'static str = "a list of texts";

    fn from_setting(value: &Value) -> Option<Self> {
        match value {
            Value::List(items) => items
                .iter()
                .map(|(_, item)| String::from_setting(item))
                .collect(),
            _ => {
                let words = value.variable()?.split(',').map(str::trim);
                let words = words.filter(|word| !word.is_empty());
                Some(words.map(str::to_owned).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Value {
        Value::Text {
            text: text.to_owned(),
            from_variable: false,
        }
    }

    fn variable(text: &str) -> Value {
        Value::Text {
            text: text.to_owned(),
            from_variable: true,
        }
    }

    #[test]
    fn only_text_with_variables_stands_for_something_else() {
        assert_eq!(u16::from_setting(&Value::Number(443)), Some(443));
        assert_eq!(u16::from_setting(&Value::Number(-1)), None);
        assert_eq!(u16::from_setting(&Value::Number(65_536)), None);
        assert_eq!(u16::from_setting(&variable("443")), Some(443));
        assert_eq!(u16::from_setting(&written("443")), None);

        assert_eq!(bool::from_setting(&Value::Flag(true)), Some(true));
        assert_eq!(bool::from_setting(&variable("false")), Some(false));
        assert_eq!(bool::from_setting(&variable("no")), None);
        assert_eq!(bool::from_setting(&written("false")), None);

        let list = |items: Vec<Value>| {
            Value::List(items.into_iter().map(|item| (Place::START, item)).collect())
        };
        let letters = list(vec![written("a"), written("b")]);
        let both = Some(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(Vec::from_setting(&letters), both);
        assert_eq!(Vec::from_setting(&variable("a, b,")), both);
        assert_eq!(Vec::from_setting(&written("a, b")), None);
        assert_eq!(Vec::from_setting(&list(vec![Value::Flag(true)])), None);
    }

    #[test]
    fn a_time_has_a_unit() {
        for (text, expected) in [
            ("250ms", Some(Duration::from_millis(250))),
            ("10s", Some(Duration::from_secs(10))),
            ("2m", Some(Duration::from_secs(120))),
            ("0s", Some(Duration::ZERO)),
            ("10", None),
            ("s", None),
            ("-1s", None),
            ("1.5s", None),
            ("10h", None),
            ("99999999999999999999s", None),
            ("9999999999999999999m", None),
        ] {
            assert_eq!(Duration::from_setting(&written(text)), expected, "{text}");
        }
        assert_eq!(Duration::from_setting(&Value::Number(10)), None);
    }
}
