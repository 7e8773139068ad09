//! A consumer without a broker, in simulated time.

use std::collections::BTreeMap;
use std::sync::Arc;

use napi::bindgen_prelude::{AsyncTask, Buffer, Result, Uint8Array};
use napi::{Env, Task};
use napi_derive::napi;
use onceward_bridge::testing::{Rig as Inner, RigOptions, SendOptions};
use onceward_bridge::{Fault, Value};
use serde_json::json;

use crate::error::thrown;
use crate::session::Session;
use crate::values::{self, Cell, Headers, seconds};

/// A rig of the runtime. What lets handlers run is a promise: Node's thread handles meanwhile.
#[napi]
pub struct Rig(Arc<Inner>);

/// A record that lies in a topic.
#[napi(object)]
pub struct Found {
    /// Topic, partition and offset.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: f64,
    /// The key.
    pub key: Option<Buffer>,
    /// The value.
    pub value: Option<Buffer>,
    /// Headers in order.
    pub headers: Vec<(String, Option<Buffer>)>,
    /// The event's id.
    pub id: String,
    /// Of a letter: why.
    pub reason: Option<String>,
    /// Of a letter: handler calls.
    pub attempts: Option<u32>,
}

#[napi]
impl Rig {
    /// Starts a consumer in a rig.
    #[napi(constructor)]
    pub fn new(session: &Session, seed: f64, start: Option<f64>, partitions: Vec<(String, i32)>, patience: f64) -> Result<Self> {
        let mut options = RigOptions::new().seed(whole(seed).unsigned_abs()).patience(seconds(patience)?);
        if let Some(start) = start {
            options = options.start(whole(start));
        }
        for (topic, count) in BTreeMap::from_iter(partitions) {
            options = options.partitions(topic, count);
        }
        session.inner.rig(options).map(|rig| Self(Arc::new(rig))).map_err(|fault| thrown(&fault))
    }

    /// Puts a record into a subscribed topic; answers topic, partition and offset as JSON.
    #[napi]
    #[allow(clippy::too_many_arguments, reason = "the parts of a record")]
    pub fn send(
        &self,
        topic: String,
        key: Option<Uint8Array>,
        value: Option<Uint8Array>,
        headers: Headers,
        id: Option<String>,
        timestamp: Option<f64>,
        partition: Option<i32>,
    ) -> Result<String> {
        let mut record = SendOptions::new();
        if let Some(key) = key {
            record = record.key(key);
        }
        if let Some(value) = value {
            record = record.value(&value);
        }
        for (name, value) in headers {
            record = match value {
                Some(value) => record.header(name, value),
                None => record.null_header(name),
            };
        }
        if let Some(id) = id {
            record = record.id(id);
        }
        if let Some(timestamp) = timestamp {
            record = record.timestamp(whole(timestamp));
        }
        if let Some(partition) = partition {
            record = record.partition(partition);
        }
        let position = self.0.send(&topic, record).map_err(fault)?;
        Ok(json!({"topic": position.topic, "partition": position.partition, "offset": position.offset}).to_string())
    }

    /// Until nothing is left to do.
    #[napi(ts_return_type = "Promise<boolean>")]
    pub fn run(&self) -> AsyncTask<Call> {
        self.call(|rig| rig.run().map(|()| true))
    }

    /// One step; false: nothing is left to do.
    #[napi(ts_return_type = "Promise<boolean>")]
    pub fn step(&self) -> AsyncTask<Call> {
        self.call(Inner::step)
    }

    /// Lets time pass.
    #[napi(ts_return_type = "Promise<boolean>")]
    pub fn advance(&self, by: f64) -> Result<AsyncTask<Call>> {
        let by = seconds(by)?;
        Ok(self.call(move |rig| rig.advance(by).map(|()| true)))
    }

    /// The process dies and starts again.
    #[napi(ts_return_type = "Promise<boolean>")]
    pub fn crash(&self) -> AsyncTask<Call> {
        self.call(|rig| rig.crash().map(|()| true))
    }

    /// Seconds of simulated time.
    #[napi]
    pub fn now(&self) -> f64 {
        self.0.now().as_secs_f64()
    }

    /// `revoke`, `lose` or `assign`.
    #[napi]
    pub fn group(&self, what: String, topic: String, partition: i32) -> Result<()> {
        match what.as_str() {
            "revoke" => self.0.revoke(&topic, partition),
            "lose" => self.0.lose(&topic, partition),
            _ => self.0.assign(&topic, partition),
        }
        .map_err(fault)
    }

    /// The inbox fails to write so many times.
    #[napi]
    pub fn fail_store(&self, times: u32) -> Result<()> {
        self.0.fail_store(times).map_err(fault)
    }

    /// The broker refuses so many writes.
    #[napi]
    pub fn fail_produce(&self, times: u32) -> Result<()> {
        self.0.fail_produce(times).map_err(fault)
    }

    /// Ids of the events handled and marked.
    #[napi]
    pub fn handled(&self) -> Vec<String> {
        self.0.handled()
    }

    /// Handler calls for an event.
    #[napi]
    pub fn attempts(&self, id: String) -> u32 {
        self.0.attempts(&id)
    }

    /// The offset that the group has committed.
    #[napi]
    #[allow(clippy::cast_precision_loss, reason = "nobody sends 2^53 records to a rig")]
    pub fn committed(&self, topic: String, partition: i32) -> Option<f64> {
        self.0.committed(&topic, partition).map(|offset| offset as f64)
    }

    /// Oldest first.
    #[napi]
    pub fn dead_letters(&self) -> Vec<Found> {
        let one = |letter: onceward_bridge::testing::DeadLetter| {
            let (reason, attempts, id) = (letter.reason().to_owned(), letter.attempts(), letter.event_id().to_owned());
            let found = found(letter.position, letter.key, letter.value, letter.headers.0, id);
            Found { reason: Some(reason), attempts: Some(attempts), ..found }
        };
        self.0.dead_letters().into_iter().map(one).collect()
    }

    /// In the order of arrival.
    #[napi]
    pub fn published(&self) -> Vec<Found> {
        let one = |one: onceward_bridge::testing::Published| found(one.position, one.key, one.value, one.headers.0, one.id);
        self.0.published().into_iter().map(one).collect()
    }

    /// Rows of tables in the inbox's file.
    #[napi]
    pub fn sql(&self, query: String) -> Result<Vec<Vec<Cell>>> {
        let rows = self.0.sql::<Vec<Value>>(&query).map_err(fault)?;
        Ok(rows.into_iter().map(|row| row.into_iter().map(values::cell).collect()).collect())
    }

    /// Lines of the log, as JSON.
    #[napi]
    pub fn logs(&self) -> String {
        serde_json::Value::from_iter(
            self.0
                .logs()
                .into_iter()
                .map(|line| json!({"level": line.level, "target": line.target, "message": line.message, "fields": line.fields})),
        )
        .to_string()
    }

    /// Everything that happened.
    #[napi]
    pub fn history(&self) -> Vec<String> {
        self.0.history().iter().map(ToString::to_string).collect()
    }

    fn call<E: Into<Fault>>(&self, act: impl FnOnce(&Inner) -> std::result::Result<bool, E> + Send + 'static) -> AsyncTask<Call> {
        let act: Act = Box::new(move |rig| act(rig).map_err(Into::into));
        AsyncTask::new(Call { rig: Arc::clone(&self.0), act: Some(act) })
    }
}

type Act = Box<dyn FnOnce(&Inner) -> std::result::Result<bool, Fault> + Send>;

/// A call that waits for handlers: on another thread, while Node's own handles.
pub struct Call {
    rig: Arc<Inner>,
    act: Option<Act>,
}

impl Task for Call {
    type Output = bool;
    type JsValue = bool;

    fn compute(&mut self) -> Result<bool> {
        self.act.take().map_or(Ok(false), |act| act(&self.rig).map_err(|fault| thrown(&fault)))
    }

    fn resolve(&mut self, _: Env, moved: bool) -> Result<bool> {
        Ok(moved)
    }
}

fn fault(error: impl Into<Fault>) -> napi::Error {
    thrown(&error.into())
}

#[allow(clippy::cast_precision_loss, reason = "nobody sends 2^53 records to a rig")]
fn found(
    position: onceward_bridge::testing::Position,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    id: String,
) -> Found {
    let headers = headers.into_iter().map(|(name, value)| (String::from_utf8_lossy(&name).into_owned(), value.map(Into::into))).collect();
    Found {
        topic: position.topic,
        partition: position.partition,
        offset: position.offset as f64,
        key: key.map(Into::into),
        value: value.map(Into::into),
        headers,
        id,
        reason: None,
        attempts: None,
    }
}

#[allow(clippy::cast_possible_truncation, reason = "numbers of JavaScript that stand for milliseconds or a seed")]
fn whole(number: f64) -> i64 {
    number as i64
}
