//! Values of statements, publishes and outcomes.

use std::time::Duration;

use napi::bindgen_prelude::{BigInt, Buffer, Either5, Either6, Null, Result, Uint8Array};
use onceward_bridge::{Outcome, Publish, Trouble, Value};

use crate::error::wrong;

/// A parameter, as JavaScript has it.
#[napi_derive::napi]
pub type Parameter = Either6<Null, bool, f64, BigInt, String, Uint8Array>;
/// A value of a row: integers that a number can't hold exactly are bigints.
#[napi_derive::napi]
pub type Cell = Either5<Null, f64, BigInt, String, Buffer>;
/// Headers: name and bytes; null stays null.
#[napi_derive::napi]
pub type Headers = Vec<(String, Option<Uint8Array>)>;

/// Integers that a JavaScript number holds exactly.
const SAFE: i64 = 1 << 53;

/// The parameters of a statement. What is no value at all was refused in TypeScript, by its position.
pub(crate) fn values(params: Vec<Parameter>) -> Result<Vec<Value>> {
    params.into_iter().enumerate().map(|(index, parameter)| value(parameter, index)).collect()
}

fn value(parameter: Parameter, index: usize) -> Result<Value> {
    Ok(match parameter {
        Either6::A(Null) => Value::Null,
        Either6::B(flag) => Value::Integer(flag.into()),
        #[allow(clippy::cast_possible_truncation, clippy::float_cmp, reason = "whole numbers within the safe range are exact")]
        Either6::C(number) if number.trunc() == number && number.abs() < SAFE as f64 => Value::Integer(number as i64),
        Either6::C(number) => Value::Real(number),
        Either6::D(number) => match number.get_i64() {
            (number, true) => Value::Integer(number),
            _ => return Err(wrong(format!("params[{index}] does not fit 64 bits; write it as text"))),
        },
        Either6::E(text) => Value::Text(text),
        Either6::F(bytes) => Value::Blob(bytes.to_vec()),
    })
}

/// A value of a row: integers that a number can't hold are bigints.
pub(crate) fn cell(value: Value) -> Cell {
    match value {
        Value::Null => Either5::A(Null),
        #[allow(clippy::cast_precision_loss, reason = "within the safe range nothing is lost")]
        Value::Integer(number) if number.abs() < SAFE => Either5::B(number as f64),
        Value::Integer(number) => Either5::C(number.into()),
        Value::Real(number) => Either5::B(number),
        Value::Text(text) => Either5::D(text),
        Value::Blob(blob) => Either5::E(blob.into()),
    }
}

/// An event to publish.
pub(crate) fn publish(topic: &str, key: Option<&[u8]>, value: Option<&[u8]>, headers: Headers, id: Option<String>) -> Publish {
    let mut publish = Publish::to(topic);
    if let Some(key) = key {
        publish = publish.key(key);
    }
    if let Some(value) = value {
        publish = publish.value(value.to_vec());
    }
    for (name, value) in headers {
        publish = match value {
            Some(value) => publish.header(name, value),
            None => publish.null_header(name),
        };
    }
    match id {
        Some(id) => publish.id(id),
        None => publish,
    }
}

/// A time in seconds.
pub(crate) fn seconds(seconds: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|_| wrong(format!("{seconds} is no time in seconds")))
}

/// How an attempt ended, as TypeScript says it.
#[napi_derive::napi(object)]
pub struct Told {
    /// What the loop does about it.
    #[napi(ts_type = "'failed' | 'retry' | 'reject' | 'undecodable' | 'stop'")]
    pub verdict: String,
    /// The error's type.
    pub kind: String,
    /// Its text.
    pub message: String,
    /// Its stack and causes.
    pub stack: String,
    /// The names of the types above its own.
    pub names: Vec<String>,
    /// For `retry`: seconds.
    pub after: Option<f64>,
}

/// What the loop is told.
pub(crate) fn outcome(told: Told) -> Result<Outcome> {
    let Told { verdict, kind, message, stack, names, after } = told;
    if verdict == "stop" {
        return Ok(Outcome::Stop(message));
    }
    let trouble = Trouble { kind, message, stack, names };
    Ok(match (verdict.as_str(), after) {
        ("retry", Some(after)) => Outcome::Retry(trouble, seconds(after)?),
        ("failed" | "retry", _) => Outcome::Failed(trouble),
        ("reject", _) => Outcome::Reject(trouble),
        ("undecodable", _) => Outcome::Undecodable(trouble),
        _ => return Err(wrong(format!("{verdict:?} is no verdict"))),
    })
}
