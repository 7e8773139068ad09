//! Letters are handled again, or discarded, by whoever owns their partition.
//!
//! A person's command names letters. The owner reads them and puts them into a lane of their key, oldest first, before its live events.
//! A follower needs no command: it runs when everything that holds its key before it is settled or ahead of it in that lane. A letter
//! runs only when the reader has passed its offset in this epoch and nothing of its key before it is unresolved: else what a crash made
//! us read again would be handled after it.
//!
//! Letters have a part of the credit of their own, so that live events that wait for them can't keep them out.

use crate::book::Book;
use crate::deadline::Due;
use crate::delivery::{Delivery, NIL, Stage};
use crate::engine::Engine;
use crate::ids::{Epoch, Offset, PartitionId};
use crate::lane::LaneKey;
use crate::ledger::{Command, KeyDigest, Letter, LetterState, Verb};
use crate::record::AHEAD;
use crate::sabotage::Sabotage;
use crate::{Alert, Effect, Fate, Fetched, LetterPlace};

/// What is to be done with a letter that was looked at.
pub(crate) enum Next {
    Nothing,
    Discard,
    Park,
    Pace(Offset, u32),
    Refuse,
    Read,
}

impl Engine {
    /// Live events that waited for a letter need not: it does not run now.
    pub(crate) fn let_live_go(&mut self, index: u32, key: Option<KeyDigest>) {
        if let Some(key) = key {
            self.settle_live(index, key);
        }
    }

    pub(crate) fn judge_letter(&self, index: u32, offset: Offset) -> Next {
        let Some(partition) = self.partitions.get(index) else { return Next::Nothing };
        let Some(book) = &partition.book else { return Next::Nothing };
        let Some(letter) = book.fold.letter_of(offset).filter(|letter| !letter.record.state.is_terminal()) else { return Next::Nothing };
        // Who is at work for it looks again when that is over.
        if book.is_taken(offset) || book.recording.contains_key(&offset) {
            return Next::Nothing;
        }
        let wanted = |verb| book.fold.wanted(letter).find(|wanted| wanted.command.verb == verb);
        if wanted(Verb::Discard).is_some() {
            return Next::Discard;
        }
        let replay = self.replay_of(book, letter);
        let follower = letter.record.state == LetterState::Held;
        if !follower && replay.is_none() {
            return Next::Nothing;
        }
        if !self.is_next(book, letter, false) {
            return Next::Nothing;
        }
        let most = self.policy(partition.assignment.policy).max_replays;
        let forced = replay.is_none_or(|(_, command)| command.force);
        if !follower && !forced && letter.record.replays >= most && !self.bugs.has(Sabotage::MaxReplaysIgnored) {
            return Next::Refuse;
        }
        if self.has_earlier_live(index, letter) || self.has_later_letter(index, book, letter) {
            return Next::Park;
        }
        match replay {
            Some((at, Command { rate: Some(rate), .. })) if !follower => Next::Pace(at, *rate),
            _ => Next::Read,
        }
    }

    /// The command that wants a letter handled again.
    fn replay_of<'a>(&self, book: &'a Book, letter: &'a Letter) -> Option<(Offset, &'a Command)> {
        if letter.record.state != LetterState::Open {
            return None;
        }
        if self.bugs.has(Sabotage::ReplaysUncounted) {
            let command = |at: i64| book.fold.command_at(Offset(at)).filter(|command| command.verb == Verb::Replay);
            let all = 0..book.fold.next().map_or(0, |next| next.0);
            let named = |command: &&Command| command.letters.iter().any(|(offset, _)| *offset == letter.record.offset);
            return all.filter_map(|at| command(at).filter(named).map(|command| (Offset(at), command))).next();
        }
        let mut wanted = book.fold.wanted(letter).filter(|wanted| wanted.command.verb == Verb::Replay);
        // One that insists goes before one that does not, and then the oldest.
        let first = wanted.next()?;
        let insists = if first.command.force { None } else { wanted.find(|wanted| wanted.command.force) };
        let chosen = insists.unwrap_or(first);
        Some((chosen.at, chosen.command))
    }

    /// Whether somebody wants a letter that is not settled to run.
    pub(crate) fn is_wanted(&self, book: &Book, letter: &Letter) -> bool {
        letter.record.state == LetterState::Held || self.replay_of(book, letter).is_some()
    }

    /// Whether everything that holds the letter's key before it is ahead of it, here or asked for, and not about to stay.
    fn is_next(&self, book: &Book, letter: &Letter, here: bool) -> bool {
        let Some(key) = letter.record.key.filter(|_| !self.bugs.has(Sabotage::FrontIgnored)) else { return true };
        let mut before = 0;
        for earlier in book.fold.holding(key).take_while(|other| other.record.offset < letter.record.offset) {
            let offset = earlier.record.offset;
            let runs = book.at_work.get(&offset).map(|&slot| self.deliveries[slot].stage);
            let stays = matches!(runs, Some(Stage::Doomed | Stage::Reopening));
            before += 1;
            if before >= AHEAD || stays || (runs.is_none() && (here || !book.fetching.contains_key(&offset))) {
                return false;
            }
        }
        true
    }

    /// Whether a live event of the key that came before the letter is not resolved.
    fn has_earlier_live(&self, index: u32, letter: &Letter) -> bool {
        if self.bugs.has(Sabotage::ReplayBeforePosition) {
            return false;
        }
        let Some(key) = letter.record.key else { return false };
        let Some(lane) = self.lanes.find(index, LaneKey::of_digest(key)) else { return false };
        let head = self.lanes.get(lane).head;
        head != NIL && self.deliveries[head].offset < letter.record.offset
    }

    /// Whether a letter of the key that came after this one is under way. Lanes are filled in the order of offsets, so this one comes when
    /// that one is through.
    fn has_later_letter(&self, index: u32, book: &Book, letter: &Letter) -> bool {
        let (offset, Some(key)) = (letter.record.offset, letter.record.key) else { return false };
        let lane = self.lanes.find(index, LaneKey::Letters(key.0)).map(|lane| self.lanes.get(lane).tail);
        let last = lane.filter(|tail| *tail != NIL).map(|tail| self.deliveries[tail].offset);
        last.is_some_and(|last| last > offset) || book.fetching.range(offset..).any(|(_, of)| *of == Some(key))
    }

    /// A letter of a command with a rate: now, or when its time comes.
    pub(crate) fn pace(&mut self, index: u32, command: Offset, rate: u32, offset: Offset, asked: &mut Vec<LetterPlace>) {
        let (now, ignored) = (self.now, self.bugs.has(Sabotage::ReplayRateIgnored));
        let Some(book) = self.partitions.get_mut(index).and_then(|partition| partition.book.as_mut()) else { return };
        if book.pace.starts(command, rate, now, ignored) {
            self.ask_for(index, offset, asked);
        } else {
            book.pace.wait(command, offset);
            self.await_pace(index);
        }
    }

    fn await_pace(&mut self, index: u32) {
        let Some(book) = self.partitions.get_mut(index).and_then(|partition| partition.book.as_mut()) else { return };
        let Some(at) = book.pace.first().filter(|at| book.pace.due != Some(*at)) else { return };
        if let Some(due) = book.pace.due.replace(at) {
            self.deadlines.remove(due, Due::Replay(index));
        }
        self.deadlines.add(at, Due::Replay(index));
    }

    /// The pace of a command allows its next letter.
    pub(crate) fn pace_is_due(&mut self, index: u32) {
        let now = self.now;
        let Some(book) = self.partitions.get_mut(index).and_then(|partition| partition.book.as_mut()) else { return };
        book.pace.due = None;
        for offset in book.pace.ready(now) {
            book.enlist(offset);
        }
        self.replays_due = true;
        self.await_pace(index);
    }

    pub(crate) fn ask_for(&mut self, index: u32, offset: Offset, asked: &mut Vec<LetterPlace>) {
        let Some(partition) = self.partitions.get_mut(index) else { return };
        let (id, epoch) = (partition.id, partition.epoch);
        let Some(book) = &mut partition.book else { return };
        let Some(letter) = book.fold.letter_of(offset) else { return };
        let (letter, replays, key) = (letter.record.letter, letter.record.replays, letter.record.key);
        book.fetching.insert(offset, key);
        self.totals.letters += 1;
        asked.push(LetterPlace { partition: id, epoch, offset, letter, replays });
    }

    /// A letter was read.
    pub(crate) fn letter_fetched(&mut self, fetched: &Fetched) {
        let (id, index, offset) = (fetched.delivery, fetched.partition.0, fetched.offset);
        if let Some(other) = self.deliveries.occupant(id.slot) {
            if other.generation != id.generation {
                self.out.forget(id, Fate::Abandoned);
            }
            return;
        }
        let asked = self.book(fetched.partition, fetched.epoch).and_then(|book| book.fetching.remove(&offset));
        let Some(key) = asked else {
            self.out.forget(id, Fate::Abandoned);
            return;
        };
        // Those before it may have failed meanwhile: then it stays where it is.
        let wanted = self.partitions.get(index).filter(|partition| !partition.is_stopping()).is_some_and(|partition| {
            let book = partition.book.as_ref();
            book.is_some_and(|book| book.fold.letter_of(offset).is_some_and(|letter| self.is_next(book, letter, true)))
        });
        if !wanted {
            self.totals.letters -= 1;
            self.replays_due = true;
            self.out.forget(id, Fate::Abandoned);
            self.unpark_key(index, key);
            return;
        }
        let lane = self.lanes.enter(index, key.map_or(LaneKey::Alone, |key| LaneKey::Letters(key.0)));
        let mut delivery = Delivery::new(fetched, NIL, lane);
        delivery.replay = true;
        self.deliveries.insert(id.slot, delivery);
        self.lanes.push(&mut self.deliveries, lane, id.slot);
        self.totals.records += 1;
        self.totals.bytes = self.totals.bytes.saturating_add(u64::from(fetched.bytes));
        self.totals.letters_here += 1;
        self.totals.letter_bytes = self.totals.letter_bytes.saturating_add(u64::from(fetched.bytes));
        if let Some(partition) = self.partitions.get_mut(index) {
            partition.records += 1;
            partition.bytes = partition.bytes.saturating_add(u64::from(fetched.bytes));
            if let Some(book) = &mut partition.book {
                book.at_work.insert(offset, id.slot);
            }
        }
        match fetched.refused {
            _ if fetched.ignored => {
                self.deliveries[id.slot].stage = Stage::Ignored;
                self.settle(lane);
            }
            Some(rejection) => self.refuse(id.slot, rejection.into()),
            None => self.join_ring(id.slot, true),
        }
        // It may stand before one that was ready.
        self.seek_next(lane);
        if let Some(key) = key {
            self.settle_live(index, key);
        }
    }

    /// A letter is lost. Its replay failed, as it were: so that whoever waits for it learns of it, and nobody tries for ever.
    pub(crate) fn letter_gone(&mut self, id: PartitionId, epoch: Epoch, offset: Offset) {
        let Some(book) = self.book(id, epoch) else { return };
        let Some(key) = book.fetching.remove(&offset) else { return };
        book.settling.insert(offset);
        self.totals.letters -= 1;
        self.replays_due = true;
        self.out.push(Effect::Alert(Alert::LetterGone { partition: id, offset }));
        self.record_again(id.0, offset, LetterState::Open, None);
        self.unpark_key(id.0, key);
    }

    /// Records what letters of a lane came to, in their order: settled where they were handled, open again where they failed.
    pub(crate) fn settle_letters(&mut self, at: u32) {
        let mut slot = self.lanes.get(at).head;
        if slot == NIL {
            let (index, key) = (self.lanes.get(at).partition(), self.lanes.get(at).key());
            self.lanes.sweep(at);
            if let Some(key) = key.digest() {
                self.settle_live(index, key);
            }
            return;
        }
        while slot != NIL {
            let delivery = &self.deliveries[slot];
            let (next, index, offset) = (delivery.lane_next, delivery.partition, delivery.offset);
            match delivery.stage {
                Stage::Settling => {}
                Stage::Marked | Stage::Copy | Stage::Ignored => {
                    self.deliveries[slot].stage = Stage::Settling;
                    self.record_again(index, offset, LetterState::Done, None);
                }
                Stage::Doomed => {
                    let reason = self.deliveries[slot].reason;
                    self.deliveries[slot].stage = Stage::Reopening;
                    self.record_again(index, offset, LetterState::Open, Some((slot, reason)));
                    self.send_back_behind(slot);
                    break;
                }
                _ => break,
            }
            slot = next;
        }
        self.seek_next(at);
    }

    /// What stands behind a letter that failed again goes back to the ledger, if that one holds its key.
    fn send_back_behind(&mut self, slot: u32) {
        let (index, offset) = (self.deliveries[slot].partition, self.deliveries[slot].offset);
        let book = self.partitions.get(index).and_then(|partition| partition.book.as_ref());
        if !book.and_then(|book| book.fold.letter_of(offset)).is_some_and(|letter| letter.record.holds) {
            return;
        }
        let mut behind = self.deliveries[slot].lane_next;
        while behind != NIL {
            let next = self.deliveries[behind].lane_next;
            self.abandon(behind);
            behind = next;
        }
        self.out.recall(&self.deliveries, None);
    }

    /// A letter is to be looked at.
    pub(crate) fn enlist(&mut self, index: u32, offset: Offset) {
        if let Some(book) = self.partitions.get_mut(index).and_then(|partition| partition.book.as_mut()) {
            book.enlist(offset);
            self.replays_due = true;
        }
    }

    /// Looks at everything that somebody wants, and at the letters that hold keys: the partition has just become ours.
    pub(crate) fn enlist_all(&mut self, index: u32) {
        let Some(book) = self.partitions.get_mut(index).and_then(|partition| partition.book.as_mut()) else { return };
        let open = book.fold.letters().filter(|letter| !letter.record.state.is_terminal());
        let offsets: Vec<Offset> = open.map(|letter| letter.record.offset).collect();
        for offset in offsets {
            book.enlist(offset);
            self.replays_due = true;
        }
    }

    /// The reader went on, or a live event is resolved: what waited for it is looked at.
    pub(crate) fn unpark(&mut self, index: u32, key: LaneKey) {
        let Some(book) = self.partitions.get_mut(index).and_then(|partition| partition.book.as_mut()) else { return };
        if let Some(key) = key.digest()
            && let Some(parked) = book.parked.remove(&key)
        {
            book.candidates.extend(parked);
        }
        self.replays_due |= !book.candidates.is_empty();
    }

    /// What waited for a letter of a key to be through: it is not taken in at all.
    fn unpark_key(&mut self, index: u32, key: Option<KeyDigest>) {
        self.unpark(index, key.map_or(LaneKey::Alone, |key| LaneKey::Letters(key.0)));
        self.replays_due = true;
    }

    /// How many letters, and how many bytes of them, may be in memory.
    pub(crate) fn letter_credit(&self) -> (u32, u64) {
        let credit = self.settings.credit;
        ((credit.records / 8).max(1), (credit.bytes / 8).max(1))
    }

    /// Whether a letter of so many bytes may be handed in now. One that is larger than the budget passes alone.
    #[must_use]
    pub fn accepts_letter(&self, bytes: u32) -> bool {
        let held = self.totals.letter_bytes;
        held == 0 || held.saturating_add(u64::from(bytes)) <= self.letter_credit().1
    }

    /// Deliberately wrong: a discard counts as soon as it is decided.
    pub(crate) fn pretend_settled(&mut self, index: u32, offset: Offset) {
        let Some(book) = self.partitions.get_mut(index).and_then(|partition| partition.book.as_mut()) else { return };
        if let Some(letter) = book.fold.letter_of(offset).cloned()
            && let (Some(next), Some(claim)) = (book.fold.next(), book.claim())
        {
            let record = crate::ledger::LetterRecord { state: LetterState::Discarded, epoch: claim, ..letter.record };
            book.fold.apply(next, &crate::ledger::Record::Letter(record));
            self.letter_counts(index, offset);
        }
    }
}
