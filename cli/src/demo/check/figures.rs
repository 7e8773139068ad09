//! What the demo answers: shown as a table, or as JSON with `--json`.

use serde::Serialize;

/// The figures of one demo, and whether each promise held.
#[derive(Clone, Debug, Serialize)]
pub(in crate::demo) struct Figures {
    /// `mock`, or the address that was given.
    pub(in crate::demo) broker: String,
    /// Whether every check holds.
    pub(in crate::demo) ok: bool,
    /// Different events.
    pub(in crate::demo) events: u64,
    /// Records sent for them.
    pub(in crate::demo) records: u64,
    /// Events sent a second time.
    pub(in crate::demo) copies: u64,
    /// Flights in the table.
    pub(in crate::demo) handled: u64,
    /// Copies that no handler saw.
    pub(in crate::demo) duplicates_dropped: u64,
    /// Records that came again after the kill although their event was handled, and were dropped.
    pub(in crate::demo) redelivered: u64,
    /// Handler calls after the first of their event.
    pub(in crate::demo) retries: u64,
    /// Events given up, each with one letter.
    pub(in crate::demo) dead_letters: u64,
    /// Letters that the second process wrote again, under the same letter id, since the first died before it could commit.
    pub(in crate::demo) letters_written_again: u64,
    /// Rows of the table.
    pub(in crate::demo) aircraft: u64,
    /// Aircraft whose flights were handled in another order than they were sent.
    pub(in crate::demo) order_violations: u64,
    /// Flights missing in the table.
    pub(in crate::demo) lost: u64,
    /// Flights too many in the table.
    pub(in crate::demo) doubled: u64,
    /// Whether every aircraft is as in a plain pass over the file.
    pub(in crate::demo) fold_matches: bool,
    /// Events that failed in the second service, which holds aircraft behind them.
    pub(in crate::demo) failed: u64,
    /// Events that waited behind one of them, unhandled.
    pub(in crate::demo) held: u64,
    /// Letters and followers that the mended handler handled after all.
    pub(in crate::demo) replayed: u64,
    /// Whether every aircraft is then as in a plain pass over all rows, cancelled flights included.
    pub(in crate::demo) comeback_matches: bool,
    /// Whether the consuming process was killed on the way.
    pub(in crate::demo) killed: bool,
    /// Flights in the table right after the kill.
    pub(in crate::demo) durable_at_kill: u64,
    /// Flights that the handler had recorded, but that were not durable when the process died: undone, and handled again.
    pub(in crate::demo) undone_by_kill: u64,
    /// Flights recorded by the handler, per second from its first call to its last, over both processes.
    pub(in crate::demo) records_per_second: u64,
    /// Dead letters by fingerprint, the most frequent first.
    pub(in crate::demo) causes: Vec<Cause>,
    /// Every check.
    pub(in crate::demo) checks: Vec<Check>,
}

/// Dead letters with one fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(in crate::demo) struct Cause {
    pub(in crate::demo) fingerprint: String,
    pub(in crate::demo) count: u64,
    /// The message of one of them.
    pub(in crate::demo) sample: String,
}

/// One promise, checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(in crate::demo) struct Check {
    pub(in crate::demo) name: &'static str,
    pub(in crate::demo) holds: bool,
    /// What was found.
    pub(in crate::demo) detail: String,
}

impl Check {
    pub(in crate::demo) fn new(name: &'static str, holds: bool, detail: String) -> Self {
        Self { name, holds, detail }
    }
}
