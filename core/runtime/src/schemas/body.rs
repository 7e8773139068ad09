//! What became of a value that has a schema.

use onceward_engine::Rejection;
use onceward_schema::Undecodable;
use onceward_schema::framing::SchemaId;

use crate::event::{Failure, Report, Verdict};

/// What became of a value that has a schema.
#[derive(Debug)]
pub(crate) enum Body {
    /// It is this JSON; or the value is, from this byte on.
    Read { text: Option<Vec<u8>>, from: usize, schema: Option<SchemaId> },
    /// No handler is called: this is how its attempt ends.
    Refused { verdict: Verdict, kind: &'static str, message: String },
    /// The registry is away, so nobody knows. No attempt.
    Waits,
}

impl Body {
    /// No later attempt reads other bytes.
    pub(super) fn undecodable(schema: Option<&SchemaId>, error: &Undecodable) -> Self {
        let rejection = if error.invalid { Rejection::Invalid } else { Rejection::Undecodable };
        let message = match schema {
            Some(id) => format!("schema {id}: {error}"),
            None => error.to_string(),
        };
        Self::Refused { verdict: Verdict::Reject(rejection), kind: "DecodeError", message }
    }

    /// Its schema is none that can be used, today or tomorrow: an id stands for one schema for ever.
    pub(super) fn unusable(schema: &SchemaId, why: &str) -> Self {
        let message = format!("schema {schema} can't be used: {why}");
        Self::Refused { verdict: Verdict::Reject(Rejection::Undecodable), kind: "SchemaError", message }
    }

    /// A registry that was restored, or is a replica, may learn of it: the policy of the topic says for how long that is awaited.
    pub(super) fn unknown(why: &str) -> Self {
        Self::Refused { verdict: Verdict::Retry { after: None }, kind: "UnknownSchema", message: why.to_owned() }
    }

    pub(crate) fn waits(&self) -> bool {
        matches!(self, Self::Waits)
    }

    pub(crate) fn failure(&self) -> Option<Failure> {
        let Self::Refused { verdict, kind, message } = self else { return None };
        let report = Report { kind: (*kind).to_owned(), message: message.clone(), chain: String::new() };
        Some(Failure { verdict: *verdict, report, names: Vec::new() })
    }
}
