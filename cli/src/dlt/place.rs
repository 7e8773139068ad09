//! Where letters lie: the dead-letter topics of a group, and one letter's place.

use std::ops::ControlFlow;

use onceward::config::{ConfigError, Settings};
use onceward::ledger::Ledger;
use onceward::letter::{Reach, Scan, dead_letter_topic, ledger_topic, scan};

use super::Where;
use super::letter::StoredLetter;
use crate::exit::Failure;
use crate::output::{self, Progress};
use crate::source::Needs;

/// The dead-letter topics to look at, and how to read them.
pub(crate) struct Letters {
    pub(crate) client: Vec<(String, String)>,
    pub(crate) settings: Settings,
    pub(crate) timeout: std::time::Duration,
    pub(crate) shelves: Vec<Shelf>,
    /// All topics that this user sees, sorted.
    pub(crate) there: Vec<String>,
}

/// One dead-letter topic, and where the state of its letters stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shelf {
    /// The topic that the letters come from; `None` when a dead-letter topic was named that is not of this group.
    pub(crate) source: Option<String>,
    /// The dead-letter topic.
    pub(crate) letters: String,
    /// Its ledger, if there is one.
    pub(crate) ledger: Option<String>,
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
    /// From `--topic` and `--dead-letters`, else from the topics of the configuration that have one, else from all topics of the cluster
    /// that have one.
    pub(crate) fn find(what: &Where) -> Result<Self, Failure> {
        let settings = what.source.load(Needs::Kafka)?;
        let client = client(&settings)?;
        let timeout = what.timeout();
        let there = crate::doctor::cluster::topic_names(&client, timeout)?;
        let mut letters = Self { client, settings, timeout, shelves: Vec::new(), there };
        let (settings, there) = (&letters.settings, &letters.there);
        let shelf = |topic: &String| letters.shelf(topic);
        let named = what.dead_letters.iter().map(|topic| Shelf { source: None, letters: topic.clone(), ledger: None });
        let mut shelves: Vec<Shelf> = what.topics.iter().map(&shelf).chain(named).collect();
        if shelves.is_empty() {
            let named = settings.named_among(there);
            let sources = if settings.topics.is_empty() { there } else { &named };
            shelves = sources.iter().map(&shelf).filter(|shelf| there.binary_search(&shelf.letters).is_ok()).collect();
            shelves.sort_by(|one, other| one.letters.cmp(&other.letters));
            shelves.dedup_by(|one, other| one.letters == other.letters);
        }
        if shelves.is_empty() {
            let example = shelf(&"TOPIC".to_owned()).letters;
            return Err(Failure::NotFound(format!(
                "group {} has no dead-letter topic on {}: none is named like {example}; `onceward topics apply` creates them",
                settings.group, settings.brokers
            )));
        }
        letters.shelves = shelves;
        Ok(letters)
    }

    /// The shelf of a source topic of this group.
    pub(crate) fn shelf(&self, topic: &str) -> Shelf {
        let (templates, group) = (&self.settings.dead_letter, &self.settings.group);
        let ledger = Some(ledger_topic(&templates.ledger, topic, group)).filter(|ledger| self.there.binary_search(ledger).is_ok());
        Shelf { source: Some(topic.to_owned()), letters: dead_letter_topic(&templates.topic, topic, group), ledger }
    }

    /// The names of the dead-letter topics.
    pub(crate) fn topics(&self) -> Vec<String> {
        self.shelves.iter().map(|shelf| shelf.letters.clone()).collect()
    }

    /// Whose letters.
    pub(crate) fn group(&self) -> &str {
        &self.settings.group
    }

    /// How to read a topic.
    pub(crate) fn scan<'a>(&'a self, topic: &'a str, parts: Option<&'a [Reach]>) -> Scan<'a> {
        Scan { client: &self.client, topic, only: None, parts, timeout: self.timeout }
    }

    /// The ledger of a shelf, folded; `None` where there is none.
    pub(crate) fn ledger(&self, shelf: &Shelf) -> Result<Option<Ledger>, Failure> {
        let Some(topic) = &shelf.ledger else { return Ok(None) };
        let progress = Progress::new("reading the ledger");
        let ledger = Ledger::read(&self.scan(topic, None), |extent| progress.at(extent.done, extent.total))?;
        drop(progress);
        if let Some(first) = ledger.as_ref().and_then(|ledger| ledger.strange().first.as_ref()) {
            let strange = ledger.as_ref().map(Ledger::strange).cloned().unwrap_or_default();
            let count = strange.foreign + strange.malformed;
            output::note(&format!("{count} records of the ledger can't be read and were passed over, the first: {first}"));
        }
        Ok(ledger)
    }

    /// Hands every record of a dead-letter topic to `visit`, or those of some parts.
    pub(crate) fn each(
        &self,
        topic: &str,
        parts: Option<&[Reach]>,
        mut visit: impl FnMut(StoredLetter) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        let progress = Progress::new("reading letters");
        scan(&self.scan(topic, parts), |stored, extent| {
            progress.at(extent.done, extent.total);
            visit(StoredLetter::read(topic, stored))
        })?;
        Ok(())
    }

    /// The record at a place.
    pub(crate) fn at(&self, place: &Place) -> Result<Option<StoredLetter>, Failure> {
        let mut found = None;
        let only = Some((place.partition, place.offset));
        scan(&Scan { only, ..self.scan(&place.topic, None) }, |stored, _| {
            found = Some(StoredLetter::read(&place.topic, stored));
            ControlFlow::Break(())
        })?;
        Ok(found)
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
