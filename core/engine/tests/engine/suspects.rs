//! Events that may have killed the process.

use crate::script::*;
use onceward_engine::*;

fn script(suspects: &[(u128, u32)]) -> Script {
    let mut script = Script::running(settings(Policy { handler_timeout: Some(1_000), ..Policy::default() }));
    let suspects = suspects.iter().map(|&(event, charges)| Suspect { event: EventHash(event), charges }).collect();
    script.feed(Input::Suspects(suspects));
    script
}

fn runs(orders: &[Effect]) -> Vec<(Vec<DeliveryId>, bool)> {
    let runs = orders.iter().filter_map(|order| if let Effect::Dispatch(runs) = order { Some(runs) } else { None });
    runs.map(|runs| (runs.deliveries.iter().map(|member| member.0).collect(), runs.alone)).collect()
}

#[test]
fn a_suspect_waits_for_everybody_and_everybody_for_it() {
    let mut script = script(&[(70, 0)]);
    let (before, orders) = script.fetch_new(&[record(0, 1), record(1, 2)]);
    assert_eq!(runs(&orders), [(before.clone(), false)]);
    let (ids, orders) = script.fetch_new(&[record(2, 3).event(70, 0), record(3, 4)]);
    assert_eq!(runs(&orders), [], "two are in flight");
    assert_eq!(runs(&script.done(before[0])), []);
    assert_eq!(runs(&script.done(before[1])), [(vec![ids[0]], true)], "now it is alone, and nothing starts beside it");
    assert_eq!(runs(&script.done(ids[0])), [(vec![ids[1]], false)], "it answered: nothing is wrong with it");
}

#[test]
fn what_killed_often_enough_alone_is_given_up_unseen() {
    let mut script = script(&[(70, 3), (71, 2)]);
    let (ids, orders) = script.fetch_new(&[record(0, 1).event(70, 0), record(1, 2).event(71, 0)]);
    let given_up = letter(&orders);
    assert_eq!((given_up.delivery, given_up.reason, given_up.attempts), (ids[0], Reason::Crashed, 0));
    assert_eq!(runs(&orders), [(vec![ids[1]], true)], "one death less is one more attempt");
}

#[test]
fn a_stuck_handler_does_not_keep_suspects_from_running_nor_does_a_stuck_suspect() {
    let mut script = script(&[(70, 0)]);
    let (stuck, _) = script.fetch_new(&[record(0, 1)]);
    let (ids, _) = script.fetch_new(&[record(1, 2).event(70, 0), record(2, 3)]);
    assert_eq!(runs(&script.tick(1_000)), [], "cancelled, but it may still end");
    assert_eq!(runs(&script.tick(1_000)), [(vec![ids[0]], true)], "nobody knows whether it ends");
    script.tick(1_000);
    assert_eq!(runs(&script.tick(1_000)), [(vec![ids[1]], false)]);
    assert_eq!(script.engine.snapshot().running, 3, "{stuck:?} still holds its lane");
}
