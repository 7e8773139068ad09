//! What the campaign (`tests/faults`) and the process that it kills (`flights_child`) must agree on.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Handed to the child in the environment variable [`Orders::VARIABLE`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Orders {
    pub brokers: String,
    pub group: String,
    pub topic: String,
    /// The SQLite file with the inbox and the tables.
    pub inbox: PathBuf,
    /// Where this process writes what it does.
    pub history: PathBuf,
    pub member: String,
    /// Ends by itself when everything is read.
    pub until_end: bool,
    /// While this file exists, handlers wait.
    pub gate: PathBuf,
    /// While this file exists, handlers take their time, so that there is work left for every fault.
    pub pace: PathBuf,
    /// Whoever takes this file away slows its own commit down.
    pub slow_commit: PathBuf,
}

impl Orders {
    pub const VARIABLE: &'static str = "ONCEWARD_TEST_ORDERS";
    /// Attempts per event.
    pub const ATTEMPTS: u32 = 2;
    /// One row per durable effect, numbered in the order of commits.
    pub const JOURNAL: &'static str = "CREATE TABLE IF NOT EXISTS journal(number INTEGER PRIMARY KEY, at INTEGER NOT NULL, \
        part INTEGER NOT NULL, record INTEGER NOT NULL, lane TEXT NOT NULL, id TEXT NOT NULL, member TEXT NOT NULL, epoch INTEGER NOT NULL)";

    /// The orders that this process was started with.
    #[must_use]
    pub fn from_environment() -> Self {
        let text = std::env::var(Self::VARIABLE).expect("this program is started by tests/faults");
        serde_json::from_str(&text).expect("the orders are written by tests/faults")
    }

    /// The dead-letter topic.
    #[must_use]
    pub fn letters(&self) -> String {
        format!("{}.{}.dlt", self.topic, self.group)
    }

    /// The inbox as the configuration wants it.
    #[must_use]
    pub fn inbox_address(&self) -> String {
        format!("sqlite:{}", Path::display(&self.inbox))
    }
}

/// One service of a chain (`tests/chain`, `chain_child`).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Link {
    pub brokers: String,
    pub group: String,
    pub source: String,
    /// Where events are passed on to; the last of the chain keeps the table instead.
    pub target: Option<String>,
    pub inbox: PathBuf,
    /// Where this process writes what it does, and as whom.
    pub history: PathBuf,
    pub member: String,
}

impl Link {
    pub const VARIABLE: &'static str = "ONCEWARD_TEST_LINK";

    /// The link that this process was started as.
    #[must_use]
    pub fn from_environment() -> Self {
        let text = std::env::var(Self::VARIABLE).expect("this program is started by tests/chain");
        serde_json::from_str(&text).expect("the link is written by tests/chain")
    }
}

/// One process of the service that `tests/replays` mends (`replay_child`).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shift {
    pub brokers: String,
    pub group: String,
    pub topic: String,
    pub inbox: PathBuf,
    pub member: String,
    /// Once this file exists, the handler is mended.
    pub mended: PathBuf,
    /// While this file exists, handlers take their time.
    pub pace: PathBuf,
}

impl Shift {
    pub const VARIABLE: &'static str = "ONCEWARD_TEST_SHIFT";
    /// One row per durable effect, numbered in the order of commits.
    pub const JOURNAL: &'static str = "CREATE TABLE IF NOT EXISTS journal(number INTEGER PRIMARY KEY, part INTEGER NOT NULL, \
        record INTEGER NOT NULL, lane TEXT NOT NULL, member TEXT NOT NULL, replayed INTEGER NOT NULL)";

    /// The shift that this process was started for.
    #[must_use]
    pub fn from_environment() -> Self {
        let text = std::env::var(Self::VARIABLE).expect("this program is started by tests/replays");
        serde_json::from_str(&text).expect("the shift is written by tests/replays")
    }
}
