//! Values of statements, records and outcomes.

use std::time::Duration;

use onceward_bridge::{Outcome, Publish, Trouble, Value};

use crate::fault::{Result, wrong};

/// A parameter of a statement, a value of a row.
#[derive(uniffi::Enum)]
pub enum NativeValue {
    /// SQL's null.
    Null,
    /// A whole number.
    Integer {
        /// The number.
        value: i64,
    },
    /// A number.
    Real {
        /// The number.
        value: f64,
    },
    /// A text.
    Text {
        /// The text.
        value: String,
    },
    /// Bytes.
    Blob {
        /// The bytes.
        value: Vec<u8>,
    },
}

/// A header; null stays null.
#[derive(uniffi::Record)]
pub struct NativeHeader {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Option<Vec<u8>>,
}

/// An event to publish.
#[derive(uniffi::Record)]
pub struct NativeRecord {
    /// Where to.
    pub topic: String,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers, in order.
    pub headers: Vec<NativeHeader>,
    /// An id of its own.
    pub id: Option<String>,
}

/// What became of an attempt.
#[derive(Clone, Copy, uniffi::Enum)]
pub enum NativeVerdict {
    /// Worth another attempt.
    Failed,
    /// Another attempt after a time.
    Retry,
    /// Given up at once.
    Reject,
    /// Given up at once: the payload can't be read.
    Undecodable,
    /// The program stops; nobody's failure.
    Stop,
}

/// How an attempt ended that was not done.
#[derive(uniffi::Record)]
pub struct NativeOutcome {
    /// What became of it.
    pub verdict: NativeVerdict,
    /// The class of what was thrown.
    pub kind: String,
    /// Its text.
    pub message: String,
    /// Its stack and causes.
    pub stack: String,
    /// The names of its class and those above it.
    pub names: Vec<String>,
    /// For a retry: after how long.
    pub after: Option<Duration>,
}

impl NativeOutcome {
    pub(crate) fn outcome(self) -> Result<Outcome> {
        let Self { verdict, kind, message, stack, names, after } = self;
        let trouble = Trouble { kind, message, stack, names };
        Ok(match (verdict, after) {
            (NativeVerdict::Stop, _) => Outcome::Stop(trouble.message),
            (NativeVerdict::Retry, Some(after)) => Outcome::Retry(trouble, after),
            (NativeVerdict::Retry, None) => return Err(wrong("a retry without a time")),
            (NativeVerdict::Failed, _) => Outcome::Failed(trouble),
            (NativeVerdict::Reject, _) => Outcome::Reject(trouble),
            (NativeVerdict::Undecodable, _) => Outcome::Undecodable(trouble),
        })
    }
}

impl NativeRecord {
    pub(crate) fn publish(self) -> Publish {
        let mut publish = Publish::to(self.topic);
        if let Some(key) = self.key {
            publish = publish.key(key);
        }
        if let Some(value) = self.value {
            publish = publish.value(value);
        }
        for header in self.headers {
            publish = match header.value {
                Some(value) => publish.header(header.name, value),
                None => publish.null_header(header.name),
            };
        }
        match self.id {
            Some(id) => publish.id(id),
            None => publish,
        }
    }
}

/// The parameters of a statement.
pub(crate) fn values(values: Vec<NativeValue>) -> Vec<Value> {
    let one = |value| match value {
        NativeValue::Null => Value::Null,
        NativeValue::Integer { value } => Value::Integer(value),
        NativeValue::Real { value } => Value::Real(value),
        NativeValue::Text { value } => Value::Text(value),
        NativeValue::Blob { value } => Value::Blob(value),
    };
    values.into_iter().map(one).collect()
}

/// A row.
pub(crate) fn cells(row: Vec<Value>) -> Vec<NativeValue> {
    let one = |value| match value {
        Value::Null => NativeValue::Null,
        Value::Integer(value) => NativeValue::Integer { value },
        Value::Real(value) => NativeValue::Real { value },
        Value::Text(value) => NativeValue::Text { value },
        Value::Blob(value) => NativeValue::Blob { value },
    };
    row.into_iter().map(one).collect()
}
