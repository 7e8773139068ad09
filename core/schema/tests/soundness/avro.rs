//! Avro: written and read by `apache-avro`.

use std::collections::HashMap;

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::schema_compatibility::{Compatibility, SchemaCompatibility};
use apache_avro::types::Value as Datum;
use apache_avro::writer::datum::GenericDatumWriter;
use onceward_schema::{Decoder, Format, Level, Limits, Rules, Source};
use serde_json::{Value, json};

use super::dice::Dice;
use super::{Tally, backward};

const PRIMITIVES: [&str; 8] = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"];
const SYMBOLS: [&str; 5] = ["A", "B", "C", "D", "E"];

/// Named types are named by their place, so that a changed schema has the same names.
fn schema(dice: &mut Dice, place: &str, depth: usize) -> Value {
    let sides = if depth == 0 { 6 } else { 12 };
    match dice.below(sides) {
        0..=3 => json!(dice.pick(&PRIMITIVES)),
        4 => json!({ "type": "enum", "name": format!("{place}e"), "symbols": symbols(dice) }),
        5 => json!({ "type": "fixed", "name": format!("{place}f"), "size": dice.below(3) }),
        6 => json!({ "type": "array", "items": schema(dice, &format!("{place}a"), depth - 1) }),
        7 => json!({ "type": "map", "values": schema(dice, &format!("{place}m"), depth - 1) }),
        8 | 9 => union(dice, place, depth),
        _ => record(dice, place, depth),
    }
}

fn symbols(dice: &mut Dice) -> Value {
    let count = 1 + dice.below(SYMBOLS.len());
    json!(SYMBOLS[..count])
}

fn record(dice: &mut Dice, place: &str, depth: usize) -> Value {
    let fields: Vec<Value> = (0..dice.below(4)).map(|at| field(dice, place, at, depth)).collect();
    json!({ "type": "record", "name": format!("{place}r"), "fields": fields })
}

fn field(dice: &mut Dice, place: &str, at: usize, depth: usize) -> Value {
    let name = format!("f{at}");
    if dice.one_in(3) {
        return json!({ "name": name, "type": ["null", "int"], "default": null });
    }
    json!({ "name": name, "type": schema(dice, &format!("{place}{at}"), depth - 1) })
}

fn union(dice: &mut Dice, place: &str, depth: usize) -> Value {
    let mut members: Vec<Value> = PRIMITIVES.iter().filter(|_| dice.one_in(4)).map(|name| json!(name)).collect();
    if dice.one_in(2) {
        members.push(record(dice, &format!("{place}u"), depth - 1 + usize::from(depth == 1)));
    }
    if members.is_empty() {
        members.push(json!("null"));
    }
    json!(members)
}

/// A few things are otherwise.
fn changed(dice: &mut Dice, old: &Value) -> Value {
    let mut new = old.clone();
    match &mut new {
        Value::String(name) => {
            if dice.one_in(8) {
                *name = (*dice.pick(&PRIMITIVES)).to_owned();
            } else if dice.one_in(12) {
                let other = if name == "null" { "string" } else { "null" };
                return json!([other, name]);
            }
        }
        Value::Array(members) => {
            members.iter_mut().filter(|member| member.is_object()).for_each(|member| *member = changed(dice, member));
            if dice.one_in(6) && members.len() > 1 {
                members.remove(dice.below(members.len()));
            }
            let more = json!(dice.pick(&PRIMITIVES));
            if dice.one_in(6) && !members.contains(&more) {
                members.push(more);
            }
        }
        Value::Object(object) => {
            for key in ["items", "values"] {
                if let Some(inner) = object.get(key) {
                    let inner = changed(dice, inner);
                    object.insert(key.to_owned(), inner);
                }
            }
            if object.contains_key("symbols") && dice.one_in(4) {
                object.insert("symbols".to_owned(), symbols(dice));
                if dice.one_in(3) {
                    object.insert("default".to_owned(), json!("A"));
                }
            }
            if object.contains_key("size") && dice.one_in(4) {
                object.insert("size".to_owned(), json!(dice.below(3)));
            }
            if let Some(Value::Array(fields)) = object.get_mut("fields") {
                for field in fields.iter_mut().filter(|field| field.get("default").is_none()) {
                    field["type"] = changed(dice, &field["type"]);
                }
                if dice.one_in(6) && !fields.is_empty() {
                    fields.remove(dice.below(fields.len()));
                }
                if dice.one_in(6) {
                    let default = if dice.one_in(2) {
                        json!({ "name": "x", "type": "int", "default": 7 })
                    } else {
                        json!({ "name": "x", "type": "int" })
                    };
                    fields.push(default);
                }
                if dice.one_in(6) {
                    fields.reverse();
                }
                if dice.one_in(4) && !fields.is_empty() {
                    let at = dice.below(fields.len());
                    if dice.one_in(2) {
                        fields[at]["aliases"] = json!([fields[at]["name"]]);
                    }
                    fields[at]["name"] = json!("renamed");
                }
            }
        }
        _ => {}
    }
    new
}

fn datum(dice: &mut Dice, schema: &Value) -> Datum {
    match schema {
        Value::String(name) => match name.as_str() {
            "null" => Datum::Null,
            "boolean" => Datum::Boolean(dice.one_in(2)),
            "int" => Datum::Int(i32::try_from(dice.number() >> 33).unwrap()),
            "long" => Datum::Long(dice.number()),
            "float" => Datum::Float(0.5),
            "double" => Datum::Double(0.25),
            "bytes" => Datum::Bytes(b"text".to_vec()),
            _ => Datum::String("text".to_owned()),
        },
        Value::Array(members) => {
            let at = dice.below(members.len());
            Datum::Union(u32::try_from(at).unwrap(), Box::new(datum(dice, &members[at])))
        }
        object => match object["type"].as_str().unwrap() {
            "array" => Datum::Array((0..dice.below(3)).map(|_| datum(dice, &object["items"])).collect()),
            "map" => Datum::Map((0..dice.below(3)).map(|at| (at.to_string(), datum(dice, &object["values"]))).collect::<HashMap<_, _>>()),
            "enum" => {
                let symbols = object["symbols"].as_array().unwrap();
                let at = dice.below(symbols.len());
                Datum::Enum(u32::try_from(at).unwrap(), symbols[at].as_str().unwrap().to_owned())
            }
            "fixed" => {
                let size = usize::try_from(object["size"].as_u64().unwrap()).unwrap();
                Datum::Fixed(size, vec![1; size])
            }
            _ => Datum::Record(
                object["fields"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|field| (field["name"].as_str().unwrap().to_owned(), datum(dice, &field["type"])))
                    .collect(),
            ),
        },
    }
}

fn written(schema: &apache_avro::Schema, value: Datum) -> Vec<u8> {
    GenericDatumWriter::builder(schema).build().unwrap().write_value_to_vec(value).unwrap()
}

#[test]
fn what_is_called_compatible_reads() {
    let mut tally = Tally::default();
    let mut disagreements: Vec<String> = Vec::new();
    for seed in 0..4_000 {
        let dice = &mut Dice::new(seed);
        let old = record(dice, "N", 3);
        let new = changed(dice, &old);
        let fine = backward(Format::Avro, &old.to_string(), &new.to_string(), &Rules::new(Level::Backward));
        let writer = apache_avro::Schema::parse_str(&old.to_string()).unwrap();
        let reader = apache_avro::Schema::parse_str(&new.to_string()).unwrap();
        let theirs = matches!(SchemaCompatibility::can_read(&writer, &reader), Ok(Compatibility::Full));
        if fine != theirs {
            disagreements.push(format!("seed {seed}: we say {fine}\n  old {old}\n  new {new}"));
        }
        let mut failed = None;
        // Its checker knows aliases of fields, its reader (0.22) does not: there the checker alone has to do.
        let aliases = new.to_string().contains("aliases");
        let (written_by, read_by) = (Source::new("old", old.to_string()), Source::new("new", new.to_string()));
        let ours = Decoder::new(Format::Avro, &written_by, Some(&read_by), None, &Limits::default()).unwrap();
        for _ in 0..12 {
            let value = datum(dice, &old);
            let bytes = written(&writer, value.clone());
            let theirs = GenericDatumReader::builder(&writer).reader_schema(&reader).build().unwrap().read_value(&mut bytes.as_slice());
            match (ours.decode(&bytes, &[]), theirs) {
                (Err(error), theirs) => {
                    assert!(
                        aliases || theirs.is_err() || !fine,
                        "seed {seed}: ours alone fails: {error}\nold {old}\nnew {new}\nevent {value:?}"
                    );
                    failed = Some((value, error.to_string()));
                }
                (Ok(_), Err(error)) if !aliases => failed = Some((value, error.to_string())),
                (Ok(text), _) => {
                    serde_json::from_slice::<Value>(&text).unwrap_or_else(|error| panic!("seed {seed}: no JSON: {error}"));
                }
            }
        }
        tally.count(fine, failed.is_some());
        if let (true, Some((value, error))) = (fine, failed) {
            panic!("seed {seed}: {error}\nold {old}\nnew {new}\nevent {value:?}");
        }
    }
    assert!(disagreements.is_empty(), "{} of them: {}", disagreements.len(), disagreements[..disagreements.len().min(12)].join("\n"));
    assert!(tally.compatible > 500 && tally.broken > 500, "{tally:?}");
    assert!(tally.unseen * 3 < tally.broken, "{tally:?}");
}
