//! Holds a document against the schema: unknown names and wrong types, all of them.
//!
//! serde would stop at the first. What is wrong is taken out of the document, so that the rest still deserializes and its meaning can
//! be examined in the same run.

use serde_json::{Map, Value};

use super::path::{index, join};
use super::schema::{definition, json_schema, resolve, words};
use super::{Problem, nearest};

/// What is wrong with a document; the document keeps what is right.
pub(super) fn check(document: &mut Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    examine(json_schema(), document, "", &mut problems);
    problems
}

/// Whether the value may stay.
fn examine(schema: &Value, value: &mut Value, path: &str, problems: &mut Vec<Problem>) -> bool {
    let kind = definition(schema).unwrap_or_default();
    let resolved = resolve(schema);
    let fault = match value {
        Value::Object(object) => {
            if resolved.get("type").is_some_and(|name| name == "object") {
                members(&resolved, object, path, problems);
                return true;
            }
            Some(())
        }
        Value::Array(items) => {
            if let Some(element) = resolved.get("items") {
                let mut number = 0;
                items.retain_mut(|item| {
                    number += 1;
                    examine(element, item, &index(path, number - 1), problems)
                });
                return true;
            }
            Some(())
        }
        _ => (!scalar_fits(&resolved, value)).then_some(()),
    };
    if fault.is_none() {
        return true;
    }
    problems.push(Problem::new(path, mismatch(kind, &resolved, value)));
    false
}

fn members(schema: &Map<String, Value>, object: &mut Map<String, Value>, path: &str, problems: &mut Vec<Problem>) {
    let fields = schema.get("properties").and_then(Value::as_object);
    let others = schema.get("additionalProperties").filter(|others| others.is_object());
    object.retain(|name, value| {
        if value.is_null() {
            return false;
        }
        let here = join(path, name);
        if let Some(schema) = fields.and_then(|fields| fields.get(name)).or(others) {
            return examine(schema, value, &here, problems);
        }
        let known = || fields.into_iter().flat_map(|fields| fields.keys().map(String::as_str));
        let hint = match nearest(name, known()) {
            Some(near) => format!("did you mean {near:?}?"),
            None => elsewhere(name).unwrap_or_else(|| format!("known here: {}", known().collect::<Vec<_>>().join(", "))),
        };
        problems.push(Problem::new(here, format!("is not a field; {hint}")));
        false
    });
}

/// Where a name would have been right, for a field that stands in the wrong table.
fn elsewhere(name: &str) -> Option<String> {
    let has = |schema: &Value| resolve(schema).get("properties").is_some_and(|fields| fields.get(name).is_some());
    let root = json_schema();
    if has(root) {
        return Some("it belongs to the top of the file, before the first [table]".to_owned());
    }
    let mut tables = root.get("properties")?.as_object()?.iter().filter(|(_, schema)| has(schema)).map(|(table, _)| table);
    if let Some(table) = tables.next() {
        let topics = if table == "defaults" { " or [topics.NAME]" } else { "" };
        return Some(format!("it belongs into [{table}]{topics}"));
    }
    let retry = root.pointer("/$defs/Retry/properties")?.get(name).is_some();
    (retry).then(|| "it belongs into [defaults.retry] or [topics.NAME.retry]".to_owned())
}

fn scalar_fits(schema: &Map<String, Value>, value: &Value) -> bool {
    if let Some(words) = words(schema) {
        return value.as_str().is_some_and(|text| words.iter().any(|(word, _)| *word == text));
    }
    if let Some(choices) = schema.get("anyOf").and_then(Value::as_array) {
        return choices.iter().any(|choice| scalar_fits(&resolve(choice), value));
    }
    match schema.get("type").and_then(Value::as_str).unwrap_or_default() {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => match schema.get("format").and_then(Value::as_str) {
            Some("uint32") => value.as_u64().is_some_and(|number| u32::try_from(number).is_ok()),
            _ => value.is_i64(),
        },
        _ => false,
    }
}

/// What was expected, what stands there, and the most likely cure.
fn mismatch(kind: &str, schema: &Map<String, Value>, value: &Value) -> String {
    let found = describe(value);
    match (kind, value) {
        ("DurationText", Value::Number(number)) => {
            return format!(
                "{number} has no unit; write a text with one: \"{number}ms\", \"{number}s\", \"{number}m\", \"{number}h\" or \"{number}d\""
            );
        }
        ("BytesText", Value::Number(number)) => {
            return format!(
                "{number} has no unit; write a text with one: \"{number}B\", \"{number}KiB\", \"{number}MiB\" or \"{number}GiB\""
            );
        }
        // The value may be a password, so it is not repeated.
        ("Scalar", _) => return "must be text, a whole number, true or false".to_owned(),
        _ => {}
    }
    if let Some(words) = words(schema) {
        let hint = value.as_str().and_then(|text| nearest(text, words.iter().map(|(word, _)| *word)));
        let words: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
        let hint = hint.map_or_else(String::new, |near| format!(" (did you mean {near:?}?)"));
        return format!("{found} is none of {}{hint}", words.join(", "));
    }
    let wanted = match schema.get("type").and_then(Value::as_str).unwrap_or_default() {
        "string" => "text in quotes",
        "boolean" => "true or false, without quotes",
        "number" => "a number, without quotes",
        "integer" => "a whole number from 0 to 4294967295, without quotes",
        "array" => "a list, as [\"…\"]",
        "object" => "a table",
        _ => "another type",
    };
    format!("must be {wanted}, and is {found}")
}

fn describe(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        Value::String(text) if text.chars().count() <= 40 => format!("{text:?}"),
        Value::String(_) => "a long text".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a table".to_owned(),
    }
}
