//! What the patterns of a consumer match.

use crate::config::{Pattern, Settings};
use crate::kafka::TopicSettings;
use crate::letter::Recognise;

/// The patterns, and the topics that have a handler of their own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Patterns {
    pub(super) named: Vec<String>,
    pub(super) patterns: Vec<(Pattern, TopicSettings)>,
}

/// What was matched.
#[derive(Debug, Default)]
pub(crate) struct Matched {
    /// Topics of one pattern each, as it treats them.
    pub(crate) topics: Vec<TopicSettings>,
    /// Topics of several, with the texts of these.
    pub(crate) contested: Vec<(String, Vec<String>)>,
}

impl Patterns {
    pub(super) fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Sorts the topics of a cluster. A topic that is named belongs to the handler that names it; what begins with `__` is the brokers'
    /// own; and companions are never consumed.
    pub(crate) fn sort<'a>(&self, settings: &'a Settings, topics: &[&'a str]) -> Matched {
        let recognise = Recognise::new(&settings.dead_letter.topic, &settings.dead_letter.ledger, &settings.group, topics.iter().copied());
        let mut matched = Matched::default();
        for topic in topics.iter().filter(|topic| !topic.starts_with("__") && !self.named.iter().any(|named| named == *topic)) {
            let mut by = self.patterns.iter().filter(|(pattern, _)| pattern.matches(topic)).peekable();
            let Some((_, first)) = by.peek() else { continue };
            if recognise.is_companion(topic) {
                continue;
            }
            let first = first.found(topic);
            let texts: Vec<String> = by.map(|(pattern, _)| pattern.text().to_string()).collect();
            if texts.len() == 1 {
                matched.topics.push(first);
            } else {
                matched.contested.push(((*topic).to_owned(), texts));
            }
        }
        matched
    }
}

impl Settings {
    /// The topics that have a table, where a cluster has these topics: a pattern's table stands for what the pattern matches.
    #[must_use]
    pub fn named_among(&self, there: &[String]) -> Vec<String> {
        let named = self.topics.keys().filter(|name| !Pattern::is_one(name)).cloned();
        let mut patterns = Patterns { named: named.clone().collect(), patterns: Vec::new() };
        for table in self.topic_settings(&self.topics.keys().collect::<Vec<_>>()) {
            patterns.patterns.extend(Pattern::new(&table.name).ok().filter(|_| table.pattern.is_some()).map(|pattern| (pattern, table)));
        }
        let there: Vec<&str> = there.iter().map(String::as_str).collect();
        let matched = patterns.sort(self, &there);
        let contested = matched.contested.into_iter().map(|(topic, _)| topic);
        let mut names: Vec<String> = named.chain(matched.topics.into_iter().map(|topic| topic.name)).chain(contested).collect();
        names.sort();
        names
    }
}

/// Why a topic is not consumed that several patterns match.
pub(crate) fn contest(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| format!("{text:?}")).collect();
    format!("is matched by {}, and only one can be for it; narrow them, or give the topic a handler of its own", texts.join(" and "))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use super::*;
    use crate::config::raw;

    fn patterns(settings: &Settings, named: &[&str], patterns: &[&str]) -> Patterns {
        let patterns = settings.topic_settings(patterns).into_iter().map(|topic| (Pattern::new(&topic.name).unwrap(), topic));
        Patterns { named: named.iter().map(|name| (*name).to_owned()).collect(), patterns: patterns.collect() }
    }

    #[test]
    fn topics_are_sorted_by_who_handles_them() {
        let config = raw::Config {
            brokers: Some("localhost:9092".into()),
            group: Some("billing".into()),
            inbox: Some("memory".into()),
            auto_offset_reset: Some(raw::OffsetReset::Earliest),
            ..raw::Config::default()
        };
        let settings = Settings::from_raw(&config).unwrap();
        let patterns = patterns(&settings, &["orders.us"], &["^orders\\..*", "^.*\\.eu", "^_.*"]);
        let topics = [
            "orders.us",
            "orders.uk",
            "orders.eu",
            "users.eu",
            "orders.uk.billing.dlt",
            "orders.uk.other.ledger",
            "__consumer_offsets",
            "x",
        ];
        let matched = patterns.sort(&settings, &topics);
        let found: Vec<_> =
            matched.topics.iter().map(|topic| (topic.name.as_str(), topic.pattern.as_deref().unwrap(), topic.policy.0)).collect();
        assert_eq!(found, [("orders.uk", "^orders\\..*", 0), ("users.eu", "^.*\\.eu", 1)]);
        let mut written = config;
        written.topics = ["^orders\\..*", "orders.us", "x"].map(|name| (name.to_owned(), raw::Topic::default())).into();
        let there = topics.map(str::to_owned);
        assert_eq!(Settings::from_raw(&written).unwrap().named_among(&there), ["orders.eu", "orders.uk", "orders.us", "x"]);
        assert_eq!(matched.contested, [("orders.eu".to_owned(), vec!["^orders\\..*".to_owned(), "^.*\\.eu".to_owned()])]);
    }
}
