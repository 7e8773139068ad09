//! Parameters and columns.
//!
//! Parameters are sent as text and the server infers their types from the statement, as it does for a literal: so a decimal, a time,
//! a UUID or a JSON document is given as text and arrives as what the column is. Bytes alone are sent as they are.

use std::error::Error;
use std::fmt::Write as _;

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{Format, FromSql, IsNull, Kind, ToSql, Type, to_sql_checked};

use super::number;
use crate::inbox::Value;

/// A value on its way to the server.
#[derive(Debug)]
pub(super) struct Given<'a>(pub(super) &'a Value);

impl Given<'_> {
    /// What the statement is told of a parameter's type: nothing, except for bytes.
    pub(super) fn hint(&self) -> Type {
        if matches!(self.0, Value::Blob(_)) { Type::BYTEA } else { Type::UNKNOWN }
    }
}

impl ToSql for Given<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self.0 {
            Value::Null => return Ok(IsNull::Yes),
            Value::Integer(number) => write!(out, "{number}")?,
            Value::Real(number) => write!(out, "{number}")?,
            Value::Text(text) => out.put_slice(text.as_bytes()),
            Value::Blob(bytes) => out.put_slice(bytes),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        if matches!(self.0, Value::Blob(_)) { Format::Binary } else { Format::Text }
    }

    to_sql_checked!();
}

/// A column of a row.
pub(super) struct Found(pub(super) Value);

impl<'a> FromSql<'a> for Found {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let text = |raw: &[u8]| Value::Text(String::from_utf8_lossy(raw).into_owned());
        Ok(Self(match *kind {
            Type::BOOL => Value::Integer(i64::from(bool::from_sql(kind, raw)?)),
            Type::INT2 => Value::Integer(i64::from(i16::from_sql(kind, raw)?)),
            Type::INT4 => Value::Integer(i64::from(i32::from_sql(kind, raw)?)),
            Type::INT8 => Value::Integer(i64::from_sql(kind, raw)?),
            Type::OID => Value::Integer(i64::from(u32::from_sql(kind, raw)?)),
            Type::FLOAT4 => Value::Real(f64::from(f32::from_sql(kind, raw)?)),
            Type::FLOAT8 => Value::Real(f64::from_sql(kind, raw)?),
            Type::BYTEA => Value::Blob(raw.to_vec()),
            Type::JSONB => text(raw.get(1..).unwrap_or_default()),
            Type::UUID => Value::Text(uuid::Uuid::from_sql(kind, raw)?.to_string()),
            Type::NUMERIC => Value::Text(number::numeric(raw).ok_or("a numeric that can't be read")?),
            Type::DATE => Value::Text(number::date(i64::from(i32::from_be_bytes(raw.try_into()?)))),
            Type::TIME => Value::Text(number::time(i64::from_be_bytes(raw.try_into()?))),
            Type::TIMESTAMP => Value::Text(number::timestamp(i64::from_be_bytes(raw.try_into()?))),
            Type::TIMESTAMPTZ => {
                let text = number::timestamp(i64::from_be_bytes(raw.try_into()?));
                Value::Text(if text.ends_with("infinity") { text } else { format!("{text}Z") })
            }
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::JSON | Type::XML | Type::UNKNOWN => text(raw),
            _ if matches!(kind.kind(), Kind::Enum(_)) => text(raw),
            _ => return Err(format!("columns of type {} are not read; write the column as (…)::text", kind.name()).into()),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(Value::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
