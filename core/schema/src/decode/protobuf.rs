//! Protobuf events: the messages of a file, and of those that it imports.

use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use protox::file::{File, FileResolver, GoogleFileResolver};

use super::message;
use super::undecodable::Undecodable;
use crate::error::SchemaError;
use crate::source::{Reference, Source};
use crate::text::shown;

/// What the main file is called while it is compiled; imports have the names that the file gives them.
const MAIN: &str = "onceward/main.proto";

#[derive(Debug)]
pub(super) struct Messages {
    writer: DescriptorPool,
    reader: Option<DescriptorPool>,
    named: Option<MessageDescriptor>,
}

/// What was handed in, and Google's own.
struct HandedIn {
    main: String,
    references: Vec<Reference>,
}

impl FileResolver for HandedIn {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        if name == MAIN {
            return File::from_source(name, &self.main);
        }
        match self.references.iter().find(|reference| reference.name == name) {
            Some(reference) => File::from_source(name, &reference.text),
            None => GoogleFileResolver::new().open_file(name),
        }
    }
}

impl Messages {
    pub(super) fn new(writer: &Source, reader: Option<&Source>, message: Option<&str>) -> Result<Self, SchemaError> {
        let mut messages = Self { writer: compile(writer)?, reader: reader.map(compile).transpose()?, named: None };
        if let Some(name) = message {
            let found = messages.reader.as_ref().unwrap_or(&messages.writer).get_message_by_name(name);
            let problem = || {
                SchemaError::invalid(&writer.name, format!("it has no message `{}`", shown(name)), "write the full name, with the package")
            };
            messages.named = Some(found.ok_or_else(problem)?);
        }
        Ok(messages)
    }

    pub(super) fn decode(&self, bytes: &[u8], path: &[u32]) -> Result<Vec<u8>, Undecodable> {
        let message = match &self.named {
            Some(message) => message.clone(),
            None => self.find(path)?,
        };
        // Its own words hold the path and no value.
        let message = DynamicMessage::decode(message, bytes).map_err(|error| Undecodable::new(shown(&error.to_string())))?;
        message::render(&message, bytes.len())
    }

    fn find(&self, path: &[u32]) -> Result<MessageDescriptor, Undecodable> {
        let missing = || Undecodable::new("it says that it is a message which its schema does not have");
        let at = |place: u32| usize::try_from(place).unwrap_or(usize::MAX);
        let (first, inner) = path.split_first().map_or((0, &[][..]), |(first, inner)| (*first, inner));
        let file = self.writer.get_file_by_name(MAIN).ok_or_else(missing)?;
        let mut message = file.messages().nth(at(first)).ok_or_else(missing)?;
        for place in inner {
            // The entries of maps are messages for the compiler, and not for those who number them.
            let child = message.child_messages().filter(|child| !child.is_map_entry()).nth(at(*place)).ok_or_else(missing)?;
            message = child;
        }
        match &self.reader {
            None => Ok(message),
            Some(reader) => reader.get_message_by_name(message.full_name()).ok_or_else(|| {
                Undecodable::new(format!("it is a `{}`, which the schema that reads it does not have", shown(message.full_name())))
            }),
        }
    }
}

fn compile(source: &Source) -> Result<DescriptorPool, SchemaError> {
    let wrong = |error: protox::Error| SchemaError::invalid(&source.name, shown(&error.to_string()), "mend the file; `protoc` says more");
    let handed_in = HandedIn { main: source.text.clone(), references: source.references.clone() };
    let mut compiler = protox::Compiler::with_file_resolver(handed_in);
    compiler.include_imports(true).open_file(MAIN).map_err(wrong)?;
    Ok(compiler.descriptor_pool())
}
