//! Migrations: the files of a folder, each run once, in the order of their names.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};

use super::fault::{at_open, words};
use super::open::Store;
use crate::inbox::InboxError;

/// How long a process waits for another one that migrates.
const PATIENCE: Duration = Duration::from_secs(300);

/// A file as it is, by name: its SQL and checksum.
type Files = BTreeMap<String, (String, String)>;

/// Runs what has not run yet, each file in a transaction of its own that keeps every other process out.
pub(super) fn migrate(store: &Store, folder: &Path, path: &str) -> Result<(), InboxError> {
    let files = read(folder)?;
    loop {
        begin(&store.conn, path)?;
        let step = next(store, folder, &files);
        let ended = match &step {
            Ok(Some(_)) => store.conn.execute_batch("COMMIT"),
            // A file of statements can't end the transaction, since the guard forbids it; an error may have.
            _ if store.conn.is_autocommit() => Ok(()),
            _ => store.conn.execute_batch("ROLLBACK"),
        };
        let Some(name) = step? else { return ended.map_err(|error| at_open(path, &error)) };
        ended.map_err(|error| failed(folder, &name, words(&error)))?;
        tracing::info!(target: "onceward", inbox = path, file = %name, "migrated");
    }
}

/// Runs the next file; `None`: all have run.
fn next(store: &Store, folder: &Path, files: &Files) -> Result<Option<String>, InboxError> {
    let conn = &store.conn;
    let table = |error: rusqlite::Error| at_open(&folder.display().to_string(), &error);
    let applied = applied(conn).map_err(table)?;
    for (name, checksum) in &applied {
        match files.get(name) {
            None => {
                let detail = "has run on this inbox and is not in the folder any more; put it back as it was: files that have run stay";
                return Err(failed(folder, name, detail.to_owned()));
            }
            Some((_, now)) if now != checksum => {
                let detail = "has run on this inbox and was changed since; put it back as it was, and write the change into a new file";
                return Err(failed(folder, name, detail.to_owned()));
            }
            Some(_) => {}
        }
    }
    let last = applied.keys().next_back();
    let Some((name, (sql, checksum))) = files.iter().find(|(name, _)| !applied.contains_key(*name)) else { return Ok(None) };
    if let Some(last) = last.filter(|last| *last > name) {
        let detail = format!("is new, but its name comes before {last}, which has run already; give it a name that comes after");
        return Err(failed(folder, name, detail));
    }
    store.guard.watch(|| conn.execute_batch(sql)).map_err(|error| failed(folder, name, explained(&error)))?;
    conn.execute("INSERT INTO onceward_migration VALUES (?1, ?2, CAST(unixepoch('subsec') * 1000 AS INTEGER))", (name, checksum))
        .map_err(table)?;
    Ok(Some(name.clone()))
}

fn applied(conn: &Connection) -> rusqlite::Result<BTreeMap<String, String>> {
    conn.prepare("SELECT name, checksum FROM onceward_migration")?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

fn begin(conn: &Connection, path: &str) -> Result<(), InboxError> {
    let began = Instant::now();
    loop {
        match conn.execute_batch("BEGIN IMMEDIATE") {
            // Another process migrates, and may take its time.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && began.elapsed() < PATIENCE => {
                tracing::info!(target: "onceward", inbox = path, "waiting for another process, which holds the inbox locked");
            }
            result => return result.map_err(|error| at_open(path, &error)),
        }
    }
}

fn read(folder: &Path) -> Result<Files, InboxError> {
    let unreadable = |place: &Path, error: std::io::Error| InboxError::Migration {
        file: place.display().to_string(),
        detail: format!("can't be read: {error}; correct `migrations`, which names a folder relative to where the process was started"),
    };
    let mut files = Files::new();
    for entry in std::fs::read_dir(folder).map_err(|error| unreadable(folder, error))? {
        let place = entry.map_err(|error| unreadable(folder, error))?.path();
        if place.extension().is_none_or(|extension| extension != "sql") || !place.is_file() {
            continue;
        }
        let sql = std::fs::read_to_string(&place).map_err(|error| unreadable(&place, error))?;
        let checksum = blake3::hash(sql.as_bytes()).to_hex().to_string();
        files.insert(place.file_name().unwrap_or_default().to_string_lossy().into_owned(), (sql, checksum));
    }
    Ok(files)
}

fn explained(error: &rusqlite::Error) -> String {
    if error.sqlite_error_code() == Some(ErrorCode::AuthorizationForStatementDenied) {
        return "a migration runs in a transaction of ours: it may not begin or end one, attach files, set pragmas or touch `onceward_` tables".to_owned();
    }
    format!("{}. Nothing of this file was kept; correct it and start again", words(error))
}

fn failed(folder: &Path, name: &str, detail: String) -> InboxError {
    InboxError::Migration { file: folder.join(name).display().to_string(), detail }
}
