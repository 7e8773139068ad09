//! Effects commit with their marks, each as if it had a savepoint of its own.

use onceward::inbox::{Mark, Marked, Statement, Value};
use onceward_engine::{Digest, MarkResult};

use super::rig::{Rig, at, id, name, postgres, sql};
use super::server::{Database, shared};

const FAILED: MarkResult = MarkResult::EffectFailed { fatal: false };

fn open(database: &Database<'_>) -> Rig {
    let mut settings = postgres(&database.url());
    settings.setup_sql = vec!["CREATE TABLE IF NOT EXISTS t(k bigint PRIMARY KEY, v text)".to_owned()];
    Rig::postgres(settings)
}

fn keys(database: &Database<'_>) -> String {
    database.sql("SELECT string_agg(k::text, ' ' ORDER BY k) FROM t")
}

fn put(key: i64) -> Statement {
    Statement {
        sql: "INSERT INTO t VALUES (?, ?)".into(),
        params: vec![Value::Integer(key), Value::Text("x".to_owned())],
        expect_rows: None,
    }
}

fn with(rig: &mut Rig, seed: u64, lane: u32, statements: Vec<Statement>) -> Mark {
    let mut mark = rig.prepare(id(seed), lane);
    mark.statements = statements;
    mark
}

fn decide(rig: &mut Rig, marks: Vec<Mark>) -> Vec<Marked> {
    let count = marks.len();
    marks.into_iter().for_each(|mark| rig.inbox.mark(mark));
    rig.inbox.flush();
    rig.decided(count)
}

fn results(rig: &mut Rig, marks: Vec<Mark>) -> Vec<MarkResult> {
    decide(rig, marks).iter().map(|marked| marked.result).collect()
}

#[test]
fn a_failing_statement_costs_its_event_and_the_rest_of_its_lane_and_nobody_else() {
    let database = shared().database();
    let mut rig = open(&database);
    let marks = vec![
        with(&mut rig, 1, 1, vec![put(1)]),
        with(&mut rig, 2, 2, vec![put(2), put(1)]),
        with(&mut rig, 3, 2, vec![put(3)]),
        with(&mut rig, 4, 2, Vec::new()),
        with(&mut rig, 5, 3, vec![put(5)]),
    ];
    let decided = decide(&mut rig, marks);
    let outcome: Vec<MarkResult> = decided.iter().map(|marked| marked.result).collect();
    assert_eq!(outcome, [MarkResult::Durable, FAILED, MarkResult::RolledBack, MarkResult::RolledBack, MarkResult::Durable]);
    let error = decided[1].error.clone().unwrap();
    assert!(error.contains("INSERT INTO t VALUES (?, ?)") && error.contains("unique constraint \"t_pkey\""), "{error}");
    assert!(rig.seen(id(2)).is_none() && rig.seen(id(3)).is_none() && rig.seen(id(5)).is_some());
    // Handled again: the failed one mends its ways.
    let again = vec![with(&mut rig, 2, 2, vec![put(2)]), with(&mut rig, 3, 2, vec![put(3)])];
    assert_eq!(results(&mut rig, again), [MarkResult::Durable; 2]);
    rig.close();
    assert_eq!(keys(&database), "1 2 3 5");
}

#[test]
fn events_known_by_coordinates_have_effects_too() {
    let database = shared().database();
    let mut rig = open(&database);
    rig.catch_up(1, &name(1));
    let marks = [(5, vec![put(5)]), (6, vec![put(5)]), (7, vec![put(7)])].map(|(offset, statements)| {
        let mut mark = rig.prepare(at(offset), offset as u32);
        mark.statements = statements;
        mark
    });
    assert_eq!(results(&mut rig, marks.into_iter().collect()), [MarkResult::Durable, FAILED, MarkResult::Durable]);
    rig.catch_up(2, &name(1));
    assert!(rig.seen(at(5)).is_some() && rig.seen(at(6)).is_none() && rig.seen(at(7)).is_some());
    assert_eq!(keys(&database), "5 7");
}

#[test]
fn a_constraint_is_fatal_only_where_declared() {
    let database = shared().database();
    let mut settings = postgres(&database.url());
    settings.setup_sql = vec!["CREATE TABLE t(k bigint PRIMARY KEY, v text)".to_owned()];
    settings.fatal_constraints = true;
    let mut rig = Rig::postgres(settings);
    let marks = vec![with(&mut rig, 1, 1, vec![put(1), put(1)]), with(&mut rig, 2, 2, sql("INSERT INTO nowhere VALUES (1)"))];
    assert_eq!(results(&mut rig, marks), [MarkResult::EffectFailed { fatal: true }, FAILED]);
}

#[test]
fn statements_that_reach_out_of_their_event_fail_alone() {
    let database = shared().database();
    let mut rig = open(&database);
    let outside = [
        "COMMIT",
        "ROLLBACK",
        "BEGIN",
        "START TRANSACTION",
        "SAVEPOINT s",
        "RELEASE onceward_event",
        "ROLLBACK TO onceward_event",
        "SET search_path = nowhere",
        "COPY t FROM STDIN",
        "VACUUM",
        "DO $$ BEGIN COMMIT; END $$",
        "DELETE FROM onceward_mark",
        "delete from public.Onceward_Meta",
        "SELECT * FROM \"onceward_position\"",
        "INSERT INTO t VALUES (70, 'a'); INSERT INTO t VALUES (71, 'b')",
        "INSERT INTO t VALUES (?, ?)",
        "not sql at all",
        "",
        "\0",
    ];
    let mut marks = vec![with(&mut rig, 1, 1, vec![put(1)])];
    for (index, text) in outside.iter().enumerate() {
        marks.push(with(&mut rig, 100 + index as u64, 100 + index as u32, vec![put(1_000 + index as i64), sql(text).remove(0)]));
    }
    marks.push(with(&mut rig, 2, 2, vec![put(2)]));
    let decided = decide(&mut rig, marks);
    assert_eq!(decided[0].result, MarkResult::Durable);
    assert_eq!(decided.last().unwrap().result, MarkResult::Durable);
    for (text, marked) in outside.iter().zip(&decided[1..]) {
        assert_eq!(marked.result, FAILED, "`{text}` should have failed");
    }
    rig.close();
    assert_eq!(keys(&database), "1 2");
}

#[test]
fn a_deferred_constraint_is_charged_to_the_event_that_broke_it() {
    let database = shared().database();
    let mut rig = open(&database);
    database.sql("CREATE TABLE child(k bigint REFERENCES t(k) DEFERRABLE INITIALLY DEFERRED)");
    let marks = vec![
        with(&mut rig, 1, 1, vec![put(1)]),
        with(&mut rig, 2, 2, sql("INSERT INTO child VALUES (404)")),
        with(&mut rig, 3, 2, vec![put(3)]),
        with(&mut rig, 4, 4, vec![put(4)]),
    ];
    let outcome = results(&mut rig, marks);
    assert_eq!(outcome, [MarkResult::Durable, FAILED, MarkResult::RolledBack, MarkResult::Durable]);
    rig.close();
    assert_eq!(keys(&database), "1 4");
}

#[test]
fn a_duplicate_does_not_run_its_statements_and_the_second_of_a_group_waits() {
    let database = shared().database();
    let mut rig = open(&database);
    let marks = vec![with(&mut rig, 1, 1, vec![put(1)]), with(&mut rig, 1, 2, vec![put(2)])];
    assert_eq!(results(&mut rig, marks), [MarkResult::Durable, MarkResult::RolledBack]);
    let marks = vec![with(&mut rig, 1, 2, vec![put(2)]), with(&mut rig, 3, 3, vec![put(3)])];
    assert_eq!(results(&mut rig, marks), [MarkResult::Duplicate { digest: Digest(1) }, MarkResult::Durable]);
    rig.close();
    assert_eq!(keys(&database), "1 3");
}

#[test]
fn error_texts_never_hold_parameters() {
    let database = shared().database();
    let mut rig = open(&database);
    database.sql("CREATE FUNCTION tells(v text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no %', v; END $$");
    database.sql("INSERT INTO t VALUES (1, 'hunter2'); CREATE UNIQUE INDEX ON t(v)");
    let texts = [
        "INSERT INTO t VALUES (?, 'x')",
        "INSERT INTO t VALUES (2, ?)",
        "INSERT INTO t SELECT 3, ?::jsonb::text",
        "INSERT INTO t SELECT 4, ?::timestamptz::text",
        "SELECT tells(?)",
        "SELECT ?::numeric",
        "INSERT INTO t VALUES (5, 'x', ?)",
    ];
    let marks = texts.iter().zip(10..).map(|(text, seed)| {
        let params = vec![Value::Text("hunter2".to_owned())];
        with(&mut rig, seed, seed as u32, vec![Statement { sql: (*text).into(), params, expect_rows: None }])
    });
    let marks = marks.collect();
    for (text, marked) in texts.iter().zip(decide(&mut rig, marks)) {
        assert_eq!(marked.result, FAILED, "{text}");
        let error = marked.error.unwrap();
        assert!(!error.contains("hunter2") && error.contains(text), "{error}");
    }
}

#[test]
fn a_wrong_number_of_rows_fails_its_event_alone() {
    let database = shared().database();
    let mut rig = open(&database);
    let expecting = |rows: u64, sql: &'static str| vec![Statement { sql: sql.into(), params: Vec::new(), expect_rows: Some(rows) }];
    let marks = vec![
        with(&mut rig, 1, 1, expecting(2, "INSERT INTO t VALUES (1, 'a'), (2, 'a')")),
        with(&mut rig, 2, 2, expecting(1, "UPDATE t SET v = 'b' WHERE k = 99")),
        with(&mut rig, 3, 3, expecting(1, "UPDATE t SET v = 'c'")),
        with(&mut rig, 4, 4, expecting(0, "DELETE FROM t WHERE k = 99")),
        with(&mut rig, 5, 5, expecting(1, "SELECT k FROM t WHERE k = 1")),
        with(&mut rig, 6, 6, expecting(1, "INSERT INTO t VALUES (6, 'a') RETURNING k")),
        with(&mut rig, 7, 7, expecting(1, "CREATE TABLE late(k int)")),
    ];
    let decided = decide(&mut rig, marks);
    let failed: Vec<bool> = decided.iter().map(|marked| marked.result == FAILED).collect();
    assert_eq!(failed, [false, true, true, false, false, false, true]);
    let error = decided[2].error.clone().unwrap();
    assert!(error.contains("expected to change or return 1 rows; it was 2"), "{error}");
    rig.close();
    assert_eq!(keys(&database), "1 2 6");
    assert_eq!(database.sql("SELECT count(*) FROM t WHERE v = 'a'"), "3", "what a failed event changed was rolled back");
}
