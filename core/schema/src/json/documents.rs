//! The documents of a schema, and what a `$ref` in one of them means. Whatever was not handed in is missing: nothing is fetched.

use std::collections::BTreeMap;

use serde_json::Value;

use super::uri::{decoded, join};
use crate::error::SchemaError;
use crate::source::Source;
use crate::text::shown;

pub(super) struct Document {
    pub(super) name: String,
    pub(super) value: Value,
    base: String,
    /// Up to draft 7, what stands beside a `$ref` means nothing.
    pub(super) lonely_refs: bool,
    /// In draft 4, `id` is what later is `$id`.
    old_ids: bool,
}

pub(super) struct Documents {
    pub(super) all: Vec<Document>,
    /// Addresses and anchors, and where they are.
    ids: BTreeMap<String, Place>,
}

/// A schema in a document: `/properties/total`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) document: usize,
    pub(super) pointer: String,
}

impl Documents {
    pub(super) fn read(source: &Source) -> Result<Self, SchemaError> {
        let own = std::iter::once((source.name.as_str(), source.text.as_str(), ""));
        let others = source.references.iter().map(|one| (one.name.as_str(), one.text.as_str(), one.name.as_str()));
        let mut documents = Self { all: Vec::new(), ids: BTreeMap::new() };
        for (name, text, address) in own.chain(others) {
            let value: Value = serde_json::from_str(text)
                .map_err(|error| SchemaError::invalid(name, format!("it is no JSON: {error}"), "mend the text"))?;
            if !value.is_object() && !value.is_boolean() {
                return Err(SchemaError::invalid(name, "it is no JSON Schema", "write an object, or true or false"));
            }
            let draft = value.get("$schema").and_then(Value::as_str).unwrap_or_default();
            let lonely_refs = ["draft-03", "draft-04", "draft-06", "draft-07"].iter().any(|old| draft.contains(old));
            let old_ids = draft.contains("draft-03") || draft.contains("draft-04");
            let base = join(address, own_id(&value, old_ids).unwrap_or_default());
            let base = base.split('#').next().unwrap_or_default().to_owned();
            let document = documents.all.len();
            let root = Place { document, pointer: String::new() };
            documents.ids.entry(address.to_owned()).or_insert_with(|| root.clone());
            documents.ids.entry(base.clone()).or_insert(root);
            documents.index(&value, &base, &Place { document, pointer: String::new() }, old_ids);
            documents.all.push(Document { name: name.to_owned(), value, base, lonely_refs, old_ids });
        }
        Ok(documents)
    }

    /// As deep as the JSON parser allows.
    fn index(&mut self, value: &Value, base: &str, place: &Place, old_ids: bool) {
        let base = match own_id(value, old_ids) {
            Some(id) => {
                let address = join(base, id.split('#').next().unwrap_or_default());
                self.ids.entry(address.clone()).or_insert_with(|| place.clone());
                if let Some((_, anchor)) = id.split_once('#').filter(|(_, anchor)| !anchor.is_empty()) {
                    self.ids.entry(format!("{address}#{anchor}")).or_insert_with(|| place.clone());
                }
                address
            }
            None => base.to_owned(),
        };
        for key in ["$anchor", "$dynamicAnchor"] {
            if let Some(anchor) = value.get(key).and_then(Value::as_str) {
                self.ids.entry(format!("{base}#{anchor}")).or_insert_with(|| place.clone());
            }
        }
        let below = |step: &str| Place { document: place.document, pointer: format!("{}/{}", place.pointer, escaped(step)) };
        match value {
            Value::Object(members) => members.iter().for_each(|(key, value)| self.index(value, &base, &below(key), old_ids)),
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(at, value)| self.index(value, &base, &below(&at.to_string()), old_ids));
            }
            _ => {}
        }
    }

    pub(super) fn value(&self, place: &Place) -> Option<&Value> {
        self.all.get(place.document)?.value.pointer(&place.pointer)
    }

    /// The address that references at a place are seen from.
    pub(super) fn base(&self, place: &Place) -> String {
        let Some(document) = self.all.get(place.document) else { return String::new() };
        let (mut base, mut value) = (document.base.clone(), &document.value);
        for step in place.pointer.split('/').skip(1) {
            let step = step.replace("~1", "/").replace("~0", "~");
            let next = match value {
                Value::Array(items) => step.parse::<usize>().ok().and_then(|at| items.get(at)),
                other => other.get(&step),
            };
            let Some(next) = next else { break };
            value = next;
            if let Some(id) = own_id(value, document.old_ids) {
                base = join(&base, id.split('#').next().unwrap_or_default());
            }
        }
        base
    }

    /// What a reference means.
    pub(super) fn find(&self, from: &Place, base: &str, reference: &str) -> Result<Place, SchemaError> {
        let (address, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let whole = join(base, address);
        let root = || Place { document: from.document, pointer: String::new() };
        let found = match address {
            "" => Some(self.ids.get(base).filter(|place| place.document == from.document).cloned().unwrap_or_else(root)),
            address => self.ids.get(&whole).or_else(|| self.ids.get(address)).cloned(),
        };
        let fragment = decoded(fragment);
        let found = found.and_then(|place| {
            if fragment.is_empty() {
                return Some(place);
            }
            if fragment.starts_with('/') {
                // Some write pointers as seen from the document even inside of a schema with its own address.
                let inside = Place { pointer: format!("{}{fragment}", place.pointer), ..place.clone() };
                let outside = Place { pointer: fragment.clone(), ..place };
                return [inside, outside].into_iter().find(|place| self.value(place).is_some());
            }
            self.ids.get(&format!("{whole}#{fragment}")).cloned()
        });
        found.ok_or_else(|| {
            let name = self.all.get(from.document).map_or("", |document| document.name.as_str());
            let place = format!("{name}#{}", from.pointer);
            let cure = if address.is_empty() { "define it in this document" } else { "hand it in as a reference; nothing is fetched" };
            SchemaError::missing(&place, format!("`{}` is not there", shown(reference)), cure)
        })
    }
}

fn own_id(value: &Value, old_ids: bool) -> Option<&str> {
    let id = value.get(if old_ids { "id" } else { "$id" })?.as_str()?;
    (!id.is_empty()).then_some(id)
}

pub(super) fn escaped(step: &str) -> String {
    step.replace('~', "~0").replace('/', "~1")
}
