//! A channel name with placeholders, checked as far as it can be before the program runs.
//!
//! `"orders.{order_id}"` becomes text and placeholders. The text is held to the alphabet and the
//! length of channel names (Pusher protocol, "Channel naming conventions"); what the placeholders
//! print is checked when the event is sent.

use syn::LitStr;

/// Which key of the attribute a channel was given under.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// `channel`: the name stays as it is, and a prefix in it decides the kind.
    AsWritten,
    /// `private`: `private-` is put in front.
    Private,
    /// `presence`: `presence-` is put in front.
    Presence,
}

/// One channel of `#[broadcast(..)]`.
pub(crate) struct Template {
    pub(crate) kind: Kind,
    pub(crate) literal: LitStr,
    pub(crate) parts: Vec<Part>,
}

/// A piece of a channel name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    /// Characters of the alphabet; never empty.
    Text(String),
    /// The name of a field, without its braces.
    Placeholder(String),
}

impl Kind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::AsWritten => "",
            Self::Private => "private-",
            Self::Presence => "presence-",
        }
    }
}

impl Template {
    /// Reads a channel name.
    ///
    /// # Errors
    ///
    /// When the name is empty, too long, contradicts its key, or holds a character or a
    /// placeholder that no channel name can have. The error points at the literal.
    pub(crate) fn parse(kind: Kind, literal: LitStr) -> syn::Result<Self> {
        let value = literal.value();
        let checked = split(&value).and_then(|parts| {
            check_prefix(kind, &value)?;
            check_length(kind, &value, &parts)?;
            Ok(parts)
        });
        match checked {
            Ok(parts) => Ok(Self {
                kind,
                literal,
                parts,
            }),
            Err(message) => Err(syn::Error::new(literal.span(), message)),
        }
    }

    /// The names of the fields that the channel name needs, in the order of their appearance.
    pub(crate) fn placeholders(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Placeholder(name) => Some(name.as_str()),
        })
    }

    /// The name with its prefix, placeholders as they were written: what makes two channels equal.
    pub(crate) fn full_name(&self) -> String {
        let value = self.literal.value();
        let prefix = self.kind.prefix();
        if value.starts_with(prefix) {
            value
        } else {
            format!("{prefix}{value}")
        }
    }
}

fn split(value: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = value;
    while !rest.is_empty() {
        if let Some(opened) = rest.strip_prefix('{') {
            let (name, after) = opened.split_once('}').ok_or_else(|| {
                format!("`{{` in channel name `{value}` is never closed; expected `}}` after it")
            })?;
            check_placeholder(name, value)?;
            parts.push(Part::Placeholder(name.to_owned()));
            rest = after;
        } else {
            let end = rest.find('{').unwrap_or(rest.len());
            let (text, after) = rest.split_at(end);
            check_text(text, value)?;
            parts.push(Part::Text(text.to_owned()));
            rest = after;
        }
    }
    Ok(parts)
}

fn check_placeholder(name: &str, value: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err(format!(
            "`{{}}` in channel name `{value}` names no field; expected `{{field}}`, or `{{0}}` in \
             a tuple struct"
        ));
    }
    if name.contains('{') {
        return Err(format!(
            "`{{` inside a placeholder of channel name `{value}`; a channel name cannot contain \
             braces, they only mark placeholders such as `{{order_id}}`"
        ));
    }
    if name.chars().all(|c| c == '_' || c.is_alphanumeric()) {
        return Ok(());
    }
    Err(format!(
        "`{{{name}}}` in channel name `{value}` is not the name of a field\na placeholder names one \
         field of the type and nothing else; for anything more, write `impl CanBroadcast` by hand"
    ))
}

fn check_text(text: &str, value: &str) -> Result<(), String> {
    let Some(character) = text.chars().find(|&c| !is_allowed(c)) else {
        return Ok(());
    };
    if character == '}' {
        return Err(format!(
            "`}}` in channel name `{value}` closes nothing; expected `{{` before it"
        ));
    }
    let shown = if character == ' ' {
        "a space".into()
    } else {
        format!("`{character}`")
    };
    let mut message = format!(
        "{shown} is not allowed in a channel name, but `{value}` contains it\nexpected ASCII \
         letters, digits and `_ - = @ , . ;`"
    );
    let dotted = value.replace([':', '/', ' '], ".");
    if dotted
        .chars()
        .all(|c| is_allowed(c) || matches!(c, '{' | '}'))
    {
        message.push_str(&format!(", for example `{dotted}`"));
    }
    Err(message)
}

fn check_prefix(kind: Kind, value: &str) -> Result<(), String> {
    let (key, other) = match kind {
        Kind::AsWritten => return Ok(()),
        Kind::Private => ("private", Kind::Presence),
        Kind::Presence => ("presence", Kind::Private),
    };
    if !value.starts_with(other.prefix()) {
        return Ok(());
    }
    let other_key = if other == Kind::Private {
        "private"
    } else {
        "presence"
    };
    Err(format!(
        "`{key} = \"{value}\"` contradicts itself: the prefix `{}` makes it a {other_key} channel\n\
         expected `{other_key} = \"{value}\"`, or a name without the prefix",
        other.prefix()
    ))
}

fn check_length(kind: Kind, value: &str, parts: &[Part]) -> Result<(), String> {
    if parts.is_empty() {
        let example = "expected a name such as `releases` or `orders.{order_id}`";
        return Err(format!("a channel name cannot be empty; {example}"));
    }
    if [Kind::Private, Kind::Presence]
        .iter()
        .any(|kind| kind.prefix() == value)
    {
        return Err(format!(
            "a channel needs a name after its prefix, but `{value}` ends there"
        ));
    }
    let text: usize = parts
        .iter()
        .map(|part| {
            if let Part::Text(text) = part {
                text.len()
            } else {
                0
            }
        })
        .sum();
    let prefix = if value.starts_with(kind.prefix()) {
        0
    } else {
        kind.prefix().len()
    };
    let length = prefix + text;
    if length > MAX_LENGTH {
        return Err(format!(
            "this channel name has {length} bytes with its prefix, without placeholders; expected \
             at most {MAX_LENGTH}"
        ));
    }
    Ok(())
}

fn is_allowed(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_-=@,.;".contains(character)
}

/// Bytes in a channel name with its prefix: what the official Pusher libraries check.
const MAX_LENGTH: usize = 200;

#[cfg(test)]
mod tests {
    use proc_macro2::Span;
    use skywave_protocol::ChannelName;

    use super::*;

    fn parse(kind: Kind, value: &str) -> Result<Template, String> {
        Template::parse(kind, LitStr::new(value, Span::call_site()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_name_is_split_into_text_and_placeholders() {
        let text = |text: &str| Part::Text(text.to_owned());
        let placeholder = |name: &str| Part::Placeholder(name.to_owned());
        for (value, parts) in [
            ("releases", vec![text("releases")]),
            ("{0}", vec![placeholder("0")]),
            (
                "orders.{order_id}",
                vec![text("orders."), placeholder("order_id")],
            ),
            ("{a}{b}", vec![placeholder("a"), placeholder("b")]),
            ("a-{x}-b", vec![text("a-"), placeholder("x"), text("-b")]),
        ] {
            assert_eq!(
                parse(Kind::AsWritten, value).unwrap().parts,
                parts,
                "{value}"
            );
        }
    }

    #[test]
    fn the_alphabet_is_the_protocols() {
        for character in (0..=0x17f_u32).filter_map(char::from_u32) {
            let name = format!("x{character}");
            assert_eq!(
                is_allowed(character),
                ChannelName::parse(&name).is_ok(),
                "{name:?}"
            );
        }
    }

    #[test]
    fn the_longest_name_is_the_protocols() {
        assert_eq!(MAX_LENGTH, ChannelName::MAX_LENGTH);
        for (kind, room) in [
            (Kind::AsWritten, 200),
            (Kind::Private, 192),
            (Kind::Presence, 191),
        ] {
            assert!(parse(kind, &"x".repeat(room)).is_ok(), "{kind:?}");
            assert!(parse(kind, &"x".repeat(room + 1)).is_err(), "{kind:?}");
        }
    }

    #[test]
    fn a_prefix_is_added_once() {
        for (kind, value, full) in [
            (Kind::AsWritten, "private-a", "private-a"),
            (Kind::Private, "a", "private-a"),
            (Kind::Private, "private-a", "private-a"),
            (Kind::Presence, "a", "presence-a"),
            (Kind::Presence, "presence-a", "presence-a"),
        ] {
            assert_eq!(parse(kind, value).unwrap().full_name(), full);
        }
    }

    #[test]
    fn a_prefix_that_contradicts_the_key_is_refused() {
        assert!(parse(Kind::Private, "presence-a").is_err());
        assert!(parse(Kind::Presence, "private-a").is_err());
        assert!(parse(Kind::AsWritten, "presence-a").is_ok());
    }
}
