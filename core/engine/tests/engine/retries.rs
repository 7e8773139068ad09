//! Attempts, backoff, and the end of what keeps failing.

use crate::script::*;
use onceward_engine::*;

fn plain(attempts: u32, total: u64) -> Policy {
    Policy { backoff: Backoff { attempts, total, jitter_percent: 0, ..Backoff::default() }, ..Policy::default() }
}

#[test]
fn only_the_lane_of_a_failed_event_waits() {
    let mut script = Script::running(settings(plain(5, 300_000)));
    let (ids, _) = script.fetch_new(&[record(0, 1)]);
    assert_eq!(script.retry(ids[0]), []);
    assert_eq!(script.engine.snapshot().waiting, 1);
    let (others, orders) = script.fetch_new(&[record(1, 1), record(2, 2)]);
    assert_eq!(orders, [dispatch(&[&[(others[1], 1)]])]);
    assert_eq!(script.engine.next_deadline(), Some(Timestamp(200)));
    assert_eq!(script.tick(199), []);
    assert_eq!(script.tick(1), [dispatch(&[&[(ids[0], 2), (others[0], 1)]])]);
}

#[test]
fn the_last_attempt_is_followed_by_a_letter_that_the_lane_waits_for() {
    let mut script = Script::running(settings(plain(3, 300_000)));
    let (ids, _) = script.fetch_new(&[record(0, 1), record(1, 1)]);
    for wait in [200, 400] {
        script.feed(Input::Handled { delivery: ids[0], outcome: Outcome::Retry { after: None } });
        assert_eq!(script.not_started(ids[1]), []);
        assert_eq!(script.tick(wait - 1), []);
        assert!(matches!(script.tick(1)[..], [Effect::Dispatch(_)]));
    }
    let orders = script.retry(ids[0]);
    assert_eq!(
        orders,
        [Effect::DeadLetter(DeadLetter {
            delivery: ids[0],
            reason: Reason::Exhausted,
            attempts: 3,
            first_failed: Timestamp(0),
            last_failed: Timestamp(600),
            behind: None,
        })]
    );
    assert_eq!(script.not_started(ids[1]), [], "the lane is closed until the letter is acknowledged");
    assert_eq!(script.lettered(ids[0]), [forget(&[ids[0]], Fate::Lettered), dispatch(&[&[(ids[1], 1)]])]);
}

#[test]
fn a_wait_that_would_leave_the_time_budget_is_not_begun() {
    let mut script = Script::running(settings(plain(100, 500)));
    let (ids, _) = script.fetch_new(&[record(0, 1)]);
    script.retry(ids[0]);
    script.tick(200);
    assert_eq!(letter(&script.retry(ids[0])).reason, Reason::Exhausted, "200 + 400 > 500");
}

#[test]
fn the_handlers_wish_replaces_the_wait_and_counts() {
    let mut script = Script::running(settings(plain(2, 300_000)));
    let (ids, _) = script.fetch_new(&[record(0, 1)]);
    let wish = Outcome::Retry { after: Some(5_000) };
    script.ended(ids[0], wish);
    assert_eq!(script.tick(4_999), []);
    assert_eq!(script.tick(1), [dispatch(&[&[(ids[0], 2)]])]);
    assert_eq!(letter(&script.ended(ids[0], wish)).attempts, 2);
}

#[test]
fn jitter_stays_in_its_range_and_is_the_same_in_every_life() {
    let waits = |seed| {
        let mut script = Script::running(EngineSettings { seed, ..settings(Policy::default()) });
        let records: Vec<Record> = (0..50).map(|offset| record(offset, u128::from(offset.unsigned_abs()))).collect();
        let (ids, _) = script.fetch_new(&records);
        let mut waits: Vec<u64> = Vec::new();
        for id in ids {
            script.retry(id);
            let until = script.engine.next_deadline().unwrap().0;
            waits.push(until - script.now);
            script.now = until;
            script.tick(0);
        }
        waits
    };
    let first = waits(1);
    assert!(first.iter().all(|wait| (160..=200).contains(wait)), "{first:?}");
    assert!(first.iter().any(|&wait| wait != first[0]));
    assert_eq!(first, waits(1));
    assert_ne!(first, waits(2));
}

#[test]
fn a_rejected_event_is_lettered_at_once() {
    let mut script = Script::running(EngineSettings::default());
    let (ids, _) = script.fetch_new(&[record(0, 1)]);
    let orders = script.ended(ids[0], Outcome::Reject(Rejection::Invalid));
    assert_eq!((letter(&orders).reason, letter(&orders).attempts), (Reason::Invalid, 1));
}

#[test]
fn a_failed_effect_is_a_failed_attempt_and_a_fatal_one_the_last() {
    let mut script = Script::running(settings(plain(2, 300_000)));
    let (ids, _) = script.fetch_new(&[record(0, 1), record(1, 2)]);
    script.done_with_effects(ids[0]);
    script.done_with_effects(ids[1]);
    assert_eq!(script.marked(ids[0], MarkResult::EffectFailed { fatal: false }), []);
    assert_eq!(letter(&script.marked(ids[1], MarkResult::EffectFailed { fatal: true })).reason, Reason::Rejected);
    assert_eq!(script.tick(200), [dispatch(&[&[(ids[0], 2)]])]);
    script.done_with_effects(ids[0]);
    assert_eq!(letter(&script.marked(ids[0], MarkResult::EffectFailed { fatal: false })).reason, Reason::Exhausted);
}

#[test]
fn a_refused_record_is_lettered_without_look_up_when_its_turn_comes() {
    let mut script = Script::running(EngineSettings::default());
    let (ids, _) = script.fetch_new(&[record(0, 1)]);
    let (refused, orders) = script.fetch(record(1, 1).refused(Rejection::Undecodable));
    assert_eq!(orders, []);
    script.done(ids[0]);
    let orders = script.durable(ids[0]);
    let expected = (refused, Reason::Undecodable, 0);
    let letter = orders.iter().find_map(|order| {
        if let Effect::DeadLetter(letter) = order { Some((letter.delivery, letter.reason, letter.attempts)) } else { None }
    });
    assert_eq!(letter, Some(expected));
}

#[test]
fn facts_that_come_twice_change_nothing() {
    let mut script = Script::running(EngineSettings::default());
    let (ids, _) = script.fetch_new(&[record(0, 1)]);
    assert_eq!(script.seen(ids[0], Some(9)), []);
    script.done(ids[0]);
    assert_eq!(script.retry(ids[0]), []);
    assert_eq!(script.not_started(ids[0]), []);
    assert_eq!(script.durable(ids[0])[0], forget(&[ids[0]], Fate::Handled));
    assert_eq!(script.durable(ids[0]), []);
    assert_eq!(script.lettered(ids[0]), []);
    assert_eq!(script.done(ids[0]), []);
}
