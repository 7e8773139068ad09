//! JSON Schema: validated by `jsonschema`.

use onceward_schema::{Format, Level, Rules};
use serde_json::{Value, json};

use super::dice::Dice;
use super::{Tally, backward};

const TYPES: [&str; 7] = ["null", "boolean", "integer", "number", "string", "array", "object"];
const NAMES: [&str; 5] = ["a", "b", "ab", "x", "y"];

fn schema(dice: &mut Dice, depth: usize) -> Value {
    if dice.one_in(12) {
        return json!(dice.one_in(2));
    }
    if depth > 0 && dice.one_in(8) {
        let key = *dice.pick(&["anyOf", "allOf"]);
        let members: Vec<Value> = (0..1 + dice.below(3)).map(|_| schema(dice, depth - 1)).collect();
        return json!({ key: members });
    }
    if depth > 0 && dice.one_in(10) {
        // A tree: the schema within itself.
        return json!({ "$ref": "#" });
    }
    if dice.one_in(12) {
        // Members that can't overlap, whatever becomes of them: of others, registries do not see that they do.
        let members: Vec<Value> =
            ["null", "boolean", "string", "object"].iter().filter(|_| dice.one_in(2)).map(|kind| json!({ "type": kind })).collect();
        if !members.is_empty() {
            return json!({ "oneOf": members });
        }
    }
    let kind = *dice.pick(&TYPES);
    let mut node = json!({ "type": kind });
    for keyword in keywords(kind) {
        if dice.one_in(3)
            && let Some(value) = keyword_value(dice, keyword, depth)
        {
            node[*keyword] = value;
        }
    }
    node
}

fn keywords(kind: &str) -> &'static [&'static str] {
    match kind {
        "integer" | "number" => &["minimum", "maximum", "exclusiveMinimum", "multipleOf", "enum"],
        "string" => &["minLength", "maxLength", "pattern", "const"],
        "array" => &["items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains"],
        "object" => &[
            "properties",
            "properties",
            "required",
            "additionalProperties",
            "patternProperties",
            "minProperties",
            "maxProperties",
            "propertyNames",
            "dependentRequired",
            "not",
        ],
        _ => &[],
    }
}

fn keyword_value(dice: &mut Dice, keyword: &str, depth: usize) -> Option<Value> {
    let names = |dice: &mut Dice| NAMES.iter().filter(|_| dice.one_in(3)).copied().collect::<Vec<_>>();
    Some(match keyword {
        "minimum" | "maximum" | "exclusiveMinimum" => json!(dice.below(6)),
        "multipleOf" => json!(1 + dice.below(4)),
        "enum" => json!((0..1 + dice.below(4)).map(|_| dice.below(6)).collect::<std::collections::BTreeSet<_>>()),
        "const" => json!(dice.pick(&["", "a", "ab"])),
        "pattern" => json!(dice.pick(&["^a", "b$"])),
        "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties" => json!(dice.below(4)),
        "uniqueItems" => json!(dice.one_in(2)),
        "required" => json!(names(dice)),
        "dependentRequired" => json!({ "a": names(dice) }),
        "propertyNames" => json!({ "maxLength": dice.below(3) }),
        _ if depth == 0 => return None,
        "properties" => {
            names(dice).into_iter().map(|name| (name.to_owned(), schema(dice, depth - 1))).collect::<serde_json::Map<_, _>>().into()
        }
        "patternProperties" => json!({ *dice.pick(&["^a", "b$"]): schema(dice, depth - 1) }),
        "prefixItems" => (0..1 + dice.below(2)).map(|_| schema(dice, depth - 1)).collect(),
        "additionalProperties" | "items" if dice.one_in(2) => json!(dice.one_in(2)),
        _ => schema(dice, depth - 1),
    })
}

/// One or two keywords somewhere are otherwise.
fn changed(dice: &mut Dice, old: &Value, depth: usize) -> Value {
    let mut new = old.clone();
    let Value::Object(object) = &mut new else { return if dice.one_in(4) { schema(dice, depth) } else { new } };
    if dice.one_in(16) {
        return schema(dice, depth);
    }
    if let Some(kind) = object.get("type").and_then(Value::as_str).map(str::to_owned) {
        if dice.one_in(12) {
            let both = std::collections::BTreeSet::from([kind.as_str(), *dice.pick::<&str>(&TYPES)]);
            object.insert("type".to_owned(), json!(both));
        }
        if let (true, all @ [_, ..]) = (dice.one_in(2), keywords(&kind)) {
            let keyword = *dice.pick(all);
            match keyword_value(dice, keyword, depth).filter(|_| dice.one_in(2)) {
                Some(value) => object.insert(keyword.to_owned(), value),
                None => object.remove(keyword),
            };
        }
    }
    for key in ["properties", "patternProperties"] {
        if let Some(Value::Object(members)) = object.get_mut(key) {
            members.values_mut().for_each(|member| *member = changed(dice, member, depth.saturating_sub(1)));
        }
    }
    for key in ["anyOf", "allOf", "prefixItems"] {
        if let Some(Value::Array(members)) = object.get_mut(key) {
            members.iter_mut().for_each(|member| *member = changed(dice, member, depth.saturating_sub(1)));
            if dice.one_in(5) && key != "prefixItems" {
                members.push(schema(dice, depth.saturating_sub(1)));
            }
        }
    }
    if let Some(Value::Array(members)) = object.get_mut("oneOf") {
        let more = json!({ "type": dice.pick(&["null", "boolean", "array"]) });
        match dice.below(4) {
            0 => drop(members.pop().filter(|_| members.len() > 1).map(|last| members.push(last))),
            1 if !members.contains(&more) => members.push(more),
            _ => members.reverse(),
        }
        if members.is_empty() {
            return json!(false);
        }
    }
    for key in ["items", "additionalProperties", "not", "contains"] {
        if let Some(inner) = object.get(key) {
            let inner = changed(dice, inner, depth.saturating_sub(1));
            object.insert(key.to_owned(), inner);
        }
    }
    new
}

/// A value that a schema may like, and often does.
fn instance(dice: &mut Dice, schema: &Value, depth: usize) -> Value {
    if dice.one_in(12) || depth == 0 {
        return [json!(null), json!(true), json!(3), json!(0.5), json!("ab"), json!([]), json!({})][dice.below(7)].clone();
    }
    for key in ["anyOf", "allOf", "oneOf"] {
        if let Some(Value::Array(members)) = schema.get(key).filter(|members| members.as_array().is_some_and(|members| !members.is_empty()))
        {
            let member = dice.pick(members);
            return instance(dice, member, depth);
        }
    }
    for key in ["const", "enum"] {
        match schema.get(key) {
            Some(Value::Array(values)) => return dice.pick(values).clone(),
            Some(value) => return value.clone(),
            None => {}
        }
    }
    let kind = match schema.get("type") {
        Some(Value::Array(kinds)) => dice.pick(kinds).as_str().unwrap_or_default().to_owned(),
        Some(Value::String(kind)) => kind.clone(),
        _ => (*dice.pick(&TYPES)).to_owned(),
    };
    match kind.as_str() {
        "null" => json!(null),
        "boolean" => json!(dice.one_in(2)),
        "integer" => json!(dice.below(10)),
        "number" => {
            if dice.one_in(2) {
                json!(dice.below(10))
            } else {
                json!(0.5 + f64::from(u8::try_from(dice.below(9)).unwrap()))
            }
        }
        "string" => json!(dice.pick(&["", "a", "b", "ab", "abc", "bab"])),
        "array" => (0..dice.below(4))
            .map(|at| {
                let inner =
                    schema.get("prefixItems").and_then(|items| items.get(at)).or_else(|| schema.get("items")).unwrap_or(&Value::Null);
                instance(dice, inner, depth - 1)
            })
            .collect(),
        _ => {
            let mut object = serde_json::Map::new();
            for name in NAMES {
                let required = schema.get("required").and_then(Value::as_array).is_some_and(|all| all.contains(&json!(name)));
                if required || dice.one_in(3) {
                    let inner = schema.get("properties").and_then(|all| all.get(name)).or_else(|| schema.get("additionalProperties"));
                    object.insert(name.to_owned(), instance(dice, inner.unwrap_or(&Value::Null), depth - 1));
                }
            }
            object.into()
        }
    }
}

#[test]
fn what_is_called_compatible_validates() {
    let mut tally = Tally::default();
    for seed in 0..6_000 {
        let dice = &mut Dice::new(seed);
        let old = schema(dice, 3);
        let new = changed(dice, &old, 3);
        let fine = backward(Format::Json, &old.to_string(), &new.to_string(), &Rules::new(Level::Backward));
        let (writer, reader) = (jsonschema::validator_for(&old).unwrap(), jsonschema::validator_for(&new).unwrap());
        let events: Vec<Value> = (0..60).map(|_| instance(dice, &old, 4)).filter(|event| writer.is_valid(event)).collect();
        let refused = events.iter().find(|event| !reader.is_valid(event));
        tally.count(fine, refused.is_some());
        if let (true, Some(event)) = (fine, refused) {
            panic!("seed {seed}\nold {old}\nnew {new}\nevent {event}");
        }
    }
    assert!(tally.compatible > 1_000 && tally.broken > 500, "{tally:?}");
    assert!(tally.unseen * 2 < tally.broken, "{tally:?}");
}
