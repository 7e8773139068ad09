//! What the user wrote, and what it means.
//!
//! [`raw`] is what was said (serde, unknown fields refused), [`Settings`] what it means (validated, defaults filled in). One validator
//! reports all problems at once, each with its field path.
//!
//! ```text
//! TOML file ─┐
//! code       ├─► Loader: each layer is held against the JSON Schema ─► raw::Config ─► validate ─► Settings
//! ONCEWARD_* │            (unknown names, wrong types), then merged
//! flags     ─┘            (a later layer wins, field by field)
//! ```
//!
//! The schema is derived from [`raw`] and is the only description of the fields: the shape check, the names of environment variables,
//! `docs/reference/config.schema.json` and the tables of `docs/reference/config.md` come from it.

mod alerts;
mod breaker;
mod bytes;
mod check;
mod companions;
mod duration;
mod effective;
mod env;
mod error;
mod loader;
mod nearest;
mod origin;
mod path;
mod pattern;
pub mod raw;
mod reference;
mod registry;
mod schema;
mod secret;
mod settings;
mod shape;
mod source;
mod topic;
mod validate;

pub use bytes::{format_bytes, parse_bytes};
pub use duration::{format_duration, parse_duration};
pub use error::{ConfigError, Problem};
pub use loader::Loader;
pub use nearest::nearest;
pub(crate) use path::topic as path_of;
pub use pattern::Pattern;
pub use reference::reference;
pub use registry::{RegistrySettings, SchemaRules};
pub use schema::json_schema;
pub use secret::is_secret;
pub(crate) use secret::resolve as resolve_secret;
pub use settings::{
    AfterDeadLetter, CompanionTemplates, GroupCommit, InboxPlace, KafkaProperties, Settings, TelemetrySettings, TopicRules, WebhookSettings,
};
pub use validate::validate;
