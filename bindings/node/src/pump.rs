//! Taking work, and answering for it.

use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::{Buffer, Result, Uint8Array, Unknown};
use napi_derive::napi;
use onceward_bridge::{Event, Hands, Held};

use crate::error::wrong;
use crate::session::Session;
use crate::step;
use crate::values::{self, Cell, Headers, Parameter, Told};

#[napi]
impl Session {
    /// Up to so many runs and batches that are there, in one buffer; null: none. From now on the bell rings again.
    #[napi]
    pub fn take(&self, max: u32) -> Option<Buffer> {
        self.queue.silence();
        let work = self.queue.next_batch(max as usize, Duration::ZERO)?;
        (!work.is_empty()).then(|| self.hands().take(work).into())
    }

    /// Whether nothing comes any more.
    #[napi]
    pub fn closed(&self) -> bool {
        self.queue.is_closed()
    }

    /// Names of topics, in the order of their numbers.
    #[napi]
    pub fn topics(&self) -> Vec<String> {
        self.hands().topics().to_vec()
    }

    /// Tokens of what is to stop, batches and runs with the event in hand: past its `handler_timeout`, or (true) because its partition is gone.
    #[napi]
    pub fn told(&self) -> Vec<(f64, bool)> {
        let tokens = self.queue.take_told();
        if tokens.is_empty() {
            return Vec::new();
        }
        let mut hands = self.hands();
        #[allow(clippy::cast_precision_loss, reason = "tokens are counted from 0")]
        let concerned = |token: u64| match hands.get(token)? {
            Held::Run(run, _) => run.is_told().then(|| (token as f64, run.is_lost())),
            Held::Batch(batch) => Some((token as f64, batch.is_lost())),
            Held::Letter(_) => None,
        };
        tokens.into_iter().filter_map(concerned).collect()
    }

    /// From now on `told` names this run when the handler of its event in hand is to stop.
    #[napi]
    pub fn watch(&self, token: f64) {
        if let Some(Held::Run(run, _)) = self.hands().get(whole(token)) {
            run.watch(&self.queue);
        }
    }

    /// A function of a token: the event in hand of that run is done, and the next one is begun; false: the run is over.
    #[napi(ts_return_type = "(token: number) => boolean")]
    pub fn stepper(&self, env: Env) -> Result<Unknown<'static>> {
        step::function(&env, &self.hands)
    }

    /// The event in hand of a run failed; nothing behind it is begun.
    #[napi]
    pub fn fail(&self, token: f64, told: Told) -> Result<()> {
        let outcome = values::outcome(told)?;
        let held = self.hands().remove(whole(token));
        if let Some(Held::Run(mut run, _)) = held {
            run.end(outcome);
        }
        Ok(())
    }

    /// The handler gave up because it was told to stop.
    #[napi]
    pub fn stopped(&self, token: f64) {
        let held = self.hands().remove(whole(token));
        if let Some(Held::Run(mut run, _)) = held {
            run.stopped();
        }
    }

    /// One event of a batch failed.
    #[napi]
    pub fn fail_one(&self, token: f64, position: u32, told: Told) -> Result<()> {
        let outcome = values::outcome(told)?;
        if let Some(Held::Batch(batch)) = self.hands().get(whole(token)) {
            batch.fail(position as usize, outcome);
        }
        Ok(())
    }

    /// A call of a batch handler has ended; without a word, well.
    #[napi]
    pub fn end_batch(&self, token: f64, told: Option<Told>) -> Result<()> {
        let outcome = told.map(values::outcome).transpose()?;
        let held = self.hands().remove(whole(token));
        if let Some(Held::Batch(mut batch)) = held {
            batch.end(outcome.unwrap_or(onceward_bridge::Outcome::Done));
        }
        Ok(())
    }

    /// What is told of a dead letter, as JSON.
    #[napi]
    pub fn letter(&self, token: f64) -> String {
        match self.hands().get(whole(token)) {
            Some(Held::Letter(held)) => serde_json::to_string(&held.letter).unwrap_or_default(),
            _ => String::new(),
        }
    }

    /// The function has heard of a letter: the next one may come.
    #[napi]
    pub fn letter_told(&self, token: f64) {
        drop(self.hands().remove(whole(token)));
    }

    /// What is not written down in the buffer, of an event in hand.
    #[napi]
    pub fn detail(
        &self,
        token: f64,
        position: u32,
        #[napi(ts_arg_type = "'type' | 'causationId' | 'traceparent' | 'idempotencyKey' | 'schema'")] name: String,
    ) -> Result<Option<String>> {
        self.with_event(token, position, |event| {
            Ok(match name.as_str() {
                "type" => event.event_type(),
                "causationId" => event.causation_id(),
                "traceparent" => event.traceparent(),
                "idempotencyKey" => Some(event.idempotency_key()),
                "schema" => event.schema().map(ToString::to_string),
                _ => return Err(wrong(format!("{name} is nothing of an event"))),
            })
        })
    }

    /// Records a statement that commits with the mark.
    #[napi]
    pub fn effect(&self, token: f64, position: u32, sql: String, params: Vec<Parameter>, rows: Option<u32>) -> Result<()> {
        let params = values::values(params)?;
        self.with_event(token, position, |event| {
            match rows {
                Some(rows) => event.effect_expecting(rows.into(), sql, params),
                None => event.effect(sql, params),
            }
            Ok(())
        })
    }

    /// Publishes when the handler succeeds.
    #[napi]
    #[allow(clippy::too_many_arguments, reason = "the parts of a record")]
    pub fn emit(
        &self,
        token: f64,
        position: u32,
        topic: String,
        key: Option<Uint8Array>,
        value: Option<Uint8Array>,
        headers: Headers,
        id: Option<String>,
    ) -> Result<()> {
        let publish = values::publish(&topic, key.as_deref(), value.as_deref(), headers, id);
        self.with_event(token, position, |event| {
            event.publish(publish);
            Ok(())
        })
    }

    /// Reads tables in the inbox's file, now.
    #[napi]
    pub fn query(&self, token: f64, position: u32, sql: String, params: Vec<Parameter>) -> Result<Vec<Vec<Cell>>> {
        let params = values::values(params)?;
        let rows = self.with_event(token, position, |event| event.query(&sql, params).map_err(|error| wrong(error.to_string())))?;
        Ok(rows.into_iter().map(|row: Vec<_>| row.into_iter().map(values::cell).collect()).collect())
    }

    /// Drops what waits and what is in hand: the end of a life in a rig.
    #[napi]
    pub fn clear(&self) {
        self.queue.clear();
        self.hands().clear();
    }
}

impl Session {
    pub(crate) fn hands(&self) -> MutexGuard<'_, Hands> {
        self.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with_event<T>(&self, token: f64, position: u32, act: impl FnOnce(&Event) -> Result<T>) -> Result<T> {
        let hands = self.hands();
        let event = hands.event(whole(token), position as usize);
        act(event.ok_or_else(|| wrong("this event is not in a handler's hands any more"))?)
    }
}

/// Tokens are counted from 0, so a number of JavaScript holds them exactly.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was made from such a number")]
fn whole(token: f64) -> u64 {
    token as u64
}
