//! Migrations: the files of a folder, each run once, in the order of their names, each in a transaction of its own.

use std::collections::BTreeMap;
use std::path::Path;

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};

use super::fault::{at_open, words};
use super::sql;
use crate::inbox::InboxError;
use crate::inbox::migrations::{Files, failed, next, read};

/// Held by whoever migrates, for the length of a transaction: processes that start together wait for each other.
const LOCK: &str = "BEGIN; SELECT pg_advisory_xact_lock(7305520)";

/// Runs what has not run yet.
pub(super) async fn migrate(client: &Client, folder: &Path, name: &str) -> Result<(), InboxError> {
    let files = read(folder)?;
    loop {
        let stored = |error: Error| at_open(name, &error);
        client.batch_execute(LOCK).await.map_err(stored)?;
        let step = step(client, folder, name, &files).await;
        let ended = client.batch_execute(if matches!(step, Ok(Some(_))) { "COMMIT" } else { "ROLLBACK" }).await;
        let Some(file) = step? else { return ended.map_err(stored) };
        ended.map_err(|error| failed(folder, &file, words(&error)))?;
        tracing::info!(target: "onceward", inbox = name, %file, "migrated");
    }
}

async fn step(client: &Client, folder: &Path, name: &str, files: &Files) -> Result<Option<String>, InboxError> {
    let stored = |error: Error| at_open(name, &error);
    let mut applied = BTreeMap::new();
    for row in client.query_typed("SELECT name, checksum FROM onceward_migration", &[]).await.map_err(stored)? {
        applied.insert(row.try_get::<_, String>(0).map_err(stored)?, row.try_get::<_, String>(1).map_err(stored)?);
    }
    let Some((file, text, checksum)) = next(folder, files, &applied)? else { return Ok(None) };
    sql::read(text).map_err(|why| failed(folder, file, format!("a migration {why}")))?;
    client
        .batch_execute(text)
        .await
        .map_err(|error| failed(folder, file, format!("{}. Nothing of this file was kept; correct it and start again", words(&error))))?;
    client
        .execute_typed("INSERT INTO onceward_migration(name, checksum) VALUES ($1, $2)", &[(&file, Type::TEXT), (&checksum, Type::TEXT)])
        .await
        .map_err(stored)?;
    Ok(Some(file.to_owned()))
}
