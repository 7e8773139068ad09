//! The inbox: whether it opens, without making or changing it.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

use onceward::config::{InboxPlace, Settings};
use onceward::inbox::{Address, InboxError, PostgresReport, VERSION, holders, inspect, inspect_postgres};
use rusqlite::{Connection, OpenFlags};

use super::disk;
use super::finding::{Diagnosis, Finding};

const CHECK: &str = "inbox";

pub(super) fn examine(settings: &Settings, diagnosis: &mut Diagnosis) {
    if let InboxPlace::Sqlite(path) = &settings.inbox
        && folder(path).is_dir()
    {
        disk::examine(path, folder(path), diagnosis);
    }
    diagnosis.add(match &settings.inbox {
        InboxPlace::Memory => {
            let cure = "write inbox = \"sqlite:PATH\" outside of tests";
            Finding::warn(CHECK, "memory", "forgets everything at exit: events may be handled again after a restart", cure)
        }
        InboxPlace::Postgres(address) => shared(address, settings),
        InboxPlace::Sqlite(path) if path.exists() => existing(path),
        InboxPlace::Sqlite(path) => missing(path),
    });
}

fn shared(address: &Address, settings: &Settings) -> Finding {
    match inspect_postgres(address, &settings.group) {
        Ok(report) if !report.writable => {
            let cure = "name the primary server, or take default_transaction_read_only away";
            Finding::fail(CHECK, address.to_string(), "answers, but takes no writes", cure)
        }
        Ok(PostgresReport { version: None, .. }) => {
            Finding::ok(CHECK, address.to_string(), "a database without an inbox yet; the consumer adds its tables beside yours")
        }
        Ok(PostgresReport { version: Some(version), marks, .. }) => {
            Finding::ok(CHECK, address.to_string(), format!("version {version}, {marks} marks of this group"))
        }
        Err(error) => Finding::fail(CHECK, address.to_string(), error.to_string(), "correct `inbox`, or bring the server up"),
    }
}

fn existing(path: &Path) -> Finding {
    let name = path.display().to_string();
    // Opening for writing changes nothing, and finds missing rights and read-only file systems.
    if let Err(error) = OpenOptions::new().write(true).open(path) {
        return Finding::fail(
            CHECK,
            name,
            format!("can't be written: {error}"),
            "give this user the right to write the file and its folder",
        );
    }
    if let Err(error) = probe(folder(path)) {
        let cure = "give this user the right to create files beside it, where SQLite keeps its write-ahead log";
        return Finding::fail(CHECK, name, format!("its folder can't be written: {error}"), cure);
    }
    if has_no_inbox(path) {
        return Finding::ok(CHECK, name, "an SQLite database without an inbox yet; the consumer adds its tables beside yours");
    }
    match inspect(path) {
        Ok(report) => {
            let holders = holders(path);
            let names: Vec<String> = holders.iter().map(|holder| format!("{} (process {})", holder.name, holder.pid)).collect();
            let used = if names.is_empty() { "nobody has it open".to_owned() } else { format!("open in {}", names.join(", ")) };
            let told = format!("version {}, {} marks; {used}", report.version, report.marks);
            if report.version < VERSION {
                let cure = format!(
                    "the next start brings it up to version {VERSION}, which older programs refuse: run `onceward inbox backup` before"
                );
                return Finding::warn(CHECK, name, told, cure);
            }
            Finding::ok(CHECK, name, told)
        }
        Err(error @ InboxError::Newer { .. }) => {
            Finding::fail(CHECK, name, error.to_string(), "upgrade this program, or restore the backup taken before the upgrade")
        }
        Err(error) => Finding::fail(CHECK, name, error.to_string(), "name another file in `inbox`, or restore a backup"),
    }
}

/// Whether it is a sound database in which no consumer has run yet.
fn has_no_inbox(path: &Path) -> bool {
    let answer =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX).and_then(|database| {
            let sql = "SELECT NOT EXISTS(SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'onceward_meta')";
            database.query_row(sql, [], |row| row.get(0))
        });
    answer.unwrap_or(false)
}

fn missing(path: &Path) -> Finding {
    let name = path.display().to_string();
    match probe(folder(path)) {
        Ok(()) => Finding::ok(CHECK, name, "does not exist yet; the consumer makes it"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Finding::fail(CHECK, name, "its folder does not exist", format!("create it: mkdir -p {}", folder(path).display()))
        }
        Err(error) => Finding::fail(CHECK, name, format!("can't be made: {error}"), "give this user the right to write the folder"),
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Permission bits tell neither of read-only mounts nor of quotas, so a file is really made, and taken away again.
fn probe(folder: &Path) -> io::Result<()> {
    let file = folder.join(format!(".onceward-doctor-{}", std::process::id()));
    OpenOptions::new().write(true).create_new(true).open(&file)?;
    fs::remove_file(file)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
    use super::*;
    use crate::doctor::finding::Verdict;

    #[test]
    fn files_are_judged_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("inbox.db");
        assert_eq!(missing(&file).verdict, Verdict::Ok);
        assert!(!file.exists() && fs::read_dir(folder.path()).unwrap().next().is_none());
        assert!(missing(&folder.path().join("no/such/inbox.db")).cure.unwrap().starts_with("create it: mkdir -p"));

        Connection::open(&file).unwrap().execute_batch("CREATE TABLE mine(x)").unwrap();
        assert!(existing(&file).message.contains("without an inbox yet"));

        fs::write(&file, "not a database, but long enough to be looked at as if it were one").unwrap();
        let finding = existing(&file);
        assert_eq!(finding.verdict, Verdict::Fail);
        assert!(finding.message.contains("is not an SQLite database"), "{}", finding.message);
    }
}
