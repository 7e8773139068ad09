//! Somebody else claimed a partition that the group gave to us.
//!
//! Nearly always the group has taken it away and did not tell us yet: then nothing is to be done but to stop. But a claim may also come from
//! somebody who had lost the partition and was let through, since a broker checks who is a member, not who owns what. If the group has
//! not taken the partition from us after a while, it is ours: it is begun with anew, from the offset that the group has by then, and its
//! ledger is claimed on top of that claim, as at any assignment. Else it would stand for ever.
//!
//! What the group has asked back is no matter of dispute: there is nothing left to drain, and it is given back at once.
//!
//! Asking too early does no harm: before the claim the group is asked by a commit, which it refuses to whoever has lost the partition.

use crate::Effect;
use crate::deadline::Due;
use crate::engine::Engine;
use crate::ids::{Epoch, PartitionId};
use crate::partition::State;
use crate::sabotage::Sabotage;

/// How long the group has to take a partition from us, in milliseconds: heartbeats, which tell us, are a few seconds apart.
const TIME_TO_TAKE: u64 = 10_000;

impl Engine {
    /// The epoch is over at once. What runs is awaited by nobody.
    pub(crate) fn superseded(&mut self, id: PartitionId, epoch: Epoch) {
        if self.bugs.has(Sabotage::SupersededGoesOn) {
            return;
        }
        let asked_back = self.partitions.current(id, epoch).is_some_and(|partition| matches!(partition.state, State::Draining { .. }));
        self.lost(id, epoch);
        self.out.push(Effect::Superseded { partition: id, epoch });
        if asked_back && !self.bugs.has(Sabotage::DisputeOutlivesDrain) {
            self.out.push(Effect::Release { partition: id, epoch });
            return;
        }
        let at = self.now.after(TIME_TO_TAKE);
        self.disputes.insert(id.0, (epoch, at));
        if !self.bugs.has(Sabotage::SupersededForEver) {
            self.deadlines.add(at, Due::Dispute(id.0));
        }
    }

    /// The group has neither taken it away nor given it anew.
    pub(crate) fn dispute_is_due(&mut self, index: u32) {
        if let Some((epoch, _)) = self.disputes.get(&index) {
            self.out.push(Effect::Reassign { partition: PartitionId(index), epoch: *epoch });
        }
    }

    /// The group asks for a partition whose epoch is over, since another member claimed it.
    pub(crate) fn give_back(&mut self, id: PartitionId, epoch: Epoch) {
        let disputed = self.disputes.get(&id.0).is_some_and(|dispute| dispute.0 == epoch);
        if disputed && !self.bugs.has(Sabotage::DisputeOutlivesDrain) {
            self.end_dispute(id);
            self.out.push(Effect::Release { partition: id, epoch });
        }
    }

    /// The group has spoken.
    pub(crate) fn end_dispute(&mut self, id: PartitionId) {
        if let Some((_, at)) = self.disputes.remove(&id.0) {
            self.deadlines.remove(at, Due::Dispute(id.0));
            self.finish_may_be_due = true;
        }
    }
}
