//! Text from a form: checked once, where it comes in.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A line of 1 to `MAX` characters, without surrounding white space and control characters.
///
/// As a field of a form it refuses other text with a message that axum puts the field's name in
/// front of: `version: must be 1 to 40 characters, got 0`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String")]
pub struct Text<const MAX: usize>(String);

impl<const MAX: usize> Text<MAX> {
    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> TryFrom<String> for Text<MAX> {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let text = text.trim();
        let length = text.chars().count();
        if length == 0 || length > MAX {
            return Err(format!("must be 1 to {MAX} characters, got {length}"));
        }
        if text.contains(char::is_control) {
            return Err("must be one line without control characters".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

impl<const MAX: usize> fmt::Display for Text<MAX> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_trimmed_and_counted_in_characters() {
        let text = Text::<5>::try_from("  Zoë ☀ ".to_owned()).unwrap();
        assert_eq!(text.as_str(), "Zoë ☀");
    }

    #[test]
    fn other_text_is_refused_with_the_expectation() {
        for (text, message) in [
            ("", "must be 1 to 5 characters, got 0"),
            (" \t ", "must be 1 to 5 characters, got 0"),
            ("abcdef", "must be 1 to 5 characters, got 6"),
            ("a\nb", "must be one line without control characters"),
        ] {
            assert_eq!(
                Text::<5>::try_from(text.to_owned()),
                Err(message.to_owned())
            );
        }
    }
}
