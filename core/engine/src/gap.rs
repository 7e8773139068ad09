//! Offsets that do not fit: moved back by hand, or deleted before they were read.

use crate::engine::Engine;
use crate::ids::{Epoch, Offset, PartitionId};
use crate::partition::State;
use crate::policy::{OnGap, OnRewind};
use crate::sabotage::Sabotage;
use crate::{Alert, Effect};

impl Engine {
    /// Compares where reading starts with what the inbox remembers and what the broker has.
    pub(crate) fn check_start(&mut self, index: u32, remembered: Option<Offset>) {
        let Some(partition) = self.partitions.get(index) else { return };
        let assignment = partition.assignment;
        let mut from = assignment.from;
        if let Some(remembered) = remembered.filter(|&remembered| remembered > from) {
            let on_rewind = self.policy(assignment.policy).on_rewind;
            let halted = on_rewind == OnRewind::Stop;
            self.out.push(Effect::Alert(Alert::Rewound { partition: assignment.partition, remembered, committed: from, halted }));
            match on_rewind {
                OnRewind::Stop => return self.halt(index),
                OnRewind::Reprocess => {}
                OnRewind::Skip => {
                    self.skip(index, remembered);
                    from = remembered;
                }
            }
        }
        if assignment.committed && assignment.oldest > from {
            self.meet_gap(index, from, assignment.oldest);
        }
    }

    pub(crate) fn gap(&mut self, id: PartitionId, epoch: Epoch, from: Offset, to: Offset) {
        let Some(partition) = self.partitions.current(id, epoch).filter(|partition| !partition.is_stopping()) else { return };
        if to < from {
            // Nothing stands where we read: the log was cut off, or the offset belongs to another log. No policy can know where to go on.
            self.out.push(Effect::Alert(Alert::Gap { partition: id, from, to, halted: true }));
            self.halt(id.0);
        } else if partition.state == State::CatchingUp && to <= partition.assignment.oldest {
            // Known at the assignment already: it is judged once, with the rewind, when the inbox has caught up.
        } else if from < to && to > partition.window.position() {
            self.meet_gap(id.0, from, to);
        }
    }

    fn meet_gap(&mut self, index: u32, from: Offset, to: Offset) {
        let Some(partition) = self.partitions.get(index) else { return };
        let id = partition.id;
        let silent = self.bugs.has(Sabotage::GapSilently);
        let halted = self.policy(partition.assignment.policy).on_gap == OnGap::Stop && !silent;
        if !silent {
            self.out.push(Effect::Alert(Alert::Gap { partition: id, from, to, halted }));
        }
        if halted {
            self.halt(index);
        } else {
            self.read_on_at(index, to);
        }
    }

    /// Stops a partition until a person decides: what is at work is finished, everything else is left for the next assignment.
    fn halt(&mut self, index: u32) {
        let Some(partition) = self.partitions.get_mut(index).filter(|partition| !partition.halted) else { return };
        partition.halted = true;
        self.partitions.halted += 1;
        self.abandon_idle(index);
        self.flow(index);
    }

    /// Leaves out what lies below an offset. It was resolved in an earlier life, so the watermark starts there.
    fn skip(&mut self, index: u32, to: Offset) {
        self.abandon_where(index, |delivery| delivery.offset < to);
        if let Some(partition) = self.partitions.get_mut(index) {
            let behind = partition.window.position() < to;
            partition.window.skip_to(to);
            if behind {
                partition.at_end = false;
                let (partition, epoch) = (partition.id, partition.epoch);
                self.out.push(Effect::Seek { partition, epoch, to });
            }
        }
        self.flow(index);
    }

    fn read_on_at(&mut self, index: u32, to: Offset) {
        let Some(partition) = self.partitions.get_mut(index).filter(|partition| partition.window.position() < to) else { return };
        partition.window.advance_to(to);
        partition.at_end = false;
        let (partition, epoch, caught_up) = (partition.id, partition.epoch, partition.state != State::CatchingUp);
        self.out.push(Effect::Seek { partition, epoch, to });
        if caught_up {
            self.schedule_commit(index);
        }
    }
}
