//! The ledger of one partition and group: which letters are open, which keys are held, who owns it, what operators asked for.
//!
//! The ledger is a compacted topic beside the source topic. Everybody who reads it, the owner of the partition, the command line, a console,
//! folds it with the same function, [`Fold`], and so sees the same state. Each ledger key is written once, so compaction removes
//! only what was removed on purpose.
//!
//! | file | decides |
//! |---|---|
//! | `record` | what stands in the ledger |
//! | `fold` | which records count, and what they come to |

mod fold;
mod record;

pub use fold::{Applied, Fold, Letter, Wanted};
pub use record::{Claim, Command, KeyDigest, LetterRecord, LetterState, Record, Removed, Verb};
