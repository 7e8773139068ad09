//! Several members on one database: who owns a partition marks for it, and an event that two of them handle counts once.

use onceward::inbox::{InboxFact, Statement, Value};
use onceward_engine::{Digest, Epoch, MarkResult, Offset, PartitionId};

use super::rig::{Rig, at, id, name, postgres};
use super::server::shared;

#[test]
fn what_one_member_marked_is_seen_by_the_next() {
    let database = shared().database();
    let mut first = Rig::postgres(postgres(&database.url()));
    first.catch_up(1, &name(1));
    first.keep(0..3_000);
    let marks = (10..20).map(|offset| first.prepare(at(offset), 1)).collect();
    assert_eq!(first.write(marks), [MarkResult::Durable; 10]);
    // Committed alone, without a mark that could carry it: closing writes it.
    first.inbox.committed(PartitionId(0), Epoch(1), Offset(15));
    first.close();
    let mut second = Rig::postgres(postgres(&database.url()));
    assert_eq!(second.catch_up(1, &name(1)), (Some(Offset(15)), false));
    assert!((0..3_000).step_by(7).all(|seed| second.seen(id(seed)) == Some(Digest(7))));
    assert!(second.seen(at(3)).is_some() && second.seen(at(19)).is_some() && second.seen(at(20)).is_none());
    let mut other = postgres(&database.url());
    other.group = "shipping".to_owned();
    let mut other = Rig::postgres(other);
    assert_eq!(other.catch_up(1, &name(1)), (None, false));
    assert!(other.seen(at(3)).is_none() && other.seen(id(3)).is_none());
}

#[test]
fn a_member_that_lost_its_partition_and_does_not_know_changes_nothing() {
    let database = shared().database();
    let mut settings = postgres(&database.url());
    settings.setup_sql = vec!["CREATE TABLE IF NOT EXISTS t(seed bigint)".to_owned()];
    let (mut zombie, mut owner) = (Rig::postgres(settings.clone()), Rig::postgres(settings));
    zombie.catch_up(1, &name(1));
    zombie.keep([1]);
    owner.catch_up(1, &name(1));
    let put = |seed: i64| vec![Statement { sql: "INSERT INTO t VALUES (?)".into(), params: vec![Value::Integer(seed)], expect_rows: None }];
    let mut late = zombie.prepare(id(2), 9);
    late.statements = put(2);
    let mut later = zombie.prepare(at(50), 9);
    later.statements = put(50);
    zombie.inbox.mark(late);
    zombie.inbox.mark(later);
    zombie.inbox.committed(PartitionId(0), Epoch(1), Offset(40));
    zombie.inbox.flush();
    let mut mark = owner.prepare(id(2), 7);
    mark.statements = put(2);
    assert_eq!(owner.write(vec![mark]), [MarkResult::Durable]);
    // It hears nothing until its group tells it: handling the events again would be for nothing, too.
    assert_eq!(zombie.seen(id(2)), Some(Digest(7)));
    zombie.inbox.release(PartitionId(0), Epoch(1));
    zombie.inbox.flush();
    assert!(zombie.decided(2).iter().all(|marked| marked.result == MarkResult::Dropped));
    zombie.close();
    assert_eq!(owner.catch_up(2, &name(1)), (None, false));
    assert!(owner.seen(at(50)).is_none());
    assert_eq!(database.sql("SELECT string_agg(seed::text, ' ') FROM t"), "2");
}

#[test]
fn members_that_handle_the_same_events_commit_each_effect_once() {
    const EVENTS: u64 = 3_000;
    let database = shared().database();
    let mut settings = postgres(&database.url());
    // One row that everybody writes: groups wait for each other, and some run into each other.
    settings.setup_sql = vec![
        "CREATE TABLE IF NOT EXISTS handled(seed bigint, member bigint)".to_owned(),
        "CREATE TABLE IF NOT EXISTS sums(k bigint PRIMARY KEY, n bigint NOT NULL)".to_owned(),
        "INSERT INTO sums SELECT k, 0 FROM generate_series(0, 6) k ON CONFLICT DO NOTHING".to_owned(),
    ];
    let durable: usize = std::thread::scope(|scope| {
        let members: Vec<_> = (0..3_u64)
            .map(|member| {
                let settings = settings.clone();
                scope.spawn(move || {
                    let mut rig = Rig::postgres(settings);
                    let mut durable = 0;
                    for start in (0..EVENTS).step_by(50) {
                        // Each member walks through the ids in its own order; 3,000 shares no factor with 7, 11 and 13.
                        let marks: Vec<_> = (start..start + 50)
                            .map(|step| {
                                let seed = (step * [7, 11, 13][member as usize] + member * 997) % EVENTS;
                                let mut mark = rig.prepare(id(seed), member as u32);
                                let params = vec![Value::Integer(seed as i64), Value::Integer(member as i64)];
                                let count = vec![Value::Integer((seed % 7) as i64)];
                                mark.lane = u128::from(seed);
                                mark.statements = vec![
                                    Statement { sql: "INSERT INTO handled VALUES (?, ?)".into(), params, expect_rows: None },
                                    Statement { sql: "UPDATE sums SET n = n + 1 WHERE k = ?".into(), params: count, expect_rows: None },
                                ];
                                mark
                            })
                            .collect();
                        let count = marks.len();
                        marks.into_iter().for_each(|mark| rig.inbox.mark(mark));
                        rig.inbox.flush();
                        let mut decided = Vec::new();
                        while decided.len() < count {
                            match rig.fact() {
                                InboxFact::Marked(marks) => decided.extend(marks),
                                // Three times in each other's way: said, and gone on with.
                                InboxFact::Down { .. } | InboxFact::Up => {}
                                other => panic!("{other:?}"),
                            }
                        }
                        durable += decided.iter().filter(|marked| marked.result == MarkResult::Durable).count();
                        assert!(decided.iter().all(|marked| !matches!(marked.result, MarkResult::EffectFailed { .. })));
                    }
                    rig.close();
                    durable
                })
            })
            .collect();
        members.into_iter().map(|member| member.join().unwrap()).sum()
    });
    assert_eq!(durable as u64, EVENTS);
    assert_eq!(database.sql("SELECT count(*), count(DISTINCT seed) FROM handled"), format!("{EVENTS}|{EVENTS}"));
    assert_eq!(database.sql("SELECT sum(n) FROM sums"), EVENTS.to_string());
    assert_eq!(database.sql("SELECT count(*) FROM onceward_mark"), EVENTS.to_string());
}
