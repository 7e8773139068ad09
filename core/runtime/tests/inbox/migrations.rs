//! Files that run once each, in order, however many processes start at once.

use std::path::Path;

use onceward::inbox::InboxError;
use rusqlite::Connection;
use tempfile::{TempDir, tempdir};

use super::rig::{Rig, settings};

struct Folder(TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempdir().unwrap());
        std::fs::create_dir(folder.0.path().join("m")).unwrap();
        files.iter().for_each(|(name, sql)| folder.put(name, sql));
        folder
    }

    fn put(&self, name: &str, sql: &str) {
        std::fs::write(self.0.path().join("m").join(name), sql).unwrap();
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("inbox.db")
    }

    fn open(&self) -> Result<Rig, InboxError> {
        let mut settings = settings(&self.path());
        settings.migrations = Some(self.0.path().join("m"));
        settings.setup_sql = vec!["CREATE TABLE IF NOT EXISTS after(k)".to_owned()];
        Rig::try_sqlite(settings)
    }

    fn refusal(&self) -> String {
        let error = self.open().err().expect("should have been refused");
        assert!(matches!(error, InboxError::Migration { .. }), "{error}");
        error.to_string()
    }
}

fn log(path: &Path) -> Vec<String> {
    let conn = Connection::open(path).unwrap();
    let mut statement = conn.prepare("SELECT line FROM log ORDER BY rowid").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

const FIRST: (&str, &str) = ("001_log.sql", "CREATE TABLE log(line TEXT); INSERT INTO log VALUES ('one');");

#[test]
fn files_run_once_each_in_the_order_of_names() {
    let folder = Folder::new(&[("010_more.sql", "INSERT INTO log VALUES ('ten');"), FIRST, ("notes.txt", "not sql")]);
    folder.open().unwrap().close();
    folder.open().unwrap().close();
    folder.put("011_last.sql", "INSERT INTO log VALUES ('eleven');");
    folder.open().unwrap().close();
    assert_eq!(log(&folder.path()), ["one", "ten", "eleven"]);
}

#[test]
fn a_file_that_has_run_may_not_change_vanish_or_be_preceded() {
    let folder = Folder::new(&[FIRST]);
    folder.open().unwrap().close();
    folder.put(FIRST.0, "CREATE TABLE log(line TEXT);");
    let text = folder.refusal();
    assert!(text.contains("001_log.sql") && text.contains("was changed since") && text.contains("new file"), "{text}");
    folder.put(FIRST.0, FIRST.1);
    folder.put("000_early.sql", "INSERT INTO log VALUES ('early');");
    let text = folder.refusal();
    assert!(text.contains("000_early.sql") && text.contains("comes before 001_log.sql"), "{text}");
    std::fs::remove_file(folder.0.path().join("m/000_early.sql")).unwrap();
    std::fs::remove_file(folder.0.path().join("m").join(FIRST.0)).unwrap();
    let text = folder.refusal();
    assert!(text.contains("001_log.sql") && text.contains("put it back"), "{text}");
    assert_eq!(log(&folder.path()), ["one"]);
}

#[test]
fn a_file_that_fails_leaves_nothing_and_those_before_it_stay() {
    let folder = Folder::new(&[FIRST, ("002_bad.sql", "INSERT INTO log VALUES ('two'); INSERT INTO nowhere VALUES (1);")]);
    let text = folder.refusal();
    assert!(text.contains("002_bad.sql") && text.contains("no such table: nowhere"), "{text}");
    assert_eq!(log(&folder.path()), ["one"]);
    for forbidden in ["COMMIT;", "PRAGMA user_version = 7;", "DELETE FROM onceward_migration;"] {
        folder.put("002_bad.sql", &format!("INSERT INTO log VALUES ('two'); {forbidden}"));
        let text = folder.refusal();
        assert!(text.contains("may not begin or end"), "{forbidden}: {text}");
        assert_eq!(log(&folder.path()), ["one"], "{forbidden}");
    }
    folder.put("002_bad.sql", "INSERT INTO log VALUES ('two');");
    folder.open().unwrap().close();
    assert_eq!(log(&folder.path()), ["one", "two"]);
}

#[test]
fn many_that_start_at_once_run_each_file_once() {
    let folder = Folder::new(&[FIRST]);
    for number in 2..10 {
        folder.put(&format!("{number:03}.sql"), &format!("INSERT INTO log VALUES ('{number}');"));
    }
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| folder.open().unwrap().close());
        }
    });
    assert_eq!(log(&folder.path()), ["one", "2", "3", "4", "5", "6", "7", "8", "9"]);
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let folder = Folder::new(&[]);
    std::fs::remove_dir(folder.0.path().join("m")).unwrap();
    let text = folder.refusal();
    assert!(text.contains("can't be read") && text.contains("migrations"), "{text}");
}

#[test]
fn a_file_of_version_1_gets_an_outbox() {
    let folder = Folder::new(&[]);
    folder.open().unwrap().close();
    let conn = Connection::open(folder.path()).unwrap();
    conn.execute_batch(
        "DROP TABLE onceward_outbox; DROP TABLE onceward_migration; UPDATE onceward_meta SET value = 1 WHERE key = 'version'",
    )
    .unwrap();
    drop(conn);
    let old = onceward::inbox::inspect(&folder.path()).unwrap();
    assert_eq!((old.version, old.outbox.len()), (1, 0), "it can be looked at before it is brought up");
    folder.open().unwrap().close();
    assert_eq!(onceward::inbox::inspect(&folder.path()).unwrap().version, 2);
}
