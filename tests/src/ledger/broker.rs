//! What is true outside of every member: logs, letters, ledgers, offsets, owners, marks.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use onceward_engine::ledger::{Fold, Record as LedgerRecord, Removed};
use onceward_engine::{Epoch, Offset};

use super::plan::Plan;
use crate::sim::Rng;

/// A record of a source partition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    pub(super) offset: i64,
    pub(super) key: Option<u128>,
    pub(super) event: u128,
    /// It has no id: it is known by where it stands.
    pub(super) by_place: bool,
    /// Fails until the handler is mended.
    pub(super) poison: bool,
    /// Fails for ever.
    pub(super) hopeless: bool,
    pub(super) effects: bool,
}

/// What stands in a ledger.
#[derive(Clone, Debug)]
pub(super) enum Stored {
    Record(LedgerRecord),
    Tombstone(Removed),
    /// Compaction took it away.
    Compacted,
}

/// What a ledger is compacted by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    /// By the id of the try that wrote it.
    Claim(String),
    Letter(Removed),
    Command(String),
}

impl Key {
    pub(super) fn of(record: &LedgerRecord) -> Self {
        match record {
            LedgerRecord::Claim(claim) => Self::Claim(claim.member.clone()),
            LedgerRecord::Letter(letter) => Self::Letter(letter.removed()),
            LedgerRecord::Command(command) => Self::Command(command.id.clone()),
        }
    }
}

/// One partition, its companions, and its place in the group.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) records: Vec<Source>,
    pub(super) produced: usize,
    pub(super) committed: Option<i64>,
    pub(super) owner: Option<(usize, Epoch)>,
    /// Whose letters: indices of records, by position in the dead-letter topic.
    pub(super) letters: Vec<usize>,
    /// Letters before this position are deleted.
    pub(super) oldest_letter: usize,
    pub(super) ledger: Vec<Stored>,
    /// Letters that were settled.
    pub(super) settled: BTreeSet<i64>,
    /// Every key that was written.
    pub(super) keys: BTreeSet<Key>,
    /// One that was written twice.
    pub(super) twice: Option<Key>,
    /// Ids of claims, by place.
    pub(super) claims: BTreeMap<i64, String>,
    /// The assignment that wrote the current claim.
    pub(super) claimant: Option<Epoch>,
    /// What the ledger comes to.
    pub(super) truth: Fold,
    /// Replay commands that name a letter.
    pub(super) commands: BTreeMap<i64, u32>,
    /// Letters whose replay somebody insisted on.
    pub(super) forced: BTreeSet<i64>,
    /// Up to here the commits are checked.
    pub(super) checked: usize,
    /// The last event that was handled, by lane.
    pub(super) handled: HashMap<Option<u128>, i64>,
    /// Starts under a command with a rate, by the command's place, for each epoch.
    pub(super) paced: BTreeMap<(Epoch, i64), Vec<u64>>,
}

impl Log {
    pub(super) fn end(&self) -> i64 {
        self.produced.checked_sub(1).map_or(0, |last| self.records[last].offset + 1)
    }

    pub(super) fn index(&self, offset: i64) -> usize {
        self.records.partition_point(|record| record.offset < offset)
    }

    /// The key at a place.
    fn key(&self, place: usize) -> Option<Key> {
        match &self.ledger[place] {
            Stored::Record(record) => Some(Key::of(record)),
            Stored::Tombstone(Removed::Claim(at)) => self.claims.get(&at.0).cloned().map(Key::Claim),
            Stored::Tombstone(Removed::Command(id)) => Some(Key::Command(id.clone())),
            Stored::Tombstone(gone @ Removed::Letter { .. }) => Some(Key::Letter(gone.clone())),
            Stored::Compacted => None,
        }
    }

    /// Compaction: of each key, only what is last before a place is left. Tombstones stay for the time being.
    pub(super) fn compact(&mut self, until: usize) {
        let mut seen = BTreeSet::new();
        for place in (0..until.min(self.ledger.len())).rev() {
            let first = self.key(place).is_none_or(|key| seen.insert(key));
            if !first && matches!(self.ledger[place], Stored::Record(_)) {
                self.ledger[place] = Stored::Compacted;
            }
        }
    }

    /// What somebody who reads the ledger from its beginning makes of it, once compaction has caught up.
    pub(super) fn compacted(&self) -> Fold {
        let mut later = Self { ledger: self.ledger.clone(), claims: self.claims.clone(), ..Self::default() };
        later.compact(usize::MAX);
        let mut fold = Fold::new();
        for (at, stored) in (0..).zip(&later.ledger) {
            if let Stored::Record(record) = stored {
                fold.apply(Offset(at), record);
            }
        }
        fold
    }

    pub(super) fn is_over(&self) -> bool {
        self.produced == self.records.len() && self.committed == Some(self.end())
    }
}

pub(super) fn logs(seed: u64, plan: &Plan) -> Vec<Log> {
    let mut rng = Rng::new(seed, 22);
    let mut by_place = Rng::new(seed, 25);
    let r = &mut rng;
    let mut known: Vec<Source> = Vec::new();
    let mut logs: Vec<Log> = (0..plan.partitions).map(|_| Log::default()).collect();
    for (partition, log) in logs.iter_mut().enumerate() {
        let mut offset = 0;
        for number in 0..plan.records {
            offset += 1 + i64::from(r.percent(10));
            let poison = r.percent(plan.poison);
            let mut record = Source {
                offset,
                key: (!r.percent(plan.no_key)).then(|| u128::from(r.within(1, plan.keys))),
                event: 1_000 * (partition as u128 + 1) + number as u128,
                by_place: false,
                poison,
                hopeless: poison && r.percent(plan.hopeless),
                effects: r.percent(plan.effects),
            };
            if r.percent(plan.copies) && !known.is_empty() {
                let twin = r.pick(&known);
                record = Source { offset, key: record.key, ..twin };
            }
            if by_place.percent(plan.by_place) {
                // Nobody knows that it was sent twice.
                (record.by_place, record.event) = (true, 1_000 * (partition as u128 + 1) + number as u128);
            } else {
                known.push(record);
            }
            log.records.push(record);
        }
        log.produced = log.records.len() / 2;
    }
    logs
}
