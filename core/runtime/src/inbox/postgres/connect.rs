//! Sessions with the server, and the one thread that all of them run on.

use std::future::Future;
use std::sync::Arc;

use postgres_openssl::MakeTlsConnector;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio_postgres::{Client, Config, Error};

use super::address::Address;
use super::tls;
use crate::inbox::InboxError;

/// Begins every transaction. Nothing relies on the state of a session, so that a pooler in transaction mode may stand in between: what
/// a transaction needs, it says itself. A transaction that stands open while its process sleeps holds rows which the next owner of the
/// partition waits for, so the server ends it soon; a lock that somebody else holds is the server's affair and not the statement's.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = '10s'; \
                     SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '30s'";

/// A server, and how to reach it.
pub(super) struct Server {
    pub(super) name: String,
    config: Config,
    tls: MakeTlsConnector,
    runtime: Option<Runtime>,
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Whoever drops the inbox may himself be inside of a runtime, where waiting is forbidden.
            runtime.shutdown_background();
        }
    }
}

/// A connection.
pub(super) struct Session {
    pub(super) client: Client,
    begin: &'static str,
}

impl Server {
    pub(super) fn new(address: &Address) -> Result<Arc<Self>, InboxError> {
        let name = address.to_string();
        let store = |detail: String| InboxError::Store { path: name.clone(), detail };
        let tls = tls::connector(&address.certificates).map_err(store)?;
        let mut config = address.config.clone();
        if config.get_password().is_none()
            && let Ok(password) = std::env::var("PGPASSWORD")
        {
            config.password(password);
        }
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("onceward-inbox")
            .enable_all()
            .build()
            .map_err(|error| store(format!("can't start a thread: {error}")))?;
        Ok(Arc::new(Self { name, config, tls, runtime: Some(runtime) }))
    }

    fn handle(&self) -> Option<&Handle> {
        self.runtime.as_ref().map(Runtime::handle)
    }

    /// Runs something on the store's thread.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(handle) = self.handle() {
            drop(handle.spawn(task));
        }
    }

    /// Runs something on the store's thread and waits for it, wherever the caller is: even on a worker of another runtime.
    pub(super) fn wait<T: Send + 'static>(&self, task: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let (answer, answered) = crossbeam_channel::bounded(1);
        self.spawn(async move { answer.send(task.await).unwrap_or_default() });
        answered.recv().ok()
    }

    pub(super) async fn connect(&self) -> Result<Session, Error> {
        let (client, connection) = self.config.connect(self.tls.clone()).await?;
        tokio::spawn(async move {
            // What it has to say, every request on it says too.
            drop(connection.await);
        });
        // A database whose commits are not synced would forget marks behind a committed offset.
        let row = client.query_typed_one("SELECT current_setting('synchronous_commit')", &[]).await?;
        let lax = row.try_get::<_, String>(0)? == "off";
        Ok(Session { client, begin: if lax { "; SET LOCAL synchronous_commit = on" } else { "" } })
    }
}

impl Session {
    pub(super) async fn begin(&self) -> Result<(), Error> {
        self.client.batch_execute(&format!("{BEGIN}{}", self.begin)).await
    }

    pub(super) async fn roll_back(&self) -> Result<(), Error> {
        self.client.batch_execute("ROLLBACK").await
    }
}
