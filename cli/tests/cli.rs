//! The command as people and programs meet it: its help, its answers, its exit codes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "cli/doctor.rs"]
mod doctor;
#[path = "cli/inbox.rs"]
mod inbox;
#[path = "cli/ledger.rs"]
mod ledger;
#[path = "cli/letters.rs"]
mod letters;
#[path = "cli/live.rs"]
mod live;
#[path = "cli/many.rs"]
mod many;
#[path = "cli/offline.rs"]
mod offline;
#[path = "cli/readable.rs"]
mod readable;
#[path = "cli/reprocess.rs"]
mod reprocess;
#[path = "cli/run.rs"]
mod run;
#[path = "cli/schema.rs"]
mod schema;
#[path = "cli/secure.rs"]
mod secure;
#[path = "cli/spring.rs"]
mod spring;
#[path = "cli/subject.rs"]
mod subject;
#[path = "cli/tried.rs"]
mod tried;
