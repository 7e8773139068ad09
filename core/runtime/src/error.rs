//! What can go wrong, for people: what happened, where, what to do.

use crate::inbox::InboxError;

/// Any error of a consumer. [`Error::code`] is the closed list that every language maps its exceptions from.
///
/// `Debug` shows the same text as `Display`, since that is what `fn main() -> Result<(), Error>` prints.
#[derive(thiserror::Error)]
pub enum Error {
    /// The configuration is wrong; all problems at once.
    #[error("{0}")]
    Config(#[from] crate::config::ConfigError),
    /// The inbox can't be used.
    #[error("inbox: {0}")]
    Inbox(#[from] InboxError),
    /// Kafka said no, or nothing.
    #[error("{what}: {cause}. {cure}")]
    Broker {
        /// What was tried, where.
        what: String,
        /// What librdkafka said.
        cause: String,
        /// What to do.
        cure: String,
    },
    /// Topics are missing or do not fit.
    #[error("{0}")]
    Topics(String),
    /// A partition halted and the run can't finish.
    #[error("{0}")]
    Halted(String),
    /// The consumer is stopped.
    #[error("this consumer is closed; build a new one")]
    Closed,
}

/// The closed list of error codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// `ConfigError`
    Config,
    /// `InboxError`
    Inbox,
    /// `BrokerError`
    Broker,
    /// `TopicsError`
    Topics,
    /// `HaltedError`
    Halted,
    /// `ClosedError`
    Closed,
}

impl std::fmt::Debug for Error {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, formatter)
    }
}

impl Error {
    /// Which kind.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Config(_) => ErrorCode::Config,
            Self::Inbox(_) => ErrorCode::Inbox,
            Self::Broker { .. } => ErrorCode::Broker,
            Self::Topics(_) => ErrorCode::Topics,
            Self::Halted(_) => ErrorCode::Halted,
            Self::Closed => ErrorCode::Closed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Error;

    #[test]
    fn what_main_returns_is_shown_to_people() {
        let error =
            Error::Broker { what: "looking at topic a".to_owned(), cause: "timed out".to_owned(), cure: "Start a broker".to_owned() };
        assert_eq!(format!("{error:?}"), "looking at topic a: timed out. Start a broker");
    }
}
