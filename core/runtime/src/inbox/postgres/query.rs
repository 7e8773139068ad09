//! `event.query`: reading transactions on connections of their own, as many as the address allows.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};

use super::connect::{Server, Session};
use super::effects::said;
use super::fault::{is_the_stores, words};
use super::plan::in_order;
use super::sql;
use super::value::{Found, Given};
use crate::inbox::{Queries, Value};

/// Connections that only read.
struct Readers {
    server: Arc<Server>,
    room: Semaphore,
    idle: Mutex<Vec<Session>>,
}

/// Queries on at most so many connections.
pub(super) fn queries(server: &Arc<Server>, connections: usize) -> Queries {
    let readers = Arc::new(Readers { server: Arc::clone(server), room: Semaphore::new(connections), idle: Mutex::default() });
    Queries::new(move |sql, params| {
        let read = sql::read(sql).map_err(|why| format!("`{sql}`: a query {why}"))?;
        if read.placeholders != params.len() {
            return Err(format!("`{sql}` has {} placeholders and was given {} parameters", read.placeholders, params.len()));
        }
        let (task, sql, params) = (Arc::clone(&readers), sql.to_owned(), params.to_vec());
        let answer = readers.server.wait(async move { task.run(&sql, &read.sql, &params).await });
        answer.unwrap_or_else(|| Err("the inbox is closed".to_owned()))
    })
}

impl Readers {
    async fn run(&self, written: &str, sql: &str, params: &[Value]) -> Result<Vec<Vec<Value>>, String> {
        let Ok(_room) = self.room.acquire().await else { return Err("the inbox is closed".to_owned()) };
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        // A connection that lay idle may have been cut; a fresh one that fails says something about the server.
        if let Some(session) = idle.filter(|session| !session.client.is_closed()) {
            match self.on(session, sql, params).await {
                Err(error) if error.as_db_error().is_none() && is_the_stores(&error) => {}
                result => return result.map_err(|error| explain(written, &error)),
            }
        }
        let session = self.server.connect().await.map_err(|error| format!("`{written}`: {}: {}", self.server.name, words(&error)))?;
        self.on(session, sql, params).await.map_err(|error| explain(written, &error))
    }

    async fn on(&self, session: Session, sql: &str, params: &[Value]) -> Result<Vec<Vec<Value>>, Error> {
        let given: Vec<Given<'_>> = params.iter().map(Given).collect();
        let params: Vec<(&(dyn ToSql + Sync), Type)> = given.iter().map(|value| (value as &(dyn ToSql + Sync), value.hint())).collect();
        let client = &session.client;
        let begin = async { client.batch_execute("BEGIN READ ONLY; SET LOCAL statement_timeout = '30s'").await.map(|()| Vec::new()) };
        let query = client.query_typed(sql, &params);
        let end = async { client.batch_execute("COMMIT").await.map(|()| Vec::new()) };
        let mut results = in_order(vec![Box::pin(begin), Box::pin(query), Box::pin(end)]).await.into_iter();
        let (begun, rows, ended) = (results.next(), results.next(), results.next());
        if let Some(Err(error)) = begun {
            return Err(error);
        }
        let rows = rows.unwrap_or_else(|| Ok(Vec::new()))?.into_iter().map(|row| {
            (0..row.len()).map(|column| row.try_get::<_, Found>(column).map(|found| found.0)).collect::<Result<Vec<Value>, Error>>()
        });
        let rows = rows.collect::<Result<Vec<_>, Error>>();
        if !matches!(ended, Some(Err(_))) {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(session);
        }
        rows
    }
}

fn explain(sql: &str, error: &Error) -> String {
    match error.code().map(SqlState::code) {
        Some("25006") => format!("`{sql}`: a query only reads; record writes with event.effect"),
        Some(_) => said(sql, error).text,
        None => format!("`{sql}`: {}", words(error)),
    }
}
