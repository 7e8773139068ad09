//! Which events wait for each other, and how runs are made of them.

use crate::script::*;
use onceward_engine::*;

#[test]
fn events_of_one_key_are_one_run_and_keys_run_beside_each_other() {
    let mut script = Script::running(EngineSettings::default());
    let (ids, orders) = script.fetch_new(&[record(0, 1), record(1, 2), record(2, 1)]);
    assert_eq!(orders, [dispatch(&[&[(ids[0], 1), (ids[2], 1)], &[(ids[1], 1)]])]);
}

#[test]
fn a_lane_reopens_when_its_event_is_done_without_effects() {
    let mut script = Script::running(settings(Policy { run_length: 1, ..Policy::default() }));
    let (ids, orders) = script.fetch_new(&[record(0, 1), record(1, 1)]);
    assert_eq!(orders, [dispatch(&[&[(ids[0], 1)]])]);
    assert_eq!(script.done(ids[0]), [Effect::Mark(vec![ids[0]]), dispatch(&[&[(ids[1], 1)]])]);
}

#[test]
fn a_lane_waits_for_the_commit_of_effects() {
    let mut script = Script::running(settings(Policy { run_length: 1, ..Policy::default() }));
    let (ids, _) = script.fetch_new(&[record(0, 1), record(1, 1)]);
    assert_eq!(script.done_with_effects(ids[0]), [Effect::Mark(vec![ids[0]])]);
    assert_eq!(script.durable(ids[0])[..2], [forget(&[ids[0]], Fate::Handled), dispatch(&[&[(ids[1], 1)]])]);
}

#[test]
fn marks_behind_an_effect_are_given_out_in_one_piece_with_it() {
    let mut script = Script::running(EngineSettings::default());
    let (ids, _) = script.fetch_new(&[record(0, 1), record(1, 1), record(2, 1), record(3, 1)]);
    assert_eq!(script.done(ids[0]), [Effect::Mark(vec![ids[0]])]);
    assert_eq!(script.done_with_effects(ids[1]), []);
    assert_eq!(script.done(ids[2]), []);
    assert_eq!(script.done_with_effects(ids[3]), [Effect::Mark(vec![ids[1], ids[2], ids[3]])]);
}

#[test]
fn what_is_rolled_back_runs_again_behind_what_failed_and_counts_as_the_same_attempt() {
    let mut script = Script::running(EngineSettings::default());
    let (ids, _) = script.fetch_new(&[record(0, 1), record(1, 1), record(2, 1)]);
    script.done_with_effects(ids[0]);
    script.done(ids[1]);
    script.done(ids[2]);
    let wait = script.marked(ids[0], MarkResult::EffectFailed { fatal: false });
    assert_eq!(wait, [], "the lane waits for the backoff, and for the answers of the other marks");
    assert_eq!(script.tick(400), [], "two marks are not answered, so nothing of the lane may run");
    script.marked(ids[1], MarkResult::RolledBack);
    assert_eq!(script.marked(ids[2], MarkResult::RolledBack), [dispatch(&[&[(ids[0], 2), (ids[1], 1), (ids[2], 1)]])]);
}

#[test]
fn a_run_stops_at_the_first_that_is_not_done() {
    let mut script = Script::running(EngineSettings::default());
    let (ids, _) = script.fetch_new(&[record(0, 1), record(1, 1), record(2, 1)]);
    script.done(ids[0]);
    assert_eq!(script.retry(ids[1]), []);
    assert_eq!(script.engine.snapshot().running, 1, "the run is in flight until its last member is answered");
    assert_eq!(script.not_started(ids[2]), []);
    assert_eq!(script.engine.snapshot().running, 0);
    assert_eq!(script.tick(200), [dispatch(&[&[(ids[1], 2), (ids[2], 1)]])]);
}

#[test]
fn a_retry_in_the_middle_of_a_lane_starts_a_run_of_its_own() {
    let mut script = Script::running(EngineSettings::default());
    let (ids, _) = script.fetch_new(&[record(0, 1), record(1, 1), record(2, 1)]);
    script.done(ids[0]);
    script.retry(ids[1]);
    script.not_started(ids[2]);
    // Both may run again at the same moment.
    script.now += 200;
    assert_eq!(script.marked(ids[0], MarkResult::RolledBack), [dispatch(&[&[(ids[0], 1)]])]);
    let orders = script.done(ids[0]);
    assert!(orders.contains(&dispatch(&[&[(ids[1], 2), (ids[2], 1)]])), "{orders:?}");
}

#[test]
fn a_cancelled_attempt_does_not_count() {
    let mut script = Script::running(EngineSettings::default());
    let (ids, _) = script.fetch_new(&[record(0, 1)]);
    assert_eq!(script.ended(ids[0], Outcome::Cancelled), [dispatch(&[&[(ids[0], 1)]])]);
}

#[test]
fn a_lane_resolves_in_offset_order_even_if_marks_are_answered_otherwise() {
    let mut script = Script::running(settings(Policy { run_length: 1, ..Policy::default() }));
    let (ids, _) = script.fetch_new(&[record(0, 1), record(1, 1)]);
    script.done(ids[0]);
    script.done(ids[1]);
    assert_eq!(script.durable(ids[1]), []);
    assert_eq!(script.durable(ids[0])[0], forget(&[ids[0], ids[1]], Fate::Handled));
}

#[test]
fn concurrency_bounds_the_runs_in_flight() {
    let mut script = Script::running(EngineSettings { concurrency: 2, ..EngineSettings::default() });
    let (ids, orders) = script.fetch_new(&[record(0, 1), record(1, 2), record(2, 3)]);
    assert_eq!(orders, [dispatch(&[&[(ids[0], 1)], &[(ids[1], 1)]])]);
    assert_eq!(script.done(ids[1]), [Effect::Mark(vec![ids[1]]), dispatch(&[&[(ids[2], 1)]])]);
}

#[test]
fn run_length_and_policy_end_a_run() {
    let short = Policy { run_length: 2, ..Policy::default() };
    let mut script = Script::running(EngineSettings { policies: vec![short, Policy::default()], ..EngineSettings::default() });
    let (ids, orders) = script.fetch_new(&[record(0, 1), record(1, 1), record(2, 1), record(3, 1).policy(1)]);
    assert_eq!(orders, [dispatch(&[&[(ids[0], 1), (ids[1], 1)]])]);
    script.done(ids[0]);
    assert_eq!(script.done(ids[1])[1], dispatch(&[&[(ids[2], 1)]]));
}

#[test]
fn order_and_null_keys_choose_the_lane() {
    let one = |order, null_keys| Policy { order, null_keys, ..Policy::default() };
    let runs = |policy, records: &[Record]| {
        let (_, orders) = Script::running(settings(policy)).fetch_new(records);
        match &orders[..] {
            [Effect::Dispatch(runs)] => runs.ends.len(),
            other => panic!("{other:?}"),
        }
    };
    let keyed = [record(0, 1), record(1, 2), record(2, 1)];
    assert_eq!(runs(one(Order::Key, NullKeys::Parallel), &keyed), 2);
    assert_eq!(runs(one(Order::Partition, NullKeys::Parallel), &keyed), 1);
    assert_eq!(runs(one(Order::None, NullKeys::Parallel), &keyed), 3);
    let bare = [record(0, 1).no_key(), record(1, 1).no_key()];
    assert_eq!(runs(one(Order::Key, NullKeys::Parallel), &bare), 2);
    assert_eq!(runs(one(Order::Key, NullKeys::Serial), &bare), 1);
}

#[test]
fn one_key_in_two_partitions_is_two_lanes() {
    let mut script = Script::running(EngineSettings::default());
    script.assign(1, 2);
    let (ids, orders) = script.fetch_new(&[record(0, 1), record(1, 1).at(1, 2)]);
    assert_eq!(orders, [dispatch(&[&[(ids[0], 1)], &[(ids[1], 1)]])]);
}

/// The second of a run fails behind the effects of the first, and the statement of the first fails.
#[test]
fn what_failed_behind_a_failed_effect_is_handled_again_uncounted() {
    for outcome in [Outcome::Retry { after: None }, Outcome::Retry { after: Some(0) }, Outcome::Reject(Rejection::Rejected)] {
        for result in [MarkResult::EffectFailed { fatal: false }, MarkResult::RolledBack] {
            let mut script = Script::running(settings(Policy { run_length: 2, ..Policy::default() }));
            let (ids, _) = script.fetch_new(&[record(0, 1), record(1, 1)]);
            assert_eq!(script.done_with_effects(ids[0]), []);
            assert_eq!(script.ended(ids[1], outcome), [Effect::Mark(vec![ids[0]])]);
            // Its wait may be over before the answer comes.
            script.tick(50);
            let again = script.marked(ids[0], result);
            let first = if result == MarkResult::RolledBack { again } else { script.tick(1_000) };
            let attempt = 1 + u32::from(result != MarkResult::RolledBack);
            assert_eq!(first, [dispatch(&[&[(ids[0], attempt), (ids[1], 1)]])], "{outcome:?} {result:?}");
            assert_eq!(script.engine.snapshot().waiting, 0);
            script.done(ids[0]);
            script.durable(ids[0]);
            script.now += 5;
            let letter = letter(&script.ended(ids[1], Outcome::Reject(Rejection::Rejected)));
            assert_eq!((letter.attempts, letter.first_failed), (1, Timestamp(script.now)));
        }
    }
}

#[test]
fn what_failed_behind_durable_effects_is_counted() {
    let mut script = Script::running(settings(Policy { run_length: 2, ..Policy::default() }));
    let (ids, _) = script.fetch_new(&[record(0, 1), record(1, 1)]);
    script.done_with_effects(ids[0]);
    script.retry(ids[1]);
    assert_eq!(script.durable(ids[0]), [forget(&[ids[0]], Fate::Handled)]);
    assert_eq!(script.tick(200), [dispatch(&[&[(ids[1], 2)]])]);
}

#[test]
fn a_live_delivery_whose_mark_is_dropped_is_handled_again() {
    let mut script = Script::running(EngineSettings::default());
    let (ids, _) = script.fetch_new(&[record(0, 1)]);
    script.done_with_effects(ids[0]);
    assert_eq!(script.marked(ids[0], MarkResult::Dropped), [dispatch(&[&[(ids[0], 1)]])]);
}
