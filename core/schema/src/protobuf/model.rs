//! Parsed `.proto` files. Messages and enumerations stand under their names: without the package in the file itself, so that a new package
//! does not make everything another thing, and with a leading dot and the package if they are imported.

use std::collections::BTreeMap;

#[derive(Clone, Debug, Default)]
pub(crate) struct ProtobufSchema {
    pub(super) package: String,
    pub(super) syntax: String,
    pub(super) messages: BTreeMap<String, Message>,
    pub(super) enums: BTreeMap<String, Enum>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Message {
    pub(super) fields: BTreeMap<i32, Field>,
    pub(super) oneofs: Vec<String>,
    pub(super) reserved: Reserved,
}

#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) json_name: String,
    pub(super) number: i32,
    pub(super) cardinality: Cardinality,
    /// Tells unset from the default value.
    pub(super) presence: bool,
    pub(super) kind: Type,
    pub(super) oneof: Option<String>,
    pub(super) default: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cardinality {
    Single,
    Required,
    Repeated,
    /// With the type of its keys; the field's type is that of the values.
    Map(Scalar),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Scalar(Scalar),
    Message(String),
    Group(String),
    Enum(String),
    /// Of `google.protobuf`, which nobody has to hand in.
    WellKnown(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scalar {
    Double,
    Float,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Bool,
    String,
    Bytes,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Enum {
    /// The first name of each number; further ones are aliases.
    pub(super) values: BTreeMap<i32, Vec<String>>,
    pub(super) reserved: Reserved,
}

/// What must not be used again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reserved {
    /// First and last number, both included.
    pub(super) numbers: Vec<(i32, i32)>,
    pub(super) names: Vec<String>,
}

impl Reserved {
    pub(super) fn number(&self, number: i32) -> bool {
        self.numbers.iter().any(|(first, last)| (*first..=*last).contains(&number))
    }

    pub(super) fn name(&self, name: &str) -> bool {
        self.names.iter().any(|reserved| reserved == name)
    }
}

impl ProtobufSchema {
    /// A name as it is known outside.
    pub(super) fn full(&self, key: &str) -> String {
        match key.strip_prefix('.') {
            Some(imported) => imported.to_owned(),
            None if self.package.is_empty() => key.to_owned(),
            None => format!("{}.{key}", self.package),
        }
    }
}

impl Type {
    pub(super) fn label(&self) -> String {
        match self {
            Self::Scalar(scalar) => scalar.name().to_owned(),
            Self::Message(key) | Self::Group(key) | Self::Enum(key) | Self::WellKnown(key) => {
                crate::text::shown(key.strip_prefix('.').unwrap_or(key))
            }
        }
    }
}

impl Field {
    /// As it is written: `repeated int32`, `map<string, Line>`.
    pub(super) fn label(&self) -> String {
        match self.cardinality {
            Cardinality::Single => self.kind.label(),
            Cardinality::Required => format!("required {}", self.kind.label()),
            Cardinality::Repeated => format!("repeated {}", self.kind.label()),
            Cardinality::Map(key) => format!("map<{}, {}>", key.name(), self.kind.label()),
        }
    }
}

impl Scalar {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Double => "double",
            Self::Float => "float",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Uint32 => "uint32",
            Self::Uint64 => "uint64",
            Self::Sint32 => "sint32",
            Self::Sint64 => "sint64",
            Self::Fixed32 => "fixed32",
            Self::Fixed64 => "fixed64",
            Self::Sfixed32 => "sfixed32",
            Self::Sfixed64 => "sfixed64",
            Self::Bool => "bool",
            Self::String => "string",
            Self::Bytes => "bytes",
        }
    }
}
