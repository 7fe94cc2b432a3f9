//! Patterns of channel names, such as `private-orders.{id}`.
//!
//! A pattern is the channel's full name with `{placeholders}`. Its prefix is text, so a pattern
//! has one [kind](ChannelKind) and only ever matches channels of that kind. A placeholder stands
//! for one or more characters except `.`, and there is at most one between two dots: a name is
//! matched in one way or not at all. Everything that could surprise is refused when the pattern is
//! [parsed](Pattern::parse), two patterns that could match the same name when they
//! [meet](Pattern::overlaps).

use std::fmt;

use skywave_protocol::{ChannelKind, ChannelName};

/// A parsed pattern.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    text: String,
    kind: ChannelKind,
    segments: Vec<Segment>,
}

/// What is between two dots: text, or text around one placeholder.
#[derive(Clone, Debug)]
enum Segment {
    Text(String),
    Placeholder {
        before: String,
        name: String,
        after: String,
    },
}

impl Pattern {
    /// Reads a pattern; the error says what is wrong with it and what was expected.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let segments = text
            .split('.')
            .map(Segment::parse)
            .collect::<Result<Vec<_>, _>>()?;
        let pattern = Self {
            text: text.to_owned(),
            kind: ChannelKind::of(text),
            segments,
        };
        let names: Vec<_> = pattern.placeholders().collect();
        for (at, name) in names.iter().enumerate() {
            if names[..at].contains(name) {
                return Err(format!(
                    "`{{{name}}}` appears twice: placeholders need different names"
                ));
            }
        }
        // With names in the place of placeholders it is a channel name itself.
        let example: Vec<_> = pattern.segments.iter().map(Segment::example).collect();
        ChannelName::parse(&example.join(".")).map_err(|problem| problem.to_string())?;
        Ok(pattern)
    }

    /// The kind of every channel that it matches.
    pub(crate) fn kind(&self) -> ChannelKind {
        self.kind
    }

    /// The placeholders' names, in order.
    pub(crate) fn placeholders(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Text(_) => None,
            Segment::Placeholder { name, .. } => Some(name.as_str()),
        })
    }

    /// What the placeholders stand for in `name`; `None` unless the pattern matches.
    pub(crate) fn matches<'n>(&self, name: &'n ChannelName) -> Option<Vec<&'n str>> {
        if name.kind() != self.kind {
            return None;
        }
        let parts: Vec<_> = name.as_str().split('.').collect();
        if parts.len() != self.segments.len() {
            return None;
        }
        let mut values = Vec::new();
        for (segment, part) in self.segments.iter().zip(parts) {
            match segment {
                Segment::Text(text) if text == part => {}
                Segment::Text(_) => return None,
                Segment::Placeholder { before, after, .. } => {
                    let value = part
                        .strip_prefix(before.as_str())?
                        .strip_suffix(after.as_str())?;
                    if value.is_empty() {
                        return None;
                    }
                    values.push(value);
                }
            }
        }
        Some(values)
    }

    /// How many characters would have to be inserted, left out or replaced in `name` so that it
    /// matches. What a placeholder stands for is free, but for dots, which count as three.
    fn distance(&self, name: &str) -> usize {
        let tokens = self.tokens();
        // One row of the usual table per character of the name; `row[j]` is for `j` tokens.
        let mut row: Vec<usize> = (0..=tokens.len())
            .map(|j| tokens[..j].iter().flatten().count())
            .collect();
        for character in name.chars() {
            let before = row.clone();
            row[0] += 1;
            for (j, token) in tokens.iter().enumerate() {
                row[j + 1] = match token {
                    None => {
                        let taken = before[j + 1] + if character == '.' { 3 } else { 0 };
                        taken.min(row[j])
                    }
                    Some(expected) => {
                        let replaced = before[j] + usize::from(*expected != character);
                        replaced.min(before[j + 1] + 1).min(row[j] + 1)
                    }
                };
            }
        }
        row.last().copied().unwrap_or_default()
    }

    /// Its characters, with `None` in the place of a placeholder.
    fn tokens(&self) -> Vec<Option<char>> {
        let mut tokens = Vec::new();
        for (at, segment) in self.segments.iter().enumerate() {
            tokens.extend((at > 0).then_some(Some('.')));
            match segment {
                Segment::Text(text) => tokens.extend(text.chars().map(Some)),
                Segment::Placeholder { before, after, .. } => {
                    tokens.extend(before.chars().map(Some));
                    tokens.push(None);
                    tokens.extend(after.chars().map(Some));
                }
            }
        }
        tokens
    }

    /// Whether some name matches both.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.segments.len() == other.segments.len()
            && self
                .segments
                .iter()
                .zip(&other.segments)
                .all(|(one, two)| one.overlaps(two))
    }
}

/// The pattern that was perhaps meant by a name that matches none: the one from which it differs
/// least, and by no more than half of its characters.
pub(crate) fn nearest<'p>(
    patterns: impl Iterator<Item = &'p Pattern>,
    name: &ChannelName,
) -> Option<&'p Pattern> {
    let name = name.as_str();
    patterns
        .map(|pattern| (pattern.distance(name), pattern))
        .filter(|(distance, _)| distance * 2 <= name.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, pattern)| pattern)
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Segment {
    fn parse(text: &str) -> Result<Self, String> {
        let Some((before, rest)) = text.split_once('{') else {
            return match text.contains('}') {
                true => Err(format!("`}}` in `{text}` closes no placeholder")),
                false => Ok(Self::Text(text.to_owned())),
            };
        };
        let Some((name, after)) = rest.split_once('}') else {
            return Err(format!("`{{` in `{text}` is not closed by `}}`"));
        };
        if before.contains('}') {
            return Err(format!("`}}` in `{text}` closes no placeholder"));
        }
        if after.contains(['{', '}']) {
            return Err(format!(
                "`{text}` has more than one placeholder: put a `.` between them"
            ));
        }
        let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && name
                .chars()
                .all(|character| character.is_ascii_alphanumeric() || character == '_');
        if !is_name {
            return Err(format!(
                "`{{{name}}}` is not a placeholder: expected a name of letters, digits and `_`"
            ));
        }
        Ok(Self::Placeholder {
            before: before.to_owned(),
            name: name.to_owned(),
            after: after.to_owned(),
        })
    }

    fn example(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Placeholder {
                before,
                name,
                after,
            } => format!("{before}{name}{after}"),
        }
    }

    fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(one), Self::Text(two)) => one == two,
            (Self::Text(text), Self::Placeholder { before, after, .. })
            | (Self::Placeholder { before, after, .. }, Self::Text(text)) => {
                text.len() > before.len() + after.len()
                    && text.starts_with(before.as_str())
                    && text.ends_with(after.as_str())
            }
            // A value can be as long as it takes, so only the two ends can keep them apart.
            (
                Self::Placeholder { before, after, .. },
                Self::Placeholder {
                    before: other_before,
                    after: other_after,
                    ..
                },
            ) => {
                (before.starts_with(other_before.as_str()) || other_before.starts_with(before))
                    && (after.ends_with(other_after.as_str()) || other_after.ends_with(after))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matched<'n>(pattern: &str, name: &'n ChannelName) -> Option<Vec<&'n str>> {
        Pattern::parse(pattern).unwrap().matches(name)
    }

    #[test]
    fn placeholders_stand_for_everything_but_dots() {
        for (pattern, name, values) in [
            ("private-orders.{id}", "private-orders.42", Some(vec!["42"])),
            (
                "private-orders.{id}",
                "private-orders.4-2@x",
                Some(vec!["4-2@x"]),
            ),
            ("private-orders.{id}", "private-orders.4.2", None),
            ("private-orders.{id}", "private-orders.", None),
            ("private-orders.{id}", "private-orders", None),
            ("private-{id}", "private-42", Some(vec!["42"])),
            ("private-{id}", "private-", None),
            (
                "private-shop.{shop}.order.{id}",
                "private-shop.a.order.7",
                Some(vec!["a", "7"]),
            ),
            (
                "private-shop.{shop}.order.{id}",
                "private-shop.a.orders.7",
                None,
            ),
            (
                "private-v{version}-beta",
                "private-v2-beta",
                Some(vec!["2"]),
            ),
            ("private-v{version}-beta", "private-v-beta", None),
            ("private-aa{x}a", "private-aaa", None),
            ("private-admins", "private-admins", Some(vec![])),
            ("private-admins", "private-admins2", None),
        ] {
            let name = ChannelName::parse(name).unwrap();
            assert_eq!(matched(pattern, &name), values, "{pattern} and {name}");
        }
    }

    #[test]
    fn b17_a_pattern_matches_channels_of_its_own_kind_only() {
        for name in ["presence-7", "private-encrypted-7", "private-cache-7", "7"] {
            assert_eq!(
                matched("private-{id}", &ChannelName::parse(name).unwrap()),
                None,
                "{name}"
            );
        }
        let name = ChannelName::parse("private-encrypted-7").unwrap();
        assert_eq!(matched("private-encrypted-{id}", &name), Some(vec!["7"]));
    }

    #[test]
    fn mistakes_are_named() {
        for (pattern, mistake) in [
            ("private-orders.{id", "`{` in `orders.{id` is not closed"),
            ("private-orders.id}", "`}` in `id}` closes no placeholder"),
            ("private-}{id}", "closes no placeholder"),
            ("private-orders.{}", "`{}` is not a placeholder"),
            (
                "private-orders.{order id}",
                "`{order id}` is not a placeholder",
            ),
            ("private-orders.{1}", "`{1}` is not a placeholder"),
            ("private-{a}-{b}", "more than one placeholder"),
            ("private-{a}{b}", "more than one placeholder"),
            ("private-{a}.{a}", "`{a}` appears twice"),
            ("private-größe.{a}", "'ö'"),
            ("private orders", "' '"),
            ("", "must not be empty"),
        ] {
            let error = Pattern::parse(pattern).unwrap_err();
            // The first segment is named with its prefix.
            let mistake = mistake.replace("`orders.{id`", "`{id`");
            assert!(error.contains(&mistake), "{pattern}: {error}");
        }
    }

    #[test]
    fn the_nearest_pattern_differs_least() {
        let patterns = [
            "private-orders.{id}",
            "private-{name}",
            "presence-room.{room}.{seat}",
        ];
        let patterns = patterns.map(|pattern| Pattern::parse(pattern).unwrap());
        for (name, expected) in [
            ("private-ordres.7", Some("private-orders.{id}")),
            ("private-orders.", Some("private-orders.{id}")),
            ("private-orders.7.8", Some("private-orders.{id}")),
            ("private_admins", Some("private-{name}")),
            ("presence-7", Some("private-{name}")),
            ("presence-room.lobby", Some("presence-room.{room}.{seat}")),
            ("news", None),
        ] {
            let name = ChannelName::parse(name).unwrap();
            let found = nearest(patterns.iter(), &name).map(ToString::to_string);
            assert_eq!(found.as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn two_patterns_overlap_when_some_name_matches_both() {
        for (one, two, overlap) in [
            ("private-a", "private-a", true),
            ("private-a", "private-b", false),
            ("private-orders.{id}", "private-orders.{order}", true),
            ("private-orders.{id}", "private-orders.all", true),
            ("private-orders.{id}", "private-orders.{id}.items", false),
            ("private-orders.{id}", "private-users.{id}", false),
            ("private-{id}", "private-admins", true),
            ("private-{id}", "private-orders.{id}", false),
            ("private-{a}.x", "private-y.{b}", true),
            ("private-{a}.x", "private-y.z", false),
            ("private-v{a}", "private-v2{a}", true),
            ("private-v{a}", "private-w{a}", false),
            ("private-{a}-x", "private-{a}-y", false),
            ("private-aa{x}a", "private-aaa", false),
            ("private-aa{x}a", "private-aaaa", true),
            ("private-{id}", "presence-{id}", false),
            ("private-{id}", "private-encrypted-{id}", false),
        ] {
            let (one, two) = (Pattern::parse(one).unwrap(), Pattern::parse(two).unwrap());
            assert_eq!(one.overlaps(&two), overlap, "{one} and {two}");
            assert_eq!(two.overlaps(&one), overlap, "{two} and {one}");
        }
    }
}
