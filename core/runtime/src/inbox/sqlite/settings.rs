//! What an SQLite inbox is opened with.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use crate::inbox::{Clock, SystemClock};

/// Settings of a [`super::SqliteInbox`].
#[derive(Clone)]
pub struct SqliteSettings {
    /// The file. Made when it is missing; its folder must exist.
    pub path: PathBuf,
    /// The consumer group: positions are kept per group, so that several groups may share the file.
    pub group: String,
    /// How long marks of event ids are kept.
    pub retention: Duration,
    /// A folder of files that run once each, before `setup_sql`.
    pub migrations: Option<PathBuf>,
    /// Run in order at every open, before anything else: `CREATE TABLE IF NOT EXISTS …`.
    pub setup_sql: Vec<String>,
    /// Whether a constraint violation of a recorded statement is declared fatal.
    pub fatal_constraints: bool,
    /// The longest that a small group of marks waits for company.
    pub group_wait: Duration,
    /// How many marks one transaction takes; what was flushed together is never split.
    pub group_size: usize,
    /// Memory for filters. Beyond it, older marks are looked up on disk.
    pub filter_bytes: u64,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// How many marks of other processes are kept in memory until the driver's side knows them; beyond, the file is asked.
    #[doc(hidden)]
    pub foreign_ids: usize,
    /// The most pages the file may have, asked before each transaction; 0 for no limit. Tests fill a disk with it.
    #[doc(hidden)]
    pub page_limit: Arc<AtomicU32>,
}

impl SqliteSettings {
    /// The defaults.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, group: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            group: group.into(),
            retention: Duration::from_secs(7 * 24 * 3600),
            migrations: None,
            setup_sql: Vec::new(),
            fatal_constraints: false,
            group_wait: Duration::from_millis(5),
            group_size: 8_192,
            filter_bytes: 64 << 20,
            clock: Arc::new(SystemClock::default()),
            foreign_ids: 262_144,
            page_limit: Arc::default(),
        }
    }
}
