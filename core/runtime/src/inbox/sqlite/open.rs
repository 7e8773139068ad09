//! Opening the file: what is refused, and why.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rusqlite::{Connection, MAIN_DB, OpenFlags};

use super::effects::Guard;
use super::fault::{BUSY_TIMEOUT, at_open, words};
use super::migrate::migrate;
use super::mount::network_file_system;
use super::schema;
use super::settings::SqliteSettings;
use crate::inbox::InboxError;

/// The first SQLite without the WAL-reset race.
const OLDEST_SQLITE: i32 = 3_051_003;
/// Page cache, taken as needed. Folding deletes small rows, and SQLite reads each of their pages to do so: they should still be here.
const CACHE_KIB: i64 = -8_192;
const HEADER: &[u8; 16] = b"SQLite format 3\0";

/// A connection and the guard over its statements.
pub(super) struct Store {
    pub(super) conn: Connection,
    pub(super) guard: Guard,
    /// `data_version` when we last saw foreign commits; `None` before the first look.
    pub(super) seen: Option<i64>,
    /// `data_version` when every row of the outbox was last handed to the relay.
    pub(super) relayed: Option<i64>,
}

impl Store {
    /// Begins a transaction that may write. Like [`Store::commit`] prepared once: each group needs both.
    pub(super) fn begin(&self) -> rusqlite::Result<()> {
        self.conn.prepare_cached("BEGIN IMMEDIATE")?.execute([]).map(drop)
    }

    pub(super) fn commit(&self) -> rusqlite::Result<()> {
        self.conn.prepare_cached("COMMIT")?.execute([]).map(drop)
    }
}

/// Checks the file, makes our tables if they are missing, and runs `migrations` and `setup_sql`. Answers which file it is.
pub(super) fn first(settings: &SqliteSettings) -> Result<(Store, String), InboxError> {
    let path = settings.path.display().to_string();
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(InboxError::OldSqlite { found: rusqlite::version().to_owned() });
    }
    check_place(&settings.path, &path)?;
    let store = connect(&settings.path)?;
    prepare(&store.conn, &path)?;
    if let Some(folder) = &settings.migrations {
        migrate(&store, folder, &path)?;
    }
    for (index, sql) in settings.setup_sql.iter().enumerate() {
        let said = |error: &rusqlite::Error| InboxError::Setup { index, detail: words(error) };
        store.conn.execute_batch("BEGIN IMMEDIATE").map_err(|error| at_open(&path, &error))?;
        if let Err(error) = store.guard.watch(|| store.conn.execute_batch(sql)) {
            drop(store.conn.execute_batch("ROLLBACK"));
            return Err(said(&error));
        }
        store.conn.execute_batch("COMMIT").map_err(|error| said(&error))?;
    }
    let instance = schema::instance(&store.conn).map_err(|error| at_open(&path, &error))?;
    Ok((store, instance))
}

/// Opens the file again, or a second time. It must be the one that was opened first.
pub(super) fn again(settings: &SqliteSettings, instance: &str) -> Result<Store, rusqlite::Error> {
    let store = raw(&settings.path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    if schema::instance(&store.conn)? != instance {
        return Err(rusqlite::Error::InvalidQuery);
    }
    Ok(store)
}

fn connect(path: &Path) -> Result<Store, InboxError> {
    raw(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)
        .map_err(|error| at_open(&path.display().to_string(), &error))
}

fn raw(path: &Path, flags: OpenFlags) -> rusqlite::Result<Store> {
    let mut conn = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(128);
    conn.pragma_update(None, "mmap_size", 0)?;
    conn.pragma_update(None, "cache_size", CACHE_KIB)?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    let guard = Guard::install(&mut conn)?;
    Ok(Store { conn, guard, seen: None, relayed: None })
}

pub(super) fn check_place(path: &Path, name: &str) -> Result<(), InboxError> {
    let refuse = |detail: String| Err(InboxError::Store { path: name.to_owned(), detail });
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        return refuse(format!("the folder {} does not exist; create it, or name another file in `inbox`", folder.display()));
    }
    if let Some(kind) = network_file_system(folder) {
        return Err(InboxError::NetworkFileSystem { path: name.to_owned(), kind });
    }
    if path.is_dir() {
        return refuse("is a folder; name a file in it".to_owned());
    }
    let Ok(mut file) = File::open(path) else { return Ok(()) };
    let mut header = [0; 16];
    let empty = file.metadata().is_ok_and(|data| data.len() == 0);
    if !empty && (file.read_exact(&mut header).is_err() || &header != HEADER) {
        return Err(InboxError::NotADatabase { path: name.to_owned() });
    }
    Ok(())
}

fn prepare(conn: &Connection, path: &str) -> Result<(), InboxError> {
    let said = |error: &rusqlite::Error| at_open(path, error);
    let version = schema::found(conn).map_err(|error| said(&error))?;
    if let Some(found) = version
        && found > schema::VERSION
    {
        return Err(InboxError::Newer { path: path.to_owned(), found, known: schema::VERSION });
    }
    if conn.is_readonly(MAIN_DB).unwrap_or(true) {
        let detail = "is read-only; make it and its folder writable for this user (SQLite keeps two more files beside it)".to_owned();
        return Err(InboxError::Store { path: path.to_owned(), detail });
    }
    let mode: String = conn.query_row("PRAGMA journal_mode=WAL", [], |row| row.get(0)).map_err(|error| said(&error))?;
    if !mode.eq_ignore_ascii_case("wal") {
        let detail = format!("can't use write-ahead logging (journal mode stays `{mode}`); put it on a local disk");
        return Err(InboxError::Store { path: path.to_owned(), detail });
    }
    conn.execute_batch("BEGIN IMMEDIATE").map_err(|error| said(&error))?;
    // Another process may have made the tables between the look above and our turn to write.
    let made = match schema::found(conn) {
        Ok(None) => schema::create(conn),
        Ok(Some(found)) if found < schema::VERSION => schema::upgrade(conn, found),
        Ok(Some(_)) => Ok(()),
        Err(error) => Err(error),
    };
    let done = made.and_then(|()| conn.execute_batch("COMMIT"));
    if done.is_err() && !conn.is_autocommit() {
        drop(conn.execute_batch("ROLLBACK"));
    }
    done.map_err(|error| said(&error))
}
