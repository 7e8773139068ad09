//! What a handler returns when it did not succeed.

use std::any::TypeId;
use std::fmt;
use std::time::Duration;

use onceward_engine::Rejection;

/// A payload that can't be decoded. Fatal at once: no later attempt reads other bytes.
///
/// Its text says what kind of thing stands where, and never the value itself: error texts are logged, payloads are not. The whole story
/// is its [source](std::error::Error::source), which goes into the letter, beside the payload.
#[derive(Debug, thiserror::Error)]
#[error("the value is not the JSON that the handler expects: {}", without_values(.0))]
pub struct DecodeError(#[from] pub(crate) serde_json::Error);

/// serde's message without what it quotes from the document.
fn without_values(error: &serde_json::Error) -> String {
    let place = format!("at line {} column {}", error.line(), error.column());
    let said = error.to_string();
    // Texts of serde_json's own are fixed; only what a type says about a value can quote it.
    if !error.is_data() || said.starts_with("missing field `") || said.starts_with("invalid length ") {
        return said;
    }
    let kind = ["invalid type: ", "invalid value: "].iter().find_map(|start| said.strip_prefix(start).map(|rest| (start, rest)));
    if let Some((start, rest)) = kind
        && let Some((value, expected)) = rest.rsplit_once(", expected ")
    {
        let kind = value.split(['`', '"']).next().unwrap_or_default().trim_end();
        return format!("{start}{kind}, expected {expected}");
    }
    for start in ["unknown field", "unknown variant", "duplicate field"] {
        if said.starts_with(start) {
            return format!("{start} {place}");
        }
    }
    format!("a value that its type refuses {place}")
}

/// A handler's failure: by default worth another attempt.
///
/// Every error type converts with `?`. [`Failure::reject`] gives the event up at once, [`Failure::retry_after`] chooses the wait.
#[derive(Debug)]
pub struct Failure {
    pub(crate) verdict: Verdict,
    pub(crate) report: Report,
    /// Names of the error's type and of the types above it, in languages that have them.
    pub(crate) names: Vec<String>,
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
            names: Vec::new(),
        }
    }

    /// Asks for another attempt after this long, instead of the policy's wait. It counts as an attempt.
    pub fn retry_after(wait: Duration, why: impl fmt::Display) -> Self {
        Self {
            verdict: Verdict::Retry { after: Some(wait) },
            report: Report { kind: "Retry".to_owned(), message: why.to_string(), chain: String::new() },
            names: Vec::new(),
        }
    }

    /// An error of another language: worth another attempt. `names` are those of its type and of all types above it: a fatal error is
    /// declared by any of them.
    #[must_use]
    pub fn foreign(report: Report, names: Vec<String>) -> Self {
        Self { verdict: Verdict::Retry { after: None }, report, names }
    }

    /// The same error, with another attempt after this long instead of the policy's wait.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self { verdict: Verdict::Retry { after: Some(wait) }, ..self }
    }

    /// The same error, given up at once with the reason `rejected`.
    #[must_use]
    pub fn fatal(self) -> Self {
        Self { verdict: Verdict::Reject(Rejection::Rejected), ..self }
    }

    /// The same error, given up at once with the reason `undecodable`.
    #[must_use]
    pub fn undecodable(self) -> Self {
        Self { verdict: Verdict::Reject(Rejection::Undecodable), ..self }
    }

    /// The program can't go on: the event is nobody's failure, and the run ends with [`Error::Halted`](crate::Error::Halted) and this text.
    /// The event is handled after the next start.
    #[must_use]
    pub fn stop(why: &str) -> Self {
        Self::misuse(why)
    }

    /// The error as it will be written into logs and letters.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    pub(crate) fn misuse(why: &str) -> Self {
        let report = Report { kind: "Misuse".to_owned(), message: why.to_owned(), chain: String::new() };
        Self { verdict: Verdict::Misuse, report, names: Vec::new() }
    }

    pub(crate) fn retry(kind: &str, message: String) -> Self {
        let report = Report { kind: kind.to_owned(), message, chain: String::new() };
        Self { verdict: Verdict::Retry { after: None }, report, names: Vec::new() }
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
        let report = Report { kind: std::any::type_name::<E>().to_owned(), message: error.to_string(), chain };
        Self { verdict, report, names: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decode_error_tells_the_kind_and_the_place_but_not_the_value() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Order {
            #[allow(dead_code, reason = "only its type matters")]
            id: std::net::IpAddr,
            #[allow(dead_code, reason = "only its type matters")]
            total: u8,
        }
        for (json, expected) in [
            (r#"{"id":"::1","total":"CANARY, expected \", expected u8"}"#, "invalid type: string, expected u8 at line 1 column"),
            (r#"{"id":"::1","total":777777}"#, "invalid value: integer, expected u8 at line 1 column"),
            (r#"{"id":"CANARY","total":1}"#, "a value that its type refuses at line 1 column"),
            (r#"{"CANARY":1}"#, "unknown field at line 1 column"),
            (r#"{"id":"::1"}"#, "missing field `total` at line 1 column"),
            (r#"{"CANARY"#, "EOF while parsing a string at line 1 column"),
        ] {
            let Err(error) = serde_json::from_str::<Order>(json).map_err(DecodeError) else { continue };
            let text = error.to_string();
            assert!(text.contains(expected), "{text}");
            assert!(!text.contains("CANARY") && !text.contains("777777"), "{text}");
            assert!(std::error::Error::source(&error).is_some(), "the letter has the whole story");
        }
    }

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
