//! How much is in memory, and whose it is.

use crate::script::*;
use onceward_engine::*;

#[test]
fn a_partition_above_its_share_is_paused_when_others_wait_and_resumed_when_an_eighth_of_it_is_free() {
    let credit = Credit { records: 32, bytes: 1 << 20 };
    let mut script = Script::running(EngineSettings { credit, ..EngineSettings::default() });
    script.assign(1, 2);
    script.fetch_new(&(0..8).map(|offset| record(offset, 100).at(1, 2)).collect::<Vec<_>>());
    let all: Vec<_> =
        (0..32).map(|offset| record(offset, u128::from(offset.unsigned_abs())).event(offset.unsigned_abs().into(), 0)).collect();
    let (ids, orders) = script.fetch_new(&all);
    assert!(!orders.contains(&pause()), "nobody else wants the room");
    assert!(!script.tell(Input::Refused { bytes: 1 }).contains(&pause()), "it may be free in a moment");
    assert!(!script.tick(19).contains(&pause()));
    assert_eq!(script.tick(1), [pause()], "20 ms, and nothing has left");
    ids.iter().for_each(|&delivery| script.feed(Input::Handled { delivery, outcome: Outcome::Done { effects: false } }));
    script.orders();
    ids[..18].iter().for_each(|&id| assert!(!script.durable(id).contains(&resume()), "14 are not below 14"));
    assert!(script.durable(ids[18]).contains(&resume()));
}

#[test]
fn nobody_gives_way_while_everything_moves() {
    let credit = Credit { records: 32, bytes: 1 << 20 };
    let mut script = Script::running(EngineSettings { credit, ..EngineSettings::default() });
    script.assign(1, 2);
    let all: Vec<_> = (0..32).map(|offset| record(offset, u128::from(offset.unsigned_abs()))).collect();
    let (ids, _) = script.fetch_new(&all);
    // One of 32 in 20 ms: all of them in less than a second.
    script.tell(Input::Refused { bytes: 1 });
    script.feed(Input::Handled { delivery: ids[0], outcome: Outcome::Done { effects: false } });
    script.orders();
    script.durable(ids[0]);
    let (_, orders) = script.fetch(record(32, 99));
    assert!(!orders.contains(&pause()));
    assert!(!script.tick(20).contains(&pause()));
    // The next refusal is looked at for itself.
    script.tell(Input::Refused { bytes: 1 });
    assert!(script.tick(20).contains(&pause()));
}

#[test]
fn a_partition_that_comes_late_gets_its_share_beside_what_others_hold() {
    let credit = Credit { records: 8, bytes: 1_000 };
    let mut script = Script::running(EngineSettings { credit, ..EngineSettings::default() });
    script.tell(Input::Suspended { policy: PolicyId(0) });
    (0..8).for_each(|offset| drop(script.fetch(record(offset, 1).bytes(100))));
    assert!(!script.engine.accepts(P, 1), "the whole budget is its own, and used");
    script.assign(1, 2);
    let other = PartitionId(1);
    for offset in 0..4 {
        assert!(script.engine.accepts(other, 100), "{offset}: nobody knows when the first one goes on");
        script.fetch(record(offset, 2).at(1, 2).bytes(100));
    }
    assert!(!script.engine.accepts(other, 1), "its share is used");
    assert!(!script.engine.is_paused(P) && !script.engine.is_paused(other));
    script.tell(Input::Refused { bytes: 1 });
    script.tick(20);
    assert!(script.engine.is_paused(P) && script.engine.is_paused(other), "both stand in the way of a third one");

    // Who comes leaves something to those who come after it; where nothing is left, one record each keeps them going.
    let mut held = Vec::new();
    for partition in 2..9 {
        script.assign(partition, 2);
        let fits = |offset: &i64| {
            let fits = script.engine.accepts(PartitionId(partition), 100);
            if fits {
                script.hand_in(record(*offset, 3).at(partition, 2).bytes(100));
            }
            fits
        };
        held.push((0..).take_while(fits).count());
        script.orders();
    }
    assert_eq!(held, [2, 1, 1, 1, 1, 1, 1]);
    assert_eq!((script.engine.snapshot().records, script.engine.snapshot().bytes), (20, 2_000));
    assert!(script.engine.accepts(PartitionId(99), u32::MAX), "what is not ours is forgotten, and keeps nobody waiting");
    script.tell(Input::Down { dependency: Dependency::Inbox });
    assert!(!script.engine.accepts(PartitionId(8), 1));
}

#[test]
fn bytes_pause_like_records() {
    let credit = Credit { records: 100, bytes: 1_000 };
    let mut script = Script::running(EngineSettings { credit, ..EngineSettings::default() });
    script.fetch(record(0, 1).bytes(900));
    script.tell(Input::Refused { bytes: 101 });
    assert_eq!(script.tick(20), [], "it is below its share");
    script.fetch(record(1, 1).bytes(100));
    script.tell(Input::Refused { bytes: 1 });
    assert_eq!(script.tick(20), [pause()]);
}

/// Everything stands still, and those that came before hold twice the credit, or nearly.
#[test]
fn a_partition_that_has_nothing_gets_one_record_whatever_the_others_hold() {
    let credit = Credit { records: 100, bytes: 1_000 };
    let mut script = Script::running(EngineSettings { credit, ..EngineSettings::default() });
    script.tell(Input::Suspended { policy: PolicyId(0) });
    script.fetch(record(0, 1).bytes(1_000));
    script.assign(1, 2);
    script.fetch(record(0, 1).at(1, 2).bytes(490));
    assert!(script.engine.accepts(PartitionId(1), 510), "the record with which it passes its share may be large");
    script.fetch(record(1, 1).at(1, 2).bytes(510));
    script.assign(2, 2);
    let newcomer = PartitionId(2);
    assert!(script.engine.accepts(newcomer, 400) && !script.engine.accepts(newcomer, 1_001));
    script.fetch(record(0, 1).at(2, 2).bytes(400));
    assert!(!script.engine.accepts(newcomer, 1), "it has something now");
    script.assign(3, 2);
    assert!(script.engine.accepts(PartitionId(3), 600) && !script.engine.accepts(PartitionId(3), 601), "never more than three times");
}

#[test]
fn whoever_waits_with_less_than_its_share_steps_aside_for_who_can_go_on() {
    let credit = Credit { records: 8, bytes: 1_000 };
    let mut script = Script::running(EngineSettings { credit, ..EngineSettings::default() });
    script.tell(Input::Suspended { policy: PolicyId(0) });
    (0..8).for_each(|offset| drop(script.fetch(record(offset, 1).bytes(1))));
    for partition in 1..4 {
        script.assign(partition, 2);
    }
    script.fetch(record(0, 2).at(1, 2).bytes(900));
    let stands = PartitionId(2);
    script.fetch(record(0, 3).at(2, 2).bytes(1));
    assert!(
        script.engine.accepts(stands, 91) && !script.engine.accepts(stands, 1_092),
        "it is below its share, and its next record is large"
    );
    script.tell(Input::Refused { bytes: 1_092 });
    script.tick(20);
    assert!(script.engine.is_paused(P) && script.engine.is_paused(stands), "it would stand before the one that has nothing");
    assert!(!script.engine.is_paused(PartitionId(3)) && script.engine.accepts(PartitionId(3), 1_092));
}

/// What others held is gone, and nothing of its own leaves.
#[test]
fn who_gave_way_goes_on_when_nobody_needs_the_room() {
    let credit = Credit { records: 32, bytes: 1 << 20 };
    let policies = vec![Policy::default(), Policy::default()];
    let mut script = Script::running(EngineSettings { credit, policies, ..EngineSettings::default() });
    script.assign(1, 2);
    script.assign(2, 2);
    script.tell(Input::Suspended { policy: PolicyId(0) });
    (0..12).for_each(|offset| drop(script.fetch(record(offset, 1))));
    let others: Vec<_> = (100..120).map(|offset| record(offset, offset.unsigned_abs().into()).at(1, 2).policy(1)).collect();
    let (ids, _) = script.fetch_new(&others);
    script.tell(Input::Refused { bytes: 1 });
    script.tick(20);
    assert!(script.engine.is_paused(P), "12 are above its share of 10");
    ids.iter().for_each(|&delivery| script.feed(Input::Handled { delivery, outcome: Outcome::Done { effects: false } }));
    script.orders();
    ids[..15].iter().for_each(|&id| assert!(!script.durable(id).contains(&resume()), "the budget is more than half used"));
    assert!(script.durable(ids[15]).contains(&resume()), "12 and 4 of 32");
    assert!(!script.durable(ids[16]).contains(&resume()), "said once");
}
