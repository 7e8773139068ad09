//! Which files are refused, and that a refusal changes nothing.

use std::fs;

use onceward::inbox::{InboxError, inspect};
use onceward_engine::{Epoch, Offset, PartitionId};
use rusqlite::Connection;
use tempfile::tempdir;

use super::rig::{Rig, id, name, settings};

fn refusal(path: &std::path::Path) -> InboxError {
    Rig::try_sqlite(settings(path)).err().expect("should have been refused")
}

#[test]
fn something_else_is_refused_and_left_as_it_was() {
    let folder = tempdir().unwrap();
    for (name, bytes) in [("short", b"hello".to_vec()), ("long", vec![7; 100_000])] {
        let path = folder.path().join(name);
        fs::write(&path, &bytes).unwrap();
        assert!(matches!(refusal(&path), InboxError::NotADatabase { .. }));
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn a_zero_length_file_becomes_an_inbox() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("empty.db");
    fs::write(&path, []).unwrap();
    let mut rig = Rig::sqlite(settings(&path));
    rig.keep([1]);
    rig.close();
}

#[test]
fn places_that_can_not_hold_a_file_are_named() {
    let folder = tempdir().unwrap();
    let missing = refusal(&folder.path().join("no/where/inbox.db")).to_string();
    assert!(missing.contains("does not exist; create it"), "{missing}");
    let folder_itself = refusal(folder.path()).to_string();
    assert!(folder_itself.contains("is a folder"), "{folder_itself}");
    // Nobody may make files here, root neither.
    let read_only = refusal(std::path::Path::new("/proc/self/inbox.db")).to_string();
    assert!(read_only.contains("this user may write"), "{read_only}");
}

#[test]
fn paths_may_hold_spaces_and_every_script() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("mein Eingang — 受信箱 ?mode=ro#%20.db");
    let mut rig = Rig::sqlite(settings(&path));
    rig.keep([1]);
    rig.close();
    assert!(path.exists());
    assert_eq!(inspect(&path).unwrap().marks, 1);
}

#[test]
fn a_newer_inbox_is_refused() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    Rig::sqlite(settings(&path)).close();
    Connection::open(&path).unwrap().execute("UPDATE onceward_meta SET value = 99 WHERE key = 'version'", []).unwrap();
    assert!(matches!(refusal(&path), InboxError::Newer { found: 99, known: 2, .. }));
    assert!(matches!(inspect(&path).err().unwrap(), InboxError::Newer { found: 99, .. }));
}

#[test]
fn a_truncated_file_is_damaged_and_kept() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    let mut rig = Rig::sqlite(settings(&path));
    rig.keep(0..20_000);
    rig.close();
    let whole = fs::read(&path).unwrap();
    let half = whole[..whole.len() / 2].to_vec();
    fs::write(&path, &half).unwrap();
    let error = refusal(&path);
    assert!(matches!(error, InboxError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("Nothing was deleted"));
    assert_eq!(fs::read(&path).unwrap().len(), half.len());
}

#[test]
fn overwritten_pages_are_damage_and_no_panic() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    let mut rig = Rig::sqlite(settings(&path));
    rig.keep(0..20_000);
    rig.close();
    let mut bytes = fs::read(&path).unwrap();
    let garbage: Vec<u8> = (0..bytes.len() - 4_096).map(|index| (index * 31 % 251) as u8).collect();
    bytes[4_096..].copy_from_slice(&garbage);
    fs::write(&path, &bytes).unwrap();
    assert!(matches!(refusal(&path), InboxError::Damaged { .. }));
}

#[test]
fn a_users_own_tables_and_versions_stay() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("app.db");
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch("PRAGMA user_version = 41; PRAGMA application_id = 1234; CREATE TABLE mine(x); INSERT INTO mine VALUES (5)")
        .unwrap();
    drop(conn);
    let mut rig = Rig::sqlite(settings(&path));
    rig.keep(0..3_000);
    rig.close();
    let conn = Connection::open(&path).unwrap();
    let number = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(number("PRAGMA user_version"), 41);
    assert_eq!(number("PRAGMA application_id"), 1234);
    assert_eq!(number("SELECT x FROM mine"), 5);
    assert_eq!(number("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'onceward~_%' ESCAPE '~'"), 1);
}

#[test]
fn inspection_counts_what_is_there() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    let mut rig = Rig::sqlite(settings(&path));
    rig.keep(0..20_000);
    rig.keep(20_000..20_010);
    rig.catch_up(1, &name(1));
    rig.inbox.committed(PartitionId(0), Epoch(1), Offset(17));
    let mark = rig.prepare(super::rig::at(19), 1);
    rig.write(vec![mark]);
    let report = inspect(&path).unwrap();
    assert_eq!((report.marks, report.segments, report.small_rows), (20_010, 1, 1));
    assert_eq!(report.groups, ["billing"]);
    assert_eq!(report.buckets.iter().map(|bucket| bucket.marks).sum::<u64>(), 20_010);
    let position = &report.positions[0];
    assert_eq!((position.topic.as_str(), position.partition, position.committed, position.handled_above), ("orders", 3, Some(17), 1));
    assert_eq!(rig.seen(id(20_005)).map(|digest| digest.0), Some(7));
    rig.close();
    let empty = folder.path().join("other.db");
    Connection::open(&empty).unwrap().execute_batch("CREATE TABLE x(y)").unwrap();
    assert!(inspect(&empty).err().unwrap().to_string().contains("holds no inbox"));
}
