//! Held keys: later events follow the letter of their key, unhandled, until it is settled.
//!
//! While a letter that holds its key is not settled, the next live event of the key becomes a follower: its letter is written at once,
//! whether those of the followers before it are acknowledged or not, so that a busy key costs nobody else anything. When a replay of the key is
//! under way and few letters remain, live events wait in their lane instead: else a key with steady traffic would never end.
//!
//! Live events of a key also wait while letters of it are handled again, held or not: the older one goes first.

use crate::Reason;
use crate::book::Book;
use crate::delivery::{NIL, Stage};
use crate::engine::Engine;
use crate::ids::Offset;
use crate::lane::LaneKey;
use crate::ledger::KeyDigest;
use crate::record::AHEAD;
use crate::sabotage::Sabotage;

/// What a live event does about the letters of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// There are none in its way.
    Free,
    /// It waits for them.
    Waits,
    /// It follows them.
    Follows,
}

impl Engine {
    /// Whether a live lane may go on.
    pub(crate) fn hold_of(&self, index: u32, key: LaneKey, offset: Offset) -> Hold {
        let Some(partition) = self.partitions.get(index) else { return Hold::Free };
        let Some(book) = partition.book.as_ref().filter(|book| !book.fold.is_empty()) else { return Hold::Free };
        let Some(digest) = key.digest() else { return Hold::Free };
        // What was read again after a crash may come before the letter: then it is handled before it.
        if let Some(front) = book.fold.front(digest).filter(|front| front.record.offset < offset)
            && !self.forgets_hold(book, digest)
        {
            let first = front.record.offset;
            let parked = book.parked.get(&digest).is_some_and(|parked| parked.contains(&first));
            let under_way = parked || book.is_taken(first) || (book.candidates.contains(&first) && self.is_wanted(book, front));
            let few = book.fold.held_by(digest) <= AHEAD;
            let waits = (under_way && few) || partition.is_stopping();
            return if waits { Hold::Waits } else { Hold::Follows };
        }
        let overtakes = self.bugs.has(Sabotage::LiveOvertakesReplay);
        if !book.at_work.is_empty() && !overtakes && self.lanes.find(index, LaneKey::Letters(digest.0)).is_some() {
            return Hold::Waits;
        }
        Hold::Free
    }

    /// Deliberately wrong: held keys are not, or only until their first letter is settled.
    fn forgets_hold(&self, book: &Book, key: KeyDigest) -> bool {
        let settled = || book.fold.letters().any(|letter| letter.record.key == Some(key) && letter.record.state.is_terminal());
        self.bugs.has(Sabotage::FollowersHandled) || (self.bugs.has(Sabotage::ReleasedAtFirst) && settled())
    }

    /// A live event becomes a follower.
    pub(crate) fn follow(&mut self, slot: u32) {
        let delivery = &mut self.deliveries[slot];
        (delivery.stage, delivery.reason) = (Stage::Doomed, Reason::HeldBehind);
        delivery.note_failure(self.now);
        let lane = delivery.lane;
        self.lanes.get_mut(lane).followers += 1;
        self.write_letter(slot);
    }

    /// Whether the letters of a lane may start: no live event of the key is in a handler's hands.
    pub(crate) fn letters_may_start(&self, index: u32, key: LaneKey) -> bool {
        let LaneKey::Letters(digest) = key else { return true };
        let live = self.lanes.find(index, LaneKey::of_digest(KeyDigest(digest))).map(|live| self.lanes.get(live));
        live.is_none_or(|live| live.running == 0 && live.bound == 0)
    }

    /// Whether a delivery may join the run before it, as far as letters are concerned.
    #[inline]
    pub(crate) fn may_follow(&self, at: u32, slot: u32) -> bool {
        let lane = self.lanes.get(at);
        let (index, key) = (lane.partition(), lane.key());
        if self.partitions.ledgers == 0 {
            return true;
        }
        self.deliveries[slot].replay || self.hold_of(index, key, self.deliveries[slot].offset) == Hold::Free
    }

    /// A lane of live events changed: letters that waited for its run may start.
    pub(crate) fn wake_letters(&mut self, at: u32) {
        let lane = self.lanes.get(at);
        let (index, key) = (lane.partition(), lane.key());
        if matches!(key, LaneKey::Letters(_) | LaneKey::Alone) {
            return;
        }
        let busy = self.partitions.get(index).and_then(|partition| partition.book.as_ref()).is_some_and(|book| !book.at_work.is_empty());
        if busy
            && let Some(digest) = key.digest()
            && let Some(letters) = self.lanes.find(index, LaneKey::Letters(digest.0))
            && self.lanes.get(letters).head != NIL
        {
            self.seek_next(letters);
        }
    }
}
