//! What a handler asks of its event, and records with it.

use onceward_bridge::Event;

use crate::fault::{Result, wrong};
use crate::pump::whole;
use crate::session::NativeSession;
use crate::values::{NativeRecord, NativeValue, cells, values};

/// What is not written down in the buffer.
#[derive(Clone, Copy, uniffi::Enum)]
pub enum NativeDetail {
    /// The event's type.
    Type,
    /// What caused it.
    CausationId,
    /// The W3C trace context.
    Traceparent,
    /// For the other side of a call.
    IdempotencyKey,
    /// The id of the schema that wrote the value.
    Schema,
}

#[uniffi::export]
impl NativeSession {
    /// Something of an event in hand.
    pub fn detail(&self, token: i64, position: u32, which: NativeDetail) -> Result<Option<String>> {
        let event = self.event(token, position)?;
        Ok(match which {
            NativeDetail::Type => event.event_type(),
            NativeDetail::CausationId => event.causation_id(),
            NativeDetail::Traceparent => event.traceparent(),
            NativeDetail::IdempotencyKey => Some(event.idempotency_key()),
            NativeDetail::Schema => event.schema().map(ToString::to_string),
        })
    }

    /// Records a statement that commits with the mark.
    pub fn effect(&self, token: i64, position: u32, sql: String, params: Vec<NativeValue>, rows: Option<u32>) -> Result<()> {
        let event = self.event(token, position)?;
        match rows {
            Some(rows) => event.effect_expecting(rows.into(), sql, values(params)),
            None => event.effect(sql, values(params)),
        }
        Ok(())
    }

    /// Publishes when the handler succeeds.
    pub fn emit(&self, token: i64, position: u32, record: NativeRecord) -> Result<()> {
        self.event(token, position)?.publish(record.publish());
        Ok(())
    }

    /// Reads tables in the inbox's file, now.
    pub fn query(&self, token: i64, position: u32, sql: String, params: Vec<NativeValue>) -> Result<Vec<Vec<NativeValue>>> {
        let rows: Vec<_> = self.event(token, position)?.query(&sql, values(params)).map_err(|error| wrong(error.to_string()))?;
        Ok(rows.into_iter().map(cells).collect())
    }
}

impl NativeSession {
    /// A handle of its own: nothing is held up while the event is asked.
    fn event(&self, token: i64, position: u32) -> Result<Event> {
        let event = self.hands().event(whole(token), position as usize).cloned();
        event.ok_or_else(|| wrong("this event is not in a handler's hands any more"))
    }
}
