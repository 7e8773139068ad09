//! How events of a writer's schema are read with a reader's: decided once, and not for every event.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use super::model::{AvroSchema, Enum, Id, Primitive, Record, Shape};
use super::unions::branch;
use crate::budget::Steps;
use crate::error::SchemaError;
use crate::limits::Limits;
use crate::render;
use crate::text::shown;

/// One list of steps, which refer to each other by place.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(super) ops: Vec<Op>,
    pub(super) depth: usize,
}

/// How one type is read.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Null,
    Boolean,
    Int {
        as_float: bool,
    },
    Long {
        as_float: bool,
    },
    Float,
    Double,
    Text,
    Bytes,
    BytesAsText,
    TextAsBytes,
    Fixed(usize),
    /// Of so many bytes, or with a length in front.
    Decimal {
        size: Option<usize>,
        scale: u64,
    },
    Array(usize),
    Map(usize),
    Union(Vec<usize>),
    Enum(Vec<Option<String>>),
    Record(Fields),
    /// The same as another step: the reader's union has one member that fits.
    As(usize),
    /// Nothing of the reader's reads it.
    Never(String),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    /// In the writer's order.
    pub(super) fields: Vec<FieldPlan>,
    /// Fields that only the reader has, with their defaults, as JSON: `"a":1,"b":null`.
    pub(super) defaults: Vec<u8>,
}

#[derive(Clone, Debug)]
pub(super) struct FieldPlan {
    pub(super) name: String,
    /// `"name":`, in the reader's words; none: the reader does not want it.
    pub(super) key: Option<Vec<u8>>,
    pub(super) op: usize,
}

/// A type of the writer, one that reads it, and whether that one is the writer's own.
type Pair = (Id, Id, bool);

struct Planner<'a> {
    writer: &'a AvroSchema,
    reader: &'a AvroSchema,
    places: BTreeMap<Pair, usize>,
    waiting: VecDeque<(Pair, usize)>,
    steps: Steps,
}

impl Plan {
    /// Without a reader's schema, the writer's reads.
    pub(crate) fn new(writer: &AvroSchema, reader: Option<&AvroSchema>, limits: &Limits) -> Result<Self, SchemaError> {
        let reader = reader.unwrap_or(writer);
        let mut planner = Planner { writer, reader, places: BTreeMap::new(), waiting: VecDeque::new(), steps: Steps::new(limits) };
        planner.place((writer.root, reader.root, false))?;
        let mut ops = Vec::new();
        while let Some((pair, place)) = planner.waiting.pop_front() {
            let op = planner.op(pair)?;
            // They wait in the order of their places.
            debug_assert_eq!(place, ops.len());
            ops.push(op);
        }
        Ok(Self { ops, depth: limits.depth })
    }
}

impl<'a> Planner<'a> {
    fn place(&mut self, pair: Pair) -> Result<usize, SchemaError> {
        self.steps.take()?;
        if let Some(place) = self.places.get(&pair) {
            return Ok(*place);
        }
        let place = self.places.len();
        self.places.insert(pair, place);
        self.waiting.push_back((pair, place));
        Ok(place)
    }

    fn reader(&self, own: bool) -> &'a AvroSchema {
        if own { self.writer } else { self.reader }
    }

    fn op(&mut self, (written, read, own): Pair) -> Result<Op, SchemaError> {
        let (writer, reader) = (self.writer, self.reader(own));
        Ok(match (writer.shape(written), reader.shape(read)) {
            (Shape::Union(members), _) => {
                Op::Union(members.iter().map(|member| self.place((*member, read, own))).collect::<Result<_, _>>()?)
            }
            (_, Shape::Union(members)) => match branch(reader, members, writer, written) {
                Some(member) => Op::As(self.place((written, member, own))?),
                None => self.never((written, read, own)),
            },
            (Shape::Array(written), Shape::Array(read)) => Op::Array(self.place((*written, *read, own))?),
            (Shape::Map(written), Shape::Map(read)) => Op::Map(self.place((*written, *read, own))?),
            (Shape::Record(from), Shape::Record(to)) => self.record(from, to, own)?,
            (Shape::Enum(from), Shape::Enum(to)) => symbols(from, to),
            (Shape::Fixed(from), Shape::Fixed(to)) if from.size == to.size => {
                let size = usize::try_from(from.size).unwrap_or(usize::MAX);
                self.decimal((written, read, own), Some(size)).unwrap_or(Op::Fixed(size))
            }
            (Shape::Primitive(from), Shape::Primitive(to)) => match primitive(*from, *to) {
                Some(Op::Bytes) => self.decimal((written, read, own), None).unwrap_or(Op::Bytes),
                Some(op) => op,
                None => self.never((written, read, own)),
            },
            _ => self.never((written, read, own)),
        })
    }

    fn never(&self, (written, read, own): Pair) -> Op {
        let (from, to) = (self.writer.label(written), self.reader(own).label(read));
        Op::Never(format!("{from} can't be read as {to}"))
    }

    /// What the digits mean, the reader says; unless the writer says something else.
    fn decimal(&self, (written, read, own): Pair, size: Option<usize>) -> Option<Op> {
        let logical = self.reader(own).node(read).logical.as_ref().filter(|logical| logical.name == "decimal")?;
        let before = self.writer.node(written).logical.as_ref().filter(|logical| logical.name == "decimal");
        if before.is_some_and(|before| before.scale != logical.scale) {
            return Some(self.never((written, read, own)));
        }
        Some(Op::Decimal { size, scale: logical.scale })
    }

    fn record(&mut self, from: &'a Record, to: &'a Record, own: bool) -> Result<Op, SchemaError> {
        let reader = self.reader(own);
        // Each field of the reader takes one of the writer's: the one of its name, or else one of its aliases that no other field is named.
        let mut taken: BTreeMap<&str, &super::model::Field> = BTreeMap::new();
        let mut plan = Fields::default();
        let theirs: std::collections::BTreeSet<&str> = from.fields.iter().map(|field| field.name.as_str()).collect();
        for field in to.fields.iter().filter(|field| theirs.contains(field.name.as_str())) {
            taken.insert(&field.name, field);
        }
        for field in to.fields.iter().filter(|field| !theirs.contains(field.name.as_str())) {
            let alias = field.aliases.iter().map(String::as_str).find(|alias| theirs.contains(alias) && !taken.contains_key(alias));
            if let Some(alias) = alias {
                taken.insert(alias, field);
                continue;
            }
            let Some(default) = field.default.as_ref().and_then(|default| render_default(reader, field.schema, default, 32)) else {
                return Ok(Op::Never(format!(
                    "the event has no field `{}`, and the schema that reads it no default for it",
                    shown(&field.name)
                )));
            };
            if !plan.defaults.is_empty() {
                plan.defaults.push(b',');
            }
            plan.defaults.extend(key(&field.name));
            plan.defaults.extend(default.to_string().into_bytes());
        }
        for field in &from.fields {
            let wanted = taken.get(field.name.as_str());
            let op = match wanted {
                Some(wanted) => self.place((field.schema, wanted.schema, own))?,
                None => self.place((field.schema, field.schema, true))?,
            };
            plan.fields.push(FieldPlan { name: field.name.clone(), key: wanted.map(|wanted| key(&wanted.name)), op });
        }
        Ok(Op::Record(plan))
    }
}

fn key(name: &str) -> Vec<u8> {
    let mut key = Vec::new();
    render::text(&mut key, name);
    key.push(b':');
    key
}

fn symbols(from: &Enum, to: &Enum) -> Op {
    let known: std::collections::BTreeSet<&String> = to.symbols.iter().collect();
    let read = |symbol: &String| if known.contains(symbol) { Some(symbol.clone()) } else { to.default.clone() };
    Op::Enum(from.symbols.iter().map(read).collect())
}

fn primitive(from: Primitive, to: Primitive) -> Option<Op> {
    use Primitive::{Boolean, Bytes, Double, Float, Int, Long, Null, String};
    Some(match (from, to) {
        (Null, Null) => Op::Null,
        (Boolean, Boolean) => Op::Boolean,
        (Int, Int | Long) => Op::Int { as_float: false },
        (Int, Float | Double) => Op::Int { as_float: true },
        (Long, Long) => Op::Long { as_float: false },
        (Long, Float | Double) => Op::Long { as_float: true },
        (Float, Float | Double) => Op::Float,
        (Double, Double) => Op::Double,
        (String, String) => Op::Text,
        (Bytes, Bytes) => Op::Bytes,
        (Bytes, String) => Op::BytesAsText,
        (String, Bytes) => Op::TextAsBytes,
        _ => return None,
    })
}

/// A default as an event would show it. Avro writes bytes as text in defaults.
fn render_default(schema: &AvroSchema, id: Id, value: &Value, depth: usize) -> Option<Value> {
    let depth = depth.checked_sub(1)?;
    let node = schema.node(id);
    Some(match (&node.shape, value) {
        (Shape::Union(members), value) => {
            return members.iter().find_map(|member| render_default(schema, *member, value, depth));
        }
        (Shape::Array(items), Value::Array(values)) => {
            Value::Array(values.iter().map(|value| render_default(schema, *items, value, depth)).collect::<Option<_>>()?)
        }
        (Shape::Map(values), Value::Object(members)) => {
            let members = members.iter().map(|(name, value)| Some((name.clone(), render_default(schema, *values, value, depth)?)));
            Value::Object(members.collect::<Option<_>>()?)
        }
        (Shape::Record(record), Value::Object(members)) => {
            let field = |field: &super::model::Field| {
                let value = members.get(&field.name).or(field.default.as_ref())?;
                Some((field.name.clone(), render_default(schema, field.schema, value, depth)?))
            };
            Value::Object(record.fields.iter().map(field).collect::<Option<_>>()?)
        }
        (Shape::Enum(symbols), Value::String(symbol)) if symbols.symbols.contains(symbol) => value.clone(),
        (Shape::Fixed(_) | Shape::Primitive(Primitive::Bytes), Value::String(text)) => {
            let bytes = text.chars().map(|letter| u8::try_from(letter).ok()).collect::<Option<Vec<u8>>>()?;
            let decimal = node.logical.as_ref().filter(|logical| logical.name == "decimal");
            Value::String(match decimal {
                Some(decimal) => render::decimal(&bytes, decimal.scale)?,
                None => render::base64(&bytes),
            })
        }
        (Shape::Primitive(Primitive::Null), Value::Null)
        | (Shape::Primitive(Primitive::Boolean), Value::Bool(_))
        | (Shape::Primitive(Primitive::String), Value::String(_)) => value.clone(),
        (Shape::Primitive(Primitive::Int | Primitive::Long), Value::Number(number)) if number.is_i64() => value.clone(),
        (Shape::Primitive(Primitive::Float | Primitive::Double), Value::Number(number)) => number.as_f64().map(Value::from)?,
        _ => return None,
    })
}
