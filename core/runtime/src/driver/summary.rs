//! What a run did.

use serde::Serialize;

/// Counters of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Events handled and durably marked.
    pub handled: u64,
    /// Copies dropped.
    pub duplicates: u64,
    /// Events that no handler wanted (`unrouted_type = "ignore"`).
    pub ignored: u64,
    /// Attempts that failed and were or will be repeated, or given up.
    pub failed_attempts: u64,
    /// Events in the dead-letter topic.
    pub dead_letters: u64,
    /// Ids seen with other bytes.
    pub identity_conflicts: u64,
    /// Events given back unresolved with their partition; somebody reads them again.
    pub abandoned: u64,
    /// Partitions halted by an alert.
    pub halted: u32,
}
