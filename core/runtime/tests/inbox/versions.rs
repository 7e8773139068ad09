//! Two versions of Onceward and one file: what an older one wrote is kept, what a newer one wrote is left alone, and the way back.

use std::path::Path;
use std::sync::Arc;

use onceward::inbox::{InboxError, Upkeep, VERSION, backup, inspect};
use onceward_engine::{Digest, EventHash, Offset};
use rusqlite::Connection;
use tempfile::tempdir;

use super::rig::{Hands, Rig, at, id, name, settings, sql};

const FIRST: &str = include_str!("../golden/inbox-version-1.sql");
/// Written in docs/guide/inbox.md.
const BACK_TO_1: &str =
    "DROP TABLE onceward_outbox; DROP TABLE onceward_migration; UPDATE onceward_meta SET value = 1 WHERE key = 'version';";

fn written_by_version_1(path: &Path) {
    Connection::open(path).unwrap().execute_batch(&format!("PRAGMA journal_mode = WAL; {FIRST}")).unwrap();
}

/// With a clock that does not go on: the file's marks never expire, whenever this test runs.
fn open(path: &Path) -> Rig {
    let mut settings = settings(path);
    settings.clock = Arc::clone(&Hands::new()) as Arc<_>;
    Rig::sqlite(settings)
}

fn knows_everything(rig: &mut Rig) {
    assert!((0..433).all(|seed| rig.seen(id(seed)) == Some(Digest(7))));
    assert_eq!(rig.seen(id(1_000_000)), None);
    assert_eq!(rig.catch_up(1, &name(1)), (Some(Offset(10)), false));
    let held: Vec<i64> = (0..20).filter(|&offset| rig.seen(at(offset)).is_some()).collect();
    assert_eq!(held, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15]);
}

fn tables(path: &Path) -> Vec<String> {
    let made = Connection::open(path).unwrap();
    let mut found = made.prepare("SELECT coalesce(sql, name) FROM sqlite_schema ORDER BY name").unwrap();
    found.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn what_version_1_wrote_is_known_after_the_upgrade_and_goes_on() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    written_by_version_1(&path);
    assert_eq!((inspect(&path).unwrap().version, inspect(&path).unwrap().marks), (1, 433));
    // Tools look at it, and take marks out of it, without bringing it up.
    assert_eq!(Upkeep::alone(&path).unwrap().marked(&[EventHash(xxhash_rust::xxh3::xxh3_128(&7_u64.to_le_bytes()))]).unwrap(), 1);
    assert_eq!(inspect(&path).unwrap().version, 1);

    let mut rig = open(&path);
    assert_eq!(inspect(&path).unwrap().version, VERSION);
    knows_everything(&mut rig);
    let mut mark = rig.prepare(id(433), 7);
    mark.statements = sql("INSERT INTO invoice VALUES ('later', 1)");
    rig.write(vec![mark]);
    rig.close();
    let mut rig = open(&path);
    assert_eq!(rig.seen(id(433)), Some(Digest(7)));
    rig.close();
    let invoices: i64 = Connection::open(&path).unwrap().query_row("SELECT count(*) FROM invoice", [], |row| row.get(0)).unwrap();
    assert_eq!(invoices, 4);
}

#[test]
fn a_version_that_does_not_know_the_file_leaves_every_byte() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    written_by_version_1(&path);
    let next = VERSION + 1;
    Connection::open(&path).unwrap().execute("UPDATE onceward_meta SET value = ?1 WHERE key = 'version'", [next]).unwrap();
    let before = std::fs::read(&path).unwrap();
    let refusals = [Rig::try_sqlite(settings(&path)).err().unwrap(), Upkeep::alone(&path).err().unwrap(), inspect(&path).unwrap_err()];
    for refusal in refusals {
        assert!(matches!(refusal, InboxError::Newer { found, known: VERSION, .. } if found == next), "{refusal}");
        assert!(refusal.to_string().contains("upgrade this process or restore the backup"), "{refusal}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn the_way_back_is_the_backup_or_three_statements() {
    let folder = tempdir().unwrap();
    let [path, kept, old] = ["inbox.db", "kept.db", "old.db"].map(|name| folder.path().join(name));
    written_by_version_1(&path);
    written_by_version_1(&old);
    assert_eq!(backup(&path, &kept, |_, _| ()).unwrap().version, 1);
    open(&path).close();
    assert_eq!((inspect(&path).unwrap().version, inspect(&kept).unwrap().version), (VERSION, 1));
    assert_eq!(tables(&kept), tables(&old));

    // What was marked by the newer one stays marked.
    let mut rig = open(&path);
    rig.keep([433]);
    rig.close();
    Connection::open(&path).unwrap().execute_batch(BACK_TO_1).unwrap();
    assert_eq!((inspect(&path).unwrap().version, inspect(&path).unwrap().marks), (1, 434));
    assert_eq!(tables(&path), tables(&old), "the same tables as the older program made");
    let mut rig = open(&path);
    knows_everything(&mut rig);
    assert_eq!(rig.seen(id(433)), Some(Digest(7)));
    rig.close();
}
