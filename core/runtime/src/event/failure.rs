//! What a handler returns when it did not succeed.

use std::any::TypeId;
use std::fmt;
use std::time::Duration;

use onceward_engine::Rejection;

/// A payload that can't be decoded. Fatal at once: no later attempt reads other bytes.
#[derive(Debug, thiserror::Error)]
#[error("the value is not the JSON that the handler expects: {0}")]
pub struct DecodeError(#[from] pub(crate) serde_json::Error);

/// A handler's failure: by default worth another attempt.
///
/// Every error type converts with `?`. [`Failure::reject`] gives the event up at once, [`Failure::retry_after`] chooses the wait.
#[derive(Debug)]
pub struct Failure {
    pub(crate) verdict: Verdict,
    pub(crate) report: Report,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Retry {
        after: Option<Duration>,
    },
    Reject(Rejection),
    /// The program is wrong, not the event: nothing is counted or given up, the run ends with an error.
    Misuse,
}

/// The error as it is written into logs and letters. Never holds payloads, unless the error's own text does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The error's type.
    pub kind: String,
    /// The error's text.
    pub message: String,
    /// The chain of causes, one per line.
    pub chain: String,
}

impl Failure {
    /// Gives the event up at once, with the reason `rejected`.
    pub fn reject(why: impl fmt::Display) -> Self {
        Self {
            verdict: Verdict::Reject(Rejection::Rejected),
            report: Report { kind: "Reject".to_owned(), message: why.to_string(), chain: String::new() },
        }
    }

    /// Asks for another attempt after this long, instead of the policy's wait. It counts as an attempt.
    pub fn retry_after(wait: Duration, why: impl fmt::Display) -> Self {
        Self {
            verdict: Verdict::Retry { after: Some(wait) },
            report: Report { kind: "Retry".to_owned(), message: why.to_string(), chain: String::new() },
        }
    }

    /// The error as it will be written into logs and letters.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    pub(crate) fn misuse(why: &str) -> Self {
        Self { verdict: Verdict::Misuse, report: Report { kind: "Misuse".to_owned(), message: why.to_owned(), chain: String::new() } }
    }

    pub(crate) fn retry(kind: &str, message: String) -> Self {
        Self { verdict: Verdict::Retry { after: None }, report: Report { kind: kind.to_owned(), message, chain: String::new() } }
    }
}

impl<E: std::error::Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let verdict = if TypeId::of::<E>() == TypeId::of::<DecodeError>() {
            Verdict::Reject(Rejection::Undecodable)
        } else {
            Verdict::Retry { after: None }
        };
        let mut chain = String::new();
        let mut cause = error.source();
        while let Some(next) = cause {
            if !chain.is_empty() {
                chain.push('\n');
            }
            chain.push_str("caused by: ");
            chain.push_str(&next.to_string());
            cause = next.source();
        }
        Self { verdict, report: Report { kind: std::any::type_name::<E>().to_owned(), message: error.to_string(), chain } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_error_is_worth_another_attempt_but_a_decode_error_is_not() {
        let failure: Failure = std::io::Error::other("downstream away").into();
        assert_eq!(failure.verdict, Verdict::Retry { after: None });
        assert!(failure.report.kind.ends_with("Error"));
        let Err(error) = serde_json::from_str::<u32>("{") else { return };
        let failure: Failure = DecodeError(error).into();
        assert_eq!(failure.verdict, Verdict::Reject(Rejection::Undecodable));
    }
}
