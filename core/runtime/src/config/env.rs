//! From the name of an environment variable to a field.
//!
//! `ONCEWARD_` and the field's path in capitals, `__` between its parts. Below `KAFKA` a single `_` stands for the dot of a librdkafka
//! property. Below `TOPICS` the name is one that the file or the code already has, in capitals, with `_` for each character that a
//! variable can't have; else it is taken in small letters.

use serde_json::Value;

use super::nearest;
use super::path::join;
use super::schema::{json_schema, resolve};

const PREFIX: &str = "ONCEWARD_";

/// Variables that configure something other than the consumer.
const OTHERS: [&str; 3] = ["ONCEWARD_CONFIG", "ONCEWARD_LOG", crate::dry_run::VARIABLE];

/// What a variable means.
pub(super) enum Resolved {
    /// Nothing to us.
    NotOurs,
    /// Meant for us and wrong.
    Refused(String),
    /// This field shall have this value.
    Field { keys: Vec<String>, value: Value },
}

fn field_of(rest: &str, document: &Value) -> Result<(Vec<String>, Value), String> {
    let mut keys: Vec<String> = Vec::new();
    let mut schema = Value::Object(resolve(json_schema()));
    for part in rest.split("__") {
        let object = resolve(&schema);
        let next = if let Some(fields) = object.get("properties").and_then(Value::as_object) {
            let name = part.to_lowercase();
            let Some(field) = fields.get(&name) else {
                let near = nearest(&name, fields.keys().map(String::as_str));
                return Err(near.map_or_else(
                    || format!("names no field: there is no {:?}", join(&keys.join("."), &name)),
                    |near| format!("names no field; did you mean {PREFIX}{}?", spell(&keys, near)),
                ));
            };
            keys.push(name);
            field.clone()
        } else if let Some(entry) = object.get("additionalProperties").filter(|entry| entry.is_object()) {
            keys.push(if keys == ["kafka"] { part.to_lowercase().replace('_', ".") } else { known_entry(part, &keys, document)? });
            entry.clone()
        } else {
            return Err(format!("names no field: {} holds no table", keys.join(".")));
        };
        schema = next;
    }
    Ok((keys, schema))
}

/// What a variable means for the document so far.
pub(super) fn meaning(name: &str, text: &str, document: &Value) -> Resolved {
    let Some(rest) = name.strip_prefix(PREFIX).filter(|_| !OTHERS.contains(&name) && !is_service_link(name)) else {
        return Resolved::NotOurs;
    };
    match field_of(rest, document) {
        Ok((keys, schema)) => match read(&Value::Object(resolve(&schema)), text) {
            Some(value) => Resolved::Field { keys, value },
            None => Resolved::Refused(format!("names the table {}; add __ and the name of one of its fields", keys.join("."))),
        },
        Err(message) => Resolved::Refused(message),
    }
}

/// Kubernetes puts variables into every container for each service of the namespace; for one that is called `onceward` they begin like
/// ours and mean nothing.
fn is_service_link(name: &str) -> bool {
    let rest = name.strip_prefix(PREFIX).unwrap_or_default();
    rest == "PORT"
        || rest.starts_with("SERVICE_")
        || rest.strip_prefix("PORT_").is_some_and(|port| port.starts_with(|c: char| c.is_ascii_digit()))
}

fn spell(keys: &[String], field: &str) -> String {
    keys.iter().map(String::as_str).chain([field]).map(capitals).collect::<Vec<_>>().join("__")
}

fn capitals(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

/// The entry of a map that a variable means, by its name in capitals.
fn known_entry(part: &str, keys: &[String], document: &Value) -> Result<String, String> {
    let map = keys.iter().try_fold(document, |value, key| value.get(key)).and_then(Value::as_object);
    let mut matching = map.into_iter().flat_map(|map| map.keys()).filter(|name| capitals(name) == part.to_ascii_uppercase());
    match (matching.next(), matching.next()) {
        (Some(one), Some(other)) => Err(format!("could mean {one:?} and {other:?}; set it in the file")),
        (Some(one), None) => Ok(one.clone()),
        (None, _) => Ok(part.to_lowercase()),
    }
}

/// A text as the type that the schema wants. What does not fit stays a text, and the shape check says what is wrong with it.
fn read(schema: &Value, text: &str) -> Option<Value> {
    let literal = || text.trim().parse::<Value>().ok();
    let text_value = || Value::String(text.to_owned());
    if schema.get("anyOf").is_some() {
        return Some(text_value());
    }
    match schema.get("type").and_then(Value::as_str).unwrap_or("string") {
        "object" => None,
        "array" => Some(literal().filter(Value::is_array).unwrap_or_else(|| Value::Array(vec![text_value()]))),
        "integer" | "number" => Some(literal().filter(Value::is_number).unwrap_or_else(text_value)),
        "boolean" => Some(literal().filter(Value::is_boolean).unwrap_or_else(text_value)),
        _ => Some(text_value()),
    }
}
