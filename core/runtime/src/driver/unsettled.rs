//! How the letters of our partitions stand: counted for the metrics, and told when the oldest is about to be deleted.

use std::collections::BTreeMap;
use std::sync::Arc;

use onceward_engine::Timestamp;
use onceward_engine::ledger::{Fold, LetterState};

use super::Driver;
use crate::alerts::Expiry;
use crate::letter::rfc3339;
use crate::telemetry::Unsettled;

/// Milliseconds between two counts: each goes over all letters of our partitions.
const INTERVAL: u64 = 10_000;

/// When letters are counted again.
#[derive(Debug, Default)]
pub(crate) struct LetterWatch {
    next: Timestamp,
    /// Whether there are any, or may be: then they are counted even if nothing else happens.
    some: bool,
}

impl LetterWatch {
    /// A ledger was read: what is in it is news.
    pub(super) fn soon(&mut self) {
        self.next = Timestamp(0);
    }

    /// When the loop has to wake up for it.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.some.then_some(self.next)
    }
}

impl Driver {
    /// Counts them, if it is time.
    pub(crate) fn count_letters(&mut self) {
        let now = self.clock.now();
        if now < self.letter_watch.next {
            // Something happened since they were counted: if nothing more does, they have to be counted all the same.
            self.letter_watch.some = true;
            return;
        }
        self.letter_watch.next = now.after(INTERVAL);
        let mut topics: BTreeMap<Arc<str>, (Unsettled, Option<i64>)> = BTreeMap::new();
        for (partition, _) in self.partitions.live() {
            if let (Some(entry), Some(fold)) = (self.partitions.get(partition), self.engine.ledger(partition)) {
                count(topics.entry(Arc::clone(&entry.name.topic)).or_default(), fold);
            }
        }
        let wall = self.clock.wall_millis(now);
        let retention = &mut self.alerts.retention;
        let (mut stand, mut expiries) = (BTreeMap::new(), Vec::new());
        for (topic, (mut unsettled, oldest)) in topics {
            unsettled.deleted_at = oldest.and_then(|written| retention.deletes(&topic, written));
            if let Some(fading) = oldest.and_then(|written| retention.fades(&topic, written, wall)) {
                tracing::warn!(target: "onceward", topic = %fading.topic, hours_left = fading.left.as_secs() / 3_600, open = unsettled.open,
                    held = unsettled.held, "the oldest dead letter that is not settled will be deleted by the broker's retention: replay or \
                     discard it, copy it with `onceward dlt export`, or raise retention.ms of the dead-letter topic");
                expiries.push(Expiry {
                    group: self.letters.group().to_owned(),
                    topic: topic.to_string(),
                    deleted_at: rfc3339(unsettled.deleted_at.unwrap_or(wall)),
                    seconds_left: fading.left.as_secs(),
                    open: unsettled.open,
                    held: unsettled.held,
                });
            }
            stand.insert(topic, unsettled);
        }
        expiries.into_iter().for_each(|expiry| self.alerts.expires(expiry));
        self.letter_watch.some = stand.values().any(|unsettled: &Unsettled| unsettled.open + unsettled.held > 0);
        self.metrics.letters_stand(stand);
    }
}

fn count((unsettled, oldest): &mut (Unsettled, Option<i64>), fold: &Fold) {
    for letter in fold.letters() {
        match letter.record.state {
            LetterState::Open => unsettled.open += 1,
            LetterState::Held => unsettled.held += 1,
            LetterState::Done | LetterState::Discarded => continue,
        }
        *oldest = Some(oldest.map_or(letter.since, |before| before.min(letter.since)));
    }
    unsettled.held_keys += fold.held().count() as u64;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use onceward_engine::ledger::{KeyDigest, LetterRecord, Record};
    use onceward_engine::{Offset, Reason};

    use super::*;

    #[test]
    fn settled_letters_are_not_counted_and_the_oldest_of_the_others_is_found() {
        let mut fold = Fold::new();
        let states = [(3, LetterState::Open, 30), (4, LetterState::Held, 40), (5, LetterState::Open, 10), (5, LetterState::Done, 50)];
        for (at, (offset, state, time)) in (0..).zip(states) {
            let record = LetterRecord {
                offset: Offset(offset),
                epoch: Offset(0),
                state,
                replays: 0,
                key: Some(KeyDigest(1)),
                holds: true,
                letter: Offset(offset),
                reason: Reason::Exhausted,
                fingerprint: String::new(),
                time,
                again: 0,
            };
            fold.apply(Offset(at), &Record::Letter(record));
        }
        let mut counted = <(Unsettled, Option<i64>)>::default();
        count(&mut counted, &fold);
        assert_eq!(counted, (Unsettled { open: 1, held: 1, held_keys: 1, deleted_at: None }, Some(30)));
    }
}
