//! Schemas as contracts: Avro, JSON Schema and Protobuf are parsed, compared, and every difference is told with its cure.
//!
//! ```
//! use onceward_schema::{Format, Level, Limits, Rules, Schema, Source, Verdict, compare};
//!
//! let limits = Limits::default();
//! let old = Schema::parse(Format::Avro, &Source::new("v1", r#"{"type": "record", "name": "Order", "fields": []}"#), &limits)?;
//! let new = r#"{"type": "record", "name": "Order", "fields": [{"name": "total", "type": "double"}]}"#;
//! let new = Schema::parse(Format::Avro, &Source::new("v2", new), &limits)?;
//! let differences = compare(&old, &new, &Rules::new(Level::Backward), &limits)?;
//! assert_eq!(differences[0].verdict, Verdict::Breaking);
//! assert_eq!(differences[0].path, "$.total");
//! # Ok::<(), onceward_schema::SchemaError>(())
//! ```
//!
//! Schemas come from outside and may be hostile: [`Limits`] bound bytes, depth, nodes, references and the work of a comparison. Nothing is
//! ever fetched; what a schema refers to is handed in with its [`Source`]. No input panics.
//!
//! One walk per format finds what differs, and for each difference which reading it breaks: old events with the new schema (backward) or
//! new events with the old one (forward). A [`Level`] only says which of the two counts, so FULL is BACKWARD and FORWARD by construction.
//! The level [`Level::Contract`] judges as people do who do not know the levels: see `docs/guide/schemas.md`.
//!
//! `avro`, `json` and `protobuf` each hold `model` (parsed), `parse` and `compare`; `finding` is what a walk reports, `kind` the closed list of
//! differences, `judge` turns findings into verdicts, `check` compares files, folders and git revisions. [`Decoder`] reads events by a schema and
//! gives them as JSON; [`framing`] is how an event says which schema wrote it.

mod avro;
mod budget;
pub mod check;
mod decode;
mod difference;
mod error;
mod finding;
mod format;
pub mod framing;
mod json;
mod judge;
mod kind;
mod level;
mod limits;
mod path;
mod protobuf;
mod rename;
mod render;
mod rules;
mod schema;
mod source;
mod text;

pub use decode::{Decoder, Undecodable};
pub use difference::{Breaks, Difference, Verdict};
pub use error::{SchemaError, SchemaErrorKind};
pub use format::Format;
pub use judge::{compare, worst};
pub use kind::Kind;
pub use level::Level;
pub use limits::Limits;
pub use rules::{JsonPolicy, ProtobufRules, Rules};
pub use schema::Schema;
pub use source::{Reference, Source};
