//! Expires what is older than the retention now, and gives pages back to the file system.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::compact::{expire, purge};
use super::entry::WIDTH;
use super::schema::{self, LIVE};
use super::upkeep::Upkeep;
use crate::inbox::clock::BucketTime;
use crate::inbox::{InboxError, SystemClock};

/// What has expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Expired {
    /// Buckets that end at this moment or before, in milliseconds since 1970.
    pub until_ms: i64,
    /// Marks in them.
    pub marks: u64,
    /// Bytes of free pages that the file holds already.
    pub free_bytes: u64,
}

/// What was done about it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Pruned {
    /// What had expired.
    pub expired: Expired,
    /// The file with its write-ahead log, before and after.
    pub bytes: (u64, u64),
    /// Why no pages were given back: who has the file open.
    pub kept: Option<String>,
}

impl Upkeep {
    /// What has expired and is still there.
    ///
    /// # Errors
    /// [`InboxError`] when the file can't be read.
    pub fn expired(&self, retention: Duration) -> Result<Expired, InboxError> {
        expired(&self.conn, retention).map_err(|error| self.said(&error))
    }
}

fn expired(conn: &Connection, retention: Duration) -> rusqlite::Result<Expired> {
    let clock = SystemClock::default();
    let mut time = BucketTime::start(&clock, retention, schema::number(conn, "time")?);
    let now = time.look(&clock);
    let until_ms = time.expired_until(now).unwrap_or(0);
    let marks: i64 = conn.query_row(
        &format!(
            "SELECT (SELECT coalesce(sum(count), 0) FROM onceward_segment WHERE state = {LIVE} AND bucket <= ?1)
                + (SELECT coalesce(sum(length(ids) / {WIDTH}), 0) FROM onceward_small WHERE bucket <= ?1)"
        ),
        [until_ms],
        |row| row.get(0),
    )?;
    let number = |pragma: &str| conn.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs);
    let free_bytes = number("freelist_count")?.saturating_mul(number("page_size")?);
    Ok(Expired { until_ms, marks: marks.unsigned_abs(), free_bytes })
}

/// Expires beside running consumers, in steps as short as theirs; gives pages back if nobody else has the file open.
///
/// # Errors
/// [`InboxError`] when the file can't be written.
pub fn prune(path: &Path, retention: Duration) -> Result<Pruned, InboxError> {
    let before = super::inspect::file_bytes(path);
    let upkeep = Upkeep::beside(path)?;
    let gone = upkeep.expired(retention)?;
    if gone.marks > 0 {
        upkeep.transaction(|conn| expire(conn, gone.until_ms))?;
    }
    while upkeep.transaction(purge)? {}
    drop(upkeep);
    let kept = match Upkeep::alone(path) {
        Ok(upkeep) => {
            let shrunk = upkeep.conn.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)");
            shrunk.map_err(|error| upkeep.said(&error))?;
            None
        }
        Err(error @ InboxError::InUse { .. }) => Some(error.to_string()),
        Err(error) => return Err(error),
    };
    Ok(Pruned { expired: gone, bytes: (before, super::inspect::file_bytes(path)), kept })
}
