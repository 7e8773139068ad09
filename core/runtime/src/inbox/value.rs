//! A recorded statement and its parameters.

use std::borrow::Cow;

/// A statement that a handler recorded with `event.effect`.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// The SQL, with `?` for each parameter.
    pub sql: Cow<'static, str>,
    /// The parameters, in order.
    pub params: Vec<Value>,
    /// How many rows it must change, or return if it changes none; otherwise it has failed. `None`: any number.
    pub expect_rows: Option<u64>,
}

/// A parameter of a statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// NULL.
    Null,
    /// A signed 64-bit integer.
    Integer(i64),
    /// A double.
    Real(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}
