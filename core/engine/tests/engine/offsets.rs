//! The commit watermark, commits, credit, and the end of a topic.

use crate::script::*;
use onceward_engine::*;

fn reached_end(position: i64) -> Input {
    Input::ReachedEnd { partition: P, epoch: E, position: Offset(position) }
}

#[test]
fn the_watermark_stops_at_the_first_unresolved_offset_and_jumps_over_holes() {
    let mut script = Script::running(EngineSettings::default());
    let (ids, _) = script.fetch_new(&[record(2, 1), record(7, 2), record(9, 3)]);
    for id in [ids[0], ids[2]] {
        script.done(id);
        script.durable(id);
    }
    assert_eq!(script.tick(1_000), [commit(7)]);
    script.done(ids[1]);
    script.durable(ids[1]);
    assert_eq!(script.tick(5_000), [], "one commit at a time");
    assert_eq!(script.committed(7), [commit(10)]);
    script.committed(10);
    script.tell(reached_end(12));
    assert_eq!(script.tick(1_000), [commit(12)], "transaction markers are passed, too");
}

#[test]
fn a_partition_stands_behind_what_is_resolved_however_old_an_unresolved_event_is() {
    let mut script = Script::running(EngineSettings::default());
    let (ids, _) = script.fetch_new(&[record(2, 1), record(7, 2), record(9, 3)]);
    script.done(ids[1]);
    script.durable(ids[1]);
    assert_eq!(script.engine.standing(P), Some(Standing { position: Offset(10), watermark: Offset(2), unresolved: 2, paused: false }));
    script.tell(reached_end(12));
    assert_eq!(script.engine.standing(P), Some(Standing { position: Offset(12), watermark: Offset(2), unresolved: 2, paused: false }));
    assert_eq!(script.engine.standing(PartitionId(99)), None);
}

#[test]
fn a_failed_commit_is_repeated_at_the_next_interval() {
    let mut script = Script::running(EngineSettings::default());
    let (ids, _) = script.fetch_new(&[record(0, 1)]);
    script.done(ids[0]);
    script.durable(ids[0]);
    assert_eq!(script.tick(1_000), [commit(1)]);
    assert_eq!(script.tell(Input::CommitFailed { partition: P, epoch: E }), []);
    assert_eq!(script.engine.next_deadline(), Some(Timestamp(2_000)));
    assert_eq!(script.tick(1_000), [commit(1)]);
    script.committed(1);
    assert_eq!(script.engine.next_deadline(), None, "nothing left to commit");
}

#[test]
fn a_record_larger_than_the_whole_budget_passes_alone() {
    let credit = Credit { records: 3, bytes: 1_000 };
    let mut script = Script::running(EngineSettings { credit, ..EngineSettings::default() });
    assert!(script.engine.accepts(P, 5_000), "it would wait for ever otherwise");
    let (ids, _) = script.fetch_new(&[record(0, 1)]);
    assert!(script.engine.accepts(P, 900) && !script.engine.accepts(P, 901));
    script.done(ids[0]);
    script.durable(ids[0]);
    let (large, orders) = script.fetch(record(1, 1).bytes(5_000));
    assert_eq!(orders, [Effect::LookUp(vec![large])]);
    assert!(!script.engine.accepts(P, 1) && !script.engine.accepts(P, 0));
    script.seen(large, Some(0));
    assert!(script.engine.accepts(P, 5_000));
    script.tell(Input::Down { dependency: Dependency::Inbox });
    assert!(!script.engine.accepts(P, 1));
}

#[test]
fn room_is_what_the_budget_leaves() {
    let credit = Credit { records: 10, bytes: 1_000 };
    let mut script = Script::running(EngineSettings { credit, ..EngineSettings::default() });
    let (ids, _) = script.fetch_new(&[record(0, 1).bytes(300)]);
    let room = |script: &Script| (script.engine.snapshot().room_records, script.engine.snapshot().room_bytes);
    assert_eq!(room(&script), (9, 700));
    script.tell(Input::Down { dependency: Dependency::Inbox });
    assert_eq!(room(&script), (0, 0));
    script.tell(Input::Up { dependency: Dependency::Inbox });
    script.done(ids[0]);
    script.durable(ids[0]);
    assert_eq!(room(&script), (10, 1_000));
}

#[test]
fn one_slow_key_does_not_let_the_window_grow_for_ever() {
    let credit = Credit { records: 4, bytes: 1 << 20 };
    let mut script = Script::running(EngineSettings { credit, ..EngineSettings::default() });
    let (slow, _) = script.fetch_new(&[record(0, 1)]);
    for offset in 1..31 {
        let (ids, _) = script.fetch_new(&[record(offset, 2)]);
        script.done(ids[0]);
        assert_eq!(script.durable(ids[0]), [forget(&ids, Fate::Handled)]);
    }
    let (last, orders) = script.fetch(record(31, 2));
    assert_eq!(orders, [Effect::LookUp(vec![last]), pause()], "8 times the credit lies behind the slow one");
    script.seen(last, Some(0));
    script.done(slow[0]);
    assert_eq!(script.durable(slow[0])[0..2], [forget(&slow, Fate::Handled), resume()]);
}

#[test]
fn an_outage_stops_dispatch_and_fetching_until_it_is_over() {
    let mut script = Script::running(EngineSettings::default());
    let (id, _) = script.fetch(record(0, 1));
    assert_eq!(script.tell(Input::Down { dependency: Dependency::Producer }), [pause()]);
    assert_eq!(script.tell(Input::Down { dependency: Dependency::Inbox }), []);
    assert_eq!(script.seen(id, None), []);
    assert_eq!(script.tell(Input::Up { dependency: Dependency::Producer }), []);
    assert_eq!(script.tell(Input::Up { dependency: Dependency::Inbox }), [resume(), dispatch(&[&[(id, 1)]])]);
}

#[test]
fn finished_when_everything_assigned_is_read_resolved_and_committed() {
    let mut script = Script::running(EngineSettings { until_end: true, ..EngineSettings::default() });
    script.assign(1, 2);
    let (ids, _) = script.fetch_new(&[record(0, 1)]);
    script.tell(Input::ReachedEnd { partition: PartitionId(1), epoch: Epoch(2), position: Offset(0) });
    script.tell(reached_end(3));
    script.done(ids[0]);
    assert_eq!(script.durable(ids[0]), [forget(&ids, Fate::Handled), commit(3)], "at once, behind the transaction marker");
    assert_eq!(script.committed(3), [Effect::Finished]);
    assert_eq!(script.tell(reached_end(3)), [], "said once");
}

#[test]
fn the_end_moves_with_a_new_record() {
    let mut script = Script::running(EngineSettings { until_end: true, ..EngineSettings::default() });
    let id = script.hand_in(record(0, 1));
    script.feed(reached_end(1));
    script.hand_in(record(1, 1));
    script.orders();
    script.seen(id, Some(0));
    assert_eq!(script.tick(1_000), [commit(1)]);
    assert_eq!(script.committed(1), [], "offset 1 is not resolved");
}

#[test]
fn a_refused_commit_is_not_hammered_at_the_end() {
    let mut script = Script::running(EngineSettings { until_end: true, ..EngineSettings::default() });
    assert_eq!(script.tell(reached_end(3)), [commit(3)]);
    assert_eq!(script.tell(Input::CommitFailed { partition: P, epoch: E }), []);
    assert_eq!(script.tick(1_000), [commit(3)]);
    assert_eq!(script.committed(3), [Effect::Finished]);
}
