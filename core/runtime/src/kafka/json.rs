//! One value out of a JSON text, by JSON pointer, without building the whole tree.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A parsed JSON pointer (RFC 6901).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pointer {
    steps: Vec<String>,
}

/// What a pointer points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A string, an integer or a boolean, as text.
    Scalar(String),
    /// Nothing, null, a container, or a number that JSON does not keep exactly: no identity can be read from it.
    Nothing,
}

/// The text is not JSON.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotJson;

impl Pointer {
    /// Parses a pointer; a missing leading slash is forgiven.
    pub(crate) fn new(pointer: &str) -> Self {
        let pointer = pointer.strip_prefix('/').unwrap_or(pointer);
        Self { steps: pointer.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect() }
    }

    /// Reads the value. The whole text is checked; what the pointer does not lead through is skipped without recursion.
    pub(crate) fn read(&self, text: &[u8]) -> Result<Found, NotJson> {
        let mut json = serde_json::Deserializer::from_slice(text);
        let found = Seek { steps: &self.steps }.deserialize(&mut json).map_err(|_| NotJson)?;
        json.end().map_err(|_| NotJson)?;
        Ok(found)
    }
}

#[derive(Clone, Copy)]
struct Seek<'p> {
    steps: &'p [String],
}

impl<'de> DeserializeSeed<'de> for Seek<'_> {
    type Value = Found;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Found, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Seek<'_> {
    fn scalar<E>(self, text: &(impl ToString + ?Sized)) -> Result<Found, E> {
        Ok(if self.steps.is_empty() { Found::Scalar(text.to_string()) } else { Found::Nothing })
    }
}

impl<'de> Visitor<'de> for Seek<'_> {
    type Value = Found;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<Found, E> {
        self.scalar(text)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Found, E> {
        self.scalar(&number)
    }

    fn visit_u64<E>(self, number: u64) -> Result<Found, E> {
        self.scalar(&number)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Found, E> {
        self.scalar(&value)
    }

    // Integers beyond 64 bits arrive as floats, too: two different ids could become one, and an event would be dropped as a copy.
    fn visit_f64<E>(self, _: f64) -> Result<Found, E> {
        Ok(Found::Nothing)
    }

    fn visit_unit<E>(self) -> Result<Found, E> {
        Ok(Found::Nothing)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found, A::Error> {
        let mut found = Found::Nothing;
        while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            match self.steps.split_first() {
                // Of repeated names the last one counts, as in most readers.
                Some((step, rest)) if *step == name => found = map.next_value_seed(Seek { steps: rest })?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Found, A::Error> {
        let wanted = self.steps.split_first().and_then(|(step, rest)| step.parse::<usize>().ok().map(|index| (index, rest)));
        let mut found = Found::Nothing;
        for index in 0_usize.. {
            match wanted {
                Some((at, rest)) if at == index => match sequence.next_element_seed(Seek { steps: rest })? {
                    Some(value) => found = value,
                    None => break,
                },
                _ => {
                    if sequence.next_element::<IgnoredAny>()?.is_none() {
                        break;
                    }
                }
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use super::*;

    fn read(pointer: &str, text: &str) -> Result<Found, NotJson> {
        Pointer::new(pointer).read(text.as_bytes())
    }

    #[test]
    fn reads_scalars_and_nothing_else() {
        let text = r#"{"a":{"b":[1,"two",true,null,1.5,36893488147419103233]},"a/b":"slash","é":-7}"#;
        let scalar = |text: &str| Ok(Found::Scalar(text.to_owned()));
        assert_eq!(read("/a/b/0", text), scalar("1"));
        assert_eq!(read("/a/b/1", text), scalar("two"));
        assert_eq!(read("/a/b/2", text), scalar("true"));
        assert_eq!(read("/a~1b", text), scalar("slash"));
        assert_eq!(read("/é", text), scalar("-7"));
        for nothing in ["/a/b/3", "/a/b/4", "/a/b/5", "/a/b/6", "/a/b", "/a", "/x", "/a/b/0/c"] {
            assert_eq!(read(nothing, text), Ok(Found::Nothing), "{nothing}");
        }
    }

    #[test]
    fn the_last_of_repeated_names_counts() {
        assert_eq!(read("/a", r#"{"a":1,"\u0061":2}"#), Ok(Found::Scalar("2".to_owned())));
    }

    #[test]
    fn depth_is_no_danger() {
        let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        assert_eq!(read("/a", &deep), Ok(Found::Nothing));
        assert_eq!(read("/0/0/0", &deep), Ok(Found::Nothing));
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in ["", "{", "{\"a\":1} x", "\u{feff}{}", "NaN", "\"\\ud800\""] {
            assert_eq!(read("/a", text), Err(NotJson), "{:.20}", text);
        }
    }
}
