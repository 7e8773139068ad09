//! Whose letters are looked at next.
//!
//! Letters have a credit of their own. Partitions that have letters to handle take turns, each with half of the room at most: else one with a
//! hundred thousand letters would keep all others waiting. Not with less either, since each turn costs the reader a jump.

use crate::engine::Engine;
use crate::ids::{Offset, PartitionId};
use crate::ledger::LetterState;
use crate::partition::State;
use crate::replay::Next;
use crate::sabotage::Sabotage;
use crate::{Alert, Effect};

impl Engine {
    /// Looks at letters that may have to be handled, of all partitions.
    pub(crate) fn look_for_letters(&mut self) {
        if self.down != 0 || !self.replays_due || self.reader_is_busy() {
            return;
        }
        self.replays_due = false;
        let bound = self.partitions.bound();
        let from = if self.look_next < bound { self.look_next } else { 0 };
        let mut waiting: Vec<u32> = (from..bound).chain(0..from).filter(|index| self.next_candidate(*index).is_some()).collect();
        while !waiting.is_empty() {
            waiting.retain(|index| self.look_at_candidates(*index, self.turn()));
        }
        // Nothing may be left to look at.
        self.finish_may_be_due = true;
    }

    /// Whether letters are being read, and there is room for few others. Asked for as they are settled, one here and one there, each would cost
    /// the reader a jump to its partition; so those who want to be read gather while it reads.
    fn reader_is_busy(&self) -> bool {
        self.totals.letters > self.totals.letters_here && self.room_for_letters() < self.turn()
    }

    /// Letters of one partition that are asked for at once.
    fn turn(&self) -> u32 {
        (self.letter_credit().0 / 2).max(1)
    }

    fn room_for_letters(&self) -> u32 {
        self.letter_credit().0.saturating_sub(self.totals.letters)
    }

    /// Looks at letters of one partition, until so many of them are asked for. Whether there are more.
    fn look_at_candidates(&mut self, index: u32, share: u32) -> bool {
        let most = self.totals.letters.saturating_add(share);
        let mut asked = Vec::new();
        while self.totals.letters < most
            && let Some((partition, offset)) = self.next_candidate(index)
        {
            let next = self.judge_letter(index, offset);
            let Some(book) = self.partitions.get_mut(index).and_then(|partition| partition.book.as_mut()) else { return false };
            book.candidates.remove(&offset);
            let Some(letter) = book.fold.letter_of(offset).map(|letter| &letter.record) else { continue };
            let key = letter.key;
            match next {
                Next::Nothing => self.let_live_go(index, key),
                Next::Discard => {
                    book.settling.insert(offset);
                    self.record_again(index, offset, LetterState::Discarded, None);
                    if self.bugs.has(Sabotage::DiscardNotAwaited) {
                        self.pretend_settled(index, offset);
                    }
                }
                Next::Park => {
                    if let Some(key) = letter.key {
                        book.parked.entry(key).or_default().insert(offset);
                    }
                }
                Next::Refuse => {
                    let replays = letter.replays;
                    if book.refused.insert(offset, replays) != Some(replays) {
                        self.out.push(Effect::Alert(Alert::ReplayRefused { partition, offset, replays }));
                    }
                    self.let_live_go(index, key);
                }
                Next::Pace(command, rate) => self.pace(index, command, rate, offset, &mut asked),
                Next::Read => self.ask_for(index, offset, &mut asked),
            }
        }
        if !asked.is_empty() {
            self.out.push(Effect::FetchLetters(asked));
            self.look_next = index.saturating_add(1);
        }
        self.next_candidate(index).is_some()
    }

    /// The first letter of a partition to look at, if there is room for one more.
    fn next_candidate(&self, index: u32) -> Option<(PartitionId, Offset)> {
        if self.room_for_letters() == 0 {
            return None;
        }
        let partition = self.partitions.get(index).filter(|partition| partition.state == State::Running && !partition.halted)?;
        let book = partition.book.as_ref()?;
        let passed = if self.bugs.has(Sabotage::ReplayBeforePosition) { Offset(i64::MAX) } else { partition.window.position() };
        book.candidates.range(..passed).next().map(|offset| (partition.id, *offset))
    }
}
