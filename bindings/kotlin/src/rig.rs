//! A consumer without a broker, in simulated time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use onceward_bridge::testing::{Rig, RigOptions, SendOptions};
use onceward_bridge::{Fault, Filter, Value};

use crate::fault::{NativeFault, Result};
use crate::found::{NativeFound, NativeHeld, NativeLetter, NativePosition};
use crate::logs::{self, NativeLine};
use crate::session::NativeSession;
use crate::values::{NativeRecord, NativeValue, cells};

/// A rig of the runtime. What lets handlers run waits for them: they run on other threads meanwhile.
#[derive(uniffi::Object)]
pub struct NativeRig(Rig);

/// What letters are chosen by: everything that is given.
#[derive(uniffi::Record)]
pub struct NativeWhich {
    /// One cause.
    pub fingerprint: Option<String>,
    /// One reason.
    pub reason: Option<String>,
    /// One key.
    pub key: Option<Vec<u8>>,
    /// One partition.
    pub partition: Option<i32>,
    /// One letter.
    pub letter: Option<String>,
}

/// What the group does with a partition.
#[derive(Clone, Copy, uniffi::Enum)]
pub enum NativeMove {
    /// It asks for it back.
    Revoke,
    /// It is another's already.
    Lose,
    /// It gives it back.
    Assign,
}

#[uniffi::export]
impl NativeRig {
    /// Starts a consumer in a rig.
    #[uniffi::constructor]
    pub fn start(
        session: Arc<NativeSession>,
        seed: u64,
        begin: Option<i64>,
        partitions: HashMap<String, i32>,
        patience: Duration,
    ) -> Result<Arc<Self>> {
        let mut options = RigOptions::new().seed(seed).patience(patience);
        if let Some(begin) = begin {
            options = options.start(begin);
        }
        for (topic, count) in partitions {
            options = options.partitions(topic, count);
        }
        Ok(Arc::new(Self(session.inner.rig(options)?)))
    }

    /// Puts a record into a subscribed topic.
    pub fn send(&self, record: NativeRecord, timestamp: Option<i64>, partition: Option<i32>) -> Result<NativePosition> {
        let mut sent = SendOptions::new();
        if let Some(key) = record.key {
            sent = sent.key(key);
        }
        if let Some(value) = record.value {
            sent = sent.value(value);
        }
        for header in record.headers {
            sent = match header.value {
                Some(value) => sent.header(header.name, value),
                None => sent.null_header(header.name),
            };
        }
        if let Some(id) = record.id {
            sent = sent.id(id);
        }
        if let Some(timestamp) = timestamp {
            sent = sent.timestamp(timestamp);
        }
        if let Some(partition) = partition {
            sent = sent.partition(partition);
        }
        Ok(self.0.send(&record.topic, sent).map_err(fault)?.into())
    }

    /// Until nothing is left to do.
    pub fn run(&self) -> Result<()> {
        self.0.run().map_err(fault)
    }

    /// One step; false: nothing is left to do.
    pub fn step(&self) -> Result<bool> {
        self.0.step().map_err(fault)
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) -> Result<()> {
        self.0.advance(by).map_err(fault)
    }

    /// The process dies and starts again.
    pub fn crash(&self) -> Result<()> {
        self.0.crash().map_err(fault)
    }

    /// Simulated time since the beginning.
    pub fn now(&self) -> Duration {
        self.0.now()
    }

    /// The group does something with a partition.
    pub fn group(&self, what: NativeMove, topic: String, partition: i32) -> Result<()> {
        match what {
            NativeMove::Revoke => self.0.revoke(&topic, partition),
            NativeMove::Lose => self.0.lose(&topic, partition),
            NativeMove::Assign => self.0.assign(&topic, partition),
        }
        .map_err(fault)
    }

    /// The inbox fails to write so many times.
    pub fn fail_store(&self, times: u32) -> Result<()> {
        self.0.fail_store(times).map_err(fault)
    }

    /// The broker refuses so many writes.
    pub fn fail_produce(&self, times: u32) -> Result<()> {
        self.0.fail_produce(times).map_err(fault)
    }

    /// Asks that letters are handled again: how many were asked for.
    pub fn replay(&self, which: NativeWhich) -> Result<u32> {
        self.0.replay_where(which.filter()).map(count).map_err(fault)
    }

    /// Asks that letters are settled unhandled: how many were asked for.
    pub fn discard(&self, which: NativeWhich) -> Result<u32> {
        self.0.discard_where(which.filter()).map(count).map_err(fault)
    }

    /// Keys that wait behind a dead letter.
    pub fn held(&self) -> Vec<NativeHeld> {
        self.0.held().into_iter().map(Into::into).collect()
    }

    /// Ids of the events handled and marked.
    pub fn handled(&self) -> Vec<String> {
        self.0.handled()
    }

    /// Handler calls for an event.
    pub fn attempts(&self, id: String) -> u32 {
        self.0.attempts(&id)
    }

    /// The offset that the group has committed.
    pub fn committed(&self, topic: String, partition: i32) -> Option<i64> {
        self.0.committed(&topic, partition)
    }

    /// Oldest first.
    pub fn dead_letters(&self) -> Vec<NativeLetter> {
        self.0.dead_letters().into_iter().map(Into::into).collect()
    }

    /// In the order of arrival.
    pub fn published(&self) -> Vec<NativeFound> {
        self.0.published().into_iter().map(Into::into).collect()
    }

    /// Rows of tables in the inbox's file.
    pub fn sql(&self, query: String) -> Result<Vec<Vec<NativeValue>>> {
        let rows = self.0.sql::<Vec<Value>>(&query).map_err(fault)?;
        Ok(rows.into_iter().map(cells).collect())
    }

    /// Lines of the log.
    pub fn logs(&self) -> Vec<NativeLine> {
        self.0.logs().into_iter().map(|line| logs::native(&line.level, &line.target, line.message, line.fields)).collect()
    }

    /// Everything that happened.
    pub fn history(&self) -> Vec<String> {
        self.0.history().iter().map(ToString::to_string).collect()
    }
}

impl NativeWhich {
    fn filter(self) -> Filter {
        let (partitions, letters) = (self.partition.into_iter().collect(), self.letter.into_iter().collect());
        Filter { fingerprint: self.fingerprint, reason: self.reason, key: self.key, partitions, letters, ..Filter::default() }
    }
}

fn fault(error: impl Into<Fault>) -> NativeFault {
    NativeFault::from(error.into())
}

fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
