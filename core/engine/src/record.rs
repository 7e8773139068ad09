//! A letter's state is written to the ledger, and counts when it is read back there.

use crate::delivery::Stage;
use crate::engine::Engine;
use crate::ids::Offset;
use crate::lane::LaneKey;
use crate::ledger::{KeyDigest, LetterRecord, LetterState};
use crate::sabotage::Sabotage;
use crate::{Effect, Entry, Fate, Reason};

/// How many letters of one key are looked ahead for: they run one after the other and are recorded together.
pub(crate) const AHEAD: usize = 64;

impl Engine {
    /// The letter of a live delivery is acknowledged: its state is recorded, and only then is it resolved. The other way round a crash
    /// in between would leave a letter that nobody knows of behind a committed offset.
    pub(crate) fn record_letter(&mut self, slot: u32, letter: Offset) {
        let delivery = &self.deliveries[slot];
        let (offset, index, reason) = (delivery.offset, delivery.partition, delivery.reason);
        let key = self.lanes.get(delivery.lane).key().digest();
        let follows = reason == Reason::HeldBehind;
        let holds = key.is_some() && (follows || self.policy(delivery.policy).hold);
        let state = if follows { LetterState::Held } else { LetterState::Open };
        let id = delivery.id(slot);
        let Some(partition) = self.partitions.get_mut(index) else { return };
        let (partition_id, epoch) = (partition.id, partition.epoch);
        let Some((book, claim)) = partition.book.as_mut().and_then(|book| book.claim().map(|claim| (book, claim))) else { return };
        book.recording.insert(offset, slot);
        book.written.insert(offset, (state, 0));
        self.deliveries[slot].stage = Stage::Recording;
        let entry =
            Entry { partition: partition_id, epoch, delivery: Some(id), claim, offset, state, replays: 0, key, holds, letter, reason };
        self.out.push(Effect::Record(entry));
    }

    /// The state of a letter that the ledger has: settled, or open again.
    pub(crate) fn record_again(&mut self, index: u32, offset: Offset, state: LetterState, why: Option<(u32, Reason)>) {
        let Some(partition) = self.partitions.get_mut(index) else { return };
        let (id, epoch) = (partition.id, partition.epoch);
        let Some(book) = &mut partition.book else { return };
        let (Some(claim), Some(known)) = (book.claim(), book.fold.letter_of(offset)) else { return };
        let known = &known.record;
        // What was held and fails by itself is open for the first time.
        let failed = u32::from(state == LetterState::Open && known.state == LetterState::Open);
        let replays = known.replays.saturating_add(failed);
        book.written.insert(offset, (state, replays));
        let delivery = why.map(|(slot, _)| self.deliveries[slot].id(slot));
        let entry = Entry {
            partition: id,
            epoch,
            delivery,
            claim,
            offset,
            state,
            replays,
            key: known.key,
            holds: known.holds,
            letter: known.letter,
            reason: why.map_or(known.reason, |(_, reason)| reason),
        };
        self.out.push(Effect::Record(entry));
    }

    /// A letter's record was read. One that says nothing new, and is not awaited, was sent again and came late.
    pub(crate) fn letter_read(&mut self, index: u32, record: &LetterRecord, counts: bool) {
        let Some(book) = self.partitions.get_mut(index).and_then(|partition| partition.book.as_mut()) else { return };
        if book.is_awaited(record) || counts || self.bugs.has(Sabotage::PastCounts) {
            self.letter_counts(index, record.offset);
        }
    }

    /// A letter's record counts.
    pub(crate) fn letter_counts(&mut self, index: u32, offset: Offset) {
        let Some(book) = self.partitions.get_mut(index).and_then(|partition| partition.book.as_mut()) else { return };
        book.settling.remove(&offset);
        let letter = book.fold.letter_of(offset).map(|letter| &letter.record);
        let (key, settled) = letter.map_or((None, false), |letter| (letter.key, letter.state.is_terminal()));
        if let Some(slot) = book.recording.remove(&offset) {
            self.is_lettered(slot);
            self.settle(self.deliveries[slot].lane);
        } else if let Some(&slot) = book.at_work.get(&offset) {
            self.letter_settled(index, slot);
        }
        self.look_at_key(index, offset, key);
        if settled {
            self.clean_later(index);
        }
    }

    /// What a replayed delivery came to is recorded.
    fn letter_settled(&mut self, index: u32, slot: u32) {
        let delivery = &self.deliveries[slot];
        let lane = delivery.lane;
        let fate = match delivery.stage {
            Stage::Settling => Fate::Handled,
            Stage::Reopening => Fate::Lettered,
            _ => return,
        };
        self.leave_ring(slot);
        self.forget(slot, fate);
        self.settle(lane);
        self.go_on_draining(index);
        self.finish_may_be_due = true;
    }

    /// The state of a key changed: what follows in it may be next, and live events may go on.
    fn look_at_key(&mut self, index: u32, offset: Offset, key: Option<KeyDigest>) {
        self.enlist(index, offset);
        let Some(key) = key else { return };
        let Some(book) = self.partitions.get_mut(index).and_then(|partition| partition.book.as_mut()) else { return };
        let next: Vec<Offset> = book.fold.holding(key).take(AHEAD).map(|letter| letter.record.offset).collect();
        for offset in next {
            book.enlist(offset);
            self.replays_due = true;
        }
        self.settle_live(index, key);
    }

    /// Lets the live lane of a key move, if there is one.
    pub(crate) fn settle_live(&mut self, index: u32, key: KeyDigest) {
        if let Some(lane) = self.lanes.find(index, LaneKey::of_digest(key)) {
            self.settle(lane);
        }
    }

    /// Whether the ledger knows a record of a partition as a letter: then it is resolved, whatever the inbox says.
    pub(crate) fn is_known(&self, index: u32, offset: Offset) -> bool {
        let book = self.partitions.get(index).and_then(|partition| partition.book.as_ref());
        book.is_some_and(|book| !book.fold.is_empty() && book.fold.letter_of(offset).is_some()) && !self.bugs.has(Sabotage::KnownForgotten)
    }
}
