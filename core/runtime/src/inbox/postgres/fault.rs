//! What the server's errors mean for the loop: again, pause, or stop.

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::inbox::InboxError;

/// A failed access to the store.
#[derive(Debug)]
pub(super) enum Fault {
    /// Another transaction was in the way: the same again.
    Busy(String),
    /// Unreachable, full, read-only: pause, connect again, go on by itself. What was last sent may have happened, or not.
    Down(String),
    /// Our tables are not what they were.
    Broken(InboxError),
}

/// Whether an error is the store's and not that of the statement which met it.
pub(super) fn is_the_stores(error: &Error) -> bool {
    let Some(code) = error.code() else { return !is_ours(error) };
    let class = code.code().get(..2).unwrap_or_default();
    // 40: a deadlock or a serialisation failure takes the whole transaction; the others are of the server and its machine.
    matches!(class, "08" | "40" | "53" | "58" | "XX") && *code != SqlState::INTERNAL_ERROR
        || class == "57" && *code != SqlState::QUERY_CANCELED
        || [SqlState::READ_ONLY_SQL_TRANSACTION, SqlState::LOCK_NOT_AVAILABLE, SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT].contains(code)
}

/// An error of this library about a parameter, before anything was sent: the statement's own.
fn is_ours(error: &Error) -> bool {
    error.to_string().starts_with("error serializing")
}

/// What to do about an error of a statement of ours.
pub(super) fn classify(name: &str, error: &Error) -> Fault {
    let said = words(error);
    let Some(code) = error.code() else {
        return Fault::Down(format!("{name}: {said}. {} {AGAIN}", cure(None)));
    };
    match code {
        code if *code == SqlState::T_R_DEADLOCK_DETECTED || *code == SqlState::T_R_SERIALIZATION_FAILURE => {
            Fault::Busy(format!("{name}: {said}: transactions of several processes write the same rows. {AGAIN}"))
        }
        code if *code == SqlState::LOCK_NOT_AVAILABLE => Fault::Busy(format!(
            "{name}: another transaction has held rows locked for 10 seconds. Find it in pg_stat_activity and end it. {AGAIN}"
        )),
        code if *code == SqlState::UNDEFINED_TABLE || *code == SqlState::UNDEFINED_COLUMN => Fault::Broken(InboxError::Store {
            path: name.to_owned(),
            detail: format!(
                "{said}; the database is not what it was when it was opened. Restore it, or correct the search path, and start again"
            ),
        }),
        code => Fault::Down(format!("{name}: {said}. {} {AGAIN}", cure(Some(code)))),
    }
}

const AGAIN: &str = "Onceward tries again by itself; nothing is lost";

/// An error at open, for a person.
pub(super) fn at_open(name: &str, error: &Error) -> InboxError {
    InboxError::Store { path: name.to_owned(), detail: format!("{}. {}", words(error), cure(error.code())) }
}

/// What the server said, without values: its `DETAIL` holds them, and is left out.
pub(super) fn words(error: &Error) -> String {
    if let Some(said) = error.as_db_error() {
        return match said.constraint() {
            Some(name) if !said.message().contains(name) => format!("{} ({name})", said.message()),
            _ => said.message().to_owned(),
        };
    }
    // The library's own sentence says where, and its cause says what.
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

fn cure(code: Option<&SqlState>) -> &'static str {
    let Some(code) = code else { return "Check that the server runs and can be reached from here." };
    match code.code() {
        "28P01" | "28000" => "Check user and password of `inbox`, and the server's pg_hba.conf.",
        "3D000" => "Create the database, or correct its name in `inbox`.",
        "42501" => {
            "Give this user the right to create and write tables in its schema, or make them before with `onceward inbox ddl --dialect postgres`."
        }
        "25006" => "The server takes no writes: it is a standby, or default_transaction_read_only is on.",
        "53100" => "Free space on the server's disk.",
        "53300" => "Raise the server's max_connections, or lower max_connections in `inbox`.",
        "57P01" | "57P02" | "57P03" => "The server was stopped, or starts.",
        "57014" => "A statement took more than 30 seconds.",
        "25P03" => "This process stood still for more than 10 seconds within a transaction.",
        _ => "See the server's log.",
    }
}
