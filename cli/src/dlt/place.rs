//! Where letters lie: the dead-letter topics of a group, and one letter's place.

use std::ops::ControlFlow;

use onceward::config::{ConfigError, Settings};
use onceward::letter::{Scan, dead_letter_topic, scan};

use super::Where;
use super::letter::StoredLetter;
use crate::exit::Failure;
use crate::output::Progress;
use crate::source::Needs;

/// The dead-letter topics to look at, and how to read them.
pub(crate) struct Letters {
    client: Vec<(String, String)>,
    topics: Vec<String>,
    timeout: std::time::Duration,
}

/// The place of one record: `TOPIC:PARTITION:OFFSET`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
}

impl Place {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.rsplitn(3, ':');
        let (offset, partition, topic) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?);
        (!topic.is_empty() && offset >= 0 && partition >= 0).then(|| Self { topic: topic.to_owned(), partition, offset })
    }
}

impl Letters {
    /// From `--topic`, else from the topics of the configuration that have one, else from all topics of the cluster that have one.
    pub(crate) fn find(what: &Where) -> Result<Self, Failure> {
        let settings = what.source.load(Needs::Kafka)?;
        let client = client(&settings)?;
        let timeout = what.timeout();
        let companion = |topic: &String| dead_letter_topic(&settings.dead_letter.topic, topic, &settings.group);
        let topics = if what.topics.is_empty() {
            let there = crate::doctor::cluster::topic_names(&client, timeout)?;
            let named = settings.named_among(&there);
            let sources = if settings.topics.is_empty() { &there } else { &named };
            let mut found: Vec<String> = sources.iter().map(companion).filter(|topic| there.binary_search(topic).is_ok()).collect();
            found.sort();
            found.dedup();
            found
        } else {
            what.topics.iter().map(companion).collect()
        };
        if topics.is_empty() {
            let example = companion(&"TOPIC".to_owned());
            return Err(Failure::NotFound(format!(
                "group {} has no dead-letter topic on {}: none is named like {example}; `onceward topics apply` creates them",
                settings.group, settings.brokers
            )));
        }
        Ok(Self { client, topics, timeout })
    }

    pub(crate) fn topics(&self) -> &[String] {
        &self.topics
    }

    /// Hands every letter to `visit`, topic by topic.
    pub(crate) fn each(&self, mut visit: impl FnMut(StoredLetter) -> ControlFlow<()>) -> Result<(), Failure> {
        for topic in &self.topics {
            let progress = Progress::new("reading letters");
            let mut stopped = false;
            scan(&self.scan(topic, None), |stored, extent| {
                progress.at(extent.done, extent.total);
                let flow = visit(StoredLetter::read(topic, stored));
                stopped = flow.is_break();
                flow
            })?;
            if stopped {
                break;
            }
        }
        Ok(())
    }

    /// The record at a place.
    pub(crate) fn at(&self, place: &Place) -> Result<Option<StoredLetter>, Failure> {
        let mut found = None;
        scan(&self.scan(&place.topic, Some((place.partition, place.offset))), |stored, _| {
            found = Some(StoredLetter::read(&place.topic, stored));
            ControlFlow::Break(())
        })?;
        Ok(found)
    }

    fn scan<'a>(&'a self, topic: &'a str, only: Option<(i32, i64)>) -> Scan<'a> {
        Scan { client: &self.client, topic, only, parts: None, timeout: self.timeout }
    }
}

/// Properties of a client that reads without joining the group.
pub(crate) fn client(settings: &Settings) -> Result<Vec<(String, String)>, ConfigError> {
    let user = settings.kafka.resolved()?;
    let mut properties = onceward::kafka::consumer_properties(&settings.brokers, &settings.group, &user);
    properties.push(("client.id".to_owned(), format!("{}-cli", settings.client_id)));
    Ok(properties)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
    use super::*;

    #[test]
    fn places_are_told_from_letter_ids() {
        assert_eq!(Place::parse("a.b.dlt:3:42"), Some(Place { topic: "a.b.dlt".to_owned(), partition: 3, offset: 42 }));
        for text in ["0123456789abcdef", "a:b", "a:-1:2", ":1:2", "a:1:x", ""] {
            assert_eq!(Place::parse(text), None, "{text}");
        }
    }
}
