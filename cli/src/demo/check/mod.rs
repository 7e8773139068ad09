//! The proof: every promise as an equation between what was sent and what is there.

mod figures;
mod letters;
mod sums;
mod traces;

pub(super) use figures::{Cause, Check, Figures};

use onceward_flights::{Differences, sequential_pass};

use super::comeback::Comeback;
use super::evidence::Evidence;
use super::failure::Failure;
use super::numbers::len;

/// Judges the evidence.
pub(super) fn judge(evidence: &Evidence, broker: &str) -> Result<Figures, Failure> {
    let plan = &evidence.plan;
    let truth = sequential_pass(plan.departed());
    let Differences { lost, doubled, order_violations } = Differences::between(&truth, &evidence.kept);
    let letters = letters::judge(evidence)?;
    let sums = sums::judge(evidence);
    let departed = len(plan.flights.len() - plan.cancelled);
    let handled = super::table::flights(&evidence.kept);
    let busy = evidence.first.busy_micros.saturating_add(evidence.second.busy_micros);
    let recorded = evidence.first.recorded.saturating_add(evidence.second.recorded);
    let checks = vec![
        Check::new("handled once", handled == departed, format!("{handled} of {departed} flights that departed are in the table")),
        Check::new("fold", truth == evidence.kept, format!("{} aircraft as in a plain pass over the file", truth.len())),
        Check::new("lost", lost == 0, format!("{lost} flights")),
        Check::new("doubled", doubled == 0, format!("{doubled} flights")),
        Check::new("order", order_violations == 0, format!("{order_violations} aircraft with their flights in another order")),
        letters.check,
        sums.copies,
        sums.after_crash,
        sums.conflicts,
        traces::judge(evidence),
        came_back(&evidence.comeback),
    ];
    Ok(Figures {
        broker: broker.to_owned(),
        events: len(plan.flights.len()),
        records: len(plan.records.len()),
        copies: len(plan.copies),
        handled,
        duplicates_dropped: sums.copies_dropped,
        redelivered: sums.redelivered,
        retries: len(evidence.lines.iter().filter(|line| line.attempt > 1).count()),
        dead_letters: letters.distinct,
        letters_written_again: letters.written_again,
        aircraft: len(evidence.kept.len()),
        order_violations,
        lost,
        doubled,
        fold_matches: truth == evidence.kept,
        failed: evidence.comeback.failed,
        held: evidence.comeback.held,
        replayed: evidence.comeback.replayed,
        comeback_matches: evidence.comeback.matches,
        killed: true,
        durable_at_kill: evidence.crash.durable,
        undone_by_kill: evidence.recorded_before_crash().saturating_sub(evidence.crash.durable),
        records_per_second: recorded.saturating_mul(1_000_000) / busy.max(1),
        causes: letters.causes,
        ok: checks.iter().all(|check| check.holds),
        checks,
    })
}

/// Everything that failed is handled after all, and it shows in no aircraft that it ever failed.
fn came_back(comeback: &Comeback) -> Check {
    let Comeback { open, replayed, aircraft, matches, .. } = comeback;
    let detail = format!("{replayed} handled after all, {open} open; {aircraft} aircraft as in a plain pass over all rows: {matches}");
    Check::new("came back", *matches && *open == 0, detail)
}
