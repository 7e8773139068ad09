//! Faults cross as text: TypeScript makes the error of a code out of it.

use napi::{Error, Status};
use onceward_bridge::{Fault, codes};
use serde_json::json;

/// How the text of a fault begins, so that it is told from errors of Node-API.
pub(crate) const MARK: &str = "onceward-fault:";

/// The error of a fault.
pub(crate) fn thrown(fault: &Fault) -> Error {
    let text = json!({"code": fault.name(), "message": fault.message, "problems": fault.problems});
    Error::new(Status::GenericFailure, format!("{MARK}{text}"))
}

/// A wrong argument.
pub(crate) fn wrong(message: impl Into<String>) -> Error {
    Error::new(Status::InvalidArg, message.into())
}

/// The codes of errors: `errors.ts` has a class for each.
#[napi_derive::napi]
pub fn error_codes() -> Vec<&'static str> {
    codes().into_iter().map(|(_, name)| name).collect()
}
