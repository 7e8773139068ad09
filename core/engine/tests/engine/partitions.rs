//! The life of an assignment: catching up, running, draining, lost.

use crate::script::*;
use onceward_engine::*;

fn caught_up(remembered: Option<i64>) -> Input {
    Input::CaughtUp { partition: P, epoch: E, remembered: remembered.map(Offset) }
}

/// Assigned from a committed offset of 5, nothing below 5 deleted.
fn assigned(policy: Policy) -> Script {
    let mut script = Script::new(settings(policy));
    script.tell(Input::Assigned(Assignment { from: Offset(5), oldest: Offset(5), ..assignment() }));
    script
}

#[test]
fn nothing_is_looked_up_before_the_inbox_has_caught_up() {
    let mut script = assigned(Policy::default());
    let (first, orders) = script.fetch(record(5, 1));
    assert_eq!(orders, []);
    let (_, orders) = script.fetch(record(6, 2).refused(Rejection::Invalid));
    assert_eq!(orders, [], "no letter either");
    let orders = script.tell(caught_up(None));
    assert!(matches!(orders[..], [Effect::LookUp(ref ids), Effect::DeadLetter(_)] if *ids == [first]), "{orders:?}");
}

#[test]
fn records_of_another_epoch_or_below_the_reader_are_forgotten() {
    let mut script = Script::running(EngineSettings::default());
    let abandoned = |(id, orders): (DeliveryId, Vec<Effect>)| assert_eq!(orders, [forget(&[id], Fate::Abandoned)]);
    abandoned(script.fetch(record(0, 1).at(0, 2)));
    abandoned(script.fetch(record(0, 1).at(9, 1)));
    script.fetch(record(3, 1));
    abandoned(script.fetch(record(3, 1)));
    abandoned(script.fetch(record(1, 1)));
}

#[test]
fn a_lost_partition_leaves_nothing_but_farewells() {
    let mut script = Script::running(EngineSettings::default());
    let (ids, _) = script.fetch_new(&[record(0, 1), record(1, 2), record(2, 3)]);
    script.durable(ids[0]);
    script.done(ids[0]);
    // Decided and not yet asked for: recalled.
    script.feed(Input::Handled { delivery: ids[1], outcome: Outcome::Done { effects: false } });
    assert_eq!(script.tell(Input::Lost { partition: P, epoch: E }), [forget(&ids, Fate::Abandoned)]);
    assert_eq!(script.done(ids[2]), []);
    assert_eq!(script.durable(ids[1]), []);
    assert_eq!(script.engine.next_deadline(), None);
    assert_eq!(script.engine.snapshot().running, 0);
}

#[test]
fn a_new_assignment_ends_the_old_one() {
    let mut script = Script::running(EngineSettings::default());
    let (ids, _) = script.fetch_new(&[record(0, 1)]);
    let orders = script.tell(Input::Assigned(Assignment { epoch: Epoch(2), ..assignment() }));
    assert_eq!(orders, [forget(&ids, Fate::Abandoned), Effect::CatchUp { partition: P, epoch: Epoch(2), claim: None }]);
    assert_eq!(script.tell(Input::Assigned(assignment())), [], "an epoch is never taken up again");
}

#[test]
fn a_release_that_nobody_was_told_of_is_recalled() {
    let revoking = Input::Revoking { partition: P, epoch: E, deadline: Timestamp(1) };
    let mut script = Script::running(EngineSettings::default());
    script.feed(revoking.clone());
    assert_eq!(script.tell(Input::Lost { partition: P, epoch: E }), []);
    let mut script = Script::running(EngineSettings::default());
    script.feed(revoking);
    let orders = script.tell(Input::Assigned(Assignment { epoch: Epoch(2), ..assignment() }));
    assert_eq!(orders, [Effect::CatchUp { partition: P, epoch: Epoch(2), claim: None }]);
}

#[test]
fn a_drain_awaits_what_runs_and_ends_with_a_commit() {
    let mut script = Script::running(EngineSettings::default());
    let (ids, _) = script.fetch_new(&[record(0, 1), record(1, 2)]);
    script.retry(ids[1]);
    let (queued, _) = script.fetch(record(2, 3));
    assert_eq!(script.revoke(1_000), [forget(&[ids[1], queued], Fate::Abandoned)]);
    let (late, orders) = script.fetch(record(3, 1));
    assert_eq!(orders, [forget(&[late], Fate::Abandoned)]);
    assert_eq!(script.done(ids[0]), [Effect::Mark(vec![ids[0]])]);
    assert_eq!(script.durable(ids[0]), [forget(&[ids[0]], Fate::Handled), commit(1)]);
    assert_eq!(script.committed(1), [release()]);
    assert_eq!(script.engine.next_deadline(), None);
}

#[test]
fn what_fails_while_draining_is_left_to_the_next_owner() {
    let mut script = Script::running(EngineSettings::default());
    let (ids, _) = script.fetch_new(&[record(0, 1), record(1, 1), record(2, 2)]);
    script.revoke(1_000);
    script.retry(ids[0]);
    assert_eq!(script.not_started(ids[1]), [forget(&[ids[1]], Fate::Abandoned)]);
    let orders = script.ended(ids[2], Outcome::Reject(Rejection::Rejected));
    assert_eq!(letter(&orders).delivery, ids[2]);
    assert_eq!(script.lettered(ids[2]), [forget(&[ids[2]], Fate::Lettered), release()], "offset 0 is unresolved: nothing to commit");
}

#[test]
fn a_drain_ends_with_its_last_failure() {
    for outcome in [Outcome::Retry { after: None }, Outcome::Cancelled] {
        let mut script = Script::running(EngineSettings::default());
        let (ids, _) = script.fetch_new(&[record(0, 1)]);
        script.revoke(1_000);
        assert_eq!(script.ended(ids[0], outcome), [forget(&ids, Fate::Abandoned), release()]);
    }
}

#[test]
fn a_run_that_fails_while_draining_is_counted_as_ended_once() {
    let mut script = Script::running(EngineSettings { concurrency: 3, ..EngineSettings::default() });
    let (ids, _) = script.fetch_new(&[record(0, 1), record(1, 2), record(2, 3)]);
    script.revoke(1_000);
    script.retry(ids[0]);
    assert_eq!(script.engine.snapshot().running, 2);
}

#[test]
fn the_drain_deadline_abandons_what_still_runs() {
    let mut script = Script::running(EngineSettings::default());
    let (ids, _) = script.fetch_new(&[record(0, 1), record(1, 2)]);
    script.done(ids[0]);
    script.durable(ids[0]);
    script.revoke(500);
    assert_eq!(script.engine.next_deadline(), Some(Timestamp(500)));
    let orders = script.tick(500);
    let alert = Effect::Alert(Alert::DrainTimedOut { partition: P, running: 1 });
    assert_eq!(orders, [alert, forget(&[ids[1]], Fate::Abandoned), commit(1)]);
    let failed = script.tell(Input::CommitFailed { partition: P, epoch: E });
    assert_eq!(failed, [release()], "the commit is not tried for ever");
}

/// A group that rebalances refuses commits for a moment.
#[test]
fn the_last_commit_is_asked_for_again_while_the_drain_lasts() {
    let mut script = Script::running(EngineSettings::default());
    let (ids, _) = script.fetch_new(&[record(0, 1)]);
    let refused = Input::CommitFailed { partition: P, epoch: E };
    script.done(ids[0]);
    script.durable(ids[0]);
    assert_eq!(script.revoke(25_000), [commit(1)]);
    assert_eq!(script.tell(refused.clone()), []);
    assert_eq!(script.tick(99), []);
    assert_eq!(script.tick(1), [commit(1)]);
    assert_eq!(script.tell(refused.clone()), []);
    assert_eq!(script.tick(100), [commit(1)]);
    assert_eq!(script.committed(1), [release()]);
    assert_eq!(script.engine.next_deadline(), None);
}

#[test]
fn a_last_commit_that_is_always_refused_ends_with_the_drain() {
    let mut script = Script::running(EngineSettings::default());
    let (ids, _) = script.fetch_new(&[record(0, 1)]);
    let refused = Input::CommitFailed { partition: P, epoch: E };
    script.done(ids[0]);
    script.durable(ids[0]);
    assert_eq!(script.revoke(1_000), [commit(1)]);
    assert_eq!(script.tell(refused.clone()), []);
    // The deadline is moved to before the next time it would be asked for.
    assert_eq!(script.revoke(50), []);
    assert_eq!(script.tick(50), [release()]);
    assert_eq!(script.engine.next_deadline(), None);
}

#[test]
fn the_last_commit_waits_for_the_one_outstanding() {
    let mut script = Script::running(EngineSettings::default());
    let (ids, _) = script.fetch_new(&[record(0, 1), record(1, 2)]);
    script.done(ids[0]);
    script.durable(ids[0]);
    assert_eq!(script.tick(1_000), [commit(1)]);
    script.revoke(5_000);
    script.done(ids[1]);
    assert_eq!(script.durable(ids[1]), [forget(&[ids[1]], Fate::Handled)]);
    assert_eq!(script.committed(1), [commit(2)]);
    assert_eq!(script.committed(2), [release()]);
}

#[test]
fn a_partition_that_never_caught_up_is_given_back_without_a_commit() {
    let mut script = assigned(Policy::default());
    let (id, _) = script.fetch(record(5, 1));
    script.tell(Input::ReachedEnd { partition: P, epoch: E, position: Offset(9) });
    assert_eq!(script.revoke(1_000), [forget(&[id], Fate::Abandoned), release()]);
}

#[test]
fn a_rewind_halts_is_reprocessed_or_skipped() {
    let with = |on_rewind| {
        let mut script = assigned(Policy { on_rewind, ..Policy::default() });
        let ids = [script.fetch(record(5, 1)).0, script.fetch(record(8, 2)).0];
        let orders = script.tell(caught_up(Some(8)));
        (script, ids, orders)
    };
    let alert = |halted| Effect::Alert(Alert::Rewound { partition: P, remembered: Offset(8), committed: Offset(5), halted });

    let (mut script, ids, orders) = with(OnRewind::Stop);
    assert_eq!(orders, [alert(true), forget(&ids, Fate::Abandoned), pause()]);
    assert_eq!(script.engine.snapshot().halted, 1);
    assert_eq!(script.revoke(1_000), [release()]);
    assert_eq!(script.engine.snapshot().halted, 0);

    let (_, ids, orders) = with(OnRewind::Reprocess);
    assert_eq!(orders, [alert(false), Effect::LookUp(ids.to_vec())]);

    let (mut script, ids, orders) = with(OnRewind::Skip);
    assert_eq!(orders, [alert(false), Effect::LookUp(vec![ids[1]]), forget(&[ids[0]], Fate::Abandoned)]);
    assert_eq!(script.tick(1_000), [commit(8)], "the watermark starts where we were");

    let mut script = assigned(Policy { on_rewind: OnRewind::Skip, ..Policy::default() });
    let seek = Effect::Seek { partition: P, epoch: E, to: Offset(8) };
    let (big, orders) = script.fetch(record(5, 1).bytes(1 << 30));
    assert_eq!(orders, []);
    script.tell(Input::Refused { bytes: 1 });
    assert_eq!(script.tick(20), [pause()]);
    assert_eq!(script.tell(caught_up(Some(8))), [alert(false), forget(&[big], Fate::Abandoned), seek, resume()]);
    let (below, orders) = script.fetch(record(7, 1));
    assert_eq!(orders, [forget(&[below], Fate::Abandoned)]);
}

#[test]
fn a_gap_at_the_start_halts_or_is_passed() {
    let with = |on_gap| {
        let mut script = Script::new(settings(Policy { on_gap, ..Policy::default() }));
        script.tell(Input::Assigned(Assignment { from: Offset(5), oldest: Offset(9), ..assignment() }));
        script.tell(caught_up(None))
    };
    let alert = |halted| Effect::Alert(Alert::Gap { partition: P, from: Offset(5), to: Offset(9), halted });
    assert_eq!(with(OnGap::Stop), [alert(true), pause()]);
    assert_eq!(with(OnGap::Continue), [alert(false), Effect::Seek { partition: P, epoch: E, to: Offset(9) }]);
}

#[test]
fn an_end_reported_early_counts_only_when_the_start_is_judged() {
    let end = Input::ReachedEnd { partition: P, epoch: E, position: Offset(7) };
    let mut script = assigned(Policy::default());
    script.tell(end.clone());
    script.tell(caught_up(Some(8)));
    assert_eq!(script.tick(10_000), [], "halted: committing 7 would hide the rewind");

    let mut script = assigned(Policy::default());
    script.tell(end);
    script.tell(caught_up(None));
    assert_eq!(script.tick(1_000), [commit(7)]);
}

#[test]
fn a_gap_on_the_way_halts_but_what_runs_is_finished() {
    let mut script = Script::running(EngineSettings::default());
    let (ids, _) = script.fetch_new(&[record(0, 1)]);
    let (queued, _) = script.fetch(record(1, 2));
    let gap = Input::Gap { partition: P, epoch: E, from: Offset(2), to: Offset(6) };
    let alert = Effect::Alert(Alert::Gap { partition: P, from: Offset(2), to: Offset(6), halted: true });
    assert_eq!(script.tell(gap.clone()), [alert, forget(&[queued], Fate::Abandoned), pause()]);
    assert_eq!(script.tell(gap), [], "told once");
    script.done(ids[0]);
    script.durable(ids[0]);
    assert_eq!(script.tick(1_000), [commit(1)], "never past what was given up");
}
