//! Reads a `.proto` file and those that it imports.

use std::collections::BTreeSet;

use prost_types::FileDescriptorProto;

use super::lower::Lowering;
use super::model::ProtobufSchema;
use super::names::Names;
use crate::budget::Budget;
use crate::error::SchemaError;
use crate::limits::Limits;
use crate::source::Source;
use crate::text::shown;

/// Parses a file and all imports that were handed in with it.
pub(crate) fn parse(source: &Source, limits: &Limits) -> Result<ProtobufSchema, SchemaError> {
    let mut budget = Budget::new(&source.name, limits);
    let main = read(&source.name, &source.text)?;
    let mut files = Vec::new();
    let mut missing = Vec::new();
    let mut asked: BTreeSet<String> = BTreeSet::new();
    let mut queue = main.dependency.clone();
    while let Some(path) = queue.pop() {
        if !asked.insert(path.clone()) {
            continue;
        }
        match source.references.iter().find(|reference| reference.name == path) {
            Some(reference) => {
                let file = read(&reference.name, &reference.text)?;
                queue.extend(file.dependency.iter().cloned());
                files.push(file);
            }
            // An import that only brings options, or one of Google's, needs no file. A type that it should have brought is missed below.
            None => missing.push(path),
        }
    }
    let mut names = Names::default();
    for file in files.iter().chain([&main]) {
        names.add(file, &mut budget)?;
    }
    let mut lowering = Lowering { names: &names, budget, missing, main: main.package().to_owned(), schema: ProtobufSchema::default() };
    lowering.schema.package = main.package().to_owned();
    lowering.schema.syntax = if main.syntax().is_empty() { "proto2".to_owned() } else { main.syntax().to_owned() };
    for file in &files {
        lowering.file(file)?;
    }
    lowering.file(&main)?;
    Ok(lowering.schema)
}

fn read(name: &str, text: &str) -> Result<FileDescriptorProto, SchemaError> {
    let mut file = protox_parse::parse(name, text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let line = text.get(..at).map_or(1, |before| before.matches('\n').count() + 1);
        let mut problem = shown(&error.to_string());
        if text.contains("edition") && !text.contains("syntax") {
            problem.push_str(" (editions can't be read yet: proto2 and proto3 can)");
        }
        SchemaError::invalid(&format!("{name}:{line}"), problem, "mend the file; `protoc` says more")
    })?;
    // Where everything stood is the larger part of it, and is not needed.
    file.source_code_info = None;
    Ok(file)
}
