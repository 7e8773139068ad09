//! Several deliveries of one event in flight.

use crate::script::*;
use onceward_engine::*;

const X: u128 = 7;
const Y: u128 = 8;

#[test]
fn a_copy_waits_for_the_first_and_ends_as_a_duplicate() {
    let mut script = Script::running(EngineSettings::default());
    let (ids, _) = script.fetch_new(&[record(0, 1).event(X, 0)]);
    let (copy, orders) = script.fetch(record(1, 2).event(X, 0));
    assert_eq!(orders, [], "neither looked up nor dispatched");
    script.done(ids[0]);
    assert_eq!(script.durable(ids[0])[0], Effect::Forget(vec![(copy, Fate::Duplicate), (ids[0], Fate::Handled)]),);
}

#[test]
fn only_handled_makes_a_duplicate() {
    let mut script = Script::running(EngineSettings::default());
    let (ids, _) = script.fetch_new(&[record(0, 1).event(X, 0)]);
    let (copy, _) = script.fetch(record(1, 2).event(X, 0));
    script.ended(ids[0], Outcome::Reject(Rejection::Rejected));
    let orders = script.lettered(ids[0]);
    assert_eq!(orders[..2], [Effect::LookUp(vec![copy]), forget(&[ids[0]], Fate::Lettered)]);
    assert_eq!(script.seen(copy, None), [dispatch(&[&[(copy, 1)]])]);
}

#[test]
fn the_next_twin_takes_over_when_the_first_is_abandoned() {
    let mut script = Script::running(EngineSettings::default());
    script.assign(1, 2);
    script.fetch_new(&[record(0, 1).event(X, 0)]);
    let (copy, _) = script.fetch(record(0, 1).event(X, 0).at(1, 2));
    let orders = script.tell(Input::Lost { partition: P, epoch: E });
    assert!(orders.contains(&Effect::LookUp(vec![copy])), "{orders:?}");
}

#[test]
fn a_marked_event_is_a_duplicate_at_the_head_of_its_lane_only() {
    let mut script = Script::running(EngineSettings::default());
    let (ids, _) = script.fetch_new(&[record(0, 1)]);
    let (copy, _) = script.fetch(record(1, 1).event(X, 5));
    assert_eq!(script.seen(copy, Some(5)), []);
    script.done(ids[0]);
    assert_eq!(script.durable(ids[0])[0], Effect::Forget(vec![(ids[0], Fate::Handled), (copy, Fate::Duplicate)]));
}

#[test]
fn other_bytes_under_a_known_id_are_lettered() {
    let mut script = Script::running(EngineSettings::default());
    let (ids, _) = script.fetch_new(&[record(0, 1).event(X, 1)]);
    let (other, orders) = script.fetch(record(1, 2).event(X, 2));
    assert_eq!(orders[0], Effect::Alert(Alert::Conflict { delivery: other }));
    assert_eq!((letter(&orders).delivery, letter(&orders).reason, letter(&orders).attempts), (other, Reason::Conflict, 0));
    let (marked, _) = script.fetch(record(2, 3).event(Y, 1));
    let orders = script.seen(marked, Some(2));
    assert_eq!((letter(&orders).delivery, letter(&orders).reason), (marked, Reason::Conflict));
    assert_eq!(script.done(ids[0]), [Effect::Mark(vec![ids[0]])]);
}

#[test]
fn other_bytes_are_a_copy_where_the_policy_says_so() {
    let mut script = Script::running(settings(Policy { on_conflict: OnConflict::Duplicate, ..Policy::default() }));
    let (copy, _) = script.fetch(record(0, 1).event(X, 1));
    assert_eq!(script.seen(copy, Some(2))[0], forget(&[copy], Fate::Duplicate));
}

#[test]
fn a_mark_that_came_second_makes_a_duplicate_of_its_delivery_and_its_twins() {
    let mut script = Script::running(EngineSettings::default());
    let (ids, _) = script.fetch_new(&[record(0, 1).event(X, 0)]);
    let (copy, _) = script.fetch(record(1, 1).event(X, 0));
    script.done(ids[0]);
    let orders = script.marked(ids[0], MarkResult::Duplicate { digest: Digest(0) });
    assert_eq!(orders[0], forget(&[ids[0], copy], Fate::Duplicate));
}

/// Lane A holds x, then y; lane B holds y, then x. If a twin could wait for a later arrival, the lanes would wait for each other for ever.
#[test]
fn lanes_that_hold_each_others_twins_never_wait_in_a_circle() {
    // Every order of arrival that keeps the order within the lanes.
    for arrivals in ["AABB", "ABAB", "ABBA", "BAAB", "BABA", "BBAA"] {
        let mut script = Script::running(EngineSettings::default());
        let (mut a, mut b) = ([X, Y].into_iter(), [Y, X].into_iter());
        for (offset, lane) in (0..).zip(arrivals.chars()) {
            let (key, event) = if lane == 'A' { (1, a.next().unwrap()) } else { (2, b.next().unwrap()) };
            script.hand_in(record(offset, key).event(event, 0));
        }
        let mut fates = [0, 0];
        for _turn in 0..20 {
            for order in script.orders() {
                match order {
                    Effect::LookUp(ids) => ids.into_iter().for_each(|delivery| script.feed(Input::LookedUp { delivery, seen: None })),
                    Effect::Dispatch(runs) => {
                        let outcome = Outcome::Done { effects: true };
                        runs.deliveries.iter().for_each(|&(delivery, _)| script.feed(Input::Handled { delivery, outcome }));
                    }
                    Effect::Mark(ids) => {
                        let result = MarkResult::Durable;
                        ids.into_iter().for_each(|delivery| script.feed(Input::Marked { delivery, result }));
                    }
                    Effect::Forget(ends) => ends.iter().for_each(|&(_, fate)| fates[usize::from(fate == Fate::Duplicate)] += 1),
                    other => assert!(matches!(other, Effect::Commit { .. }), "{other:?}"),
                }
            }
        }
        assert_eq!(fates, [2, 2], "two handled, two copies, for arrivals {arrivals}");
    }
}
