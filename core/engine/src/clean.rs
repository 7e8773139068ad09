//! When the owner of a partition takes out of its ledger what is over; what, and in which order, is the shelf's.
//!
//! What concerns claims is looked at once, when the partition has become ours; settled letters at intervals, since somebody has to be asked
//! which copies are gone.

use crate::deadline::Due;
use crate::engine::Engine;
use crate::ids::{Epoch, Offset, PartitionId};
use crate::ledger::Removed;
use crate::partition::State;
use crate::sabotage::Sabotage;
use crate::shelf::Wrong;
use crate::{Effect, RecordGone};

impl Engine {
    /// The partition has become ours and is handled.
    pub(crate) fn begin_cleaning(&mut self, index: u32) {
        self.go_on_cleaning(index);
        self.ask_for_oldest(index);
    }

    /// A letter is settled: some day its records can go.
    pub(crate) fn clean_later(&mut self, index: u32) {
        let at = self.now.after(self.settings.clean_interval);
        if let Some(book) = self.partitions.get_mut(index).and_then(|partition| partition.book.as_mut())
            && book.clean.is_none()
            && self.settings.clean_interval < u64::MAX
        {
            book.clean = Some(at);
            self.deadlines.add(at, Due::Clean(index));
        }
    }

    pub(crate) fn clean_is_due(&mut self, index: u32) {
        if let Some(book) = self.partitions.get_mut(index).and_then(|partition| partition.book.as_mut()) {
            book.clean = None;
            self.ask_for_oldest(index);
        }
    }

    /// Asks which copies are gone, if there are settled letters at all, now and later again.
    fn ask_for_oldest(&mut self, index: u32) {
        let Some(partition) = self.partitions.get(index).filter(|partition| partition.state == State::Running) else { return };
        let settled = |book: &crate::book::Book| book.fold.letters().any(|letter| letter.record.state.is_terminal());
        if partition.book.as_deref().is_some_and(settled) {
            self.out.push(Effect::FindOldestLetter { partition: partition.id, epoch: partition.epoch });
            self.clean_later(index);
        }
    }

    /// A letter's record may land twice.
    pub(crate) fn sent_again(&mut self, id: PartitionId, epoch: Epoch, letter: Offset) {
        if !self.bugs.has(Sabotage::CleanDoubtful)
            && let Some(book) = self.book(id, epoch)
        {
            book.shelf.doubt(letter);
        }
    }

    /// Copies of letters before an offset of the dead-letter topic are gone.
    pub(crate) fn oldest_letter(&mut self, id: PartitionId, epoch: Epoch, oldest: Offset) {
        let Some(partition) = self.partitions.current(id, epoch) else { return };
        let committed = partition.commits.acknowledged();
        if let Some(book) = &mut partition.book {
            book.shelf.expire(&book.fold, committed, oldest);
            self.go_on_cleaning(id.0);
        }
    }

    /// A record of the ledger was taken out, by us or by an owner before us.
    pub(crate) fn record_gone(&mut self, gone: &RecordGone) {
        let Some(book) = self.book_of(gone.partition, gone.epoch, gone.reading) else { return };
        if let Removed::Claim(at) = gone.record
            && book.fold.current() == Some(at)
        {
            return self.claim_is_gone(gone);
        }
        if let Removed::Letter { offset, state, .. } = &gone.record
            && state.is_terminal()
        {
            book.refused.remove(offset);
        }
        let through = book.shelf.removed(&gone.record, &mut book.fold);
        if through {
            self.go_on_cleaning(gone.partition.0);
        }
    }

    fn go_on_cleaning(&mut self, index: u32) {
        let wrong =
            Wrong { settled_first: self.bugs.has(Sabotage::CleanSettledFirst), claims_first: self.bugs.has(Sabotage::CleanClaimsFirst) };
        let Some(partition) = self.partitions.get_mut(index).filter(|partition| partition.state == State::Running) else { return };
        let (id, epoch) = (partition.id, partition.epoch);
        let Some((book, claim)) = partition.book.as_mut().and_then(|book| book.claim().map(|claim| (book, claim))) else { return };
        let records = book.shelf.next(&book.fold, claim, wrong);
        if !records.is_empty() {
            self.out.push(Effect::Remove { partition: id, epoch, records });
        }
    }
}
