//! A schema against its older versions: files, folders of versions, git revisions. What `onceward schema check` does.
//!
//! "Could not be checked" is never "fine": whatever can't be read, found or parsed is a [`CheckError`], and only a [`Report`] has a verdict.

mod annotations;
mod error;
mod files;
mod git;
mod kind;
mod natural;
mod old;
mod report;
mod request;
mod text;

pub use error::CheckError;
pub use report::{Compared, Report};
pub use request::{Old, Request};
