//! What stands in the ledger. The form on the wire is the runtime's.

use serde::{Deserialize, Serialize};

use crate::Reason;
use crate::ids::Offset;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// A member takes the partition over.
    Claim(Claim),
    /// A letter is written, held, handled after all, or discarded.
    Letter(LetterRecord),
    /// A person wants letters handled again, or settled without.
    Command(Command),
}

/// Names a record that was taken out of the ledger, or is to be: what its key says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Removed {
    /// A claim, by its place in the ledger.
    Claim(Offset),
    /// A letter's record.
    Letter {
        /// The source offset.
        offset: Offset,
        /// The claim under which it was written.
        epoch: Offset,
        /// The state that it says.
        state: LetterState,
        /// The failed replays that it says.
        replays: u32,
        /// Which sending of it.
        #[serde(default)]
        again: u32,
    },
    /// A command, by its id.
    Command(String),
}

/// A member takes the partition over. Its offset in the ledger is the epoch of what that member writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The offset of the claim that it follows; `None`: there was none.
    pub prev: Option<Offset>,
    /// Who.
    pub member: String,
    /// The group's generation, to be shown. It starts again when an empty group is deleted, so nothing is decided by it.
    pub generation: i32,
    /// The inbox that it marks in.
    pub store: String,
    /// When, in milliseconds since 1970.
    pub time: i64,
}

/// Where a letter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LetterState {
    /// It waits for a person.
    Open,
    /// It waits behind an earlier letter of its key, and was not handled.
    Held,
    /// A replay handled it.
    Done,
    /// A person settled it unhandled.
    Discarded,
}

impl LetterState {
    /// Nothing comes after it.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Done | Self::Discarded)
    }
}

/// What tells order keys apart in the ledger: the first 16 bytes of the BLAKE3 hash of the key's bytes. The same in every process.
///
/// Two numbers stand for lanes without a key: see [`KeyDigest::NO_KEY`] and [`KeyDigest::WHOLE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KeyDigest(pub u128);

impl KeyDigest {
    /// All events without a key, where they wait for each other.
    pub const NO_KEY: Self = Self(0);
    /// All events of the partition, where they wait for each other.
    pub const WHOLE: Self = Self(u128::MAX);
}

/// A letter's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetterRecord {
    /// The offset of its record in the source partition.
    pub offset: Offset,
    /// The claim under which this was written.
    pub epoch: Offset,
    /// Where it stands.
    pub state: LetterState,
    /// Replays that failed.
    pub replays: u32,
    /// Its order key; `None` when it has none, or its topic's events do not wait for each other.
    pub key: Option<KeyDigest>,
    /// Whether later events of its key wait behind it until it is settled.
    pub holds: bool,
    /// The offset of the letter in the dead-letter topic's partition of the same number.
    pub letter: Offset,
    /// Why.
    pub reason: Reason,
    /// What the failure has in common with others. Empty where nothing failed anew: the one before stands.
    pub fingerprint: String,
    /// When, in milliseconds since 1970.
    pub time: i64,
    /// How often it had been sent before, when nobody knew what became of that: all of them may land, and each has a key of its own.
    #[serde(default)]
    pub again: u32,
}

impl LetterRecord {
    /// What its key says.
    #[must_use]
    pub fn removed(&self) -> Removed {
        let Self { offset, epoch, state, replays, again, .. } = *self;
        Removed::Letter { offset, epoch, state, replays, again }
    }
}

/// What a person wants done with letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Verb {
    /// Handle them again.
    Replay,
    /// Settle them unhandled.
    Discard,
    /// Take back what earlier commands wanted of them and nobody has begun.
    Stop,
}

/// What a person wants, of letters as they stood when it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// A name that nobody else has.
    pub id: String,
    /// What.
    pub verb: Verb,
    /// Source offsets, and how many replays of each had failed. What has moved on since is not meant.
    pub letters: Vec<(Offset, u32)>,
    /// Beyond `max_replays`, too.
    pub force: bool,
    /// Letters per second, in thousandths; `None`: as many as can.
    pub rate: Option<u32>,
    /// Who asked.
    pub who: String,
    /// When, in milliseconds since 1970.
    pub time: i64,
}
