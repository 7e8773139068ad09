//! The small numbers that everything else is keyed by.
//!
//! Topic names, payloads and clocks stay outside: the runtime keeps tables from these numbers to the real things.

use serde::{Deserialize, Serialize};

/// A topic and a partition number, interned by the runtime. Dense: the engine indexes a vector by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PartitionId(pub u32);

/// The number of one assignment of one partition to this process. Rises with each assignment, never reused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Epoch(pub u64);

/// A position in a partition. Offsets are sparse: transaction markers and compaction leave gaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Offset(pub i64);

/// Milliseconds of a clock that never steps back; its zero is the start of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// This instant plus a number of milliseconds, capped instead of overflowing.
    #[must_use]
    pub fn after(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

/// Hash of an order key. A collision joins two lanes, which costs parallelism and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KeyHash(pub u128);

/// Hash of an event's identity within its scope (group, topic, id): a 128-bit BLAKE3 prefix, so that nobody can choose two ids that meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EventHash(pub u128);

/// Short digest of a payload: tells a copy of an event from another event that carries the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Digest(pub u32);

/// Index into the policies that the engine was built with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PolicyId(pub u16);

/// One record accepted for handling in one epoch: a slot of [`crate::Slots`] and the generation of its use.
///
/// The caller chooses it. A late answer for a slot that was freed and used again carries the old generation and is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DeliveryId {
    /// Position in the slab.
    pub slot: u32,
    /// How often the slot was used before.
    pub generation: u32,
}
