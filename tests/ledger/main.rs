//! Ledgers, held keys and replays in simulated worlds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

use std::collections::BTreeSet;
use std::time::Instant;

use onceward_engine::Sabotage;
use onceward_tests::ledger::{Wrong, run_seed, run_seed_with, simulate};

/// As many as CI runs; `cargo xtask simulate --ledger --seeds N --from S` runs others.
const SEEDS: u64 = 10_000;

/// No bug may need more.
const FOR_A_BUG: u64 = 3_000;

/// Which promise each bug breaks.
const EXPECTED: [(Sabotage, &str); 21] = [
    (Sabotage::DispatchBeforeFolded, "I5"),
    (Sabotage::ClaimUnconfirmed, "I7"),
    (Sabotage::ClaimNotAwaited, "I5"),
    (Sabotage::SupersededGoesOn, "I6"),
    (Sabotage::SupersededForEver, "I10"),
    (Sabotage::DisputeOutlivesDrain, "I10"),
    (Sabotage::CleanSettledFirst, "I5"),
    (Sabotage::CleanClaimsFirst, "I5"),
    (Sabotage::CleanDoubtful, "I5"),
    (Sabotage::PastCounts, "I1"),
    (Sabotage::RecordNotAwaited, "I1"),
    (Sabotage::KnownForgotten, "I5"),
    (Sabotage::FollowersHandled, "I2"),
    (Sabotage::ReleasedAtFirst, "I2"),
    (Sabotage::FrontIgnored, "I2"),
    (Sabotage::DiscardNotAwaited, "I2"),
    (Sabotage::ReplayBeforePosition, "I2"),
    (Sabotage::LiveOvertakesReplay, "I2"),
    (Sabotage::ReplaysUncounted, "I6"),
    (Sabotage::MaxReplaysIgnored, "I6"),
    (Sabotage::ReplayRateIgnored, "I4"),
];

#[test]
fn worlds_with_ledgers_keep_the_promises() {
    let start = Instant::now();
    let report = simulate(0, SEEDS);
    for (what, count) in report.met.rows() {
        println!("{what:<22}{count:>12}");
    }
    println!("{SEEDS} seeds in {:.1} s", start.elapsed().as_secs_f64());
    let first: Vec<String> = report.failures.iter().take(10).map(|(seed, violation)| format!("seed {seed}: {violation}")).collect();
    assert!(first.is_empty(), "{} worlds fail, among them:\n{}", report.failures.len(), first.join("\n"));
    // Compaction has to take away a claim that was not read yet, behind one that was.
    let enough = |(what, count): &(&str, u64)| *count >= if *what == "ledgers read again" { 1 } else { 50 };
    let rare: Vec<_> = report.met.rows().into_iter().filter(|row| !enough(row)).collect();
    assert!(rare.is_empty(), "met too seldom: {rare:?}");
}

#[test]
fn a_seed_is_a_whole_world() {
    for seed in [2, 19, 4_711] {
        assert_eq!(run_seed(seed, None, false), run_seed(seed, None, false), "seed {seed}");
    }
}

#[test]
fn each_rule_that_is_left_out_is_missed() {
    let mut wrong = Vec::new();
    assert_eq!(EXPECTED.map(|entry| entry.0), Sabotage::LEDGER);
    for (bug, expected) in EXPECTED {
        let mut others = BTreeSet::new();
        let found = (0..FOR_A_BUG).find_map(|seed| {
            let violation = run_seed(seed, Some(bug), false).0?;
            others.insert(violation.invariant);
            (violation.invariant == expected).then_some((seed, violation))
        });
        match found {
            Some((seed, violation)) => println!("{:<22} {expected:<4} after {:>4} seeds: {}", format!("{bug:?}"), seed + 1, violation.what),
            None => wrong.push(format!("{bug:?} does not break {expected} within {FOR_A_BUG} seeds, but {others:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn missed(wrong: Wrong, invariant: &str, what: &str) {
    let found = (0..FOR_A_BUG).filter_map(|seed| run_seed_with(seed, wrong)).find(|violation| violation.invariant == invariant);
    let found = found.unwrap_or_else(|| panic!("nobody misses {invariant} with {wrong:?}"));
    assert!(found.what.contains(what), "{}", found.what);
}

/// The offset passes an event when its letter is written. By its place it then counts as handled, and a replay that asks so handles nothing.
#[test]
fn letters_of_events_without_an_id_need_marks_of_their_own() {
    missed(Wrong::LettersByPlace, "I1", "its letter is done, and it was never handled");
}

/// The second one lands when the partition has another owner, and counts for nobody: it is what compaction keeps, and it is taken out together
/// with the one that counts.
#[test]
fn each_sending_of_a_record_needs_a_key_of_its_own() {
    missed(Wrong::OneKey, "I1", "and is not found");
}

/// The second one is refused. Compaction keeps it all the same, as a claim that counts, and what was written under the first one is void.
#[test]
fn a_claim_is_never_sent_again() {
    missed(Wrong::ClaimsSentAgain, "I7", "is read as the current claim");
}
