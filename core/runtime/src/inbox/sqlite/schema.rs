//! Our tables. They live beside the user's, so their version is a row of ours and not `user_version`.

use rusqlite::{Connection, OptionalExtension, Result};

/// The version of our tables that this library writes.
pub const VERSION: i64 = 2;

/// States of a segment: a merge still writes it; it counts; its chunks may be deleted. Statements compare with the number itself: SQLite
/// prepares a statement again whenever a parameter changes that its planner looked at.
pub(super) const BUILDING: i64 = 0;
/// See [`BUILDING`].
pub(super) const LIVE: i64 = 1;
/// See [`BUILDING`].
pub(super) const DEAD: i64 = 2;

/// One sequence numbers segments, chunks and small rows, inside the transaction that writes them: numbers rise in the order of
/// commits, so "newer than what I have seen" is a comparison. The chunks of a segment follow its own number. A bucket is named by
/// its end in milliseconds since 1970. `newest` is the highest number among what was merged into a segment.
const TABLES: &str = "
CREATE TABLE onceward_meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE onceward_segment(id INTEGER PRIMARY KEY, bucket INTEGER NOT NULL, count INTEGER NOT NULL, chunks INTEGER NOT NULL,
    newest INTEGER NOT NULL, state INTEGER NOT NULL, started INTEGER NOT NULL);
CREATE TABLE onceward_chunk(id INTEGER PRIMARY KEY, ids BLOB NOT NULL);
CREATE TABLE onceward_small(id INTEGER PRIMARY KEY, bucket INTEGER NOT NULL, ids BLOB NOT NULL);
CREATE TABLE onceward_position(consumer_group TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL, topic_id BLOB NOT NULL,
    committed INTEGER, handled BLOB NOT NULL, revision INTEGER NOT NULL, PRIMARY KEY(consumer_group, topic, partition)) WITHOUT ROWID;
INSERT INTO onceward_meta VALUES ('sequence', 0), ('reshaped', 0), ('time', 0);
";

/// What version 2 added: the outbox, a row for each transaction that publishes (`refused`: what the broker said of what is left of it), and
/// which files of `migrations` have run.
const SECOND: &str = "
CREATE TABLE onceward_outbox(id INTEGER PRIMARY KEY, consumer_group TEXT NOT NULL, written INTEGER NOT NULL, events INTEGER NOT NULL,
    refused TEXT, records BLOB NOT NULL);
CREATE TABLE onceward_migration(name TEXT PRIMARY KEY, checksum TEXT NOT NULL, applied INTEGER NOT NULL) WITHOUT ROWID;
";

/// Our tables as SQL, for people who make tables themselves: a consumer that finds them does not make them again.
#[must_use]
pub fn ddl() -> String {
    format!(
        "{}{SECOND}INSERT INTO onceward_meta VALUES ('version', {VERSION}), ('instance', lower(hex(randomblob(16))));\n",
        TABLES.trim_start()
    )
    .replace("\n\n", "\n")
}

/// The version found in a file, if our tables are there.
pub(super) fn found(conn: &Connection) -> Result<Option<i64>> {
    let there: bool =
        conn.query_row("SELECT EXISTS(SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'onceward_meta')", [], |row| row.get(0))?;
    if there { conn.query_row("SELECT value FROM onceward_meta WHERE key = 'version'", [], |row| row.get(0)).optional() } else { Ok(None) }
}

/// Makes our tables; inside a transaction.
pub(super) fn create(conn: &Connection) -> Result<()> {
    conn.execute_batch(TABLES)?;
    conn.execute_batch(SECOND)?;
    conn.execute("INSERT INTO onceward_meta VALUES ('version', ?1), ('instance', ?2)", (VERSION, uuid::Uuid::new_v4().to_string()))?;
    Ok(())
}

/// Brings the tables of an older version up to this one; inside a transaction.
pub(super) fn upgrade(conn: &Connection, found: i64) -> Result<()> {
    if found < 2 {
        conn.execute_batch(SECOND)?;
    }
    conn.execute("UPDATE onceward_meta SET value = ?1 WHERE key = 'version'", [VERSION]).map(drop)
}

/// A number of ours.
pub(super) fn number(conn: &Connection, key: &str) -> Result<i64> {
    conn.prepare_cached("SELECT value FROM onceward_meta WHERE key = ?1")?.query_row([key], |row| row.get(0))
}

/// Sets a number of ours.
pub(super) fn set_number(conn: &Connection, key: &str, value: i64) -> Result<()> {
    conn.prepare_cached("UPDATE onceward_meta SET value = ?2 WHERE key = ?1")?.execute((key, value))?;
    Ok(())
}

/// Says that segments changed otherwise than by addition: everybody reads the list again.
pub(super) fn reshape(conn: &Connection) -> Result<()> {
    conn.prepare_cached("UPDATE onceward_meta SET value = value + 1 WHERE key = 'reshaped'")?.execute([])?;
    Ok(())
}

/// Takes that many numbers of the sequence; answers the first.
pub(super) fn allocate(conn: &Connection, count: i64) -> Result<i64> {
    let last: i64 = conn
        .prepare_cached("UPDATE onceward_meta SET value = value + ?1 WHERE key = 'sequence' RETURNING value")?
        .query_row([count], |row| row.get(0))?;
    Ok(last.saturating_sub(count).saturating_add(1))
}

/// Which file this is: a file put in its place carries another name.
pub(super) fn instance(conn: &Connection) -> Result<String> {
    conn.query_row("SELECT value FROM onceward_meta WHERE key = 'instance'", [], |row| row.get(0))
}
