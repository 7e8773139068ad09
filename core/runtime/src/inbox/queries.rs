//! Reading the user's tables from handlers, whichever database they are in.

use std::sync::Arc;

use super::Value;

/// What a store does with a query.
type Ask = dyn Fn(&str, &[Value]) -> Result<Vec<Vec<Value>>, String> + Send + Sync;

/// Runs queries against the inbox's database. Cheap to clone.
#[derive(Clone)]
pub struct Queries(Arc<Ask>);

impl std::fmt::Debug for Queries {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Queries")
    }
}

impl Queries {
    pub(super) fn new(ask: impl Fn(&str, &[Value]) -> Result<Vec<Vec<Value>>, String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }

    /// The rows of a query, on a snapshot that begins now: everything committed before is in it.
    ///
    /// # Errors
    /// What the database said, with the SQL and without parameters.
    pub fn run(&self, sql: &str, params: &[Value]) -> Result<Vec<Vec<Value>>, String> {
        (self.0)(sql, params)
    }
}
