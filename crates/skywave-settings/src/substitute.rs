//! Variables in text: `${NAME}`, `${NAME:-default}`, and `$$` for a dollar sign.

use std::iter::Peekable;
use std::str::Chars;

/// Where variables are looked up.
pub type Variables<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// The text with its variables put in, and whether there were any.
///
/// As in a shell, a default stands in for a variable that is not set or empty, and may contain
/// variables itself.
///
/// # Errors
///
/// Every mistake. None quotes the text, which may be a secret.
pub(crate) fn substitute(
    text: &str,
    lookup: &Variables<'_>,
) -> Result<(String, bool), Vec<String>> {
    let mut reader = Reader {
        chars: text.chars().peekable(),
        lookup,
        any: false,
        mistakes: Vec::new(),
    };
    let substituted = reader.text(false, true);
    if reader.mistakes.is_empty() {
        Ok((substituted, reader.any))
    } else {
        Err(reader.mistakes)
    }
}

struct Reader<'a> {
    chars: Peekable<Chars<'a>>,
    lookup: &'a Variables<'a>,
    /// Whether there was a variable.
    any: bool,
    mistakes: Vec<String>,
}

impl Reader<'_> {
    /// Text up to the end, or up to the `}` that ends a default. A variable that is missing in a
    /// default nobody `wants` is no mistake.
    fn text(&mut self, in_default: bool, wanted: bool) -> String {
        let mut text = String::new();
        while let Some(char) = self.chars.next_if(|char| !(in_default && *char == '}')) {
            match char {
                '$' if self.chars.next_if_eq(&'$').is_some() => text.push('$'),
                '$' if self.chars.next_if_eq(&'{').is_some() => {
                    text.push_str(&self.variable(wanted));
                }
                '$' => self.mistakes.push(
                    "a `$` that begins no variable; expected `${NAME}`, or `$$` for a dollar sign"
                        .to_owned(),
                ),
                char => text.push(char),
            }
        }
        text
    }

    /// A variable after its `${`.
    fn variable(&mut self, wanted: bool) -> String {
        self.any = true;
        let mut name = String::new();
        while let Some(char) = self
            .chars
            .next_if(|char| char.is_ascii_alphanumeric() || *char == '_')
        {
            name.push(char);
        }
        let value = (self.lookup)(&name);
        let default = if self.chars.next_if_eq(&':').is_some() {
            if self.chars.next_if_eq(&'-').is_none() {
                return self.malformed();
            }
            let unset = value.as_ref().is_none_or(String::is_empty);
            let default = self.text(true, wanted && unset);
            unset.then_some(default)
        } else {
            None
        };
        if name.is_empty() || self.chars.next_if_eq(&'}').is_none() {
            return self.malformed();
        }
        if let Some(text) = default.or(value) {
            return text;
        }
        if wanted {
            self.mistakes.push(format!(
                "the variable `{name}` is not set; expected it in the environment, or a default \
                 as in `${{{name}:-..}}`"
            ));
        }
        String::new()
    }

    /// Gives up: what follows could be anything.
    fn malformed(&mut self) -> String {
        self.mistakes
            .push("a malformed variable; expected `${NAME}` or `${NAME:-default}`".to_owned());
        self.chars = "".chars().peekable();
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn substituted(text: &str) -> Result<(String, bool), Vec<String>> {
        substitute(text, &|name| match name {
            "NAME" => Some("value".to_owned()),
            "MONEY" => Some("$5 ${NAME}".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        })
    }

    #[test]
    fn variables_are_put_in() {
        for (text, expected, any) in [
            ("", "", false),
            ("plain }", "plain }", false),
            ("cost: 5 $$", "cost: 5 $", false),
            ("$${NAME}", "${NAME}", false),
            ("${NAME}", "value", true),
            ("a${NAME}b${NAME}c", "avaluebvaluec", true),
            ("${EMPTY}", "", true),
            ("${NAME:-default}", "value", true),
            ("${EMPTY:-default}", "default", true),
            ("${GONE:-default}", "default", true),
            ("${GONE:-}", "", true),
            ("${GONE:-a:-b$$}", "a:-b$", true),
            ("${GONE:-${NAME}}", "value", true),
            ("${GONE:-${GONE:-x}y}z", "xyz", true),
            // A default that is not needed need not be complete.
            ("${NAME:-${GONE}}", "value", true),
            // What a variable holds is taken as it is.
            ("${MONEY}", "$5 ${NAME}", true),
        ] {
            let expected = Ok((expected.to_owned(), any));
            assert_eq!(substituted(text), expected, "{text}");
        }
    }

    #[test]
    fn mistakes_are_named_without_the_text() {
        let malformed = "a malformed variable; expected `${NAME}` or `${NAME:-default}`";
        let dollar = "a `$` that begins no variable; expected `${NAME}`, or `$$` for a dollar sign";
        let unset = "the variable `GONE` is not set; expected it in the environment, or a default \
                     as in `${GONE:-..}`";
        for (text, expected) in [
            ("hush${GONE}", vec![unset]),
            ("${GONE}${NAME}$hush", vec![unset, dollar]),
            ("${GONE:-${GONE}}", vec![unset]),
            ("hush$", vec![dollar]),
            ("$NAME", vec![dollar]),
            ("${}", vec![malformed]),
            ("${NAME", vec![malformed]),
            ("${NAME:-hush", vec![malformed]),
            ("${NAME:hush}", vec![malformed]),
            ("${NAME-hush}", vec![malformed]),
            ("${ NAME }", vec![malformed]),
        ] {
            let expected = expected.iter().map(ToString::to_string).collect();
            assert_eq!(substituted(text), Err(expected), "{text}");
        }
    }
}
