//! Reads JSON Schemas of every draft into one form.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Map, Value};

use super::documents::{Documents, Place, escaped};
use super::model::{Id, JsonSchema, Limit, Node};
use super::types::Types;
use crate::budget::Budget;
use crate::error::SchemaError;
use crate::limits::Limits;
use crate::source::Source;
use crate::text::shown;

/// Parses a schema and all that it refers to.
pub(crate) fn parse(source: &Source, limits: &Limits) -> Result<JsonSchema, SchemaError> {
    let documents = Documents::read(source)?;
    let mut parser = Parser {
        documents: &documents,
        budget: Budget::new(&source.name, limits),
        nodes: Vec::new(),
        known: BTreeMap::new(),
        waiting: VecDeque::new(),
    };
    let root = parser.at(Place { document: 0, pointer: String::new() })?;
    while let Some((place, id)) = parser.waiting.pop_front() {
        let node = parser.node(&place)?;
        if let Some(slot) = parser.nodes.get_mut(id.0) {
            *slot = node;
        }
    }
    Ok(JsonSchema { nodes: parser.nodes, root })
}

struct Parser<'a> {
    documents: &'a Documents,
    budget: Budget,
    nodes: Vec<Node>,
    known: BTreeMap<Place, Id>,
    /// Waiting, and not called: a chain of references may be longer than the stack is deep.
    waiting: VecDeque<(Place, Id)>,
}

type Object = Map<String, Value>;

impl Parser<'_> {
    /// The schema at a place, read now or later.
    fn at(&mut self, place: Place) -> Result<Id, SchemaError> {
        if let Some(id) = self.known.get(&place) {
            return Ok(*id);
        }
        self.budget.node()?;
        let id = Id(self.nodes.len());
        self.nodes.push(Node::default());
        self.known.insert(place.clone(), id);
        self.waiting.push_back((place, id));
        Ok(id)
    }

    fn below(&mut self, place: &Place, steps: &[&str]) -> Result<Id, SchemaError> {
        let mut pointer = place.pointer.clone();
        for step in steps {
            pointer.push('/');
            pointer.push_str(&escaped(step));
        }
        self.at(Place { document: place.document, pointer })
    }

    fn node(&mut self, place: &Place) -> Result<Node, SchemaError> {
        let documents = self.documents;
        match documents.value(place) {
            Some(Value::Bool(true)) => Ok(Node::default()),
            Some(Value::Bool(false)) => Ok(Node { never: true, ..Node::default() }),
            Some(Value::Object(object)) => self.object(object, place),
            other => {
                let what = other.map_or_else(|| "nothing".to_owned(), crate::text::value);
                Err(self.wrong(place, format!("`{what}` is no schema"), "write an object, or true or false"))
            }
        }
    }

    fn wrong(&self, place: &Place, problem: String, cure: &str) -> SchemaError {
        let name = self.documents.all.get(place.document).map_or("", |document| document.name.as_str());
        SchemaError::invalid(&format!("{name}#{}", place.pointer), problem, cure)
    }

    fn object(&mut self, object: &Object, place: &Place) -> Result<Node, SchemaError> {
        let lonely = self.documents.all.get(place.document).is_some_and(|document| document.lonely_refs);
        let mut targets = Vec::new();
        for key in ["$ref", "$dynamicRef", "$recursiveRef"] {
            if let Some(reference) = object.get(key).and_then(Value::as_str) {
                let target = self.documents.find(place, &self.documents.base(place), reference)?;
                targets.push(self.at(target)?);
            }
        }
        if let ([target], true) = (targets.as_slice(), lonely) {
            return Ok(Node { goes_on: Some(*target), ..Node::default() });
        }
        let mut node = Node { types: self.types(object, place)?, values: values(object), limits: limits(object), ..Node::default() };
        node.multiple_of = object.get("multipleOf").or_else(|| object.get("divisibleBy")).and_then(Value::as_f64).filter(|of| *of > 0.0);
        node.pattern = text(object, "pattern");
        node.format = text(object, "format");
        node.unique = object.get("uniqueItems") == Some(&Value::Bool(true));
        node.default = object.get("default").cloned();
        node.words = (text(object, "title"), text(object, "description"));
        self.properties(object, place, &mut node)?;
        self.arrays(object, place, &mut node)?;
        node.not = self.one(object, place, "not")?;
        if let Some(condition) = self.one(object, place, "if")? {
            node.condition = Some((condition, self.one(object, place, "then")?, self.one(object, place, "else")?));
        }
        node.all_of = self.several(object, place, "allOf")?;
        node.any_of = self.several(object, place, "anyOf")?;
        node.one_of = self.several(object, place, "oneOf")?;
        node.all_of.extend(targets);
        Ok(simplified(node))
    }

    fn types(&self, object: &Object, place: &Place) -> Result<Option<Types>, SchemaError> {
        let names: Vec<&str> = match object.get("type") {
            None => return Ok(None),
            Some(Value::String(name)) => vec![name.as_str()],
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            Some(_) => Vec::new(),
        };
        let unknown = || {
            let problem = format!("`type` is {}", shown(&object.get("type").map(crate::text::value).unwrap_or_default()));
            self.wrong(place, problem, "use null, boolean, number, integer, string, array, object, or a list of them")
        };
        if names.is_empty() || names.contains(&"any") {
            return if names.contains(&"any") { Ok(None) } else { Err(unknown()) };
        }
        Types::named(names).map(Some).ok_or_else(unknown)
    }

    fn one(&mut self, object: &Object, place: &Place, key: &str) -> Result<Option<Id>, SchemaError> {
        if object.contains_key(key) { self.below(place, &[key]).map(Some) } else { Ok(None) }
    }

    fn several(&mut self, object: &Object, place: &Place, key: &str) -> Result<Vec<Id>, SchemaError> {
        let count = object.get(key).and_then(Value::as_array).map_or(0, Vec::len);
        (0..count).map(|at| self.below(place, &[key, &at.to_string()])).collect()
    }

    fn named(&mut self, object: &Object, place: &Place, key: &str) -> Result<BTreeMap<String, Id>, SchemaError> {
        let mut all = BTreeMap::new();
        if let Some(Value::Object(members)) = object.get(key) {
            for name in members.keys() {
                all.insert(name.clone(), self.below(place, &[key, name])?);
            }
        }
        Ok(all)
    }

    fn properties(&mut self, object: &Object, place: &Place, node: &mut Node) -> Result<(), SchemaError> {
        node.properties = self.named(object, place, "properties")?;
        node.patterns = self.named(object, place, "patternProperties")?;
        node.additional = self.one(object, place, "additionalProperties")?;
        node.unevaluated = self.one(object, place, "unevaluatedProperties")?;
        node.names = self.one(object, place, "propertyNames")?;
        node.required = texts(object.get("required"));
        node.implies = self.named(object, place, "dependentSchemas")?;
        if let Some(Value::Object(needs)) = object.get("dependentRequired") {
            node.needs = needs.iter().map(|(name, others)| (name.clone(), texts(Some(others)))).collect();
        }
        // Up to draft 7 both were `dependencies`.
        if let Some(Value::Object(members)) = object.get("dependencies") {
            for (name, value) in members {
                if value.is_array() {
                    node.needs.insert(name.clone(), texts(Some(value)));
                } else {
                    node.implies.insert(name.clone(), self.below(place, &["dependencies", name])?);
                }
            }
        }
        Ok(())
    }

    fn arrays(&mut self, object: &Object, place: &Place, node: &mut Node) -> Result<(), SchemaError> {
        node.contains = self.one(object, place, "contains")?;
        node.unevaluated_items = self.one(object, place, "unevaluatedItems")?;
        // Up to 2019-09 a list of items stood in `items`, and what follows in `additionalItems`.
        if object.get("items").is_some_and(Value::is_array) {
            node.prefix = self.several(object, place, "items")?;
            node.items = self.one(object, place, "additionalItems")?;
        } else {
            node.prefix = self.several(object, place, "prefixItems")?;
            node.items = self.one(object, place, "items")?;
        }
        Ok(())
    }
}

/// A combination of one schema, with nothing beside it, is that schema.
fn simplified(mut node: Node) -> Node {
    if node.is_bare() {
        let members: Vec<Id> = node.all_of.iter().chain(&node.any_of).chain(&node.one_of).copied().collect();
        let plain = node.default.is_none() && node.format.is_none();
        if let ([only], true) = (members.as_slice(), plain) {
            (node.all_of, node.any_of, node.one_of) = Default::default();
            node.goes_on = Some(*only);
        }
    }
    node
}

fn text(object: &Object, key: &str) -> Option<String> {
    object.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn texts(value: Option<&Value>) -> BTreeSet<String> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn values(object: &Object) -> Option<BTreeSet<String>> {
    let one_form = |value: &Value| match value {
        Value::String(text) => text.clone(),
        // 1 and 1.0 are the same number.
        Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), |number| number.to_string()),
        other => other.to_string(),
    };
    if let Some(only) = object.get("const") {
        return Some(BTreeSet::from([one_form(only)]));
    }
    Some(object.get("enum")?.as_array()?.iter().map(one_form).collect())
}

fn limits(object: &Object) -> BTreeMap<Limit, (f64, bool)> {
    let number = |key: &str| object.get(key).and_then(Value::as_f64);
    let mut all = BTreeMap::new();
    for (limit, name) in Limit::ALL {
        let exclusive = match limit {
            Limit::Minimum => "exclusiveMinimum",
            Limit::Maximum => "exclusiveMaximum",
            _ => "",
        };
        // A flag in draft 4, a bound of its own later; of two bounds the tighter one counts.
        let flag = object.get(exclusive) == Some(&Value::Bool(true));
        let bounds = [number(name).map(|value| (value, flag)), number(exclusive).map(|value| (value, true))];
        let tightest = bounds.into_iter().flatten().reduce(|one, other| {
            let further = if limit.is_lower() { other.0 >= one.0 } else { other.0 <= one.0 };
            if further { other } else { one }
        });
        // A length of at least nothing asks for nothing.
        let is_length = !matches!(limit, Limit::Minimum | Limit::MinContains);
        let nothing = |bound: &(f64, bool)| limit.is_lower() && is_length && bound.0 <= 0.0;
        if let Some(bound) = tightest.filter(|bound| !nothing(bound)) {
            all.insert(limit, bound);
        }
    }
    // `contains` alone asks for one item.
    if object.contains_key("contains") {
        all.entry(Limit::MinContains).or_insert((1.0, false));
    }
    all
}
