//! A copy of a file that is in use.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::fault::{at_open, words};
use super::inspect::{InboxReport, inspect};
use super::upkeep::Upkeep;
use crate::inbox::InboxError;

/// Pages per step: four megabytes with pages of the usual size.
const STEP: std::ffi::c_int = 1_024;

/// Copies an inbox, beside running consumers, as it is at one moment; the copy is opened and checked before it gets its name. `at` hears
/// how many pages are copied, of how many.
///
/// # Errors
/// [`InboxError`] when the inbox can't be read, the copy can't be written, or something has its name already.
pub fn backup(path: &Path, to: &Path, at: impl FnMut(u64, u64)) -> Result<InboxReport, InboxError> {
    let name = to.display().to_string();
    let refuse = |detail: String| InboxError::Store { path: name.clone(), detail };
    if to.symlink_metadata().is_ok() {
        return Err(refuse("exists already; a backup never replaces a file: name another one".to_owned()));
    }
    let source = Upkeep::looking(path)?;
    let mut partial = to.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    create(path, &partial).map_err(|error| {
        let cure = "name a file in a folder that this user may write to; `.partial` is left of a backup that was interrupted, remove it";
        InboxError::Store { path: partial.display().to_string(), detail: format!("can't be made: {error}; {cure}") }
    })?;
    let copied = copy(&source, &partial, at).and_then(|()| inspect(&partial)).and_then(|report| {
        // Unlike a rename, a link replaces nothing that has come meanwhile.
        let named = fs::hard_link(&partial, to).map_err(|error| refuse(format!("can't be made: {error}")));
        named.map(|()| InboxReport { path: name.clone(), ..report })
    });
    for suffix in ["", "-wal", "-shm"] {
        let mut file = partial.as_os_str().to_owned();
        file.push(suffix);
        fs::remove_file(file).ok();
    }
    copied
}

/// An empty file that nobody may read who may not read the inbox.
fn create(like: &Path, file: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).open(file)?;
    fs::set_permissions(file, fs::metadata(like)?.permissions())
}

fn copy(source: &Upkeep, file: &Path, mut at: impl FnMut(u64, u64)) -> Result<(), InboxError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let failed = |error: &rusqlite::Error| at_open(&file.display().to_string(), error);
    let mut target = Connection::open_with_flags(file, flags).map_err(|error| failed(&error))?;
    // A snapshot that stays: without it, each commit of a consumer would make the copy begin again.
    let seen = source.conn.execute_batch("BEGIN; SELECT 1 FROM onceward_meta");
    seen.map_err(|error| source.said(&error))?;
    let copied = Backup::new(&source.conn, &mut target).and_then(|backup| {
        loop {
            let step = backup.step(STEP)?;
            let progress = backup.progress();
            let [left, all] = [progress.remaining, progress.pagecount].map(|pages| u64::try_from(pages).unwrap_or(0));
            at(all.saturating_sub(left), all);
            match step {
                StepResult::Done => return Ok(()),
                StepResult::Busy | StepResult::Locked => std::thread::sleep(Duration::from_millis(50)),
                _ => {}
            }
        }
    });
    let ended = source.conn.execute_batch("COMMIT");
    copied.and(ended).map_err(|error| failed(&error))?;
    // A file of another name: a consumer under which a copy is put in place of its own notices.
    let renamed = target.execute("UPDATE onceward_meta SET value = ?1 WHERE key = 'instance'", [uuid::Uuid::new_v4().to_string()]);
    let sound = renamed.and_then(|_| target.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0)));
    let sound = sound.map_err(|error| failed(&error))?;
    if sound != "ok" {
        return Err(InboxError::Damaged { path: source.path.clone(), detail: format!("its copy does not pass SQLite's check: {sound}") });
    }
    target.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(|error| failed(&error))?;
    target.close().map_err(|(_, error)| InboxError::Store { path: file.display().to_string(), detail: words(&error) })
}
