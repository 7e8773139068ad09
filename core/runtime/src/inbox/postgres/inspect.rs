//! Looking at an inbox from outside of a consumer, without making or changing it.

use std::sync::Arc;

use super::address::Address;
use super::connect::Server;
use super::fault::at_open;
use super::schema;
use crate::inbox::InboxError;

/// What is in a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresReport {
    /// Of which version our tables are; `None`: there are none yet.
    pub version: Option<i64>,
    /// Marks of this group.
    pub marks: u64,
    /// Whether this user may write there, as far as the server says without trying.
    pub writable: bool,
}

/// Connects and looks.
///
/// # Errors
/// [`InboxError`]: it can't be reached, or is of a newer version. Never holds a password.
pub fn inspect_postgres(address: &Address, group: &str) -> Result<PostgresReport, InboxError> {
    let server = Server::new(address)?;
    let (asking, group, name) = (Arc::clone(&server), group.to_owned(), server.name.clone());
    let asked = server.wait(async move {
        let client = asking.connect().await?.client;
        let version = schema::found(&client).await?;
        let row = client.query_typed_one("SELECT NOT current_setting('transaction_read_only')::boolean", &[]).await?;
        let writable = row.try_get(0)?;
        let marks = match version {
            Some(_) => {
                let sql = "SELECT count(*) FROM onceward_mark WHERE consumer_group = $1";
                let row = client.query_typed_one(sql, &[(&group, tokio_postgres::types::Type::TEXT)]).await?;
                row.try_get::<_, i64>(0)?.unsigned_abs()
            }
            None => 0,
        };
        Ok::<_, tokio_postgres::Error>(PostgresReport { version, marks, writable })
    });
    let gone = || InboxError::Store { path: name.clone(), detail: "the thread that asks ended".to_owned() };
    let report = asked.ok_or_else(gone)?.map_err(|error| at_open(&name, &error))?;
    match report.version {
        Some(found) if found > schema::VERSION => Err(InboxError::Newer { path: name, found, known: schema::VERSION }),
        _ => Ok(report),
    }
}
