//! Where an assigned partition stands, for people who watch it.

use crate::engine::Engine;
use crate::ids::{Offset, PartitionId};
use crate::ledger::Fold;

/// How far a partition has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The next offset that can still arrive.
    pub position: Offset,
    /// The commit watermark: nothing before it is unresolved.
    pub watermark: Offset,
    /// Records before the position that are not resolved yet.
    pub unresolved: u32,
    /// Whether fetching is stopped.
    pub paused: bool,
}

impl Engine {
    /// Where a partition stands; `None` when it is not assigned. Cheap: nothing is counted for it.
    ///
    /// How far it has come is said by position and unresolved records, not by the commit watermark: one event that waits for its next
    /// attempt holds that back, and would make everything behind it look undone.
    #[must_use]
    pub fn standing(&self, partition: PartitionId) -> Option<Standing> {
        let partition = self.partitions.get(partition.0)?;
        let window = &partition.window;
        Some(Standing { position: window.position(), watermark: window.next(), unresolved: partition.records, paused: partition.paused })
    }

    /// What the ledger of a partition comes to; `None` when it is not assigned, or has none.
    #[must_use]
    pub fn ledger(&self, partition: PartitionId) -> Option<&Fold> {
        self.partitions.get(partition.0)?.book.as_ref().map(|book| &book.fold)
    }
}
