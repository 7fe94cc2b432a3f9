//! JSON of which one part may be of the wrong type: it is read in one go all the same, so that the
//! part can be named, and the rest is known.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// What stands where a `T` was expected.
#[derive(Debug, Default)]
pub(crate) enum Said<T> {
    /// Nothing, or `null`.
    #[default]
    Nothing,
    Right(T),
    /// Something of another type.
    Wrong,
}

/// A type that can be told from others in JSON. What is not its own form is read to its end and
/// found wrong.
pub(crate) trait Expected<'de>: Sized {
    fn from_text(_text: Cow<'de, str>) -> Option<Self> {
        None
    }

    fn from_list<A: SeqAccess<'de>>(mut list: A) -> Result<Option<Self>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn from_object<A: MapAccess<'de>>(mut object: A) -> Result<Option<Self>, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

impl<T> Said<T> {
    pub(crate) fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }

    /// What was said, or the error that it is `wrong`.
    pub(crate) fn right<E>(self, wrong: impl FnOnce() -> E) -> Result<Option<T>, E> {
        match self {
            Self::Nothing => Ok(None),
            Self::Right(right) => Ok(Some(right)),
            Self::Wrong => Err(wrong()),
        }
    }
}

impl<T> From<Option<T>> for Said<T> {
    fn from(found: Option<T>) -> Self {
        found.map_or(Self::Wrong, Self::Right)
    }
}

impl<'de: 'a, 'a> Expected<'de> for Cow<'a, str> {
    fn from_text(text: Cow<'de, str>) -> Option<Self> {
        Some(text)
    }
}

impl<'de, T: Expected<'de>> Expected<'de> for Vec<T> {
    fn from_list<A: SeqAccess<'de>>(mut list: A) -> Result<Option<Self>, A::Error> {
        let mut all = Some(Self::new());
        while let Some(said) = list.next_element()? {
            match (said, &mut all) {
                (Said::Right(element), Some(all)) => all.push(element),
                _ => all = None,
            }
        }
        Ok(all)
    }
}

impl<'de, T: Expected<'de>> Deserialize<'de> for Said<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Listener(PhantomData))
    }
}

struct Listener<T>(PhantomData<T>);

impl<'de, T: Expected<'de>> Visitor<'de> for Listener<T> {
    type Value = Said<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Said<T>, E> {
        Ok(T::from_text(Cow::Borrowed(text)).into())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Said<T>, E> {
        Ok(T::from_text(Cow::Owned(text.to_owned())).into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Said<T>, A::Error> {
        T::from_list(list).map(Into::into)
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Said<T>, A::Error> {
        T::from_object(object).map(Into::into)
    }

    fn visit_unit<E: Error>(self) -> Result<Said<T>, E> {
        Ok(Said::Nothing)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Said<T>, E> {
        Ok(Said::Wrong)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Said<T>, E> {
        Ok(Said::Wrong)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Said<T>, E> {
        Ok(Said::Wrong)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Said<T>, E> {
        Ok(Said::Wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_from_what_is_missing() {
        let text = |json| serde_json::from_str::<Said<Cow<'_, str>>>(json);
        let list = |json| serde_json::from_str::<Said<Vec<Cow<'_, str>>>>(json);
        for json in [
            "1",
            "-1",
            "1.5",
            "true",
            r#"["a", 1]"#,
            r#"{"a": {"b": []}}"#,
        ] {
            assert!(matches!(text(json), Ok(Said::Wrong)), "{json}");
            assert!(matches!(list(json), Ok(Said::Wrong)), "{json}");
        }
        assert!(matches!(list(r#""a""#), Ok(Said::Wrong)));
        assert!(matches!(list(r#"["a", null]"#), Ok(Said::Wrong)));
        assert!(matches!(text("null"), Ok(Said::Nothing)));
        assert!(matches!(text(r#""a\n""#), Ok(Said::Right(text)) if text == "a\n"));
        assert!(matches!(
            text(r#""a""#),
            Ok(Said::Right(Cow::Borrowed("a")))
        ));
        assert!(matches!(list(r#"["a", "b"]"#), Ok(Said::Right(all)) if all == ["a", "b"]));
        assert!(list(r#"["a", "b"#).is_err());
    }
}
