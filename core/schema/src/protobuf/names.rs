//! Which type a name means: Protobuf looks from the innermost scope outwards.

use std::collections::BTreeMap;

use prost_types::{DescriptorProto, FileDescriptorProto};

use crate::budget::Budget;
use crate::error::SchemaError;
use crate::text::shown;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Message,
    Enum,
}

/// Every type of every file, by its full name, without a leading dot.
#[derive(Default)]
pub(super) struct Names {
    types: BTreeMap<String, Named>,
}

impl Names {
    pub(super) fn add(&mut self, file: &FileDescriptorProto, budget: &mut Budget) -> Result<(), SchemaError> {
        let package = file.package();
        for message in &file.message_type {
            self.message(package, message, file.name(), budget)?;
        }
        for enumeration in &file.enum_type {
            self.define(join(package, enumeration.name()), Named::Enum, file.name(), budget)?;
        }
        Ok(())
    }

    fn message(&mut self, scope: &str, message: &DescriptorProto, place: &str, budget: &mut Budget) -> Result<(), SchemaError> {
        budget.down()?;
        let name = join(scope, message.name());
        for nested in &message.nested_type {
            self.message(&name, nested, place, budget)?;
        }
        for enumeration in &message.enum_type {
            self.define(join(&name, enumeration.name()), Named::Enum, place, budget)?;
        }
        self.define(name, Named::Message, place, budget)?;
        budget.up();
        Ok(())
    }

    fn define(&mut self, name: String, named: Named, place: &str, budget: &mut Budget) -> Result<(), SchemaError> {
        /// Nested names repeat those around them: long ones would grow with the square of their depth.
        const LONGEST: usize = 4_096;
        budget.node()?;
        if name.len() > LONGEST {
            return Err(SchemaError::limit(place, format!("the name `{}` is longer than {LONGEST} bytes", shown(&name))));
        }
        if self.types.contains_key(&name) {
            return Err(SchemaError::invalid(place, format!("type `{}` is defined twice", shown(&name)), "rename one of them"));
        }
        self.types.insert(name, named);
        Ok(())
    }

    /// The full name that `written` means inside `scope`.
    pub(super) fn resolve(&self, written: &str, scope: &str) -> Option<(String, Named)> {
        if let Some(absolute) = written.strip_prefix('.') {
            return self.types.get(absolute).map(|named| (absolute.to_owned(), *named));
        }
        let mut scope = scope;
        loop {
            let name = join(scope, written);
            if let Some(named) = self.types.get(&name) {
                return Some((name, *named));
            }
            if scope.is_empty() {
                return None;
            }
            scope = scope.rsplit_once('.').map_or("", |(outer, _)| outer);
        }
    }
}

pub(super) fn join(scope: &str, name: &str) -> String {
    if scope.is_empty() { name.to_owned() } else { format!("{scope}.{name}") }
}
