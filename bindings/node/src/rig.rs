//! A consumer without a broker, in simulated time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::Builder;

use napi::Env;
use napi::bindgen_prelude::{Buffer, Object, Result, Uint8Array};
use napi_derive::napi;
use onceward_bridge::testing::{Rig as Inner, RigOptions, SendOptions};
use onceward_bridge::{Fault, Filter, Value};
use serde_json::json;

use crate::error::{thrown, wrong};
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
    /// Of a letter: how it stands.
    pub state: Option<String>,
    /// Of a letter: replays of it that failed.
    pub replays: Option<u32>,
    /// Of a letter: its id.
    pub letter_id: Option<String>,
    /// Of a letter: what letters of one cause have in common.
    pub fingerprint: Option<String>,
}

/// A key whose later events wait behind a dead letter.
#[napi(object)]
pub struct Waiting {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The key of the letter's record.
    pub key: Option<Buffer>,
    /// The id of the event whose letter has to be settled.
    pub letter: String,
    /// Ids of the events behind it, in their order.
    pub behind: Vec<String>,
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
    pub fn run<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        self.call(env, |rig| rig.run().map(|()| true))
    }

    /// One step; false: nothing is left to do.
    #[napi(ts_return_type = "Promise<boolean>")]
    pub fn step<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        self.call(env, Inner::step)
    }

    /// Lets time pass.
    #[napi(ts_return_type = "Promise<boolean>")]
    pub fn advance<'env>(&self, env: &'env Env, by: f64) -> Result<Object<'env>> {
        let by = seconds(by)?;
        self.call(env, move |rig| rig.advance(by).map(|()| true))
    }

    /// The process dies and starts again.
    #[napi(ts_return_type = "Promise<boolean>")]
    pub fn crash<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        self.call(env, |rig| rig.crash().map(|()| true))
    }

    /// Seconds of simulated time.
    #[napi]
    pub fn now(&self) -> f64 {
        self.0.now().as_secs_f64()
    }

    /// The group decides about a partition.
    #[napi]
    pub fn group(&self, #[napi(ts_arg_type = "'revoke' | 'lose' | 'assign'")] what: String, topic: String, partition: i32) -> Result<()> {
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

    /// Asks that letters are handled again, or (`discard`) settled unhandled: those that have everything that is given. How many were asked for.
    #[napi]
    #[allow(clippy::too_many_arguments, reason = "what letters are chosen by")]
    pub fn settle(
        &self,
        #[napi(ts_arg_type = "'replay' | 'discard'")] verb: String,
        fingerprint: Option<String>,
        reason: Option<String>,
        key: Option<Uint8Array>,
        partition: Option<i32>,
        letter: Option<String>,
    ) -> Result<u32> {
        let (partitions, letters) = (partition.into_iter().collect(), letter.into_iter().collect());
        let which = Filter { fingerprint, reason, key: key.map(|key| key.to_vec()), partitions, letters, ..Filter::default() };
        let asked = if verb == "discard" { self.0.discard_where(which) } else { self.0.replay_where(which) };
        asked.map(|count| u32::try_from(count).unwrap_or(u32::MAX)).map_err(fault)
    }

    /// Keys that wait behind a dead letter.
    #[napi]
    pub fn held(&self) -> Vec<Waiting> {
        let one = |held: onceward_bridge::testing::HeldKey| Waiting {
            topic: held.topic,
            partition: held.partition,
            key: held.key.map(Into::into),
            letter: held.letter,
            behind: held.behind,
        };
        self.0.held().into_iter().map(one).collect()
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
            let (state, replays) = (letter.state().to_string(), letter.replays);
            let (letter_id, fingerprint) = (letter.letter.id.unwrap_or_default(), letter.letter.fingerprint.unwrap_or_default());
            let found = found(letter.position, letter.key, letter.value, letter.headers.0, id);
            let found = Found { reason: Some(reason), attempts: Some(attempts), state: Some(state), replays: Some(replays), ..found };
            Found { letter_id: Some(letter_id), fingerprint: Some(fingerprint), ..found }
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

    /// A call that waits for handlers. On a thread of its own: Node's handles meanwhile, and what handlers wait for (files, names of hosts)
    /// needs the few threads of its pool.
    fn call<'env, E: Into<Fault>>(
        &self,
        env: &'env Env,
        act: impl FnOnce(&Inner) -> std::result::Result<bool, E> + Send + 'static,
    ) -> Result<Object<'env>> {
        let (deferred, promise) = env.create_deferred()?;
        let rig = Arc::clone(&self.0);
        let wait = move || match act(&rig) {
            Ok(moved) => deferred.resolve(move |_| Ok(moved)),
            Err(error) => deferred.reject(fault(error)),
        };
        let thread = Builder::new().name("onceward-rig-call".to_owned()).spawn(wait);
        thread.map_err(|error| wrong(format!("a thread can't be started: {error}; raise the limit of threads")))?;
        Ok(promise)
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
        state: None,
        replays: None,
        letter_id: None,
        fingerprint: None,
    }
}

#[allow(clippy::cast_possible_truncation, reason = "numbers of JavaScript that stand for milliseconds or a seed")]
fn whole(number: f64) -> i64 {
    number as i64
}
