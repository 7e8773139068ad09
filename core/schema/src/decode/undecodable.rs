//! An event that can't be read: what, where.

/// Why an event can't be read with its schema. Holds no values of the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecodable {
    /// Where, as `$.lines[3].price`.
    pub path: String,
    /// What is wrong there.
    pub problem: String,
    /// It can be read, and is not what its schema asks for.
    pub invalid: bool,
}

impl Undecodable {
    pub(crate) fn new(problem: impl Into<String>) -> Self {
        Self { path: "$".to_owned(), problem: problem.into(), invalid: false }
    }

    pub(crate) fn invalid(path: String, problem: impl Into<String>) -> Self {
        Self { path, problem: problem.into(), invalid: true }
    }

    /// One level further out: `$.price` under `.lines` is `$.lines.price`.
    pub(crate) fn under(mut self, step: &str) -> Self {
        // Deeper paths than this are cut by nobody and read by nobody.
        if self.path.len() < 1_000 {
            self.path.insert_str(1, step);
        }
        self
    }
}

impl std::fmt::Display for Undecodable {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.path, self.problem)
    }
}

impl std::error::Error for Undecodable {}
