//! Runs the statements that handlers recorded, and keeps them inside their event.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, Statement as Prepared};

use super::fault::{is_the_stores, words};
use crate::inbox::{Statement, Value};

/// Our tables begin with this, in any case.
const OURS: &[u8] = b"onceward_";

/// Decides what a recorded statement may touch: neither the transaction, nor other files, nor our tables.
pub(super) struct Guard {
    active: Arc<AtomicBool>,
}

impl Guard {
    /// Watches a connection. The hook stays for the connection's life, since setting one makes SQLite prepare every statement again.
    pub(super) fn install(conn: &mut Connection) -> rusqlite::Result<Self> {
        let active = Arc::new(AtomicBool::new(false));
        let watched = Arc::clone(&active);
        conn.authorizer(Some(move |context: AuthContext<'_>| {
            if watched.load(Ordering::Relaxed) && forbidden(&context.action) { Authorization::Deny } else { Authorization::Allow }
        }))?;
        Ok(Self { active })
    }

    /// Runs foreign SQL under watch.
    pub(super) fn watch<T>(&self, run: impl FnOnce() -> T) -> T {
        self.active.store(true, Ordering::Relaxed);
        let result = run();
        self.active.store(false, Ordering::Relaxed);
        result
    }
}

fn ours(name: &str) -> bool {
    name.as_bytes().get(..OURS.len()).is_some_and(|start| start.eq_ignore_ascii_case(OURS))
}

fn forbidden(action: &AuthAction<'_>) -> bool {
    match *action {
        AuthAction::Transaction { .. }
        | AuthAction::Savepoint { .. }
        | AuthAction::Attach { .. }
        | AuthAction::Detach { .. }
        | AuthAction::Pragma { .. } => true,
        AuthAction::CreateIndex { table_name, .. }
        | AuthAction::CreateTable { table_name }
        | AuthAction::CreateTempTable { table_name }
        | AuthAction::CreateTrigger { table_name, .. }
        | AuthAction::CreateTempTrigger { table_name, .. }
        | AuthAction::Delete { table_name }
        | AuthAction::DropIndex { table_name, .. }
        | AuthAction::DropTable { table_name }
        | AuthAction::DropTrigger { table_name, .. }
        | AuthAction::Insert { table_name }
        | AuthAction::Read { table_name, .. }
        | AuthAction::Update { table_name, .. }
        | AuthAction::AlterTable { table_name, .. }
        | AuthAction::Analyze { table_name }
        | AuthAction::CreateVtable { table_name, .. }
        | AuthAction::DropVtable { table_name, .. } => ours(table_name),
        AuthAction::CreateView { view_name } | AuthAction::CreateTempView { view_name } => ours(view_name),
        _ => false,
    }
}

/// Why the statements of an event did not run.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The store failed under it: not the event's fault.
    Store(rusqlite::Error),
    /// The statement failed.
    Event(Failure),
}

/// A failed statement.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    /// Whether a constraint was violated.
    pub(super) constraint: bool,
    /// For a person. Holds the SQL and SQLite's words, never a parameter.
    pub(super) text: String,
}

/// Runs an event's statements in order, inside the open transaction.
pub(super) fn run(conn: &Connection, guard: &Guard, statements: &[Statement]) -> Result<(), Stopped> {
    guard.watch(|| statements.iter().try_for_each(|statement| one(conn, statement).map_err(|error| stopped(&statement.sql, error))))
}

enum Refusal {
    Sqlite(rusqlite::Error),
    Parameters { wanted: usize, given: usize },
    Rows { wanted: u64, found: u64 },
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

fn one(conn: &Connection, statement: &Statement) -> Result<(), Refusal> {
    if mentions_ours(&statement.sql) {
        // Never through the cache: a text equal to one of ours would find it prepared, and the guard would not be asked.
        execute(conn, &mut conn.prepare(&statement.sql)?, statement)
    } else {
        execute(conn, &mut *conn.prepare_cached(&statement.sql)?, statement)
    }
}

fn execute(conn: &Connection, prepared: &mut Prepared<'_>, statement: &Statement) -> Result<(), Refusal> {
    let params = &statement.params;
    let wanted = prepared.parameter_count();
    if wanted != params.len() {
        return Err(Refusal::Parameters { wanted, given: params.len() });
    }
    for (index, value) in params.iter().enumerate() {
        prepared.raw_bind_parameter(index.saturating_add(1), value)?;
    }
    let before = if statement.expect_rows.is_some() { conn.total_changes() } else { 0 };
    let mut returned = 0_u64;
    if prepared.column_count() == 0 {
        prepared.raw_execute()?;
    } else {
        let mut rows = prepared.raw_query();
        while rows.next()?.is_some() {
            returned += 1;
        }
    }
    let Some(wanted) = statement.expect_rows else { return Ok(()) };
    // What SQLite calls changes stays what it was when a statement changes nothing.
    let found = if conn.total_changes() == before { returned } else { conn.changes() };
    if found == wanted { Ok(()) } else { Err(Refusal::Rows { wanted, found }) }
}

fn mentions_ours(sql: &str) -> bool {
    sql.as_bytes().windows(OURS.len()).any(|part| part.eq_ignore_ascii_case(OURS))
}

fn stopped(sql: &str, refusal: Refusal) -> Stopped {
    match refusal {
        Refusal::Parameters { wanted, given } => {
            let text = format!("`{sql}` has {wanted} placeholders and was given {given} parameters");
            Stopped::Event(Failure { constraint: false, text })
        }
        Refusal::Rows { wanted, found } => {
            let text = format!("`{sql}` was expected to change or return {wanted} rows; it was {found}");
            Stopped::Event(Failure { constraint: false, text })
        }
        Refusal::Sqlite(error) if is_the_stores(&error) => Stopped::Store(error),
        Refusal::Sqlite(error) => {
            let code = error.sqlite_error_code();
            let said = match (&error, code) {
                (_, Some(ErrorCode::AuthorizationForStatementDenied)) => {
                    "an effect may not begin or end transactions, attach files, set pragmas or touch `onceward_` tables".to_owned()
                }
                (rusqlite::Error::MultipleStatement, _) => "an effect is one statement; record each by itself".to_owned(),
                _ => words(&error),
            };
            Stopped::Event(Failure { constraint: code == Some(ErrorCode::ConstraintViolation), text: format!("`{sql}`: {said}") })
        }
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(value) => ValueRef::Integer(*value),
            Self::Real(value) => ValueRef::Real(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Blob(value) => ValueRef::Blob(value),
        }))
    }
}
