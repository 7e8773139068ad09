//! The sums: every record that was sent is accounted for, exactly.
//!
//! What the second process said is compared with what the first one left behind, as read from outside: the table, and the offsets that
//! the group had committed. The first process was killed, so what it said last proves nothing and is not used.

use super::super::evidence::Evidence;
use super::super::numbers::len;
use super::Check;

/// The sums and whether they are right.
pub(super) struct Verdict {
    pub(super) copies_dropped: u64,
    pub(super) redelivered: u64,
    pub(super) copies: Check,
    pub(super) after_crash: Check,
    pub(super) conflicts: Check,
}

pub(super) fn judge(evidence: &Evidence) -> Verdict {
    let (plan, crash, second) = (&evidence.plan, &evidence.crash, &evidence.second);
    let (mut behind, mut behind_departed, mut behind_copies) = (0, 0, 0);
    for sent in evidence.sent.iter().filter(|sent| crash.is_committed(sent)) {
        behind += 1;
        if sent.record.copy {
            behind_copies += 1;
        } else if !evidence.flight(sent).is_cancelled() {
            behind_departed += 1;
        }
    }
    // What is durable and not behind a commit comes again, and is dropped. Whatever else the second process dropped is a copy.
    let redelivered = crash.durable.saturating_sub(behind_departed);
    let copies_dropped = second.duplicates.saturating_sub(redelivered).saturating_add(behind_copies);
    let copies = len(plan.copies);

    let departed = len(plan.flights.len() - plan.cancelled);
    let (left, handled) = (departed.saturating_sub(crash.durable), second.handled);
    let (delivered, resolved) = (len(plan.records.len()) - behind, second.resolved());
    let conflicts = evidence.first.conflicts.saturating_add(second.conflicts);
    Verdict {
        copies_dropped,
        redelivered,
        copies: Check::new("duplicates", copies_dropped == copies, format!("{copies_dropped} of {copies} copies dropped")),
        after_crash: Check::new(
            "after the crash",
            handled == left && resolved == delivered,
            format!("{handled} handled where {left} were left to handle; {resolved} of {delivered} records resolved"),
        ),
        conflicts: Check::new("identity", conflicts == 0, format!("{conflicts} ids came with other bytes")),
    }
}
