//! Migrations: the files of a folder, each run once, in the order of their names.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};

use super::fault::{at_open, words};
use super::open::Store;
use crate::inbox::InboxError;
use crate::inbox::migrations::{self, Files, failed};

/// How long a process waits for another one that migrates.
const PATIENCE: Duration = Duration::from_secs(300);

/// Runs what has not run yet, each file in a transaction of its own that keeps every other process out.
pub(super) fn migrate(store: &Store, folder: &Path, path: &str) -> Result<(), InboxError> {
    let files = migrations::read(folder)?;
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
    let Some((name, sql, checksum)) = migrations::next(folder, files, &applied)? else { return Ok(None) };
    store.guard.watch(|| conn.execute_batch(sql)).map_err(|error| failed(folder, name, explained(&error)))?;
    conn.execute("INSERT INTO onceward_migration VALUES (?1, ?2, CAST(unixepoch('subsec') * 1000 AS INTEGER))", (name, checksum))
        .map_err(table)?;
    Ok(Some(name.to_owned()))
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

fn explained(error: &rusqlite::Error) -> String {
    if error.sqlite_error_code() == Some(ErrorCode::AuthorizationForStatementDenied) {
        return "a migration runs in a transaction of ours: it may not begin or end one, attach files, set pragmas or touch `onceward_` tables".to_owned();
    }
    format!("{}. Nothing of this file was kept; correct it and start again", words(error))
}
