//! Opening: our tables, `migrations`, `setup_sql`, and what time it is for everybody.

use tokio_postgres::Error;

use super::connect::{Server, Session};
use super::fault::{at_open, words};
use super::migrate::migrate;
use super::schema::{self, Unfit};
use super::settings::PostgresSettings;
use super::sql;
use crate::inbox::InboxError;

/// What opening found.
pub(super) struct Opened {
    pub(super) session: Session,
    /// The server's clock, in milliseconds since 1970: members whose own clocks differ share it.
    pub(super) now: i64,
    /// How many marks there are, as the server guesses.
    pub(super) marks: u64,
}

/// Connects, makes our tables if they are missing, and runs `migrations` and `setup_sql`.
pub(super) async fn open(server: &Server, settings: &PostgresSettings) -> Result<Opened, InboxError> {
    let said = |error: Error| at_open(&server.name, &error);
    let session = server.connect().await.map_err(said)?;
    let client = &session.client;
    match schema::prepare(client).await {
        Ok(()) => {}
        Err(Unfit::Said(error)) => return Err(said(error)),
        Err(Unfit::Newer(found)) => {
            return Err(InboxError::Newer { path: server.name.clone(), found, known: schema::VERSION });
        }
    }
    if let Some(folder) = &settings.migrations {
        migrate(client, folder, &server.name).await?;
    }
    for (index, text) in settings.setup_sql.iter().enumerate() {
        let failed = |detail: String| InboxError::Setup { index, detail };
        sql::read(text).map_err(failed)?;
        // Processes that start together and say CREATE TABLE IF NOT EXISTS meet in the catalogue: one waits for the other.
        client.batch_execute("BEGIN; SELECT pg_advisory_xact_lock(7305520)").await.map_err(said)?;
        if let Err(error) = client.batch_execute(text).await {
            drop(client.batch_execute("ROLLBACK").await);
            return Err(failed(words(&error)));
        }
        client.batch_execute("COMMIT").await.map_err(|error| failed(words(&error)))?;
    }
    let row = client
        .query_typed_one(
            "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint, greatest(reltuples, 0)::bigint FROM pg_class \
             WHERE oid = to_regclass('onceward_mark')",
            &[],
        )
        .await
        .map_err(said)?;
    let now = row.try_get(0).map_err(said)?;
    let marks = row.try_get::<_, i64>(1).map_err(said)?.unsigned_abs();
    Ok(Opened { session, now, marks })
}
