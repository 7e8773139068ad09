//! From the parser's description of a file to the model: names resolved, maps and oneofs recognised, numbers checked.

use std::collections::BTreeMap;

use prost_types::field_descriptor_proto::{Label, Type as Written};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto};

use super::model::{Cardinality, Enum, Field, Message, ProtobufSchema, Reserved, Scalar, Type};
use super::names::{Named, Names, join};
use crate::budget::Budget;
use crate::error::SchemaError;
use crate::text::{few, shown};

pub(super) struct Lowering<'a> {
    pub(super) names: &'a Names,
    pub(super) budget: Budget,
    /// Imports that were not handed in.
    pub(super) missing: Vec<String>,
    /// The package of the file itself.
    pub(super) main: String,
    pub(super) schema: ProtobufSchema,
}

/// What a field's surroundings say.
struct Around<'a> {
    scope: &'a str,
    proto3: bool,
    place: &'a str,
    maps: BTreeMap<&'a str, &'a DescriptorProto>,
}

impl Lowering<'_> {
    pub(super) fn file(&mut self, file: &FileDescriptorProto) -> Result<(), SchemaError> {
        for message in &file.message_type {
            self.message(file, file.package(), message)?;
        }
        for enumeration in &file.enum_type {
            self.enumeration(file, file.package(), enumeration)?;
        }
        Ok(())
    }

    /// The name of a type within the schema.
    fn key(&self, full: &str) -> String {
        let inside = if self.main.is_empty() { Some(full) } else { full.strip_prefix(&self.main).and_then(|rest| rest.strip_prefix('.')) };
        inside.map_or_else(|| format!(".{full}"), str::to_owned)
    }

    fn message(&mut self, file: &FileDescriptorProto, scope: &str, written: &DescriptorProto) -> Result<(), SchemaError> {
        self.budget.down()?;
        let full = join(scope, written.name());
        let is_map = |nested: &&DescriptorProto| nested.options.as_ref().is_some_and(prost_types::MessageOptions::map_entry);
        let maps = written.nested_type.iter().filter(is_map).map(|nested| (nested.name(), nested)).collect();
        let around = Around { scope: &full, proto3: file.syntax() == "proto3", place: file.name(), maps };
        let mut message = Message {
            reserved: Reserved {
                // The parser counts the end of a range out.
                numbers: written.reserved_range.iter().map(|range| (range.start(), range.end().saturating_sub(1))).collect(),
                names: written.reserved_name.clone(),
            },
            ..Message::default()
        };
        for field in &written.field {
            let oneof = field.oneof_index.filter(|_| !field.proto3_optional()).and_then(|index| usize::try_from(index).ok());
            let oneof = oneof.and_then(|index| written.oneof_decl.get(index)).map(|oneof| oneof.name().to_owned());
            let field = self.field(field, oneof, &around)?;
            message.oneofs.extend(field.oneof.iter().filter(|oneof| !message.oneofs.contains(oneof)).cloned().collect::<Vec<_>>());
            self.place_field(&full, file.name(), &mut message, field)?;
        }
        for nested in written.nested_type.iter().filter(|nested| !is_map(nested)) {
            self.message(file, &full, nested)?;
        }
        for enumeration in &written.enum_type {
            self.enumeration(file, &full, enumeration)?;
        }
        let key = self.key(&full);
        self.schema.messages.insert(key, message);
        self.budget.up();
        Ok(())
    }

    fn place_field(&self, full: &str, place: &str, message: &mut Message, field: Field) -> Result<(), SchemaError> {
        if let Some(other) = message.fields.get(&field.number) {
            let (one, two, number) = (shown(&other.name), shown(&field.name), field.number);
            let problem = format!("`{one}` and `{two}` of `{}` have the same number {number}", shown(full));
            return Err(SchemaError::invalid(place, problem, "give one of them another number"));
        }
        message.fields.insert(field.number, field);
        Ok(())
    }

    fn field(&mut self, written: &FieldDescriptorProto, oneof: Option<String>, around: &Around<'_>) -> Result<Field, SchemaError> {
        self.budget.node()?;
        let entry = written.type_name.as_deref().and_then(|name| around.maps.get(name));
        let (cardinality, kind) = match entry {
            Some(entry) if written.label() == Label::Repeated => self.map(entry, around)?,
            _ => {
                let cardinality = match written.label() {
                    Label::Optional => Cardinality::Single,
                    Label::Required => Cardinality::Required,
                    Label::Repeated => Cardinality::Repeated,
                };
                (cardinality, self.kind(written, around)?)
            }
        };
        let single = matches!(cardinality, Cardinality::Single);
        let is_message = matches!(kind, Type::Message(_) | Type::Group(_) | Type::WellKnown(_));
        Ok(Field {
            name: written.name().to_owned(),
            json_name: written.json_name.clone().unwrap_or_else(|| written.name().to_owned()),
            number: written.number(),
            presence: single && (is_message || !around.proto3 || written.proto3_optional() || oneof.is_some()),
            cardinality,
            kind,
            oneof,
            default: written.default_value.clone(),
        })
    }

    fn map(&mut self, entry: &DescriptorProto, around: &Around<'_>) -> Result<(Cardinality, Type), SchemaError> {
        let of = |number| entry.field.iter().find(|field| field.number() == number);
        let broken =
            || SchemaError::invalid(around.place, format!("map `{}` has no key or value", shown(entry.name())), "write it as map<K, V>");
        let (key, value) = (of(1).ok_or_else(broken)?, of(2).ok_or_else(broken)?);
        let key = scalar(key.r#type()).ok_or_else(broken)?;
        Ok((Cardinality::Map(key), self.kind(value, around)?))
    }

    fn kind(&self, written: &FieldDescriptorProto, around: &Around<'_>) -> Result<Type, SchemaError> {
        let Some(name) = written.type_name.as_deref() else {
            return Ok(Type::Scalar(scalar(written.r#type()).unwrap_or(Scalar::Bytes)));
        };
        let group = written.r#type == Some(Written::Group as i32);
        match self.names.resolve(name, around.scope) {
            Some((full, Named::Message)) if group => Ok(Type::Group(self.key(&full))),
            Some((full, Named::Message)) => Ok(Type::Message(self.key(&full))),
            Some((full, Named::Enum)) => Ok(Type::Enum(self.key(&full))),
            None => {
                let bare = name.strip_prefix('.').unwrap_or(name);
                if bare.starts_with("google.protobuf.") {
                    return Ok(Type::WellKnown(bare.to_owned()));
                }
                let problem = format!("the type `{}` of `{}.{}` is not defined", shown(name), shown(around.scope), shown(written.name()));
                let cure = if self.missing.is_empty() {
                    "define it, or import the file that does".to_owned()
                } else {
                    format!("hand in what is imported: {}", few(self.missing.iter().map(String::as_str)))
                };
                Err(SchemaError::missing(around.place, problem, cure))
            }
        }
    }

    fn enumeration(&mut self, file: &FileDescriptorProto, scope: &str, written: &EnumDescriptorProto) -> Result<(), SchemaError> {
        let full = join(scope, written.name());
        let numbers = written.reserved_range.iter().map(|range| (range.start(), range.end())).collect();
        let mut enumeration = Enum { reserved: Reserved { numbers, names: written.reserved_name.clone() }, ..Enum::default() };
        for value in &written.value {
            self.budget.node()?;
            enumeration.values.entry(value.number()).or_default().push(value.name().to_owned());
        }
        let key = self.key(&full);
        if self.schema.enums.insert(key, enumeration).is_some() {
            let problem = format!("enum `{}` is defined twice", shown(&full));
            return Err(SchemaError::invalid(file.name(), problem, "rename one of them"));
        }
        Ok(())
    }
}

fn scalar(written: Written) -> Option<Scalar> {
    Some(match written {
        Written::Double => Scalar::Double,
        Written::Float => Scalar::Float,
        Written::Int64 => Scalar::Int64,
        Written::Uint64 => Scalar::Uint64,
        Written::Int32 => Scalar::Int32,
        Written::Fixed64 => Scalar::Fixed64,
        Written::Fixed32 => Scalar::Fixed32,
        Written::Bool => Scalar::Bool,
        Written::String => Scalar::String,
        Written::Bytes => Scalar::Bytes,
        Written::Uint32 => Scalar::Uint32,
        Written::Sfixed32 => Scalar::Sfixed32,
        Written::Sfixed64 => Scalar::Sfixed64,
        Written::Sint32 => Scalar::Sint32,
        Written::Sint64 => Scalar::Sint64,
        Written::Group | Written::Message | Written::Enum => return None,
    })
}
