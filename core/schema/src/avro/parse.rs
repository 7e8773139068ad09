//! Reads Avro schemas: text, names, references.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::model::{AvroSchema, Enum, Field, Fixed, Id, Logical, Node, Primitive, Record, Shape};
use super::names::{Name, is_name};
use crate::budget::Budget;
use crate::error::SchemaError;
use crate::limits::Limits;
use crate::source::Source;
use crate::text::shown;

/// Parses a schema and all that it refers to.
pub(crate) fn parse(source: &Source, limits: &Limits) -> Result<AvroSchema, SchemaError> {
    let mut parser = Parser {
        source,
        budget: Budget::new(&source.name, limits),
        nodes: Vec::new(),
        named: BTreeMap::new(),
        unread: (0..source.references.len()).collect(),
        place: source.name.clone(),
    };
    let value = parser.read(&source.text)?;
    let root = parser.schema(&value, "")?;
    Ok(AvroSchema { nodes: parser.nodes, root })
}

struct Parser<'a> {
    source: &'a Source,
    budget: Budget,
    nodes: Vec<Node>,
    named: BTreeMap<Name, Id>,
    /// References that nothing has asked for yet.
    unread: Vec<usize>,
    /// The document that is being read, for errors.
    place: String,
}

type Object = Map<String, Value>;

impl Parser<'_> {
    /// serde_json goes no deeper than 128 levels, so a text can't exhaust the stack. A bare `string` is a schema, too.
    fn read(&self, text: &str) -> Result<Value, SchemaError> {
        let bare = text.trim();
        if is_name(bare) && bare.len() < 64 {
            return Ok(Value::String(bare.to_owned()));
        }
        serde_json::from_str(text).map_err(|error| self.wrong(format!("it is no JSON: {error}"), "mend the text"))
    }

    fn wrong(&self, problem: impl Into<String>, cure: impl Into<String>) -> SchemaError {
        SchemaError::invalid(&self.place, problem, cure)
    }

    fn push(&mut self, shape: Shape, logical: Option<Logical>) -> Result<Id, SchemaError> {
        self.budget.node()?;
        self.nodes.push(Node { shape, logical });
        Ok(Id(self.nodes.len() - 1))
    }

    fn schema(&mut self, value: &Value, space: &str) -> Result<Id, SchemaError> {
        self.budget.down()?;
        let id = match value {
            Value::String(name) => self.by_name(name, space),
            Value::Array(members) => self.union(members, space),
            Value::Object(object) => self.object(object, space),
            other => Err(self.wrong(format!("`{}` is no type", crate::text::value(other)), "write a name, a list or an object")),
        }?;
        self.budget.up();
        Ok(id)
    }

    fn by_name(&mut self, written: &str, space: &str) -> Result<Id, SchemaError> {
        if let Some(primitive) = Primitive::ALL.into_iter().find(|primitive| primitive.name() == written) {
            return self.push(Shape::Primitive(primitive), None);
        }
        let name = Name::new(written, None, space).ok_or_else(|| self.bad_name(written))?;
        // A short name may also mean one without a namespace: older libraries write those.
        let bare = Name::new(written, Some(""), "").unwrap_or_else(|| name.clone());
        loop {
            if let Some(id) = self.named.get(&name).or_else(|| self.named.get(&bare)) {
                return Ok(*id);
            }
            if !self.next_reference(&name)? {
                let problem = format!("type `{}` is not defined", shown(name.full()));
                return Err(SchemaError::missing(&self.place, problem, "define it before its first use, or hand it in as a reference"));
            }
        }
    }

    /// Reads one more reference: the one of that name, or else the next. False when there is none left.
    fn next_reference(&mut self, name: &Name) -> Result<bool, SchemaError> {
        let source = self.source;
        let named = |index: &usize| source.references.get(*index).is_some_and(|reference| reference.name == name.full());
        let Some(at) = self.unread.iter().position(named).or(if self.unread.is_empty() { None } else { Some(0) }) else {
            return Ok(false);
        };
        let index = self.unread.remove(at);
        let Some(reference) = source.references.get(index) else { return Ok(true) };
        let place = std::mem::replace(&mut self.place, format!("{} → {}", source.name, reference.name));
        let value = self.read(&reference.text)?;
        self.schema(&value, "")?;
        self.place = place;
        Ok(true)
    }

    fn union(&mut self, members: &[Value], space: &str) -> Result<Id, SchemaError> {
        let mut ids = Vec::new();
        for member in members {
            if member.is_array() {
                return Err(self.wrong("a union stands directly inside a union", "list the members in one union"));
            }
            ids.push(self.schema(member, space)?);
        }
        self.push(Shape::Union(ids), None)
    }

    fn object(&mut self, object: &Object, space: &str) -> Result<Id, SchemaError> {
        let Some(kind) = object.get("type") else {
            return Err(self.wrong("an object has no `type`", "say what type it is"));
        };
        let Value::String(kind) = kind else {
            // `{"type": {"type": "string"}}`, which tools write.
            return self.schema(kind, space);
        };
        match kind.as_str() {
            "record" | "error" => self.record(object, space),
            "enum" => self.enumeration(object, space),
            "fixed" => self.fixed(object, space),
            "array" => {
                let items = object.get("items").ok_or_else(|| self.wrong("an array has no `items`", "say what its items are"))?;
                let items = self.schema(items, space)?;
                self.push(Shape::Array(items), None)
            }
            "map" => {
                let values = object.get("values").ok_or_else(|| self.wrong("a map has no `values`", "say what its values are"))?;
                let values = self.schema(values, space)?;
                self.push(Shape::Map(values), None)
            }
            name => {
                let id = self.by_name(name, space)?;
                let shape = self.nodes.get(id.0).map(|node| node.shape.clone());
                match (logical(object), shape) {
                    (Some(logical), Some(shape @ Shape::Primitive(_))) => self.push(shape, Some(logical)),
                    _ => Ok(id),
                }
            }
        }
    }

    fn name(&self, object: &Object, space: &str) -> Result<(Name, Vec<Name>), SchemaError> {
        let written = object.get("name").and_then(Value::as_str).ok_or_else(|| self.wrong("a type has no `name`", "give it one"))?;
        let own = object.get("namespace").and_then(Value::as_str);
        let name = Name::new(written, own, space).ok_or_else(|| self.bad_name(written))?;
        let aliases = texts(object, "aliases").into_iter().filter_map(|alias| Name::new(&alias, None, name.space())).collect();
        Ok((name, aliases))
    }

    fn bad_name(&self, written: &str) -> SchemaError {
        self.wrong(format!("`{}` is no name", shown(written)), "use letters, digits and underscores, and dots between namespaces")
    }

    fn define(&mut self, name: &Name, shape: Shape, logical: Option<Logical>) -> Result<Id, SchemaError> {
        if self.named.contains_key(name) {
            let problem = format!("type `{}` is defined twice", shown(name.full()));
            return Err(self.wrong(problem, "define it once, and use its name elsewhere"));
        }
        let id = self.push(shape, logical)?;
        self.named.insert(name.clone(), id);
        Ok(id)
    }

    fn record(&mut self, object: &Object, space: &str) -> Result<Id, SchemaError> {
        let (name, aliases) = self.name(object, space)?;
        let doc = text(object, "doc");
        let record = Record { name: name.clone(), aliases, doc, fields: Vec::new() };
        // Known before its fields are read: they may be of this very type.
        let id = self.define(&name, Shape::Record(record), None)?;
        let Some(Value::Array(written)) = object.get("fields") else {
            return Err(self.wrong(format!("record `{}` has no `fields`", shown(name.full())), "list them; an empty list is fine"));
        };
        let mut fields: Vec<Field> = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        for field in written {
            let field = self.field(field, &name)?;
            if !seen.insert(field.name.clone()) {
                let problem = format!("record `{}` has two fields `{}`", shown(name.full()), shown(&field.name));
                return Err(self.wrong(problem, "rename one of them"));
            }
            fields.push(field);
        }
        if let Some(Node { shape: Shape::Record(record), .. }) = self.nodes.get_mut(id.0) {
            record.fields = fields;
        }
        Ok(id)
    }

    fn field(&mut self, value: &Value, record: &Name) -> Result<Field, SchemaError> {
        self.budget.node()?;
        let whose = || format!("a field of record `{}`", shown(record.full()));
        let name = value.get("name").and_then(Value::as_str).filter(|name| is_name(name));
        let (Value::Object(object), Some(name)) = (value, name) else {
            return Err(self.wrong(format!("{} has no proper `name`", whose()), "give it one of letters, digits and underscores"));
        };
        let kind = object.get("type").ok_or_else(|| self.wrong(format!("{} has no `type`: `{}`", whose(), shown(name)), "give it one"))?;
        // A logical type beside `type` belongs to the field's object in what some tools write; Avro ignores it there.
        let schema = self.schema(kind, record.space())?;
        let default = object.get("default").cloned();
        Ok(Field { name: name.to_owned(), aliases: texts(object, "aliases"), doc: text(object, "doc"), default, schema })
    }

    fn enumeration(&mut self, object: &Object, space: &str) -> Result<Id, SchemaError> {
        let (name, aliases) = self.name(object, space)?;
        let symbols = texts(object, "symbols");
        if !object.get("symbols").is_some_and(Value::is_array) {
            return Err(self.wrong(format!("enum `{}` has no `symbols`", shown(name.full())), "list them"));
        }
        let default = text(object, "default");
        if default.as_ref().is_some_and(|default| !symbols.contains(default)) {
            let problem = format!("the default of enum `{}` is none of its symbols", shown(name.full()));
            return Err(self.wrong(problem, "add the symbol, or choose another default"));
        }
        for _ in &symbols {
            self.budget.node()?;
        }
        self.define(&name.clone(), Shape::Enum(Enum { name, aliases, symbols, default }), None)
    }

    fn fixed(&mut self, object: &Object, space: &str) -> Result<Id, SchemaError> {
        let (name, aliases) = self.name(object, space)?;
        let size = object.get("size").and_then(Value::as_u64);
        let size = size.ok_or_else(|| self.wrong(format!("fixed `{}` has no `size`", shown(name.full())), "say how many bytes it has"))?;
        self.define(&name.clone(), Shape::Fixed(Fixed { name, aliases, size }), logical(object))
    }
}

fn text(object: &Object, key: &str) -> Option<String> {
    object.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn texts(object: &Object, key: &str) -> Vec<String> {
    object.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn logical(object: &Object) -> Option<Logical> {
    let name = text(object, "logicalType")?;
    let number = |key| object.get(key).and_then(Value::as_u64).unwrap_or(0);
    Some(Logical { name, precision: number("precision"), scale: number("scale") })
}
