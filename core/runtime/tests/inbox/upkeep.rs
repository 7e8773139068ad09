//! What tools do to a file: forget, prune, back up, make the tables.

use std::time::Duration;

use onceward::inbox::{InboxError, Upkeep, backup, ddl, holders, inspect, prune};
use onceward_engine::{Digest, Epoch, EventHash, MarkResult, Offset, PartitionId};
use rusqlite::Connection;
use tempfile::tempdir;

use super::rig::{Hands, Rig, WEEK, at, id, name, settings};

fn hash(seed: u64) -> EventHash {
    EventHash(xxhash_rust::xxh3::xxh3_128(&seed.to_le_bytes()))
}

#[test]
fn what_is_forgotten_is_new_again_and_nothing_else_is() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    let mut rig = Rig::sqlite(settings(&path));
    // A segment of its own, and a small row.
    rig.keep(0..40_000);
    rig.keep(40_000..40_100);
    rig.close();
    assert!(inspect(&path).unwrap().segments > 0 && inspect(&path).unwrap().small_rows > 0);

    let gone = |seed: u64| (seed.is_multiple_of(3) && seed < 30_000) || (40_090..40_100).contains(&seed);
    let ids: Vec<EventHash> = (0..50_000).filter(|&seed| gone(seed) || seed >= 40_100).map(hash).collect();
    assert_eq!(Upkeep::looking(&path).unwrap().marked(&ids).unwrap(), 10_010);
    let mut upkeep = Upkeep::alone(&path).unwrap();
    assert_eq!((upkeep.forget(&ids).unwrap(), upkeep.forget(&ids).unwrap()), (10_010, 0));
    drop(upkeep);
    assert_eq!(inspect(&path).unwrap().marks, 40_100 - 10_010);

    let mut rig = Rig::sqlite(settings(&path));
    for seed in (0..40_100).step_by(37).chain(40_080..40_100) {
        assert_eq!(rig.seen(id(seed)), (!gone(seed)).then_some(Digest(7)), "{seed}");
    }
    let again = rig.prepare(id(0), 8);
    assert_eq!(rig.write(vec![again]), [MarkResult::Durable]);
    rig.close();
    let mut rig = Rig::sqlite(settings(&path));
    assert_eq!((rig.seen(id(0)), rig.seen(id(1))), (Some(Digest(8)), Some(Digest(7))));
}

#[test]
fn everything_forgotten_leaves_an_empty_inbox() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    let mut rig = Rig::sqlite(settings(&path));
    rig.keep(0..20_000);
    rig.keep(20_000..20_010);
    rig.close();
    let ids: Vec<EventHash> = (0..20_010).map(hash).collect();
    assert_eq!(Upkeep::alone(&path).unwrap().forget(&ids).unwrap(), 20_010);
    let report = inspect(&path).unwrap();
    assert_eq!((report.marks, report.segments, report.small_rows), (0, 0, 0));
}

#[test]
fn a_file_in_use_is_counted_and_not_changed() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    let mut rig = Rig::sqlite(settings(&path));
    rig.keep(0..100);
    assert_eq!(Upkeep::looking(&path).unwrap().marked(&[hash(1), hash(1), hash(200)]).unwrap(), 1);
    let error = Upkeep::alone(&path).err().unwrap();
    assert!(matches!(error, InboxError::InUse { .. }), "{error}");
    // The consumer has not noticed.
    rig.keep(100..110);
    assert_eq!(rig.seen(id(1)), Some(Digest(7)));
    assert_eq!(holders(&path), [], "this process itself is nobody to be stopped");
    rig.close();

    // The other way round, no consumer starts under a tool.
    let upkeep = Upkeep::alone(&path).unwrap();
    let error = Rig::try_sqlite(settings(&path)).err().unwrap().to_string();
    assert!(error.contains("Another process holds the file locked"), "{error}");
    drop(upkeep);
    Rig::try_sqlite(settings(&path)).unwrap().close();
}

#[test]
fn offsets_are_forgotten_from_a_place_on_and_in_between() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    let mut rig = Rig::sqlite(settings(&path));
    rig.catch_up(1, &name(1));
    let marks = [12, 15].into_iter().map(|offset| rig.prepare(at(offset), 1)).collect();
    rig.write(marks);
    rig.inbox.committed(PartitionId(0), Epoch(1), Offset(10));
    rig.close();
    assert_eq!(Upkeep::looking(&path).unwrap().offsets("strangers", "orders", 3, 0, None).unwrap(), None);
    let mut upkeep = Upkeep::alone(&path).unwrap();
    let would = upkeep.offsets("billing", "orders", 3, 4, Some(6)).unwrap().unwrap();
    let moved = upkeep.forget_offsets("billing", "orders", 3, 4, Some(6)).unwrap().unwrap();
    assert_eq!((moved, moved.from, moved.to, moved.offsets), (would, Some(10), Some(4), 2));
    let moved = upkeep.forget_offsets("billing", "orders", 3, 9, None).unwrap().unwrap();
    assert_eq!((moved.to, moved.offsets), (Some(4), 3));
    assert_eq!(upkeep.forget_offsets("billing", "orders", 3, 9, None).unwrap(), None);
    drop(upkeep);

    let mut rig = Rig::sqlite(settings(&path));
    assert_eq!(rig.catch_up(1, &name(1)), (Some(Offset(4)), false));
    let held: Vec<bool> = (0..17).map(|offset| rig.seen(at(offset)).is_some()).collect();
    let expected: Vec<bool> = (0..17).map(|offset| offset < 4 || (6..9).contains(&offset)).collect();
    assert_eq!(held, expected);
}

#[test]
fn a_backup_beside_a_consumer_is_whole_and_never_replaces_a_file() {
    let folder = tempdir().unwrap();
    let [path, copy] = ["inbox.db", "copy.db"].map(|name| folder.path().join(name));
    let mut with_table = settings(&path);
    with_table.setup_sql = vec!["CREATE TABLE IF NOT EXISTS mine(x)".to_owned(), "INSERT INTO mine VALUES (1)".to_owned()];
    let mut rig = Rig::sqlite(with_table);
    rig.keep(0..5_000);
    let mut told = (0, 0);
    let report = backup(&path, &copy, |done, all| told = (done, all)).unwrap();
    assert!(report.marks == 5_000 && told.0 == told.1 && told.1 > 0, "{report:?} {told:?}");
    // What comes later is not in it, and does not disturb it.
    rig.keep(5_000..5_010);
    let again = backup(&path, &copy, |_, _| ()).unwrap_err().to_string();
    assert!(again.contains("never replaces a file"), "{again}");
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("partial") || name == "copy.db-wal"), "{left:?}");

    let mut restored = Rig::sqlite(settings(&copy));
    assert_eq!((restored.seen(id(4_999)), restored.seen(id(5_000))), (Some(Digest(7)), None));
    let instance = |path| -> String {
        let sql = "SELECT value FROM onceward_meta WHERE key = 'instance'";
        Connection::open(path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
    };
    assert_ne!(instance(&path), instance(&copy), "a copy put in its place under a consumer must be noticed");
    assert_eq!(Connection::open(&copy).unwrap().query_row("SELECT x FROM mine", [], |row| row.get::<_, i64>(0)).unwrap(), 1);

    let missing = backup(&folder.path().join("mine.db"), &folder.path().join("x.db"), |_, _| ());
    assert!(missing.is_err() && !folder.path().join("x.db").exists());
}

#[test]
fn pruning_drops_what_is_old_and_shrinks_a_file_that_nobody_uses() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    let mut old = settings(&path);
    // Years ago, by the clock of then.
    old.clock = Hands::new();
    let mut rig = Rig::sqlite(old);
    rig.keep(0..100_000);
    rig.close();
    let decade = Duration::from_secs(10 * 365 * 24 * 3600);
    let left = Upkeep::looking(&path).unwrap().expired(decade).unwrap();
    assert_eq!(left.marks, 0, "a longer retention keeps them");
    assert_eq!(Upkeep::looking(&path).unwrap().expired(WEEK).unwrap().marks, 100_000);
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE mine(x); INSERT INTO mine VALUES (zeroblob(100))").unwrap();

    let reader = Connection::open(&path).unwrap();
    let _: i64 = reader.query_row("SELECT count(*) FROM mine", [], |row| row.get(0)).unwrap();
    let pruned = prune(&path, WEEK).unwrap();
    assert!(pruned.kept.is_some_and(|why| why.contains("is in use")), "another connection is open");
    assert_eq!(inspect(&path).unwrap().marks, 0);
    drop(reader);
    let shrunk = prune(&path, WEEK).unwrap();
    assert_eq!((shrunk.kept, shrunk.expired.marks, shrunk.expired.free_bytes > 1 << 20), (None, 0, true));
    assert!(shrunk.bytes.1 < shrunk.bytes.0 / 4, "{:?}", shrunk.bytes);
    let mine: i64 = Connection::open(&path).unwrap().query_row("SELECT count(*) FROM mine", [], |row| row.get(0)).unwrap();
    assert_eq!(mine, 1);
    let mut rig = Rig::sqlite(settings(&path));
    rig.keep(0..10);
    rig.close();
}

#[test]
fn tables_made_by_hand_are_used_as_they_are() {
    let folder = tempdir().unwrap();
    let [path, usual] = ["made.db", "usual.db"].map(|name| folder.path().join(name));
    Connection::open(&path).unwrap().execute_batch(&ddl()).unwrap();
    for path in [&path, &usual] {
        let mut rig = Rig::sqlite(settings(path));
        rig.keep(0..10);
        rig.close();
    }
    let tables = |path| -> Vec<String> {
        let made = Connection::open(path).unwrap();
        let mut sql = made.prepare("SELECT coalesce(sql, name) FROM sqlite_schema ORDER BY name").unwrap();
        sql.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    assert_eq!(tables(&path), tables(&usual));
}

#[test]
fn what_is_no_inbox_is_refused() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("mine.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE mine(x)").unwrap();
    for error in [Upkeep::alone(&path).err().unwrap(), Upkeep::looking(&path).err().unwrap(), prune(&path, WEEK).unwrap_err()] {
        assert!(matches!(error, InboxError::NoInbox { .. }), "{error}");
    }
    let made = folder.path().join("newer.db");
    Connection::open(&made).unwrap().execute_batch(&format!("{}UPDATE onceward_meta SET value = 99 WHERE key = 'version'", ddl())).unwrap();
    assert!(matches!(Upkeep::alone(&made), Err(InboxError::Newer { found: 99, .. })));
}
