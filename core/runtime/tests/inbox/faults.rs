//! Bad days: a full disk, a locked file, a close that can't wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crossbeam_channel::unbounded;
use onceward::inbox::{Identity, Inbox, InboxError, InboxFact, InboxSink, LookUp, Mark, SqliteInbox, Statement, Value};
use onceward_engine::{DeliveryId, Digest, Epoch, MarkResult, PartitionId};
use rusqlite::Connection;
use tempfile::tempdir;

use super::rig::{LONG, Rig, id, settings};

#[test]
fn a_full_disk_pauses_and_goes_on_with_nothing_lost() {
    let folder = tempdir().unwrap();
    let limit = Arc::new(AtomicU32::new(0));
    let mut settings = settings(&folder.path().join("inbox.db"));
    settings.page_limit = Arc::clone(&limit);
    settings.setup_sql = vec!["CREATE TABLE t(b BLOB)".to_owned()];
    let mut rig = Rig::sqlite(settings);
    rig.keep(0..10);
    limit.store(14, Ordering::SeqCst);
    let mut marks: Vec<_> = (10..20_000).map(|seed| rig.prepare(id(seed), 7)).collect();
    // A statement that finds the disk full did not fail: its event is none the worse.
    marks[0].statements =
        vec![Statement { sql: "INSERT INTO t VALUES (zeroblob(?))".into(), params: vec![Value::Integer(100_000)], expect_rows: None }];
    let count = marks.len();
    marks.into_iter().for_each(|mark| rig.inbox.mark(mark));
    rig.inbox.flush();
    match rig.fact() {
        InboxFact::Down { why } => assert!(why.contains("inbox.db") && why.contains("Free space"), "{why}"),
        other => panic!("{other:?}"),
    }
    // While it is down, what is queued is neither new nor durable, and what was durable is still known.
    assert_eq!(rig.seen(id(5)), Some(Digest(7)));
    assert!(rig.no_fact());
    limit.store(1_000_000, Ordering::SeqCst);
    assert!(matches!(rig.fact(), InboxFact::Up));
    assert!(rig.decided(count).iter().all(|marked| marked.result == MarkResult::Durable));
    assert!((0..20_000).step_by(97).all(|seed| rig.seen(id(seed)) == Some(Digest(7))));
    rig.close();
}

#[test]
fn a_file_locked_by_another_process_is_waited_for() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    let mut rig = Rig::sqlite(settings(&path));
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let mark = rig.prepare(id(1), 7);
    rig.inbox.mark(mark);
    rig.inbox.flush();
    assert!(rig.no_fact());
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(rig.decided(1)[0].result, MarkResult::Durable);
}

#[test]
fn a_file_that_stays_locked_is_reported_and_consumption_goes_on_by_itself() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    let mut rig = Rig::sqlite(settings(&path));
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mark = rig.prepare(id(1), 7);
    rig.inbox.mark(mark);
    rig.inbox.flush();
    match rig.fact() {
        InboxFact::Down { why } => assert!(why.contains("inbox.db: another process has held it locked for 5 seconds. Find it"), "{why}"),
        other => panic!("{other:?}"),
    }
    other.execute_batch("COMMIT").unwrap();
    assert!(matches!(rig.fact(), InboxFact::Up), "and it is said once");
    assert_eq!(rig.decided(1)[0].result, MarkResult::Durable);
}

#[test]
fn closing_does_not_wait_beyond_its_deadline() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    let mut rig = Rig::sqlite(settings(&path));
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    for seed in 0..3 {
        let mark = rig.prepare(id(seed), 7);
        rig.inbox.mark(mark);
    }
    let error = rig.inbox.close(Duration::from_millis(50)).unwrap_err();
    assert!(matches!(error, InboxError::CloseTimedOut { left: 3, .. }), "{error}");
    other.execute_batch("COMMIT").unwrap();
}

#[test]
fn an_inbox_whose_tables_vanish_is_broken_and_says_so() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    let mut rig = Rig::sqlite(settings(&path));
    rig.keep([1]);
    Connection::open(&path).unwrap().execute_batch("DROP TABLE onceward_small").unwrap();
    let mark = rig.prepare(id(2), 7);
    rig.inbox.mark(mark);
    rig.inbox.flush();
    match rig.fact() {
        InboxFact::Broken(error) => assert!(error.to_string().contains("onceward_small"), "{error}"),
        other => panic!("{other:?}"),
    }
    assert!(rig.inbox.close(LONG).is_err());
}

/// Facts are said on the store's threads: a sink that panics at one of them is a thread that panics.
fn panics_at(kind: fn(&InboxFact) -> bool) -> (InboxSink, crossbeam_channel::Receiver<InboxFact>) {
    let (sender, facts) = unbounded();
    let sink = Arc::new(move |fact| {
        let fatal = kind(&fact);
        sender.send(fact).unwrap_or_default();
        assert!(!fatal, "a bug, for the test");
    });
    (sink, facts)
}

fn mark(identity: Identity) -> Mark {
    Mark {
        delivery: DeliveryId { slot: 1, generation: 0 },
        partition: PartitionId(0),
        epoch: Epoch(1),
        identity,
        digest: Digest(7),
        lane: 0,
        statements: Vec::new(),
        publishes: None,
    }
}

#[test]
fn a_thread_that_panics_is_reported() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    let mut rig = Rig::sqlite(settings(&path));
    rig.keep([1]);
    rig.close();
    for (kind, thread) in [
        ((|fact| matches!(fact, InboxFact::Marked(_))) as fn(&InboxFact) -> bool, "writes"),
        (|fact| matches!(fact, InboxFact::LookedUp(_)), "reads"),
    ] {
        let (sink, facts) = panics_at(kind);
        let mut inbox = SqliteInbox::open(settings(&path), sink).unwrap();
        assert_eq!(inbox.look_up(DeliveryId { slot: 0, generation: 0 }, id(1), Digest(7)), LookUp::Pending);
        inbox.mark(mark(id(2)));
        inbox.flush();
        let report = loop {
            if let InboxFact::Broken(error) = facts.recv_timeout(LONG).unwrap() {
                break error.to_string();
            }
        };
        assert!(report.contains("inbox.db") && report.contains(&format!("the thread that {thread} panicked")), "{report}");
    }
}
