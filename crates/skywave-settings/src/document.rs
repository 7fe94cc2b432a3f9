//! TOML text as a tree of [`Entry`]s: everything with the place where it was written.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::value::{Entry, Place, Value};

/// The entries of a file in the order written, or every mistake in its syntax.
///
/// A mistake says what was expected, but nothing of the text: that may be a secret without its
/// closing quote.
///
/// # Errors
///
/// The mistakes in the syntax, each with its place.
pub fn parse(text: &str) -> Result<Vec<Entry>, Vec<(Place, String)>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(entries(text, table.get_ref()));
    }
    let mistakes = errors.iter().map(|error| {
        let at = error.span().map_or(0, |span| span.start);
        (place(text, at), format!("not TOML: {}", error.message()))
    });
    Err(mistakes.collect())
}

fn entries(text: &str, table: &DeTable<'_>) -> Vec<Entry> {
    let mut entries: Vec<_> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            key_at: place(text, key.span().start),
            at: place(text, value.span().start),
            value: self::value(text, value),
        })
        .collect();
    // The parser's tables are in alphabetical order.
    entries.sort_by_key(|entry| entry.key_at);
    entries
}

fn value(text: &str, value: &Spanned<DeValue<'_>>) -> Value {
    match value.get_ref() {
        DeValue::String(text) => Value::Text {
            text: text.to_string(),
            from_variable: false,
        },
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Integer(digits) => i64::from_str_radix(digits.as_str(), digits.radix())
            .map_or(Value::Other("a number that is too large"), Value::Number),
        DeValue::Float(_) => Value::Other("a fraction"),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Array(items) => {
            let items = items.iter();
            let placed = |item| {
                (
                    place(text, Spanned::span(item).start),
                    self::value(text, item),
                )
            };
            Value::List(items.map(placed).collect())
        }
        DeValue::Table(table) => Value::Table(entries(text, table)),
    }
}

/// Line and column of a byte, both from 1, columns in characters.
fn place(text: &str, byte: usize) -> Place {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    Place {
        line: before.matches('\n').count() + 1,
        column: line.chars().count() + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_of_a_list_have_their_own_places() {
        let entries = parse("a = 1\n\n[[apps]]\nid = \"1\"\n [[apps]]\n[apps.limits]\nx = 2").ok();
        let entries = entries.expect("this is TOML");
        let Value::List(tables) = &entries[1].value else {
            panic!("`[[apps]]` is a list");
        };
        let places: Vec<_> = tables.iter().map(|(at, _)| (at.line, at.column)).collect();
        assert_eq!(places, [(3, 1), (5, 2)]);
    }
}
