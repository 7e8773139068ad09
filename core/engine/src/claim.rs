//! Who owns the ledger of a partition: nothing of a partition is handled before its claim counts.
//!
//! 1. The committed offset is known (it comes with the assignment), *then* the ledger is read to its end: the other way round an owner
//!    could start at an offset that passes letters it has not read of.
//! 2. A commit of that offset asks the group whether the partition is ours. Without that question somebody who lost it without
//!    knowing could claim on top of the new owner.
//! 3. The claim names the one that it follows. It counts when it is read back and nothing came in between; else all is asked anew.
//!
//! The claim's offset is the epoch of everything that we write there. What is written under an earlier one counts for nobody.

use crate::book::{Book, Stand};
use crate::deadline::Due;
use crate::engine::Engine;
use crate::ids::{Epoch, Offset, PartitionId};
use crate::ledger::{Applied, Record};
use crate::partition::State;
use crate::sabotage::Sabotage;
use crate::{Claimed, Effect, LedgerRead, RecordGone};

/// How long after a refusal the group is asked again whether a partition is ours, in milliseconds.
const AGAIN: u64 = 100;
/// The number of the first reading of a ledger.
const FIRST: u32 = 1;

impl Engine {
    /// The first step of an assignment with a ledger.
    pub(crate) fn read_ledger(&mut self, id: PartitionId, epoch: Epoch) {
        if let Some(partition) = self.partitions.current(id, epoch) {
            partition.book = Some(Box::new(Book::new(FIRST)));
        }
        self.out.push(Effect::ReadLedger { partition: id, epoch, reading: FIRST });
        if self.bugs.has(Sabotage::DispatchBeforeFolded) {
            self.is_ours(id.0, Offset(0));
        }
    }

    pub(crate) fn ledger_end(&mut self, id: PartitionId, epoch: Epoch, reading: u32) {
        if self.book_of(id, epoch, reading).is_some_and(|book| book.stand == Stand::Reading) {
            self.ask_the_group(id.0);
        }
    }

    /// Commits the offset that the group has already, or where reading starts if it has none.
    fn ask_the_group(&mut self, index: u32) {
        let Some(partition) = self.partitions.get_mut(index) else { return };
        if !matches!(partition.state, State::CatchingUp) {
            return;
        }
        if partition.commits.is_outstanding() {
            // The answer to an earlier question says nothing: it was asked before the ledger was read.
            return self.ask_later(index);
        }
        let (id, epoch, next) = (partition.id, partition.epoch, partition.assignment.from);
        if let Some(book) = &mut partition.book {
            book.stand = Stand::Confirming;
            book.prev = book.fold.current();
        }
        if self.bugs.has(Sabotage::ClaimUnconfirmed) {
            self.claim(index);
            return;
        }
        partition.commits.begin(next, self.now);
        self.out.push(Effect::Commit { partition: id, epoch, next });
    }

    /// The group said whether the partition is ours. Returns whether that was the question.
    pub(crate) fn group_answered(&mut self, index: u32, ours: bool) -> bool {
        let Some(partition) = self.partitions.get(index).filter(|partition| partition.state == State::CatchingUp) else { return false };
        if partition.book.as_ref().is_none_or(|book| book.stand != Stand::Confirming) {
            return false;
        }
        // An answer is as old as its question: it says nothing of who claimed the partition since.
        let overtaken = |book: &Book| book.fold.current() != book.prev;
        if !ours {
            self.ask_later(index);
        } else if self.partitions.get(index).and_then(|partition| partition.book.as_deref()).is_some_and(overtaken) {
            self.ask_the_group(index);
        } else {
            self.claim(index);
        }
        true
    }

    fn ask_later(&mut self, index: u32) {
        let at = self.now.after(AGAIN);
        let Some(partition) = self.partitions.get_mut(index) else { return };
        let Some(book) = &mut partition.book else { return };
        book.stand = Stand::Waiting;
        partition.commits.ask_at(at);
        self.deadlines.add(at, Due::Commit(index));
    }

    /// It is time to ask again. Returns whether that is what a commit was due for.
    pub(crate) fn asks_the_group(&mut self, index: u32) -> bool {
        let waiting = self.partitions.get(index).and_then(|p| p.book.as_ref()).is_some_and(|book| book.stand == Stand::Waiting);
        if waiting {
            self.cancel_commit(index);
            self.ask_the_group(index);
        }
        waiting
    }

    fn claim(&mut self, index: u32) {
        let Some(partition) = self.partitions.get_mut(index) else { return };
        let Some(book) = &mut partition.book else { return };
        book.stand = Stand::Claiming { at: None };
        let (prev, reading, partition, epoch) = (book.prev, book.reading, partition.id, partition.epoch);
        self.out.push(Effect::Claim { partition, epoch, reading, prev });
    }

    pub(crate) fn claim_acknowledged(&mut self, id: PartitionId, epoch: Epoch, reading: u32, at: Offset) {
        let Some(book) = self.book_of(id, epoch, reading).filter(|book| book.stand == Stand::Claiming { at: None }) else { return };
        book.stand = Stand::Claiming { at: Some(at) };
        let read = book.fold.next().is_some_and(|next| next > at);
        let counts = book.fold.current() == Some(at);
        if self.bugs.has(Sabotage::ClaimNotAwaited) {
            self.is_ours(id.0, at);
        } else if read {
            self.claim_decided(id.0, at, counts);
        }
    }

    pub(crate) fn claim_failed(&mut self, id: PartitionId, epoch: Epoch, reading: u32) {
        if self.book_of(id, epoch, reading).is_some_and(|book| book.stand == Stand::Claiming { at: None }) {
            self.ask_later(id.0);
        }
    }

    fn claim_decided(&mut self, index: u32, at: Offset, counts: bool) {
        if counts {
            self.is_ours(index, at);
        } else {
            self.ask_the_group(index);
        }
    }

    fn is_ours(&mut self, index: u32, at: Offset) {
        let Some(partition) = self.partitions.get_mut(index) else { return };
        let Some(book) = &mut partition.book else { return };
        book.stand = Stand::Ours(at);
        if partition.state == State::CatchingUp {
            let claim = Claimed { at, prev: book.prev, from: partition.assignment.from };
            let (partition, epoch) = (partition.id, partition.epoch);
            self.out.push(Effect::CatchUp { partition, epoch, claim: Some(claim) });
        }
    }

    /// A record of the ledger, in its order.
    pub(crate) fn ledger_read(&mut self, read: &LedgerRead) {
        let LedgerRead { partition: id, epoch, reading, at, record } = read;
        let Some(book) = self.book_of(*id, *epoch, *reading) else { return };
        let applied = book.fold.apply(*at, record);
        let stand = book.stand;
        book.shelf.put(*at, record, applied, matches!(stand, Stand::Ours(_)));
        match (record, applied) {
            (Record::Claim(_), Applied::Counts | Applied::Refused) => match stand {
                Stand::Claiming { at: Some(ours) } if ours == *at => self.claim_decided(id.0, *at, applied == Applied::Counts),
                Stand::Ours(ours) if ours != *at && applied == Applied::Counts => self.superseded(*id, *epoch),
                _ => {}
            },
            (Record::Letter(letter), Applied::Counts | Applied::Past) => self.letter_read(id.0, letter, applied == Applied::Counts),
            (Record::Command(command), Applied::Counts) => {
                for (offset, _) in &command.letters {
                    self.enlist(id.0, *offset);
                }
            }
            _ => {}
        }
    }

    /// The claim that is the current one for us was taken out of the ledger: a later one counts, and compaction took what lay between from
    /// under us while we read. What we made of the ledger can't be trusted: it is read anew.
    pub(crate) fn claim_is_gone(&mut self, gone: &RecordGone) {
        let (id, epoch) = (gone.partition, gone.epoch);
        let Some(book) = self.book(id, epoch) else { return };
        if matches!(book.stand, Stand::Ours(_)) {
            return self.superseded(id, epoch);
        }
        let reading = book.reading.saturating_add(1);
        *book = Book::new(reading);
        self.cancel_commit(id.0);
        self.out.push(Effect::ReadLedger { partition: id, epoch, reading });
    }

    /// The ledger of an assignment, for what comes of one of its readings. What comes of an earlier one, which was given up, is passed over.
    pub(crate) fn book_of(&mut self, id: PartitionId, epoch: Epoch, reading: u32) -> Option<&mut Book> {
        self.book(id, epoch).filter(|book| book.reading == reading)
    }

    pub(crate) fn book(&mut self, id: PartitionId, epoch: Epoch) -> Option<&mut Book> {
        self.partitions.current(id, epoch)?.book.as_deref_mut()
    }
}
