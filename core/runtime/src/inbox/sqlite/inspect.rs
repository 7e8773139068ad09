//! Looks at an inbox without changing it, for `onceward inbox stats`.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::entry::WIDTH;
use super::fault::at_open;
use super::schema::{self, LIVE};
use crate::inbox::InboxError;
use crate::inbox::ranges::OffsetRanges;

/// What lies in an inbox file.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct InboxReport {
    /// The file.
    pub path: String,
    /// Version of its tables.
    pub version: i64,
    /// Bytes of the file and its write-ahead log.
    pub file_bytes: u64,
    /// Marks of event ids.
    pub marks: u64,
    /// Live segments.
    pub segments: u64,
    /// Small rows not yet folded into a segment.
    pub small_rows: u64,
    /// Buckets of time, oldest first.
    pub buckets: Vec<BucketReport>,
    /// Groups that use the file.
    pub groups: Vec<String>,
    /// Positions, by group, topic and partition.
    pub positions: Vec<PositionReport>,
    /// What waits in the outbox, by group; groups without anything are left out.
    pub outbox: Vec<OutboxReport>,
}

/// A bucket of time.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct BucketReport {
    /// Its end, in milliseconds since 1970: it expires one retention after that.
    pub until_ms: i64,
    /// Marks in it.
    pub marks: u64,
}

/// What a group has published and the broker has not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct OutboxReport {
    /// The group.
    pub group: String,
    /// Events that wait.
    pub pending: u64,
    /// Bytes of their rows.
    pub bytes: u64,
    /// When the oldest was written, in milliseconds since 1970.
    pub oldest_ms: i64,
    /// Those of them that the broker refuses, with those that wait behind them.
    pub refused: u64,
    /// What the broker said, each once, at most ten.
    pub reasons: Vec<String>,
}

/// What is remembered of a partition.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct PositionReport {
    /// The group.
    pub group: String,
    /// The topic.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
    /// The committed offset.
    pub committed: Option<i64>,
    /// Events handled above it that are known by their coordinates.
    pub handled_above: u64,
}

/// Reads an inbox. Takes no lock that a running consumer would notice.
///
/// # Errors
/// [`InboxError`] when the file can't be read, is not an inbox, or is newer.
pub fn inspect(path: &Path) -> Result<InboxReport, InboxError> {
    let name = path.display().to_string();
    let said = |error: rusqlite::Error| at_open(&name, &error);
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(said)?;
    conn.busy_timeout(Duration::from_secs(5)).map_err(said)?;
    let version = schema::found(&conn).map_err(said)?;
    let Some(version) = version else {
        return Err(InboxError::NoInbox { path: name });
    };
    if version > schema::VERSION {
        return Err(InboxError::Newer { path: name, found: version, known: schema::VERSION });
    }
    let file_bytes = file_bytes(path);
    read(
        &conn,
        InboxReport {
            path: name.clone(),
            version,
            file_bytes,
            marks: 0,
            segments: 0,
            small_rows: 0,
            buckets: Vec::new(),
            groups: Vec::new(),
            positions: Vec::new(),
            outbox: Vec::new(),
        },
    )
    .map_err(said)
}

/// A file and its write-ahead log.
pub(super) fn file_bytes(path: &Path) -> u64 {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    [path, Path::new(&log)].into_iter().filter_map(|part| std::fs::metadata(part).ok()).map(|data| data.len()).sum()
}

fn read(conn: &Connection, mut report: InboxReport) -> rusqlite::Result<InboxReport> {
    conn.execute_batch("BEGIN")?;
    let count = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs);
    report.segments = count(&format!("SELECT count(*) FROM onceward_segment WHERE state = {LIVE}"))?;
    report.small_rows = count("SELECT count(*) FROM onceward_small")?;
    let buckets = format!(
        "SELECT bucket, sum(marks) FROM (SELECT bucket, count AS marks FROM onceward_segment WHERE state = {LIVE}
         UNION ALL SELECT bucket, length(ids) / {WIDTH} FROM onceward_small) GROUP BY bucket ORDER BY bucket"
    );
    report.buckets = conn
        .prepare(&buckets)?
        .query_map([], |row| Ok(BucketReport { until_ms: row.get(0)?, marks: row.get::<_, i64>(1)?.unsigned_abs() }))?
        .collect::<rusqlite::Result<_>>()?;
    report.marks = report.buckets.iter().fold(0, |sum, bucket| sum.saturating_add(bucket.marks));
    report.positions = conn
        .prepare("SELECT consumer_group, topic, partition, committed, handled FROM onceward_position ORDER BY 1, 2, 3")?
        .query_map([], |row| {
            let handled = OffsetRanges::decode(row.get_ref(4)?.as_blob()?).unwrap_or_default();
            Ok(PositionReport {
                group: row.get(0)?,
                topic: row.get(1)?,
                partition: row.get(2)?,
                committed: row.get(3)?,
                handled_above: handled.count(),
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    report.groups = report.positions.iter().map(|position| position.group.clone()).collect();
    report.groups.dedup();
    // A file of version 1 has no outbox.
    if report.version >= 2 {
        report.outbox = outbox(conn)?;
    }
    conn.execute_batch("COMMIT")?;
    Ok(report)
}

fn outbox(conn: &Connection) -> rusqlite::Result<Vec<OutboxReport>> {
    let number = |row: &rusqlite::Row<'_>, column: usize| row.get::<_, i64>(column).map(|value| u64::try_from(value).unwrap_or(0));
    let mut reports: Vec<OutboxReport> = conn
        .prepare(
            "SELECT consumer_group, SUM(events), SUM(length(records)), MIN(written), SUM(CASE WHEN refused IS NULL THEN 0 ELSE events END)
             FROM onceward_outbox GROUP BY 1 ORDER BY 1",
        )?
        .query_map([], |row| {
            let (pending, bytes, refused) = (number(row, 1)?, number(row, 2)?, number(row, 4)?);
            Ok(OutboxReport { group: row.get(0)?, pending, bytes, oldest_ms: row.get(3)?, refused, reasons: Vec::new() })
        })?
        .collect::<rusqlite::Result<_>>()?;
    for report in &mut reports {
        report.reasons = conn
            .prepare("SELECT DISTINCT refused FROM onceward_outbox WHERE consumer_group = ?1 AND refused IS NOT NULL ORDER BY 1 LIMIT 10")?
            .query_map([&report.group], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
    }
    Ok(reports)
}
