//! The hand-written idempotent consumer: check the id, apply, mark, in one transaction per record or per batch.

use std::path::Path;
use std::time::{Duration, Instant};

use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::message::{BorrowedMessage, Headers as _};
use rusqlite::Connection;

use super::base;
use crate::Outcome;
use crate::env::{self, Line};

struct Store {
    connection: Connection,
    upsert: bool,
}

impl Store {
    fn open() -> Outcome<Self> {
        let path = env::text("DB", "bench.db");
        for suffix in ["", "-wal", "-shm"] {
            let file = format!("{path}{suffix}");
            if Path::new(&file).exists() {
                std::fs::remove_file(file)?;
            }
        }
        let connection = Connection::open(&path)?;
        connection.execute_batch(&format!(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous={};
             CREATE TABLE processed(id TEXT PRIMARY KEY) WITHOUT ROWID;
             CREATE TABLE balance(entity TEXT PRIMARY KEY, amount INTEGER NOT NULL) WITHOUT ROWID;",
            env::text("SYNC", "NORMAL")
        ))?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(Self { connection, upsert: env::text("HANDLER", "mark") == "upsert" })
    }

    fn transaction(&self, records: &[BorrowedMessage<'_>]) -> Outcome<u64> {
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let mut copies = 0;
        for record in records {
            copies += u64::from(!self.apply(record)?);
        }
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(copies)
    }

    /// True: new. False: a copy.
    fn apply(&self, record: &BorrowedMessage<'_>) -> Outcome<bool> {
        let id = record
            .headers()
            .and_then(|headers| headers.iter().find(|header| header.key == "ce_id").and_then(|header| header.value))
            .ok_or("a record without ce_id")?;
        let id = std::str::from_utf8(id)?;
        if self.connection.prepare_cached("SELECT 1 FROM processed WHERE id=?1")?.exists([id])? {
            return Ok(false);
        }
        if self.upsert {
            let value: serde_json::Value = serde_json::from_slice(record.payload().unwrap_or_default())?;
            let entity = std::str::from_utf8(record.key().unwrap_or_default())?;
            let sql = "INSERT INTO balance(entity,amount) VALUES(?1,?2) ON CONFLICT(entity) DO UPDATE SET amount=amount+excluded.amount";
            self.connection.prepare_cached(sql)?.execute((entity, value["amount"].as_i64()))?;
        }
        self.connection.prepare_cached("INSERT INTO processed(id) VALUES(?1)")?.execute([id])?;
        Ok(true)
    }
}

pub(super) fn run() -> Outcome<()> {
    let started = Instant::now();
    let count = env::number("COUNT", 1_000);
    let size = usize::try_from(env::number("BATCH", 1))?.max(1);
    let store = Store::open()?;
    let consumer = base::consumer()?;
    let (mut seen, mut copies, mut first) = (0, 0, started);
    while seen < count {
        let records = batch(&consumer, size.min(usize::try_from(count - seen)?));
        if records.is_empty() {
            continue;
        }
        if seen == 0 {
            first = Instant::now();
        }
        copies += store.transaction(&records)?;
        seen += records.len() as u64;
    }
    consumer.commit_consumer_state(CommitMode::Sync)?;
    let mut line = Line::new("hand", seen, first, started);
    line.dups = copies;
    line.print();
    Ok(())
}

fn batch(consumer: &BaseConsumer, size: usize) -> Vec<BorrowedMessage<'_>> {
    let mut records = Vec::with_capacity(size);
    while records.len() < size {
        match consumer.poll(Duration::from_millis(50)) {
            Some(Ok(record)) => records.push(record),
            _ => break,
        }
    }
    records
}
