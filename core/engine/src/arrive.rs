//! A record arrives: its lane, its ring, its look-up.

use crate::delivery::{Delivery, Stage};
use crate::engine::Engine;
use crate::ids::{DeliveryId, Digest};
use crate::lane::LaneKey;
use crate::partition::State;
use crate::sabotage::Sabotage;
use crate::{Fate, Fetched, Reason, Rejection};

impl Engine {
    pub(crate) fn fetched(&mut self, fetched: &Fetched) {
        let id = fetched.delivery;
        if let Some(other) = self.deliveries.occupant(id.slot) {
            // The same fact twice changes nothing; another delivery in a slot that is in use is refused like any that can't be taken in.
            if other.generation != id.generation {
                self.out.forget(id, Fate::Abandoned);
            }
            return;
        }
        let key = LaneKey::of(fetched, self.policy(fetched.policy));
        let place = match self.partitions.current(fetched.partition, fetched.epoch) {
            Some(partition) if !partition.is_stopping() => partition.window.push(fetched.offset, id.slot).map(|place| {
                partition.records += 1;
                partition.bytes = partition.bytes.saturating_add(u64::from(fetched.bytes));
                (partition.at_end, partition.early_end) = (false, None);
                (place, partition.state)
            }),
            _ => None,
        };
        let Some((place, state)) = place else {
            self.out.forget(id, Fate::Abandoned);
            return;
        };
        self.totals.records += 1;
        self.totals.bytes = self.totals.bytes.saturating_add(u64::from(fetched.bytes));

        let lane = self.lanes.enter(fetched.partition.0, key);
        self.deliveries.insert(id.slot, Delivery::new(fetched, place, lane));
        self.lanes.push(&mut self.deliveries, lane, id.slot);
        let runs = state == State::Running || self.bugs.has(Sabotage::DispatchBeforeCaughtUp);
        match fetched.refused {
            _ if runs && self.is_known(fetched.partition.0, fetched.offset) => self.known(id.slot),
            _ if fetched.ignored => self.ignore(id.slot),
            Some(rejection) => self.refuse(id.slot, rejection.into()),
            None => self.join_ring(id.slot, runs),
        }
        self.unpark(fetched.partition.0, LaneKey::Alone);
        self.flow(fetched.partition.0);
    }

    /// Will never be handled. Its letter waits until it is the head of its lane, as everything that resolves.
    pub(crate) fn refuse(&mut self, slot: u32, reason: Reason) {
        let delivery = &mut self.deliveries[slot];
        (delivery.stage, delivery.reason) = (Stage::Doomed, reason);
        delivery.note_failure(self.now);
        let lane = delivery.lane;
        self.settle(lane);
    }

    /// Nobody wants it. It resolves as all others do, in its lane.
    fn ignore(&mut self, slot: u32) {
        let delivery = &mut self.deliveries[slot];
        delivery.stage = Stage::Ignored;
        let lane = delivery.lane;
        self.settle(lane);
    }

    /// A letter of an earlier life. It resolves as all others do, in its lane.
    fn known(&mut self, slot: u32) {
        let delivery = &mut self.deliveries[slot];
        delivery.stage = Stage::Known;
        let lane = delivery.lane;
        self.settle(lane);
    }

    pub(crate) fn look_up(&mut self, slot: u32) {
        let delivery = &mut self.deliveries[slot];
        delivery.stage = Stage::LookingUp;
        self.out.look_up(delivery.id(slot));
    }

    pub(crate) fn looked_up(&mut self, id: DeliveryId, seen: Option<Digest>) {
        let Some(slot) = self.find(id) else { return };
        if self.deliveries[slot].stage != Stage::LookingUp {
            return;
        }
        match seen {
            None => {
                self.deliveries[slot].stage = Stage::Fresh;
                self.settle(self.deliveries[slot].lane);
            }
            Some(stored) => {
                self.release_twins(slot, stored);
                self.judge(slot, stored);
            }
        }
    }

    /// The live delivery of an id.
    #[inline]
    pub(crate) fn find(&self, id: DeliveryId) -> Option<u32> {
        if self.bugs.has(Sabotage::LateCompletionAccepted) {
            return self.deliveries.occupant(id.slot).map(|_| id.slot);
        }
        self.deliveries.find(id)
    }

    /// A delivery whose event is marked: a copy, unless its bytes differ from the marked ones.
    pub(crate) fn judge(&mut self, slot: u32, stored: Digest) {
        if self.conflicts(slot, stored) {
            self.conflict(slot);
        } else {
            self.deliveries[slot].stage = Stage::Copy;
            self.settle(self.deliveries[slot].lane);
        }
    }

    pub(crate) fn conflict(&mut self, slot: u32) {
        self.out.push(crate::Effect::Alert(crate::Alert::Conflict { delivery: self.deliveries[slot].id(slot) }));
        self.refuse(slot, Reason::Conflict);
    }
}

impl From<Rejection> for Reason {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::Rejected => Self::Rejected,
            Rejection::Undecodable => Self::Undecodable,
            Rejection::Invalid => Self::Invalid,
        }
    }
}
