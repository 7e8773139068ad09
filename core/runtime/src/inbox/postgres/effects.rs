//! The statements that handlers recorded, as the server gets them.

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error};

use super::fault::{is_the_stores, words};
use super::sql;
use super::value::Given;
use crate::inbox::{Statement, Value};

/// Why the statements of an event did not run.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The store failed under it: not the event's fault.
    Store(Error),
    /// The statement failed.
    Event(Failure),
}

/// A failed statement.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    /// Whether a constraint was violated.
    pub(super) constraint: bool,
    /// For a person. Holds the SQL and the server's words, never a parameter.
    pub(super) text: String,
}

impl Failure {
    fn of(statement: &Statement, text: &str) -> Self {
        Self { constraint: false, text: format!("`{}`: {text}", statement.sql) }
    }
}

/// A statement that may be sent.
pub(super) struct Ready<'a> {
    statement: &'a Statement,
    sql: String,
}

/// Reads a statement, before anything is sent.
pub(super) fn ready(statement: &Statement) -> Result<Ready<'_>, Failure> {
    let read = sql::read(&statement.sql).map_err(|why| Failure::of(statement, &format!("an effect {why}")))?;
    if read.placeholders != statement.params.len() {
        let (wanted, given) = (read.placeholders, statement.params.len());
        let text = format!("`{}` has {wanted} placeholders and was given {given} parameters", statement.sql);
        return Err(Failure { constraint: false, text });
    }
    if statement.params.iter().any(|value| matches!(value, Value::Text(text) if text.contains('\0'))) {
        return Err(Failure::of(statement, "a text with a NUL character can't be stored by Postgres; give it as bytes, or without"));
    }
    Ok(Ready { statement, sql: read.sql })
}

/// Sends a statement; answers how many rows it changed or returned.
pub(super) async fn run(client: &Client, ready: &Ready<'_>) -> Result<u64, Error> {
    let given: Vec<Given<'_>> = ready.statement.params.iter().map(Given).collect();
    let params: Vec<(&(dyn ToSql + Sync), Type)> = given.iter().map(|value| (value as &(dyn ToSql + Sync), value.hint())).collect();
    client.execute_typed(&ready.sql, &params).await
}

/// Judges what became of it.
pub(super) fn judge(ready: &Ready<'_>, result: Result<u64, Error>) -> Result<(), Stopped> {
    match (result, ready.statement.expect_rows) {
        (Ok(found), Some(wanted)) if found != wanted => {
            let text = format!("`{}` was expected to change or return {wanted} rows; it was {found}", ready.statement.sql);
            Err(Stopped::Event(Failure { constraint: false, text }))
        }
        (Ok(_), _) => Ok(()),
        (Err(error), _) if is_the_stores(&error) => Err(Stopped::Store(error)),
        (Err(error), _) => Err(Stopped::Event(said(&ready.statement.sql, &error))),
    }
}

/// What the server said of a statement of the user's. Its texts quote values where data is of the wrong form, and functions of the
/// user's may say anything: of those only the kind is told.
pub(super) fn said(sql: &str, error: &Error) -> Failure {
    let code = error.code().map_or("", |code| code.code());
    let text = match code.get(..2).unwrap_or_default() {
        "22" => {
            let words = words(error);
            let kind = words.split(['"', ':']).next().unwrap_or_default().trim();
            format!("{kind} (SQLSTATE {code}; a parameter does not have the form that its place in the statement needs)")
        }
        "P0" => format!("a function raised SQLSTATE {code}; its text may hold values and stands in the server's log only"),
        _ if code == "42601" && words(error).contains("multiple commands") => {
            "an effect is one statement; record each by itself".to_owned()
        }
        _ => words(error),
    };
    Failure { constraint: code.starts_with("23"), text: format!("`{sql}`: {text}") }
}
