//! Proof that the simulation can fail: each deliberate bug of the engine is found, and by the invariant named here.

use std::collections::BTreeSet;

use onceward_engine::Sabotage;
use onceward_tests::sim::{Scenario, replay, run_seed, shrink};

/// No bug may need more.
const SEEDS: u64 = 2_000;

/// Which promise each bug breaks first.
const EXPECTED: [(Sabotage, &str); 41] = [
    (Sabotage::CommitPastGap, "I1"),
    (Sabotage::TwoOfOneKey, "I2"),
    (Sabotage::LateCompletionAccepted, "I7"),
    (Sabotage::DispatchBeforeCaughtUp, "I5"),
    (Sabotage::TwinDispatched, "I5"),
    (Sabotage::RetryReopensLane, "I2"),
    (Sabotage::LetterNotAwaited, "I1"),
    (Sabotage::MarkNotAwaited, "I1"),
    (Sabotage::CommitAfterRelease, "I7"),
    (Sabotage::AttemptsOffByOne, "I6"),
    (Sabotage::CreditIgnored, "I4"),
    (Sabotage::NewcomerStarves, "I3"),
    (Sabotage::DrainDispatches, "I7"),
    (Sabotage::EffectsReopenLane, "I2"),
    (Sabotage::ConflictAsDuplicate, "I1"),
    (Sabotage::RolledBackResolved, "I1"),
    (Sabotage::GapSilently, "I1"),
    (Sabotage::FinishedEarly, "I10"),
    (Sabotage::RunSkipsNotStarted, "I1"),
    (Sabotage::DuplicateNotResolved, "I3"),
    (Sabotage::LastCommitOnce, "I10"),
    (Sabotage::BreakerCountsRejections, "I12"),
    (Sabotage::BreakerCountsAttempts, "I12"),
    (Sabotage::BreakerCountsProbes, "I6"),
    (Sabotage::BreakerNeverCloses, "I12"),
    (Sabotage::BreakerLeaks, "I12"),
    (Sabotage::BreakerHearsOthers, "I12"),
    (Sabotage::BreakerHasty, "I12"),
    (Sabotage::BreakerNeverDoubts, "I12"),
    (Sabotage::TimeoutOfTheRun, "I6"),
    (Sabotage::TimeoutForgotten, "I3"),
    (Sabotage::StuckReopensLane, "I2"),
    (Sabotage::SuspensionLeaks, "I4"),
    (Sabotage::RateIgnored, "I4"),
    (Sabotage::BatchAgain, "I6"),
    (Sabotage::BatchCounts, "I6"),
    (Sabotage::IgnoredNotResolved, "I3"),
    (Sabotage::SuspectsInCompany, "I6"),
    (Sabotage::SuspectsGetCompany, "I6"),
    (Sabotage::SuspectsConvicted, "I6"),
    (Sabotage::CrashLimitOffByOne, "I6"),
];

#[test]
fn each_deliberate_bug_is_found_by_the_promise_it_breaks() {
    let mut wrong = Vec::new();
    for bug in Sabotage::ALL {
        let Some((_, expected)) = EXPECTED.iter().find(|entry| entry.0 == bug) else {
            wrong.push(format!("{bug:?} is not in the table"));
            continue;
        };
        // A bug may break several promises, and one seed shows the first of them only.
        let mut others = BTreeSet::new();
        let found = (0..SEEDS).filter_map(|seed| run_seed(seed, Some(bug)).0).find(|failure| {
            let named = failure.violation.invariant == *expected;
            others.extend((!named).then_some(failure.violation.invariant));
            named
        });
        let Some(failure) = found else {
            wrong.push(format!("{bug:?} does not break {expected} within {SEEDS} seeds, but {others:?}"));
            continue;
        };
        let what = failure.violation.what;
        println!("{:<23} {expected:<4} after {:>4} seeds, others before: {others:?}: {what}", format!("{bug:?}"), failure.seed + 1);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_failing_seed_shrinks_to_a_short_log_that_fails_alike() {
    for bug in [Sabotage::TwoOfOneKey, Sabotage::RetryReopensLane, Sabotage::TwinDispatched, Sabotage::AttemptsOffByOne] {
        let failure = (0..SEEDS).find_map(|seed| run_seed(seed, Some(bug)).0).unwrap();
        let small = shrink(&failure.scenario, failure.violation.invariant, Some(bug));
        println!("{bug:?}: {} inputs shrunk to {}", failure.scenario.inputs.len(), small.inputs.len());
        assert!(small.inputs.len() <= 40, "{bug:?}: {} inputs are not short", small.inputs.len());
        let filed = Scenario::parse(&small.to_lines().unwrap()).unwrap();
        let (_, violation) = replay(&filed, Some(bug)).violation.unwrap();
        assert_eq!(violation.invariant, failure.violation.invariant, "{bug:?}: {violation}");
        let without = replay(&filed, None).violation;
        assert_eq!(without, None, "{bug:?}: the engine without the bug fails, too: {}", small.to_lines().unwrap());
    }
}
