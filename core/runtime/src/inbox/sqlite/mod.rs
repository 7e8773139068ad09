//! Marks in an SQLite file, beside the user's own tables.
//!
//! Random ids in a B-tree fall to 43,000 inserts per second at ten million rows, so marks are not rows. A group of marks is one
//! immutable *segment*: its ids sorted and cut into page-sized *chunks*, so that the chunk of an id follows from its high bits and a
//! look-up in a segment is one row by its number. Groups of the usual size go to a small row each, which stays in memory as well until
//! enough of them are folded into a segment; segments of like size are merged sixteen to one. One thread writes, one answers look-ups that memory can't.
//!
//! | file | decides |
//! |---|---|
//! | `inbox` | the driver's side: filter, recent ids, what is queued |
//! | `writer`, `group`, `effects` | when a transaction begins, what is in it, and what a failing statement costs |
//! | `foreign` | what is remembered of the marks of other processes, and what is asked of the file |
//! | `finder`, `small` | where an id is, given a snapshot of the file |
//! | `compact` | folding, merging and expiring in bounded steps |
//! | `outgoing` | what is published: rows that commit with marks, and who relays them |
//! | `migrate` | which files of `migrations` run |
//! | `upkeep`, `forget`, `prune`, `backup`, `holders` | what tools do to a file from outside of a consumer |
//! | `open`, `mount`, `fault` | which files are refused, and what SQLite's errors mean |

mod alarm;
mod backup;
mod compact;
mod effects;
mod entry;
mod fault;
mod finder;
mod foreign;
mod forget;
mod group;
mod handle;
mod holders;
mod inspect;
mod merge;
mod migrate;
mod mount;
mod open;
mod outgoing;
mod positions;
mod prune;
mod query;
mod reader;
mod schema;
mod settings;
mod shared;
mod small;
mod upkeep;
mod writer;

pub use backup::backup;
pub use forget::Moved;
pub use handle::SqliteInbox;
pub use holders::{Holder, holders};
pub use inspect::{BucketReport, InboxReport, OutboxReport, PositionReport, inspect};
pub use mount::file_system;
pub use prune::{Expired, Pruned, prune};
pub use schema::{VERSION, ddl};
pub use settings::SqliteSettings;
pub use upkeep::Upkeep;
