//! What the owner of a partition knows of its ledger, and what it is doing about it.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{Offset, Timestamp};
use crate::ledger::{Fold, KeyDigest, LetterRecord, LetterState};
use crate::pace::Pace;
use crate::shelf::Shelf;

/// How far the owner has come with its claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stand {
    /// The ledger is read.
    Reading,
    /// The group is to be asked in a moment.
    Waiting,
    /// The group is asked whether the partition is ours: by a commit of the offset that it has.
    Confirming,
    /// The claim is on its way, or waits for being read back.
    Claiming {
        /// Where it stands, once it is acknowledged.
        at: Option<Offset>,
    },
    /// The claim counts: its place is the epoch of what we write.
    Ours(Offset),
}

/// The ledger of one assignment.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    pub(crate) stand: Stand,
    /// Which reading of the ledger it comes from.
    pub(crate) reading: u32,
    /// The claim that ours follows.
    pub(crate) prev: Option<Offset>,
    pub(crate) fold: Fold,
    /// Its records, and which of them can go.
    pub(crate) shelf: Shelf,
    /// When it is looked for such records again.
    pub(crate) clean: Option<Timestamp>,
    /// Live deliveries whose letters are written and being recorded, by source offset.
    pub(crate) recording: BTreeMap<Offset, u32>,
    /// What was written of letters and not read back: its state and failed replays.
    pub(crate) written: BTreeMap<Offset, (LetterState, u32)>,
    /// Letters that may have to be handled again, or discarded: to be looked at.
    pub(crate) candidates: BTreeSet<Offset>,
    /// Letters that wait for an earlier live event of their key.
    pub(crate) parked: BTreeMap<KeyDigest, BTreeSet<Offset>>,
    /// Letters that wait for the pace of their command.
    pub(crate) pace: Pace,
    /// Letters that are being read.
    pub(crate) fetching: BTreeMap<Offset, Option<KeyDigest>>,
    /// Letters that are being handled again, and recorded afterwards.
    pub(crate) at_work: BTreeMap<Offset, u32>,
    /// Letters whose discard is being recorded, or whose loss is.
    pub(crate) settling: BTreeSet<Offset>,
    /// Replays that were refused, so that it is said once: letters with their failed replays.
    pub(crate) refused: BTreeMap<Offset, u32>,
}

impl Book {
    pub(crate) fn new(reading: u32) -> Self {
        Self {
            stand: Stand::Reading,
            reading,
            prev: None,
            fold: Fold::new(),
            shelf: Shelf::default(),
            clean: None,
            recording: BTreeMap::new(),
            written: BTreeMap::new(),
            candidates: BTreeSet::new(),
            parked: BTreeMap::new(),
            pace: Pace::default(),
            fetching: BTreeMap::new(),
            at_work: BTreeMap::new(),
            settling: BTreeSet::new(),
            refused: BTreeMap::new(),
        }
    }

    /// The epoch of what we write.
    pub(crate) fn claim(&self) -> Option<Offset> {
        if let Stand::Ours(at) = self.stand { Some(at) } else { None }
    }

    /// A letter's record was read. Whether it is the one that is awaited: one that was sent again may come when much has happened since.
    pub(crate) fn is_awaited(&mut self, record: &LetterRecord) -> bool {
        let awaited = self.claim() == Some(record.epoch) && self.written.get(&record.offset) == Some(&(record.state, record.replays));
        if awaited {
            self.written.remove(&record.offset);
        }
        awaited
    }

    /// A letter is to be looked at.
    pub(crate) fn enlist(&mut self, offset: Offset) {
        self.candidates.insert(offset);
    }

    /// Somebody is at work for a letter.
    pub(crate) fn is_taken(&self, offset: Offset) -> bool {
        self.at_work.contains_key(&offset) || self.fetching.contains_key(&offset) || self.settling.contains(&offset)
    }

    /// Nothing of it is under way and nothing is wanted that could be done below an offset.
    pub(crate) fn is_idle(&self, below: Offset) -> bool {
        self.recording.is_empty()
            && self.fetching.is_empty()
            && self.at_work.is_empty()
            && self.settling.is_empty()
            && self.pace.is_idle()
            && self.candidates.range(..below).next().is_none()
    }
}
