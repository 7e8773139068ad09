//! The schema of one topic's values.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use onceward_schema::framing::{self, SchemaId};
use onceward_schema::{Decoder, Format, Limits, SchemaError, Source};

use super::body::Body;
use crate::kafka::Record;
use crate::registry::{Registry, RegistryError, RegistryErrorKind};

/// How long an id that the registry does not know is not asked for again.
const UNKNOWN: Duration = Duration::from_secs(1);

/// Ids that are remembered as unknown; they come from records, and so from anybody.
const MOST_UNKNOWN: usize = 10_000;

/// The schema of one topic's values, and what is known of those that wrote them.
pub(crate) struct TopicSchema {
    /// As handlers and configuration call the topic.
    pub(super) called: String,
    reader: Option<(Format, Source)>,
    /// Of all values, where they don't say which schema wrote them.
    all: Option<Decoder>,
    known: RwLock<HashMap<SchemaId, Known>>,
    unknown: Mutex<HashMap<SchemaId, (Instant, String)>>,
}

/// A schema that was asked for.
#[derive(Clone)]
enum Known {
    Reads(Format, Arc<Decoder>),
    Unusable(Arc<str>),
}

impl TopicSchema {
    /// # Errors
    /// The schema of the file is none.
    pub(super) fn new(called: &str, framed: bool, reader: Option<(Format, Source)>, message: Option<&str>) -> Result<Self, SchemaError> {
        let limits = Limits::default();
        // With framing it is tried all the same: a file that is no schema is told at the start, and not with the first event.
        let decoder = reader.as_ref().map(|(format, source)| Decoder::new(*format, source, None, message, &limits)).transpose()?;
        let all = decoder.filter(|_| !framed);
        Ok(Self { called: called.to_owned(), reader, all, known: RwLock::default(), unknown: Mutex::default() })
    }

    /// A value as JSON.
    ///
    /// # Errors
    /// The id of a schema that nobody has asked for.
    pub(super) fn decode(&self, record: &Record<'_>) -> Result<Body, SchemaId> {
        // Kafka's null says that something is gone; no schema has a word for it.
        let Some(value) = record.value() else { return Ok(Body::Read { text: None, from: 0, schema: None }) };
        if let Some(decoder) = &self.all {
            return Ok(read(decoder, value, value, &[], None));
        }
        let (id, rest) = match framing::read(value, record.header(framing::HEADER)) {
            Ok(framed) => framed,
            Err(error) => return Ok(Body::undecodable(None, &error)),
        };
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        match known {
            Some(Known::Reads(Format::Protobuf, decoder)) => match framing::message(rest) {
                Ok((path, rest)) => Ok(read(&decoder, value, rest, &path, Some(id))),
                Err(error) => Ok(Body::undecodable(Some(&id), &error)),
            },
            Some(Known::Reads(_, decoder)) => Ok(read(&decoder, value, rest, &[], Some(id))),
            Some(Known::Unusable(why)) => Ok(Body::unusable(&id, &why)),
            None => self.lately_unknown(&id).map(|why| Body::unknown(&why)).ok_or(id),
        }
    }

    fn lately_unknown(&self, id: &SchemaId) -> Option<String> {
        let unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        unknown.get(id).filter(|(since, _)| since.elapsed() < UNKNOWN).map(|(_, why)| why.clone())
    }

    /// Asks for a schema. What the registry says is remembered, unless it says nothing.
    ///
    /// # Errors
    /// The registry is away.
    pub(super) fn learn(&self, registry: &Registry, id: &SchemaId) -> Result<(), RegistryError> {
        let answer = match id {
            SchemaId::Number(number) => registry.by_id(*number),
            SchemaId::Guid(guid) => registry.by_guid(guid),
        };
        let known = match answer {
            Ok(found) => self.reads(found.format, &found.source),
            Err(error) if error.kind == RegistryErrorKind::Away => return Err(error),
            Err(error) if error.kind == RegistryErrorKind::NotFound => {
                let mut unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
                if unknown.len() >= MOST_UNKNOWN {
                    unknown.clear();
                }
                unknown.insert(id.clone(), (Instant::now(), error.text));
                return Ok(());
            }
            Err(error) => Known::Unusable(error.text.into()),
        };
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), known);
        Ok(())
    }

    fn reads(&self, format: Format, writer: &Source) -> Known {
        if let Some((wanted, _)) = self.reader.as_ref().filter(|(wanted, _)| *wanted != format) {
            return Known::Unusable(format!("it is {}, and this topic is read as {}", format.name(), wanted.name()).into());
        }
        let reader = self.reader.as_ref().map(|(_, source)| source);
        // Which message it is, the value says.
        match Decoder::new(format, writer, reader, None, &Limits::default()) {
            Ok(decoder) => Known::Reads(format, Arc::new(decoder)),
            Err(error) => Known::Unusable(error.to_string().into()),
        }
    }
}

fn read(decoder: &Decoder, value: &[u8], rest: &[u8], path: &[u32], schema: Option<SchemaId>) -> Body {
    match decoder.decode(rest, path) {
        Ok(Cow::Owned(text)) => Body::Read { text: Some(text), from: 0, schema },
        Ok(Cow::Borrowed(same)) => Body::Read { text: None, from: value.len().saturating_sub(same.len()), schema },
        Err(error) => Body::undecodable(schema.as_ref(), &error),
    }
}
