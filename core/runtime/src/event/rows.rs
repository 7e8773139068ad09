//! From the rows of a query to Rust values.

use crate::inbox::Value;

/// A query that did not give what the handler expected. Worth another attempt, like any error.
#[derive(Debug, thiserror::Error)]
#[error("event.query: {0}")]
pub struct QueryError(pub(crate) String);

/// A value of a row: integers up to 64 bits, `f64`, `bool`, `String`, `Vec<u8>`, and `Option`s of those.
pub trait FromValue: Sized {
    /// `None`: the value is of another kind, or does not fit.
    fn from_value(value: Value) -> Option<Self>;
}

/// A row: a tuple of as many values as the query has columns.
pub trait FromRow: Sized {
    /// # Errors
    /// Says which column does not fit.
    fn from_row(row: Vec<Value>) -> Result<Self, QueryError>;
}

macro_rules! integers {
    ($($integer:ty),*) => {$(
        impl FromValue for $integer {
            fn from_value(value: Value) -> Option<Self> {
                if let Value::Integer(value) = value { Self::try_from(value).ok() } else { None }
            }
        }
    )*};
}
integers!(i8, i16, i32, i64, u8, u16, u32, u64);

impl FromValue for bool {
    fn from_value(value: Value) -> Option<Self> {
        if let Value::Integer(value) = value { Some(value != 0) } else { None }
    }
}

impl FromValue for f64 {
    #[allow(clippy::cast_precision_loss, reason = "SQLite itself compares integers and reals in this way")]
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Real(value) => Some(value),
            Value::Integer(value) => Some(value as Self),
            _ => None,
        }
    }
}

impl FromValue for String {
    fn from_value(value: Value) -> Option<Self> {
        if let Value::Text(value) = value { Some(value) } else { None }
    }
}

impl FromValue for Vec<u8> {
    fn from_value(value: Value) -> Option<Self> {
        if let Value::Blob(value) = value { Some(value) } else { None }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value) -> Option<Self> {
        if value == Value::Null { Some(None) } else { T::from_value(value).map(Some) }
    }
}

/// The row as it lies in the file, for those who convert it themselves.
impl FromRow for Vec<Value> {
    fn from_row(row: Vec<Value>) -> Result<Self, QueryError> {
        Ok(row)
    }
}

macro_rules! rows {
    ($($count:literal: $($name:ident)+),*) => {$(
        impl<$($name: FromValue),+> FromRow for ($($name,)+) {
            fn from_row(row: Vec<Value>) -> Result<Self, QueryError> {
                if row.len() != $count {
                    return Err(QueryError(format!("a row has {} columns, and the handler expects {}", row.len(), $count)));
                }
                let mut values = row.into_iter().zip(1..);
                Ok(($(next::<$name>(&mut values)?,)+))
            }
        }
    )*};
}
rows!(1: A, 2: A B, 3: A B C, 4: A B C D, 5: A B C D E, 6: A B C D E F, 7: A B C D E F G, 8: A B C D E F G H);

fn next<T: FromValue>(values: &mut impl Iterator<Item = (Value, usize)>) -> Result<T, QueryError> {
    let (value, column) = values.next().ok_or_else(|| QueryError("a row is too short".to_owned()))?;
    let kind = match value {
        Value::Null => "NULL",
        Value::Integer(_) => "an integer",
        Value::Real(_) => "a real",
        Value::Text(_) => "text",
        Value::Blob(_) => "bytes",
    };
    let wrong = || QueryError(format!("column {column} is {kind}, which does not fit {}", std::any::type_name::<T>()));
    T::from_value(value).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_row_fits_or_the_error_names_the_column_and_no_value() {
        let row = || vec![Value::Integer(300), Value::Null, Value::Text("CANARY".to_owned())];
        assert_eq!(<(i64, Option<f64>, String)>::from_row(row()).unwrap(), (300, None, "CANARY".to_owned()));
        for error in [
            <(u8, Option<f64>, String)>::from_row(row()).unwrap_err(),
            <(i64, f64, String)>::from_row(row()).unwrap_err(),
            <(i64, Option<f64>, Vec<u8>)>::from_row(row()).unwrap_err(),
        ] {
            assert!(error.to_string().contains("column") && !error.to_string().contains("CANARY"), "{error}");
        }
        assert!(<(i64,)>::from_row(row()).unwrap_err().to_string().contains("3 columns"));
    }
}
