//! Protobuf: written and read by `prost-reflect`.

use std::fmt::Write as _;

use onceward_schema::{Format, Level, ProtobufRules, Rules};
use prost_reflect::prost::Message as _;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};
use protox::file::{File, FileResolver};

use super::dice::Dice;
use super::{Tally, backward};

const TYPES: [&str; 18] = [
    "int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64", "sfixed32", "sfixed64", "float", "double", "bool",
    "string", "bytes", "Inner", "Other", "State",
];

#[derive(Clone)]
struct Field {
    number: usize,
    label: &'static str,
    kind: &'static str,
}

fn text(fields: &[Field], inner: &[Field]) -> String {
    let mut text = String::from("syntax = \"proto3\"; package p;\n");
    for (name, fields) in [("Order", fields), ("Inner", inner)] {
        writeln!(text, "message {name} {{").unwrap();
        for Field { number, label, kind } in fields {
            match *label {
                "map" => writeln!(text, "  map<string, {kind}> f{number} = {number};").unwrap(),
                label => writeln!(text, "  {label} {kind} f{number} = {number};").unwrap(),
            }
        }
        // Whoever leaves a field out has reserved it: otherwise nothing of the wire rules would be compatible.
        let gone: Vec<_> =
            (1..6).filter(|number| !fields.iter().any(|field| field.number == *number)).map(|number| number.to_string()).collect();
        if !gone.is_empty() {
            writeln!(text, "  reserved {};", gone.join(", ")).unwrap();
        }
        text.push_str("}\n");
    }
    text.push_str("message Other { string f1 = 1; }\nenum State { S0 = 0; S1 = 1; }\n");
    text
}

fn fields(dice: &mut Dice, kinds: &'static [&'static str]) -> Vec<Field> {
    let mut all = Vec::new();
    for number in 1..6 {
        if dice.one_in(2) {
            all.push(Field {
                number,
                label: dice.pick::<&'static str>(&["", "optional", "repeated", "map"]),
                kind: dice.pick::<&'static str>(kinds),
            });
        }
    }
    all
}

fn changed(dice: &mut Dice, old: &[Field], kinds: &'static [&'static str]) -> Vec<Field> {
    let mut new = old.to_vec();
    if dice.one_in(3) && !new.is_empty() {
        new.remove(dice.below(new.len()));
    }
    for field in &mut new {
        if dice.one_in(5) {
            field.kind = dice.pick::<&'static str>(kinds);
        }
        // The pair on which the rules of the wire are not symmetric, and which a reader notices.
        if matches!(field.kind, "string" | "bytes") && dice.one_in(3) {
            field.kind = if field.kind == "bytes" { "string" } else { "bytes" };
        }
        if dice.one_in(12) {
            field.label = dice.pick::<&'static str>(&["", "optional", "repeated", "map"]);
        }
    }
    new
}

struct One(String);

impl FileResolver for One {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        File::from_source(name, &self.0)
    }
}

fn order(text: &str) -> MessageDescriptor {
    let mut compiler = protox::Compiler::with_file_resolver(One(text.to_owned()));
    compiler.open_file("order.proto").unwrap();
    compiler.descriptor_pool().get_message_by_name("p.Order").unwrap()
}

fn single(dice: &mut Dice, kind: &Kind) -> Value {
    let number = dice.number();
    let narrow = i32::try_from(number >> 33).unwrap();
    match kind {
        Kind::Double => Value::F64(0.5),
        Kind::Float => Value::F32(0.5),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(narrow),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(number),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(narrow.cast_unsigned()),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(number.cast_unsigned()),
        Kind::Bool => Value::Bool(dice.one_in(2)),
        Kind::String => Value::String("text".to_owned()),
        Kind::Bytes => Value::Bytes(vec![0xff, 0xfe, 1].into()),
        Kind::Message(message) => Value::Message(filled(dice, message)),
        Kind::Enum(_) => Value::EnumNumber(1),
    }
}

fn value(dice: &mut Dice, field: &FieldDescriptor) -> Value {
    if field.is_map() {
        let Kind::Message(entry) = field.kind() else { panic!("a map of nothing") };
        let kind = entry.map_entry_value_field().kind();
        return Value::Map((0..dice.below(3)).map(|at| (MapKey::String(at.to_string()), single(dice, &kind))).collect());
    }
    if field.is_list() {
        return Value::List((0..dice.below(4)).map(|_| single(dice, &field.kind())).collect());
    }
    single(dice, &field.kind())
}

fn filled(dice: &mut Dice, message: &MessageDescriptor) -> DynamicMessage {
    let mut filled = DynamicMessage::new(message.clone());
    for field in message.fields() {
        if !dice.one_in(4) {
            filled.set_field(&field, value(dice, &field));
        }
    }
    filled
}

#[test]
fn what_is_called_compatible_decodes() {
    let mut tally = Tally::default();
    for seed in 0..1_500 {
        let dice = &mut Dice::new(seed);
        let scalars = &TYPES[..15];
        let (old, inner) = (fields(dice, &TYPES), fields(dice, scalars));
        let old_text = text(&old, &inner);
        let new_text = text(&changed(dice, &old, &TYPES), &changed(dice, &inner, scalars));
        let rules = Rules { level: Level::Backward, protobuf: ProtobufRules::Wire, ..Rules::default() };
        let fine = backward(Format::Protobuf, &old_text, &new_text, &rules);
        backward(Format::Protobuf, &old_text, &new_text, &Rules::default());
        let (writer, reader) = (order(&old_text), order(&new_text));
        let failed = (0..12).any(|_| {
            let bytes = filled(dice, &writer).encode_to_vec();
            DynamicMessage::decode(reader.clone(), bytes.as_slice()).is_err()
        });
        tally.count(fine, failed);
        assert!(!(fine && failed), "seed {seed}\nold {old_text}\nnew {new_text}");
    }
    assert!(tally.compatible > 200 && tally.broken > 200, "{tally:?}");
}
