//! No ledger, no letters to read.

use std::sync::Arc;

use onceward_engine::{Epoch, PartitionId};

use super::{Archive, Wanted};

/// Where nothing is kept.
pub(crate) struct Nothing;

impl Archive for Nothing {
    fn read_ledger(&self, _: PartitionId, _: Epoch, _: u32, _: &Arc<str>, _: i32) {}

    fn stop(&self, _: PartitionId, _: Epoch) {}

    fn find_oldest(&self, _: PartitionId, _: Epoch, _: &Arc<str>, _: i32) {}

    fn fetch(&self, _: Vec<Wanted>) {}

    fn taken(&self, _: u64) {}
}
