//! Effects commit with their marks, each as if it had a savepoint of its own.

use std::path::Path;

use onceward::inbox::{Mark, Marked, Statement, Value};
use onceward_engine::MarkResult;
use rusqlite::Connection;
use tempfile::tempdir;

use super::rig::{LONG, Rig, id, settings, sql};

const FAILED: MarkResult = MarkResult::EffectFailed { fatal: false };

fn open(path: &Path) -> Rig {
    let mut settings = settings(path);
    settings.setup_sql = vec!["CREATE TABLE IF NOT EXISTS t(k INTEGER PRIMARY KEY, v TEXT)".to_owned()];
    Rig::sqlite(settings)
}

fn keys(path: &Path) -> Vec<i64> {
    let conn = Connection::open(path).unwrap();
    let mut statement = conn.prepare("SELECT k FROM t ORDER BY k").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
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

#[test]
fn a_failing_statement_costs_its_event_and_the_rest_of_its_lane_and_nobody_else() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    let mut rig = open(&path);
    let marks = vec![
        with(&mut rig, 1, 1, vec![put(1)]),
        with(&mut rig, 2, 2, vec![put(2), put(1)]),
        with(&mut rig, 3, 2, vec![put(3)]),
        with(&mut rig, 4, 2, Vec::new()),
        with(&mut rig, 5, 3, vec![put(5)]),
    ];
    let decided = decide(&mut rig, marks);
    let results: Vec<MarkResult> = decided.iter().map(|marked| marked.result).collect();
    assert_eq!(results, [MarkResult::Durable, FAILED, MarkResult::RolledBack, MarkResult::RolledBack, MarkResult::Durable]);
    let error = decided[1].error.clone().unwrap();
    assert!(error.contains("INSERT INTO t VALUES (?, ?)") && error.contains("UNIQUE constraint failed: t.k"), "{error}");
    assert!(rig.seen(id(2)).is_none() && rig.seen(id(3)).is_none() && rig.seen(id(5)).is_some());
    // Handled again: the failed one mends its ways.
    let again = vec![with(&mut rig, 2, 2, vec![put(2)]), with(&mut rig, 3, 2, vec![put(3)])];
    assert!(decide(&mut rig, again).iter().all(|marked| marked.result == MarkResult::Durable));
    rig.close();
    assert_eq!(keys(&path), [1, 2, 3, 5]);
}

#[test]
fn a_constraint_is_fatal_only_where_declared() {
    let folder = tempdir().unwrap();
    let mut settings = settings(&folder.path().join("inbox.db"));
    settings.setup_sql = vec!["CREATE TABLE t(k INTEGER PRIMARY KEY, v TEXT)".to_owned()];
    settings.fatal_constraints = true;
    let mut rig = Rig::sqlite(settings);
    let marks = vec![with(&mut rig, 1, 1, vec![put(1), put(1)]), with(&mut rig, 2, 2, sql("INSERT INTO nowhere VALUES (1)"))];
    let results: Vec<MarkResult> = decide(&mut rig, marks).iter().map(|marked| marked.result).collect();
    assert_eq!(results, [MarkResult::EffectFailed { fatal: true }, FAILED]);
}

#[test]
fn statements_that_reach_out_of_their_event_fail_alone() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    let mut rig = open(&path);
    let outside = [
        "COMMIT",
        "ROLLBACK",
        "BEGIN",
        "SAVEPOINT s",
        "RELEASE onceward_event",
        "ROLLBACK TO onceward_event",
        "PRAGMA synchronous = OFF",
        "ATTACH ':memory:' AS other",
        "VACUUM",
        "DELETE FROM onceward_small",
        "delete from Onceward_Meta",
        "SELECT ids FROM onceward_chunk WHERE id = 1",
        "UPDATE onceward_meta SET value = value + 1 WHERE key = 'reshaped'",
        "DROP TABLE onceward_segment",
        "CREATE TRIGGER r AFTER INSERT ON t BEGIN DELETE FROM onceward_small; END; INSERT INTO t VALUES (77, 'x')",
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
    assert_eq!(keys(&path), [1, 2]);
}

#[test]
fn a_statement_that_rolls_the_transaction_back_takes_nobody_along() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    let mut rig = open(&path);
    let mut marks = vec![with(&mut rig, 1, 1, vec![put(1)])];
    for seed in 2..5 {
        marks.push(with(&mut rig, seed, seed as u32, sql("INSERT OR ROLLBACK INTO t VALUES (1, 'again')")));
    }
    marks.push(with(&mut rig, 5, 4, vec![put(5)]));
    marks.push(with(&mut rig, 6, 6, vec![put(6)]));
    let results: Vec<MarkResult> = decide(&mut rig, marks).iter().map(|marked| marked.result).collect();
    assert_eq!(results, [MarkResult::Durable, FAILED, FAILED, FAILED, MarkResult::RolledBack, MarkResult::Durable]);
    rig.close();
    assert_eq!(keys(&path), [1, 6]);
}

#[test]
fn a_deferred_constraint_is_charged_to_the_event_that_broke_it() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    let mut settings = settings(&path);
    settings.setup_sql = vec![
        "CREATE TABLE t(k INTEGER PRIMARY KEY, v TEXT)".to_owned(),
        "CREATE TABLE child(k INTEGER REFERENCES t(k) DEFERRABLE INITIALLY DEFERRED)".to_owned(),
    ];
    let mut rig = Rig::sqlite(settings);
    let marks = vec![
        with(&mut rig, 1, 1, vec![put(1)]),
        with(&mut rig, 2, 2, sql("INSERT INTO child VALUES (404)")),
        with(&mut rig, 3, 2, vec![put(3)]),
        with(&mut rig, 4, 4, vec![put(4)]),
    ];
    let results: Vec<MarkResult> = decide(&mut rig, marks).iter().map(|marked| marked.result).collect();
    assert_eq!(results, [MarkResult::Durable, FAILED, MarkResult::RolledBack, MarkResult::Durable]);
    rig.close();
    assert_eq!(keys(&path), [1, 4]);
}

#[test]
fn a_duplicate_does_not_run_its_statements_and_returned_rows_are_fine() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    let mut rig = open(&path);
    let first = with(&mut rig, 1, 1, sql("INSERT INTO t VALUES (1, NULL), (2, NULL) RETURNING k"));
    assert_eq!(decide(&mut rig, vec![first])[0].result, MarkResult::Durable);
    let copy = with(&mut rig, 1, 1, vec![put(9)]);
    assert!(matches!(decide(&mut rig, vec![copy])[0].result, MarkResult::Duplicate { .. }));
    rig.close();
    assert_eq!(keys(&path), [1, 2]);
}

#[test]
fn error_texts_never_hold_parameters() {
    let folder = tempdir().unwrap();
    let mut rig = open(&folder.path().join("inbox.db"));
    let secret =
        Statement { sql: "INSERT INTO t VALUES (?, 'x')".into(), params: vec![Value::Text("hunter2".to_owned())], expect_rows: None };
    let many =
        Statement { sql: "INSERT INTO t VALUES (1, 'x')".into(), params: vec![Value::Text("hunter2".to_owned())], expect_rows: None };
    let marks = vec![with(&mut rig, 1, 1, vec![secret]), with(&mut rig, 2, 2, vec![many])];
    for marked in decide(&mut rig, marks) {
        assert_eq!(marked.result, FAILED);
        assert!(!marked.error.unwrap().contains("hunter2"));
    }
    rig.inbox.close(LONG).unwrap();
}

#[test]
fn a_setup_statement_that_fails_is_named() {
    let folder = tempdir().unwrap();
    let mut settings = settings(&folder.path().join("inbox.db"));
    settings.setup_sql = vec!["CREATE TABLE a(x)".to_owned(), "CREATE TABL b(x)".to_owned()];
    let error = Rig::try_sqlite(settings).err().unwrap().to_string();
    assert!(error.contains("setup_sql[1]") && error.contains("syntax error"), "{error}");
}

#[test]
fn a_wrong_number_of_rows_fails_its_event_alone() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    let mut rig = open(&path);
    let expecting = |rows: u64, sql: &'static str| vec![Statement { sql: sql.into(), params: Vec::new(), expect_rows: Some(rows) }];
    let marks = vec![
        with(&mut rig, 1, 1, expecting(2, "INSERT INTO t VALUES (1, 'a'), (2, 'a')")),
        with(&mut rig, 2, 2, expecting(1, "UPDATE t SET v = 'b' WHERE k = 99")),
        with(&mut rig, 3, 3, expecting(1, "UPDATE t SET v = 'c'")),
        with(&mut rig, 4, 4, expecting(0, "DELETE FROM t WHERE k = 99")),
        with(&mut rig, 5, 5, expecting(1, "SELECT k FROM t WHERE k = 1")),
        with(&mut rig, 6, 6, expecting(1, "INSERT INTO t VALUES (6, 'a') RETURNING k")),
        with(&mut rig, 7, 7, expecting(1, "CREATE TABLE late(k)")),
    ];
    let decided = decide(&mut rig, marks);
    let failed: Vec<bool> = decided.iter().map(|marked| marked.result == FAILED).collect();
    assert_eq!(failed, [false, true, true, false, false, false, true]);
    let error = decided[2].error.clone().unwrap();
    assert!(error.contains("expected to change or return 1 rows; it was 2"), "{error}");
    rig.close();
    assert_eq!(keys(&path), [1, 2, 6]);
    let values: i64 = Connection::open(&path).unwrap().query_row("SELECT COUNT(*) FROM t WHERE v = 'a'", [], |row| row.get(0)).unwrap();
    assert_eq!(values, 3, "what a failed event changed was rolled back");
}
