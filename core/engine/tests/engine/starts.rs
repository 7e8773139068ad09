//! Review: sequences that break a promise.

use crate::script::*;
use onceward_engine::*;

/// A: its statement failed, it waits for its next attempt. B: rejected in the same run. The partition goes.
#[test]
fn nothing_is_lettered_ahead_of_what_its_lane_abandons() {
    let mut script = Script::running(EngineSettings::default());
    let (ids, _) = script.fetch_new(&[record(0, 1), record(1, 1)]);
    script.done_with_effects(ids[0]);
    script.ended(ids[1], Outcome::Reject(Rejection::Rejected));
    script.marked(ids[0], MarkResult::EffectFailed { fatal: false });
    let orders = script.revoke(100);
    assert!(!orders.iter().any(|order| matches!(order, Effect::DeadLetter(_))), "{orders:#?}");
}

/// The same, with the mark still on its way when the partition goes.
#[test]
fn nothing_is_lettered_ahead_of_what_its_lane_abandons_later() {
    let mut script = Script::running(EngineSettings::default());
    let (ids, _) = script.fetch_new(&[record(0, 1), record(1, 1)]);
    script.done_with_effects(ids[0]);
    script.ended(ids[1], Outcome::Reject(Rejection::Rejected));
    script.revoke(100);
    let orders = script.marked(ids[0], MarkResult::EffectFailed { fatal: false });
    assert!(!orders.iter().any(|order| matches!(order, Effect::DeadLetter(_))), "{orders:#?}");
}

/// The log was cut off, or the offset belongs to another log: whatever the policy for deleted offsets, a person decides.
#[test]
fn a_place_behind_the_end_of_the_log_halts() {
    let policy = Policy { on_gap: OnGap::Continue, ..Policy::default() };
    let mut script = Script::running(settings(policy));
    let orders = script.tell(Input::Gap { partition: P, epoch: E, from: Offset(500), to: Offset(10) });
    assert_eq!(script.engine.snapshot().halted, 1, "{orders:#?}");
}

/// The group's offset expired: reading starts at the earliest, far below what this inbox remembers.
#[test]
fn a_start_without_an_offset_below_what_is_remembered_is_asked_about() {
    let mut script = Script::new(settings(Policy::default()));
    script.tell(Input::Assigned(Assignment { committed: false, ..assignment() }));
    let orders = script.tell(Input::CaughtUp { partition: P, epoch: E, remembered: Some(Offset(10)) });
    assert!(orders.iter().any(|order| matches!(order, Effect::Alert(Alert::Rewound { halted: true, .. }))), "{orders:#?}");
}

/// What `kafka/rebalance.rs` says at a start behind a gap: `Assigned { oldest }` and then `Gap`.
#[test]
fn a_gap_at_the_start_is_told_once() {
    let policy = Policy { on_gap: OnGap::Continue, ..Policy::default() };
    let mut script = Script::new(settings(policy));
    script.feed(Input::Assigned(Assignment { from: Offset(5), oldest: Offset(9), ..assignment() }));
    script.feed(Input::Gap { partition: P, epoch: E, from: Offset(5), to: Offset(9) });
    let mut orders = script.orders();
    orders.extend(script.tell(Input::CaughtUp { partition: P, epoch: E, remembered: None }));
    let told = orders.iter().filter(|order| matches!(order, Effect::Alert(Alert::Gap { .. }))).count();
    assert_eq!(told, 1, "{orders:#?}");
}

/// The same gap under `on_rewind = skip`: it lies in what is skipped on purpose.
#[test]
fn a_gap_below_a_skipped_rewind_halts_nothing() {
    let policy = Policy { on_rewind: OnRewind::Skip, ..Policy::default() };
    let mut script = Script::new(settings(policy));
    script.feed(Input::Assigned(Assignment { from: Offset(5), oldest: Offset(9), ..assignment() }));
    script.feed(Input::Gap { partition: P, epoch: E, from: Offset(5), to: Offset(9) });
    script.orders();
    script.tell(Input::CaughtUp { partition: P, epoch: E, remembered: Some(Offset(20)) });
    assert_eq!(script.engine.snapshot().halted, 0);
}
