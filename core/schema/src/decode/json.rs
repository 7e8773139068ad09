//! JSON events: parsed, and validated by a JSON Schema.

use jsonschema::{PatternOptions, Retrieve, Uri};
use serde_json::Value;

use super::undecodable::Undecodable;
use crate::error::SchemaError;
use crate::limits::Limits;
use crate::source::{Reference, Source};
use crate::text::shown;

/// Steps back that a pattern may make: patterns come from strangers, and texts as well.
const BACKTRACKS: usize = 100_000;

#[derive(Debug)]
pub(super) struct Validator(jsonschema::Validator);

/// What was handed in, and nothing else: never the network, never a file.
struct HandedIn(Vec<Reference>);

impl Retrieve for HandedIn {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let (whole, path) = (uri.as_str(), uri.path().as_str().trim_start_matches('/'));
        let found =
            self.0.iter().find(|one| one.name == whole).or_else(|| self.0.iter().find(|one| one.name.trim_start_matches("./") == path));
        match found {
            Some(reference) => Ok(serde_json::from_str(&reference.text)?),
            None => Err(format!("{} was not handed in, and nothing is fetched", shown(whole)).into()),
        }
    }
}

impl Validator {
    pub(super) fn new(source: &Source, limits: &Limits) -> Result<Self, SchemaError> {
        let weight = crate::json::parse(source, limits)?.weight();
        if weight > limits.steps {
            return Err(SchemaError::limit(
                &source.name,
                format!("validating one value takes {weight} steps, and {} are allowed", limits.steps),
            ));
        }
        let schema: Value = serde_json::from_str(&source.text)
            .map_err(|error| SchemaError::invalid(&source.name, format!("it is no JSON: {error}"), "mend the text"))?;
        jsonschema::options()
            .with_retriever(HandedIn(source.references.clone()))
            .with_pattern_options(PatternOptions::fancy_regex().backtrack_limit(BACKTRACKS))
            .build(&schema)
            .map(Self)
            .map_err(|error| SchemaError::invalid(&source.name, shown(&error.to_string()), "mend the schema"))
    }

    pub(super) fn validate(&self, bytes: &[u8]) -> Result<(), Undecodable> {
        let value: Value = serde_json::from_slice(bytes).map_err(|error| {
            // Not its own words: they may quote the event.
            let what = if error.is_eof() { "it ends in the middle of JSON" } else { "it is no JSON" };
            Undecodable::new(format!("{what}, at line {} column {}", error.line(), error.column()))
        })?;
        self.0.validate(&value).map_err(|error| {
            let mut path = "$".to_owned();
            for step in error.instance_path().as_str().split('/').skip(1) {
                let step = step.replace("~1", "/").replace("~0", "~");
                let is_place = step.bytes().all(|byte| byte.is_ascii_digit());
                path.push_str(&if is_place { format!("[{step}]") } else { format!(".{}", shown(&step)) });
            }
            let problem = error.masked().to_string();
            Undecodable::invalid(path, shown(&problem))
        })
    }
}
