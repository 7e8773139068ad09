//! Problems of a configuration, all at once.

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// Path of the field, as `topics.orders.retry.first`.
    pub path: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// A configuration that can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Every problem found, ordered by path.
    pub problems: Vec<Problem>,
}

impl Problem {
    pub(crate) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

impl ConfigError {
    /// Ordered by path, so that the problems of one topic stand together and every run prints the same list.
    #[must_use]
    pub fn new(mut problems: Vec<Problem>) -> Self {
        problems.sort_by(|left, right| left.path.cmp(&right.path));
        Self { problems }
    }
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "the configuration has {} problem{}:", self.problems.len(), if self.problems.len() == 1 { "" } else { "s" })?;
        for problem in &self.problems {
            write!(formatter, "\n  {}: {}", problem.path, problem.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
