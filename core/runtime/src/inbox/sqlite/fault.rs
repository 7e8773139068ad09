//! What SQLite's errors mean for the loop: wait, pause, or stop.

use std::time::{Duration, Instant};

use rusqlite::ErrorCode;

use crate::inbox::InboxError;

/// `SQLITE_CORRUPT_VTAB`: a virtual table of the user's is inconsistent, which is no damage of the file.
const CORRUPT_VTAB: i32 = 267;

/// How long one access waits for another process before it ends busy.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Busy for so long is told to a person. A little shorter, so that the first access that ends busy is enough.
const PATIENCE: Duration = Duration::from_millis(4_500);

/// Since when the store has been busy without a pause.
#[derive(Default)]
pub(super) struct Busy(Option<Instant>);

impl Busy {
    /// An access that began then ended busy. What to tell, if it has lasted too long.
    pub(super) fn again(&mut self, path: &str, began: Instant) -> Option<String> {
        let since = *self.0.get_or_insert(began);
        (since.elapsed() >= PATIENCE).then(|| {
            format!(
                "{path}: another process has held it locked for {} seconds. Find it with `fuser {path}`, a shell or a tool with an open \
                 transaction, and end that transaction. Onceward tries again by itself; nothing is lost",
                since.elapsed().as_secs_f64().round()
            )
        })
    }

    /// Something else happened.
    pub(super) fn over(&mut self) {
        self.0 = None;
    }
}

/// A failed access to the store.
#[derive(Debug)]
pub(super) enum Fault {
    /// Another process holds the file: try again.
    Busy,
    /// Full, read-only, I/O error: pause, probe, go on by itself.
    Down(String),
    /// Damaged, or not what it was.
    Broken(InboxError),
}

/// Whether an error is the store's and not that of the statement which met it.
pub(super) fn is_the_stores(error: &rusqlite::Error) -> bool {
    let rusqlite::Error::SqliteFailure(cause, _) = error else { return false };
    match cause.code {
        ErrorCode::DatabaseCorrupt => cause.extended_code != CORRUPT_VTAB,
        ErrorCode::DatabaseBusy
        | ErrorCode::DiskFull
        | ErrorCode::SystemIoFailure
        | ErrorCode::ReadOnly
        | ErrorCode::CannotOpen
        | ErrorCode::NotADatabase
        | ErrorCode::OutOfMemory
        | ErrorCode::FileLockingProtocolFailed => true,
        _ => false,
    }
}

/// What to do about an error of a statement of ours.
pub(super) fn classify(path: &str, error: &rusqlite::Error) -> Fault {
    let said = words(error);
    let rusqlite::Error::SqliteFailure(cause, _) = error else {
        return Fault::Broken(InboxError::Damaged { path: path.to_owned(), detail: said });
    };
    match cause.code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::SchemaChanged | ErrorCode::FileLockingProtocolFailed => {
            Fault::Busy
        }
        ErrorCode::DatabaseCorrupt => Fault::Broken(InboxError::Damaged { path: path.to_owned(), detail: said }),
        ErrorCode::NotADatabase => Fault::Broken(InboxError::NotADatabase { path: path.to_owned() }),
        // "no such table": somebody dropped or replaced our tables under us.
        ErrorCode::Unknown => Fault::Broken(InboxError::Store {
            path: path.to_owned(),
            detail: format!("{said}; the file is not what it was when it was opened. Restore it and start again"),
        }),
        code => Fault::Down(format!("{path}: {said}. {} Onceward tries again by itself; nothing is lost", cure(code))),
    }
}

/// An error at open, for a person.
pub(super) fn at_open(path: &str, error: &rusqlite::Error) -> InboxError {
    let said = words(error);
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => InboxError::NotADatabase { path },
        Some(ErrorCode::DatabaseCorrupt) => InboxError::Damaged { path, detail: said },
        Some(ErrorCode::DatabaseBusy) => InboxError::Store {
            path,
            detail: format!("{said} for five seconds. Another process holds the file locked: end its transaction"),
        },
        Some(code) => InboxError::Store { path, detail: format!("{said}. {}", cure(code)) },
        None => InboxError::Store { path, detail: said },
    }
}

/// What SQLite said, without values.
pub(super) fn words(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    }
}

fn cure(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::DiskFull => "Free space on that disk.",
        ErrorCode::ReadOnly => "Make the file and its folder writable for this user.",
        ErrorCode::CannotOpen => "Check that the folder exists and that this user may write there.",
        ErrorCode::SystemIoFailure => "Check the disk and the kernel's log.",
        ErrorCode::OutOfMemory => "Give the process more memory.",
        _ => "Check the file and its disk.",
    }
}
