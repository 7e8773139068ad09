//! Reading the user's tables from handlers, on connections of their own.

use std::sync::{Mutex, PoisonError};

use rusqlite::types::ValueRef;

use super::fault::words;
use super::open::{self, Store};
use super::settings::SqliteSettings;
use crate::inbox::{Queries, Value};

/// Connections that wait for the next query: as many handlers read at once.
const KEPT: usize = 8;

/// Connections that only read.
pub(super) struct Readers {
    settings: SqliteSettings,
    instance: String,
    idle: Mutex<Vec<Store>>,
}

impl Readers {
    pub(super) fn queries(settings: SqliteSettings, instance: String) -> Queries {
        let readers = Self { settings, instance, idle: Mutex::default() };
        Queries::new(move |sql, params| readers.run(sql, params))
    }

    fn run(&self, sql: &str, params: &[Value]) -> Result<Vec<Vec<Value>>, String> {
        let said = |error: rusqlite::Error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::AuthorizationForStatementDenied) => {
                format!("`{sql}`: a query may not begin transactions, attach files, set pragmas or touch `onceward_` tables")
            }
            Some(rusqlite::ErrorCode::ReadOnly) => format!("`{sql}`: a query only reads; record writes with event.effect"),
            _ => format!("`{sql}`: {}", words(&error)),
        };
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let store = match idle {
            Some(store) => store,
            None => self.connect().map_err(said)?,
        };
        let rows = store.guard.watch(|| read(&store, sql, params)).map_err(said)?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push(store);
        }
        Ok(rows)
    }

    fn connect(&self) -> rusqlite::Result<Store> {
        let store = open::again(&self.settings, &self.instance)?;
        store.conn.pragma_update(None, "query_only", true)?;
        Ok(store)
    }
}

fn read(store: &Store, sql: &str, params: &[Value]) -> rusqlite::Result<Vec<Vec<Value>>> {
    // Not from the cache: its statements of ours were prepared while the guard slept.
    let mut prepared = store.conn.prepare(sql)?;
    let columns = prepared.column_count();
    let rows = prepared.query_map(rusqlite::params_from_iter(params), |row| {
        (0..columns).map(|column| row.get_ref(column).map(value)).collect::<rusqlite::Result<Vec<Value>>>()
    })?;
    rows.collect()
}

fn value(found: ValueRef<'_>) -> Value {
    match found {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Integer(value),
        ValueRef::Real(value) => Value::Real(value),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    }
}
