//! Topics that are named by a pattern.

use std::sync::Arc;

use regex::Regex;

/// A regular expression in the place of a topic's name. It begins with `^`, which no name can have.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: Arc<str>,
    regex: Regex,
}

impl Pattern {
    /// Whether this is written as a pattern.
    #[must_use]
    pub fn is_one(name: &str) -> bool {
        name.starts_with('^')
    }

    /// Reads a pattern. It has to match a name from its beginning to its end, with or without a `$`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        // First as it was written: otherwise the message would show what was put around it.
        let regex = Regex::new(text).and_then(|_| Regex::new(&format!("^(?:{text})$")));
        match regex {
            Ok(regex) => Ok(Self { text: text.into(), regex }),
            Err(error) => Err(format!("is not a regular expression: {}", told(&error))),
        }
    }

    /// Whether a topic's name is of this kind, all of it.
    #[must_use]
    pub fn matches(&self, topic: &str) -> bool {
        self.regex.is_match(topic)
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }
}

/// The library draws the place over several lines; a problem is told in one. The last line says what is wrong.
fn told(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    last.trim().trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use super::*;

    #[test]
    fn the_whole_name_is_matched() {
        let pattern = Pattern::new("^orders|^orders\\..*").unwrap();
        for (name, matches) in [("orders", true), ("orders.eu", true), ("orders2", false), ("my.orders", false), ("ORDERS", false)] {
            assert_eq!(pattern.matches(name), matches, "{name}");
        }
        assert!(!Pattern::new("^a").unwrap().matches("a\n"), "a line's end is no name's end");
        assert!(Pattern::is_one("^orders") && !Pattern::is_one("orders.*"), "a name is no pattern, whatever it holds");
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line() {
        for (wrong, why) in [("^orders[", "unclosed character class"), ("^(", "unclosed group"), ("^(?x)a #", "unclosed group")] {
            assert_eq!(Pattern::new(wrong).unwrap_err(), format!("is not a regular expression: {why}"));
        }
        let large = Pattern::new("^((\\w{1000}){1000}){1000}").unwrap_err();
        assert!(!large.contains('\n') && large.contains("size"), "{large}");
    }
}
