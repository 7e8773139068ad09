//! What the engine knows of one delivery, and the slab that holds them all.

use std::ops::{Index, IndexMut};

use crate::ids::{DeliveryId, Digest, EventHash, Offset, PolicyId, Timestamp};
use crate::{Fetched, Reason};

/// "No neighbour" in the intrusive lists: lanes and rings are linked through the deliveries, so that nothing is allocated per record.
pub(crate) const NIL: u32 = u32::MAX;

/// [`Delivery::first_failed`] before anything failed.
pub(crate) const NEVER: Timestamp = Timestamp(u64::MAX);

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The slot is unused.
    Free,
    /// Not looked up yet: its partition is catching up.
    Queued,
    /// The inbox is asked.
    LookingUp,
    /// Waits for the outcome of the primary of its ring.
    Twin,
    /// Surely not marked; may run when its lane comes to it.
    Fresh,
    /// A handler has it.
    Running,
    /// Handled; its mark is given out when its run is answered, see `outcome.rs`.
    Held,
    /// The mark is being written.
    Marking,
    /// The mark is durable.
    Marked,
    /// A copy of a durable mark.
    Copy,
    /// Nobody wants it.
    Ignored,
    /// Waits for its next attempt.
    Waiting,
    /// Given up; the letter is written when it is the head of its lane.
    Doomed,
    /// The letter is being written.
    Lettering,
    /// The letter is acknowledged, its state is being recorded in the ledger.
    Recording,
    /// The letter is acknowledged, and recorded where there is a ledger.
    Lettered,
    /// The ledger knows it as a letter.
    Known,
    /// A letter that was handled: that it is settled is being recorded.
    Settling,
    /// A letter that failed again: that it is open is being recorded.
    Reopening,
}

/// Place among the deliveries that carry the same event hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// In no ring: refused, conflicting, or its mark is known.
    Single,
    /// The one that may run.
    Primary,
    /// Waits for the primary.
    Twin,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Delivery {
    event: [u64; 2],
    pub(crate) offset: Offset,
    pub(crate) first_attempt: Timestamp,
    pub(crate) first_failed: Timestamp,
    pub(crate) last_failed: Timestamp,
    /// End of the wait, while [`Stage::Waiting`].
    pub(crate) until: Timestamp,
    pub(crate) generation: u32,
    pub(crate) partition: u32,
    pub(crate) digest: Digest,
    pub(crate) bytes: u32,
    /// Its entry in the partition's window.
    pub(crate) place: u32,
    pub(crate) lane: u32,
    pub(crate) lane_next: u32,
    pub(crate) lane_prev: u32,
    pub(crate) ring_next: u32,
    pub(crate) ring_prev: u32,
    /// Counted attempts, the running one included.
    pub(crate) attempts: u32,
    /// One more than the era in which the breaker counted its failure; zero: it never did.
    pub(crate) counted: u32,
    pub(crate) policy: PolicyId,
    pub(crate) stage: Stage,
    pub(crate) role: Role,
    /// Why it was given up, once [`Stage::Doomed`].
    pub(crate) reason: Reason,
    /// Its mark shares a transaction with an effect of its run: the lane waits for the answer.
    pub(crate) bound: bool,
    /// It was part of a batch that failed as a whole: it starts by itself.
    pub(crate) alone: bool,
    /// It is a letter that is handled again: not part of the reader's window.
    pub(crate) replay: bool,
}

impl Delivery {
    pub(crate) fn new(fetched: &Fetched, place: u32, lane: u32) -> Self {
        let event = fetched.event.0;
        Self {
            event: [event as u64, (event >> 64) as u64],
            offset: fetched.offset,
            first_attempt: Timestamp(0),
            first_failed: NEVER,
            last_failed: NEVER,
            until: Timestamp(0),
            generation: fetched.delivery.generation,
            partition: fetched.partition.0,
            digest: fetched.digest,
            bytes: fetched.bytes,
            place,
            lane,
            lane_next: NIL,
            lane_prev: NIL,
            ring_next: NIL,
            ring_prev: NIL,
            attempts: 0,
            counted: 0,
            policy: fetched.policy,
            stage: Stage::Queued,
            role: Role::Single,
            reason: Reason::Exhausted,
            bound: false,
            alone: false,
            replay: false,
        }
    }

    const FREE: Self = Self {
        event: [0; 2],
        offset: Offset(0),
        first_attempt: Timestamp(0),
        first_failed: NEVER,
        last_failed: NEVER,
        until: Timestamp(0),
        generation: 0,
        partition: 0,
        digest: Digest(0),
        bytes: 0,
        place: 0,
        lane: NIL,
        lane_next: NIL,
        lane_prev: NIL,
        ring_next: NIL,
        ring_prev: NIL,
        attempts: 0,
        counted: 0,
        policy: PolicyId(0),
        stage: Stage::Free,
        role: Role::Single,
        reason: Reason::Exhausted,
        bound: false,
        alone: false,
        replay: false,
    };

    pub(crate) fn event(&self) -> EventHash {
        EventHash(u128::from(self.event[0]) | u128::from(self.event[1]) << 64)
    }

    pub(crate) fn id(&self, slot: u32) -> DeliveryId {
        DeliveryId { slot, generation: self.generation }
    }

    /// Something outside is at work for it, or has finished with it, so a draining partition waits for it: what the handler said of an
    /// event, a rejection included, is not thrown away. What no handler was called for is left to the next owner.
    pub(crate) fn is_busy(&self) -> bool {
        match self.stage {
            Stage::Running
            | Stage::Held
            | Stage::Marking
            | Stage::Marked
            | Stage::Lettering
            | Stage::Recording
            | Stage::Lettered
            | Stage::Settling
            | Stage::Reopening => true,
            Stage::Doomed => self.attempts > 0,
            Stage::Free
            | Stage::Queued
            | Stage::LookingUp
            | Stage::Twin
            | Stage::Fresh
            | Stage::Copy
            | Stage::Ignored
            | Stage::Known
            | Stage::Waiting => false,
        }
    }

    /// The failure of its first attempt does not count after all.
    pub(crate) fn forget_failure(&mut self) {
        debug_assert!(self.attempts <= 1, "only what was never tried joins a run behind another one");
        (self.first_failed, self.last_failed) = (NEVER, NEVER);
    }

    pub(crate) fn note_failure(&mut self, now: Timestamp) {
        if self.first_failed == NEVER {
            self.first_failed = now;
        }
        self.last_failed = now;
    }
}

/// All live deliveries, indexed by the slots that the caller chose.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deliveries {
    entries: Vec<Delivery>,
}

impl Deliveries {
    /// The slot of a live delivery; `None` when it was forgotten, even if its slot is in use again.
    #[inline]
    pub(crate) fn find(&self, id: DeliveryId) -> Option<u32> {
        let entry = self.entries.get(id.slot as usize)?;
        (entry.generation == id.generation && entry.stage != Stage::Free).then_some(id.slot)
    }

    /// Whoever lives in a slot.
    #[inline]
    pub(crate) fn occupant(&self, slot: u32) -> Option<&Delivery> {
        self.entries.get(slot as usize).filter(|entry| entry.stage != Stage::Free)
    }

    pub(crate) fn insert(&mut self, slot: u32, delivery: Delivery) {
        let index = slot as usize;
        if index >= self.entries.len() {
            self.entries.resize(index.saturating_add(1), Delivery::FREE);
        }
        self.entries[index] = delivery;
    }

    pub(crate) fn remove(&mut self, slot: u32) {
        self[slot].stage = Stage::Free;
    }
}

impl Index<u32> for Deliveries {
    type Output = Delivery;

    #[inline]
    fn index(&self, slot: u32) -> &Delivery {
        &self.entries[slot as usize]
    }
}

impl IndexMut<u32> for Deliveries {
    #[inline]
    fn index_mut(&mut self, slot: u32) -> &mut Delivery {
        &mut self.entries[slot as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::Delivery;

    #[test]
    fn a_delivery_stays_small() {
        assert!(size_of::<Delivery>() <= 128, "{} bytes", size_of::<Delivery>());
    }
}
