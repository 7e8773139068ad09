//! Twins: deliveries in flight that carry the same event.
//!
//! Per event hash one delivery is the *primary* and may run; the others wait in a ring behind it, in order of arrival. Only *handled*
//! makes a duplicate: when the primary's mark is durable the twins are copies; when it is lettered, or its epoch ends, the next twin
//! becomes the primary and is looked up again.
//!
//! No set of deliveries can wait for each other in a circle. A delivery waits inside the engine for two reasons only: for an earlier one
//! of its lane, or, as a twin, for the primary of its ring. Offsets rise within an epoch, so the earlier one of the lane arrived
//! earlier. Newcomers join a ring at its end and the next in the ring inherits, so the primary is the one of its ring that arrived
//! first. Every edge of "waits for" thus points to an earlier arrival, over all lanes and partitions, and arrivals are totally ordered:
//! there is no cycle, and the earliest arrival waits for nothing but the world. (A held mark waits for later members of its run, but
//! those have started: only their handlers keep them.) Letters that are handled again arrive late and go first, so they count as the
//! earliest: live events of their key wait for them, and a live primary that nobody is at work for becomes their twin.

use hashbrown::HashTable;

use crate::delivery::{Deliveries, Delivery, NIL, Role};
use crate::lane::spread;

/// Primaries by event hash.
#[derive(Clone, Debug, Default)]
pub(crate) struct Twins {
    table: HashTable<u32>,
}

#[inline]
fn hash(delivery: &Delivery) -> u64 {
    spread(delivery.event().0 as u64)
}

/// The first delivery of a ring behind its primary that is no letter; the primary itself if all others are.
fn behind_letters(deliveries: &Deliveries, primary: u32) -> u32 {
    let mut at = deliveries[primary].ring_next;
    while at != primary && deliveries[at].replay {
        at = deliveries[at].ring_next;
    }
    at
}

fn link_before(deliveries: &mut Deliveries, next: u32, slot: u32) {
    let prev = deliveries[next].ring_prev;
    (deliveries[slot].ring_prev, deliveries[slot].ring_next) = (prev, next);
    deliveries[prev].ring_next = slot;
    deliveries[next].ring_prev = slot;
}

impl Twins {
    /// The primary of a delivery's event, if another one is in flight.
    pub(crate) fn primary_of(&self, deliveries: &Deliveries, slot: u32) -> Option<u32> {
        let delivery = &deliveries[slot];
        let event = delivery.event();
        self.table.find(hash(delivery), |&other| deliveries[other].event() == event).copied()
    }

    /// Makes a delivery the primary of its event: nobody else is.
    pub(crate) fn lead(&mut self, deliveries: &mut Deliveries, slot: u32) {
        let delivery = &mut deliveries[slot];
        (delivery.role, delivery.ring_next, delivery.ring_prev) = (Role::Primary, slot, slot);
        let hash_of = hash(delivery);
        self.table.insert_unique(hash_of, slot, |&other| hash(&deliveries[other]));
    }

    /// Queues a delivery in a primary's ring: a live event at its end, a letter before the live ones.
    pub(crate) fn join(deliveries: &mut Deliveries, primary: u32, slot: u32) {
        let before = if deliveries[slot].replay { behind_letters(deliveries, primary) } else { primary };
        link_before(deliveries, before, slot);
        deliveries[slot].role = Role::Twin;
    }

    /// Makes a newcomer the primary; the one before is the first that inherits.
    pub(crate) fn take_over(&mut self, deliveries: &mut Deliveries, primary: u32, slot: u32) {
        link_before(deliveries, primary, slot);
        self.lead_instead(deliveries, primary, slot);
    }

    /// Lets a letter that waits for a live primary go first; which one, if there is one.
    pub(crate) fn give_way(&mut self, deliveries: &mut Deliveries, primary: u32) -> Option<u32> {
        let letter = deliveries[primary].ring_next;
        if deliveries[primary].role != Role::Primary || deliveries[primary].replay || !deliveries[letter].replay {
            return None;
        }
        let behind = behind_letters(deliveries, primary);
        let last = deliveries[primary].ring_prev;
        (deliveries[last].ring_next, deliveries[letter].ring_prev) = (letter, last);
        // In a ring of one live event and letters it stands before the first of them, which is behind the last.
        link_before(deliveries, if behind == primary { letter } else { behind }, primary);
        self.lead_instead(deliveries, primary, letter);
        Some(letter)
    }

    fn lead_instead(&mut self, deliveries: &mut Deliveries, primary: u32, slot: u32) {
        (deliveries[primary].role, deliveries[slot].role) = (Role::Twin, Role::Primary);
        if let Ok(mut entry) = self.table.find_entry(hash(&deliveries[slot]), |&other| other == primary) {
            *entry.get_mut() = slot;
        }
    }

    /// Takes a delivery out of its ring. When it was the primary, the next in the ring (returned) inherits.
    pub(crate) fn leave(&mut self, deliveries: &mut Deliveries, slot: u32) -> Option<u32> {
        let (role, next, prev) = {
            let delivery = &mut deliveries[slot];
            let was = (delivery.role, delivery.ring_next, delivery.ring_prev);
            (delivery.role, delivery.ring_next, delivery.ring_prev) = (Role::Single, NIL, NIL);
            was
        };
        if role == Role::Single {
            return None;
        }
        if next != slot {
            deliveries[prev].ring_next = next;
            deliveries[next].ring_prev = prev;
        }
        if role == Role::Twin {
            return None;
        }
        let Ok(mut entry) = self.table.find_entry(hash(&deliveries[slot]), |&other| other == slot) else {
            return None;
        };
        if next == slot {
            entry.remove();
            return None;
        }
        *entry.get_mut() = next;
        deliveries[next].role = Role::Primary;
        Some(next)
    }
}
