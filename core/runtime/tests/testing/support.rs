//! Consumers to put into a rig.

use std::time::Duration;

use onceward::testing::{Rig, RigOptions, SendOptions};
use onceward::{AutoOffsetReset, Backoff, Builder, Consumer, Event, Failure};

/// A consumer whose broker does not exist.
pub(crate) fn builder() -> Builder {
    Consumer::builder()
        .brokers("localhost:1")
        .group("billing")
        .inbox("sqlite:/does/not/exist/inbox.db")
        .auto_offset_reset(AutoOffsetReset::Earliest)
        .setup_sql(["CREATE TABLE IF NOT EXISTS seen(id TEXT NOT NULL, n INTEGER NOT NULL)"])
        .retry(Backoff::new().attempts(3).first(Duration::from_secs(1)))
}

/// Records that the event was seen.
pub(crate) fn see(event: &Event) {
    event.effect("INSERT INTO seen SELECT ?, COUNT(*) FROM seen", (event.id(),));
}

pub(crate) async fn seeing(event: Event) -> Result<(), Failure> {
    see(&event);
    Ok(())
}

pub(crate) fn seen(rig: &Rig) -> Vec<String> {
    rig.sql::<(String,)>("SELECT id FROM seen ORDER BY n").unwrap().into_iter().map(|row| row.0).collect()
}

pub(crate) fn rig(app: Consumer) -> Rig {
    Rig::with(app, RigOptions::new().patience(Duration::from_secs(120))).unwrap()
}

/// A record with this key and id; its value is the id.
pub(crate) fn event(key: &str, id: &str) -> SendOptions {
    SendOptions::new().key(key).value(id).id(id)
}
