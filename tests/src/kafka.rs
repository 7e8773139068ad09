//! A real Kafka for tests: names of one's own, topics, records, offsets. Blocking, and plain rdkafka: it must not share code with what it tests.

mod admin;
mod records;
mod rights;

pub use admin::{alter, committed, create, delete, delete_all, delete_records, grow, members, set_committed};
pub use records::{Outgoing, Stored, produce, producer, read_all, transact};
pub use rights::{May, On, grant, withdraw};

use std::time::Duration;

use rdkafka::ClientConfig;

/// No step of a test takes longer than this on a machine that works.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The broker's address.
///
/// # Panics
/// If there is none. A test that needs a broker never passes by being left out.
#[must_use]
pub fn brokers() -> String {
    std::env::var("ONCEWARD_TEST_BROKERS").unwrap_or_else(|_| {
        panic!("this test needs a real Kafka: run `cargo xtask test`, or set ONCEWARD_TEST_BROKERS=$(cargo xtask kafka start)")
    })
}

/// A name that no other test and no earlier run has used, for topics and groups.
#[must_use]
pub fn unique(name: &str) -> String {
    format!("{name}-{}", uuid::Uuid::new_v4().simple())
}

/// A client's configuration for this broker.
#[must_use]
pub fn client(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("socket.timeout.ms", "10000");
    config
}

/// Calls `step` until it gives something.
///
/// # Panics
/// If that takes longer than [`PATIENCE`]; says what was waited for.
pub fn until<T>(what: &str, mut step: impl FnMut() -> Option<T>) -> T {
    let begun = std::time::Instant::now();
    loop {
        if let Some(got) = step() {
            return got;
        }
        assert!(begun.elapsed() < PATIENCE, "waited {PATIENCE:?} for this: {what}");
    }
}
