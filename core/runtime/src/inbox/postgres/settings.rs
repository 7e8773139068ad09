//! What a Postgres inbox needs to know.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::address::Address;
use crate::inbox::{Clock, SystemClock};

/// Settings of a Postgres inbox.
#[derive(Clone)]
pub struct PostgresSettings {
    /// Where it is.
    pub address: Address,
    /// The consumer group: several may share a database.
    pub group: String,
    /// How long marks are kept.
    pub retention: Duration,
    /// A folder of SQL files that run once each, before `setup_sql`.
    pub migrations: Option<PathBuf>,
    /// Statements that run at open.
    pub setup_sql: Vec<String>,
    /// Whether a violated constraint is fatal for its event rather than worth another attempt.
    pub fatal_constraints: bool,
    /// Marks of one transaction.
    pub group_size: usize,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
}

impl PostgresSettings {
    /// The defaults.
    #[must_use]
    pub fn new(address: Address, group: impl Into<String>) -> Self {
        Self {
            address,
            group: group.into(),
            retention: Duration::from_secs(7 * 24 * 3600),
            migrations: None,
            setup_sql: Vec::new(),
            fatal_constraints: false,
            group_size: 8_192,
            clock: Arc::new(SystemClock::default()),
        }
    }
}
