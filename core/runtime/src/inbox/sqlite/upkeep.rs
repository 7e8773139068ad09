//! A file opened by a tool instead of a consumer.
//!
//! A running consumer answers from memory: its recent ids, its filter, its positions. Marks may be added or expire under it, and it
//! notices; marks that are taken out it would go on believing. So what takes marks out needs the file alone, and SQLite's own locks say
//! whether it is: every connection in write-ahead mode holds a shared lock for as long as it is open.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::fault::{BUSY_TIMEOUT, at_open};
use super::holders::by;
use super::open::check_place;
use super::schema;
use crate::inbox::InboxError;

/// A consumer keeps its lock for as long as it runs, a tool that looks for a moment.
const PATIENCE: Duration = Duration::from_millis(500);

/// An inbox file, opened by a tool.
pub struct Upkeep {
    pub(super) conn: Connection,
    pub(super) path: String,
}

impl Upkeep {
    /// Opens the file to look at it, beside running consumers.
    ///
    /// # Errors
    /// [`InboxError`] when the file can't be read, is not an inbox, or is newer.
    pub fn looking(path: &Path) -> Result<Self, InboxError> {
        Self::open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?.known()
    }

    /// Opens the file to add or expire, beside running consumers.
    pub(super) fn beside(path: &Path) -> Result<Self, InboxError> {
        check_place(path, &path.display().to_string())?;
        Self::open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?.known()
    }

    /// Opens the file for nobody else: until this is dropped, no consumer can start on it.
    ///
    /// # Errors
    /// [`InboxError::InUse`] when another process has it open; otherwise as [`Upkeep::looking`].
    pub fn alone(path: &Path) -> Result<Self, InboxError> {
        check_place(path, &path.display().to_string())?;
        let opened = Self::open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let locked = opened.conn.busy_timeout(PATIENCE).and_then(|()| {
            opened.conn.query_row("PRAGMA locking_mode = EXCLUSIVE", [], |_| Ok(()))?;
            opened.conn.execute_batch("BEGIN EXCLUSIVE; COMMIT")
        });
        match locked {
            Ok(()) => opened.known(),
            Err(error) if matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)) => {
                Err(InboxError::InUse { by: by(path), path: opened.path })
            }
            Err(error) => Err(at_open(&opened.path, &error)),
        }
    }

    fn open(path: &Path, flags: OpenFlags) -> Result<Self, InboxError> {
        let name = path.display().to_string();
        let opened = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).and_then(|conn| {
            conn.busy_timeout(BUSY_TIMEOUT)?;
            if !flags.contains(OpenFlags::SQLITE_OPEN_READ_ONLY) {
                conn.pragma_update(None, "synchronous", "FULL")?;
            }
            Ok(conn)
        });
        opened.map(|conn| Self { conn, path: name.clone() }).map_err(|error| at_open(&name, &error))
    }

    /// Refuses what is no inbox, or one that this version does not know.
    fn known(self) -> Result<Self, InboxError> {
        match schema::found(&self.conn).map_err(|error| self.said(&error))? {
            None => Err(InboxError::NoInbox { path: self.path }),
            Some(found) if found > schema::VERSION => Err(InboxError::Newer { path: self.path, found, known: schema::VERSION }),
            Some(_) => Ok(self),
        }
    }

    pub(super) fn said(&self, error: &rusqlite::Error) -> InboxError {
        at_open(&self.path, error)
    }

    /// Runs something in one transaction.
    pub(super) fn transaction<T>(&self, action: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, InboxError> {
        let done = self.conn.execute_batch("BEGIN IMMEDIATE").and_then(|()| {
            let value = action(&self.conn)?;
            self.conn.execute_batch("COMMIT")?;
            Ok(value)
        });
        if done.is_err() && !self.conn.is_autocommit() {
            // Closing the connection would undo it as well.
            drop(self.conn.execute_batch("ROLLBACK"));
        }
        done.map_err(|error| self.said(&error))
    }
}
