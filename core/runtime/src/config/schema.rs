//! The JSON Schema of the configuration, derived from [`super::raw`].

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

/// The JSON Schema (2020-12) of the configuration, committed as `docs/reference/config.schema.json`.
#[must_use]
pub fn json_schema() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
        let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<super::raw::Config>().to_value();
        without_null(&mut schema);
        schema
    });
    &SCHEMA
}

/// Takes `null` out of the schema: a field that is not set is left out. TOML has no null, and for bindings that send one the loader
/// drops it, so that no reader has to wonder what it would mean.
fn without_null(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::Array(types)) = object.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_mut_slice() {
                    let only = only.take();
                    object.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
                choices.retain(|choice| choice.get("type").is_none_or(|name| name != "null"));
                if let [Value::Object(only)] = choices.as_mut_slice() {
                    let only = std::mem::take(only);
                    object.remove("anyOf");
                    object.extend(only);
                }
            }
            object.values_mut().for_each(without_null);
        }
        Value::Array(items) => items.iter_mut().for_each(without_null),
        _ => {}
    }
}

/// A schema with its `$ref` followed; what stands beside the reference (a field's own description and default) wins.
pub(super) fn resolve(schema: &Value) -> Map<String, Value> {
    let own = schema.as_object().cloned().unwrap_or_default();
    let Some(name) = definition(schema) else { return own };
    let mut resolved = json_schema().pointer(&format!("/$defs/{name}")).and_then(Value::as_object).cloned().unwrap_or_default();
    resolved.extend(own);
    resolved.remove("$ref");
    resolved
}

/// The name of the definition that a schema refers to.
pub(super) fn definition(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix("#/$defs/")
}

/// The words that a schema allows, with what each means, if it allows only words.
pub(super) fn words(schema: &Map<String, Value>) -> Option<Vec<(&str, &str)>> {
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return words.iter().map(|word| Some((word.as_str()?, ""))).collect();
    }
    let choices = schema.get("oneOf")?.as_array()?;
    choices
        .iter()
        .map(|choice| Some((choice.get("const")?.as_str()?, choice.get("description").and_then(Value::as_str).unwrap_or_default())))
        .collect()
}
