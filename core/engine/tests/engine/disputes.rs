//! Somebody else claims a partition, and the group says nothing.

use onceward_engine::*;

use crate::letters::{Owned, claim};
use crate::script::{P, Script, assignment, settings};

const HELD: Owned = Owned(0, 1);

fn superseded() -> Script {
    let mut script = Script::new(settings(Policy::default()));
    let ours = HELD.takes_over(&mut script, &[]);
    HELD.catches_up(&mut script);
    let (partition, epoch) = HELD.id();
    assert_eq!(HELD.reads(&mut script, ours + 1, claim(Some(ours))), [Effect::Superseded { partition, epoch }]);
    script
}

#[test]
fn what_the_group_never_takes_away_is_begun_with_anew() {
    let mut script = superseded();
    let (partition, epoch) = HELD.id();
    assert_eq!(script.tick(9_999), [], "heartbeats need their time");
    assert_eq!(script.tick(1), [Effect::Reassign { partition, epoch }]);
    assert_eq!(script.tick(60_000), [], "it is asked once");
    let (from, ledger) = (Offset(10_007), true);
    let again = Epoch(2);
    let orders = script.tell(Input::Assigned(Assignment { partition, epoch: again, from, ledger, ..assignment() }));
    assert_eq!(orders, [Effect::ReadLedger { partition, epoch: again, reading: 1 }]);
    let anew = Owned(0, 2);
    anew.reads(&mut script, 0, claim(None));
    anew.reads(&mut script, 1, claim(Some(0)));
    let asks = Effect::Commit { partition, epoch: again, next: from };
    assert_eq!(script.tell(Input::LedgerEnd { partition, epoch: again, reading: 1 }), [asks], "the group is asked before the claim");
    let claims = Effect::Claim { partition, epoch: again, reading: 1, prev: Some(Offset(1)) };
    assert_eq!(script.tell(Input::Committed { partition, epoch: again, next: from }), [claims]);
    assert_eq!(script.tick(60_000), []);
}

#[test]
fn what_the_group_takes_away_is_left_alone() {
    let mut script = superseded();
    let (partition, epoch) = HELD.id();
    assert_eq!(script.tell(Input::Lost { partition, epoch }), []);
    assert_eq!(script.engine.next_deadline(), None);
    assert_eq!(script.tick(60_000), []);
}

/// The group asks for it while another member claims it: whichever is heard of first.
#[test]
fn what_the_group_asks_back_is_given_back_at_once() {
    let (partition, epoch) = HELD.id();
    let (superseded_by, released) = (Effect::Superseded { partition, epoch }, Effect::Release { partition, epoch });
    let revoking = Input::Revoking { partition, epoch, deadline: Timestamp(25_000) };
    let mut script = superseded();
    assert_eq!(script.tell(revoking.clone()), std::slice::from_ref(&released));
    assert_eq!(script.engine.next_deadline(), None);
    assert_eq!(script.tell(revoking.clone()), [], "said once");

    let mut script = Script::new(EngineSettings { until_end: true, ..settings(Policy::default()) });
    let ours = HELD.takes_over(&mut script, &[]);
    HELD.catches_up(&mut script);
    let (_, look_up) = script.fetch(crate::script::record(10_000, 1));
    let [Effect::LookUp(ids)] = &look_up[..] else { panic!("{look_up:?}") };
    script.seen(ids[0], None);
    assert_eq!(script.tell(revoking), [], "its handler runs");
    let forgotten = crate::script::forget(ids, Fate::Abandoned);
    assert_eq!(HELD.reads(&mut script, ours + 1, claim(Some(ours))), [forgotten, superseded_by, released]);
    assert_eq!(script.engine.next_deadline(), None, "there is nothing that the group would have to say");
    script.assign(1, 7);
    let end = Input::ReachedEnd { partition: PartitionId(1), epoch: Epoch(7), position: Offset(0) };
    assert_eq!(script.tell(end), [Effect::Finished], "a run until the end does not wait for it");
}

#[test]
fn a_run_until_the_end_does_not_end_while_nobody_knows_whose_a_partition_is() {
    let mut script = Script::new(EngineSettings { until_end: true, ..settings(Policy::default()) });
    let other = Epoch(7);
    script.assign(0, 7);
    let held = Owned(1, 1);
    let ours = held.takes_over(&mut script, &[]);
    held.catches_up(&mut script);
    held.reads(&mut script, ours + 1, claim(Some(ours)));
    assert_eq!(script.tell(Input::ReachedEnd { partition: P, epoch: other, position: Offset(0) }), []);
    let (partition, epoch) = held.id();
    assert_eq!(script.tell(Input::Lost { partition, epoch }), [Effect::Finished]);
}

#[test]
fn the_groups_answer_is_as_old_as_its_question() {
    let mut script = Script::new(settings(Policy::default()));
    let (partition, epoch) = HELD.id();
    let next = Offset(5);
    let asks = Effect::Commit { partition, epoch, next };
    script.tell(Input::Assigned(Assignment { partition, epoch, from: next, ledger: true, ..assignment() }));
    HELD.reads(&mut script, 0, claim(None));
    assert_eq!(script.tell(Input::LedgerEnd { partition, epoch, reading: 1 }), std::slice::from_ref(&asks));
    // The group said yes, and then gave the partition to somebody who claims it before that answer is here.
    assert_eq!(HELD.reads(&mut script, 1, claim(Some(0))), []);
    let committed = Input::Committed { partition, epoch, next };
    assert_eq!(script.tell(committed.clone()), [asks], "a claim on top of that one needs another answer");
    assert_eq!(script.tell(committed), [Effect::Claim { partition, epoch, reading: 1, prev: Some(Offset(1)) }]);
}
