//! A ledger of a later version: its partition is left alone, and everything else goes on.
//!
//! What this program can't read might be what counts: a claim, a letter that holds a key. So nothing of the partition is handled. The process
//! stays, since it may own partitions whose ledgers it can read, and since its end would only bring it back to the same record.

use std::collections::BTreeMap;

use onceward_engine::{Epoch, Input, PartitionId};

use super::Driver;
use crate::Error;
use crate::kafka::SourceOrder;

/// Partitions that are ours by the group and not handled, and in which assignment.
#[derive(Debug, Default)]
pub(crate) struct Unreadable(BTreeMap<PartitionId, Epoch>);

impl Unreadable {
    pub(super) fn has(&self, partition: PartitionId, epoch: Epoch) -> bool {
        self.0.get(&partition) == Some(&epoch)
    }

    pub(super) fn left(&mut self, partition: PartitionId) {
        self.0.remove(&partition);
    }

    fn count(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }
}

impl Driver {
    /// Leaves a partition alone, for as long as it stays with us.
    pub(super) fn leave_alone(&mut self, partition: PartitionId, epoch: Epoch, why: &Error) {
        if self.partitions.get(partition).is_none_or(|entry| entry.epoch != epoch) || self.unreadable.has(partition, epoch) {
            return;
        }
        let name = self.partitions.display(partition).to_string();
        tracing::error!(target: "onceward", partition = %name, epoch = epoch.0, %why,
            "this partition is halted: its ledger was written by a later version of Onceward, and nothing of it is handled here before this \
             program is updated. Other partitions go on");
        // A run until the end can't reach it.
        self.ending.halted(format!("{name} is halted: {why}"));
        self.source.order(SourceOrder::Pause { partition, epoch });
        self.engine.handle(self.clock.now(), Input::Lost { partition, epoch });
        self.over(partition, epoch);
        self.leave_ledger(partition, epoch);
        self.inbox.release(partition, epoch);
        self.unreadable.0.insert(partition, epoch);
    }

    /// What the engine counts, and what it does not know of.
    pub(crate) fn snapshot(&self) -> onceward_engine::Snapshot {
        let mut snapshot = self.engine.snapshot();
        snapshot.halted = snapshot.halted.saturating_add(self.unreadable.count());
        snapshot
    }
}
