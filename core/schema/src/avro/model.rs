//! A parsed Avro schema. Types stand in one list and refer to each other by place, so recursion needs no care.

use serde_json::Value;

use super::names::Name;

/// A type's place in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id(pub(super) usize);

#[derive(Clone, Debug)]
pub(crate) struct AvroSchema {
    pub(super) nodes: Vec<Node>,
    pub(super) root: Id,
}

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) shape: Shape,
    pub(super) logical: Option<Logical>,
}

#[derive(Clone, Debug)]
pub(super) enum Shape {
    Primitive(Primitive),
    Array(Id),
    Map(Id),
    Union(Vec<Id>),
    Record(Record),
    Enum(Enum),
    Fixed(Fixed),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Primitive {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Logical {
    pub(super) name: String,
    pub(super) precision: u64,
    pub(super) scale: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) name: Name,
    pub(super) aliases: Vec<Name>,
    pub(super) doc: Option<String>,
    pub(super) fields: Vec<Field>,
}

#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) aliases: Vec<String>,
    pub(super) doc: Option<String>,
    pub(super) default: Option<Value>,
    pub(super) schema: Id,
}

#[derive(Clone, Debug)]
pub(super) struct Enum {
    pub(super) name: Name,
    pub(super) aliases: Vec<Name>,
    pub(super) symbols: Vec<String>,
    pub(super) default: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Fixed {
    pub(super) name: Name,
    pub(super) aliases: Vec<Name>,
    pub(super) size: u64,
}

/// Stands for a type that is not there. Ids are made by the parser, so that none is missing; a wrong one must not panic.
static NOTHING: Node = Node { shape: Shape::Primitive(Primitive::Null), logical: None };

impl AvroSchema {
    pub(super) fn node(&self, id: Id) -> &Node {
        self.nodes.get(id.0).unwrap_or(&NOTHING)
    }

    pub(super) fn shape(&self, id: Id) -> &Shape {
        &self.node(id).shape
    }

    pub(super) fn is_null(&self, id: Id) -> bool {
        matches!(self.shape(id), Shape::Primitive(Primitive::Null))
    }

    /// A type as people name it: `string`, `array of Line`, `decimal(10, 2)`.
    pub(super) fn label(&self, id: Id) -> String {
        self.label_within(id, 4)
    }

    fn label_within(&self, id: Id, depth: usize) -> String {
        let Some(depth) = depth.checked_sub(1) else { return "…".to_owned() };
        let node = self.node(id);
        if let Some(logical) = &node.logical {
            return logical.label();
        }
        match &node.shape {
            Shape::Primitive(primitive) => primitive.name().to_owned(),
            Shape::Array(items) => format!("array of {}", self.label_within(*items, depth)),
            Shape::Map(values) => format!("map of {}", self.label_within(*values, depth)),
            Shape::Union(members) => {
                let some: Vec<_> = members.iter().take(5).map(|member| self.label_within(*member, depth)).collect();
                let more = if members.len() > 5 { ", …" } else { "" };
                format!("[{}{more}]", some.join(", "))
            }
            Shape::Record(Record { name, .. }) | Shape::Enum(Enum { name, .. }) | Shape::Fixed(Fixed { name, .. }) => {
                crate::text::shown(name.short())
            }
        }
    }
}

impl Logical {
    fn label(&self) -> String {
        match self.name.as_str() {
            "decimal" => format!("decimal({}, {})", self.precision, self.scale),
            name => crate::text::shown(name),
        }
    }
}

impl Primitive {
    pub(super) const ALL: [Self; 8] =
        [Self::Null, Self::Boolean, Self::Int, Self::Long, Self::Float, Self::Double, Self::Bytes, Self::String];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Int => "int",
            Self::Long => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::Bytes => "bytes",
            Self::String => "string",
        }
    }

    /// Whether a reader of this type understands what a writer of the other one wrote.
    pub(super) fn reads(self, writer: Self) -> bool {
        use Primitive::{Bytes, Double, Float, Int, Long, String};
        self == writer
            || matches!(
                (writer, self),
                (Int, Long | Float | Double) | (Long, Float | Double) | (Float, Double) | (String, Bytes) | (Bytes, String)
            )
    }
}
