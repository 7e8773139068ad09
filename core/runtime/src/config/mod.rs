//! What the user wrote, and what it means.
//!
//! `raw` is what was said (serde, unknown fields refused), `settings` what it means (validated, defaults filled in). One validator reports
//! all problems at once, each with its field path.

mod error;

pub use error::{ConfigError, Problem};
