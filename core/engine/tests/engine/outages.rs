//! When failures are an outage, and what happens until it is over.

use crate::script::*;
use onceward_engine::*;

fn breaker(events: u32, keys: u32, time: u64) -> Policy {
    let rules = BreakerRules { events, keys, time, probe: 100, successes: 2, ..BreakerRules::default() };
    let backoff = Backoff { attempts: 2, first: 10, jitter_percent: 0, ..Backoff::default() };
    Policy { breaker: Some(rules), backoff, ..Policy::default() }
}

fn dispatched(orders: &[Effect]) -> Vec<DeliveryId> {
    let runs = orders.iter().filter_map(|order| if let Effect::Dispatch(runs) = order { Some(runs) } else { None });
    runs.flat_map(|runs| runs.deliveries.iter().map(|member| member.0)).collect()
}

#[test]
fn probes_rotate_over_the_keys_and_their_failures_do_not_count() {
    let mut script = Script::running(settings(breaker(3, 3, 0)));
    let (ids, _) = script.fetch_new(&[record(0, 1), record(1, 2), record(2, 3)]);
    script.retry(ids[0]);
    script.retry(ids[1]);
    let orders = script.retry(ids[2]);
    assert!(matches!(orders[..], [Effect::Alert(Alert::BreakerOpened { events: 3, keys: 3, .. })]), "{orders:?}");
    let mut probed = Vec::new();
    for _ in 0..12 {
        let probe = dispatched(&script.tick(100));
        assert_eq!(probe.len(), 1, "one at a time");
        assert_eq!(script.tick(1_000), [], "and no second one while it runs");
        probed.push(probe[0]);
        assert_eq!(script.retry(probe[0]), []);
    }
    for id in ids {
        assert_eq!(probed.iter().filter(|probe| **probe == id).count(), 4, "{probed:?}");
    }
}

#[test]
fn it_closes_when_probes_succeed_and_everything_starts_again() {
    let mut script = Script::running(settings(breaker(4, 4, 0)));
    let (ids, _) = script.fetch_new(&[record(0, 1), record(1, 2), record(2, 3), record(3, 4)]);
    for id in &ids {
        script.retry(*id);
    }
    let first = dispatched(&script.tick(100))[0];
    script.feed(Input::Handled { delivery: first, outcome: Outcome::Done { effects: false } });
    let second = dispatched(&script.orders());
    assert_eq!(second.len(), 1, "after a success the next one follows at once");
    script.feed(Input::Handled { delivery: second[0], outcome: Outcome::Done { effects: false } });
    let orders = script.orders();
    assert!(orders.contains(&Effect::Alert(Alert::BreakerClosed { policy: PolicyId(0), millis: 100 })), "{orders:?}");
    assert_eq!(dispatched(&orders).len(), 2, "the rest");
    assert_eq!(script.engine.snapshot().breakers_open, 0);
}

#[test]
fn a_lone_bad_event_is_given_up_as_ever_however_often_it_is_tried() {
    let mut policy = breaker(3, 1, 0);
    (policy.backoff.attempts, policy.backoff.total) = (20, u64::MAX);
    let mut script = Script::running(settings(policy));
    let (ids, _) = script.fetch_new(&[record(0, 1)]);
    for _ in 1..20 {
        script.retry(ids[0]);
        assert_eq!(dispatched(&script.tick(30_000)), ids);
    }
    assert_eq!(letter(&script.retry(ids[0])).reason, Reason::Exhausted);
}

#[test]
fn nothing_is_given_up_while_it_may_be_an_outage() {
    let mut script = Script::running(settings(breaker(2, 2, 5_000)));
    let (ids, _) = script.fetch_new(&[record(0, 1), record(1, 2)]);
    script.retry(ids[0]);
    script.retry(ids[1]);
    for _ in 0..10 {
        script.tick(400);
        assert_eq!(script.retry(ids[0]), []);
        assert_eq!(script.retry(ids[1]), []);
    }
    script.tick(2_000);
    assert!(matches!(script.retry(ids[0])[..], [Effect::Alert(Alert::BreakerOpened { .. })]));
}

/// What was under way when the breaker opened answers late, and one by one.
#[test]
fn only_probes_say_whether_the_outage_is_over() {
    let outcomes = [Outcome::Done { effects: false }, Outcome::Reject(Rejection::Rejected), Outcome::Retry { after: None }];
    for late in outcomes {
        let mut script = Script::running(settings(breaker(3, 3, 0)));
        let records: Vec<_> = (0..8).map(|offset| record(offset, offset.unsigned_abs().into())).collect();
        let (ids, _) = script.fetch_new(&records);
        ids[..3].iter().for_each(|id| drop(script.retry(*id)));
        assert_eq!(script.engine.snapshot().breakers_open, 1);
        for id in &ids[3..5] {
            assert_eq!(dispatched(&script.ended(*id, late)), [], "{late:?} brings no probe before its time");
        }
        assert_eq!(script.engine.snapshot().breakers_open, 1, "two successes close it, but not those");
        let first = dispatched(&script.tick(100))[0];
        let second = dispatched(&script.done(first));
        assert_eq!(second.len(), 1, "a probe that succeeds is followed by another one at once");
        assert_eq!(dispatched(&script.ended(ids[5], late)), []);
        script.done(second[0]);
        assert_eq!(script.engine.snapshot().breakers_open, 0, "{late:?}: two probes in a row succeeded");
    }
}
