//! Our tables: made in the schema that comes first on the connection's search path, with a version row of their own.

use tokio_postgres::{Client, Error};

/// The version of our tables that this library writes.
pub(super) const VERSION: i64 = 1;

/// Processes that open an empty database at once make the tables one after the other. A lock of the transaction, so that a pooler in
/// transaction mode does not matter.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7305519)";

/// A bucket is named by its end in milliseconds since 1970. The id of a mark is a hash of its topic (with `dedup_scope = \"group\"`: of
/// the group alone) and of what the producer calls the event. `owner` counts the assignments of a partition.
const TABLES: &str = "CREATE TABLE onceward_meta(key text PRIMARY KEY, value text NOT NULL);
CREATE TABLE onceward_mark(consumer_group text NOT NULL, id uuid NOT NULL, digest integer NOT NULL, bucket bigint NOT NULL,
    PRIMARY KEY (consumer_group, id));
CREATE INDEX onceward_mark_bucket ON onceward_mark(consumer_group, bucket);
CREATE TABLE onceward_position(consumer_group text NOT NULL, topic text NOT NULL, partition integer NOT NULL, topic_id bytea NOT NULL,
    committed bigint, handled bytea NOT NULL, owner bigint NOT NULL, PRIMARY KEY (consumer_group, topic, partition));
CREATE TABLE onceward_migration(name text PRIMARY KEY, checksum text NOT NULL, applied timestamptz NOT NULL DEFAULT now());
";

/// Our tables as SQL, for people whose service may not make tables: a consumer that finds them does not make them again.
#[must_use]
pub fn ddl() -> String {
    format!("{TABLES}INSERT INTO onceward_meta VALUES ('version', '{VERSION}');\n")
}

/// Why our tables can't be used.
pub(super) enum Unfit {
    Said(Error),
    Newer(i64),
}

impl From<Error> for Unfit {
    fn from(error: Error) -> Self {
        Self::Said(error)
    }
}

/// Makes our tables if they are missing; refuses those of a newer version.
pub(super) async fn prepare(client: &Client) -> Result<(), Unfit> {
    if found(client).await?.is_none() {
        client.batch_execute(&format!("BEGIN; {LOCK}")).await?;
        // Another process may have been faster.
        if found(client).await?.is_none() {
            client.batch_execute(&ddl()).await?;
        }
        client.batch_execute("COMMIT").await?;
    }
    match found(client).await? {
        Some(found) if found > VERSION => Err(Unfit::Newer(found)),
        _ => Ok(()),
    }
}

/// The version found, if our tables are there.
pub(super) async fn found(client: &Client) -> Result<Option<i64>, Error> {
    // Not to_regclass: within a transaction it remembers that there was no such table, though another process has made it meanwhile.
    let sql = "SELECT EXISTS(SELECT FROM pg_catalog.pg_class WHERE relname = 'onceward_meta' AND pg_table_is_visible(oid))";
    let row = client.query_typed_one(sql, &[]).await?;
    if !row.try_get::<_, bool>(0)? {
        return Ok(None);
    }
    let row = client.query_typed_opt("SELECT value FROM onceward_meta WHERE key = 'version'", &[]).await?;
    row.map(|row| row.try_get::<_, String>(0)).transpose().map(|text| text.and_then(|text| text.parse().ok()))
}
