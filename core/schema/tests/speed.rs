//! A repository has hundreds of schemas, and a hook that takes long is taken out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

use std::time::{Duration, Instant};

use onceward_schema::{Format, Level, Limits, Rules, Schema, Source, compare};

const PAIRS: usize = 1_000;
const FIELDS: usize = 40;

/// One field in five is a structure of its own.
fn schema(format: Format, more: bool) -> String {
    let count = FIELDS + usize::from(more);
    let list = |field: &dyn Fn(usize) -> String, between: &str| (0..count).map(field).collect::<Vec<_>>().join(between);
    match format {
        Format::Avro => {
            let kind = |at: usize| match at % 5 {
                0 => format!(
                    r#"{{"type":"record","name":"R{at}","fields":[{{"name":"a","type":"int"}},{{"name":"b","type":["null","string"]}}]}}"#
                ),
                _ => "\"string\"".to_owned(),
            };
            let fields = list(&|at| format!(r#"{{"name":"f{at}","type":["null",{}],"default":null}}"#, kind(at)), ",");
            format!(r#"{{"type":"record","name":"Order","fields":[{fields}]}}"#)
        }
        Format::Json => {
            let kind = |at: usize| match at % 5 {
                0 => r##"{"$ref":"#/$defs/line"}"##,
                _ => r#"{"type":"string","maxLength":20}"#,
            };
            let fields = list(&|at| format!(r#""f{at}":{}"#, kind(at)), ",");
            let line = r#"{"type":"object","properties":{"a":{"type":"integer"},"b":{"oneOf":[{"type":"null"},{"type":"string"}]}}}"#;
            format!(r#"{{"$defs":{{"line":{line}}},"type":"object","properties":{{{fields}}},"required":["f1"]}}"#)
        }
        Format::Protobuf => {
            let kind = |at: usize| if at.is_multiple_of(5) { "repeated Line" } else { "string" };
            let fields = list(&|at| format!("{} f{at} = {};", kind(at), at + 1), "\n");
            format!("syntax = \"proto3\"; package p; message Order {{ {fields} }} message Line {{ int32 a = 1; string b = 2; }}")
        }
    }
}

/// The bound is ten times what is promised: tests share their machine. What it took is printed.
#[test]
fn a_thousand_pairs_of_each_format() {
    for format in [Format::Avro, Format::Json, Format::Protobuf] {
        let (old, new) = (schema(format, false), schema(format, true));
        let start = Instant::now();
        for _ in 0..PAIRS {
            let parse = |text: &String| Schema::parse(format, &Source::new("s", text.clone()), &Limits::default()).unwrap();
            let differences = compare(&parse(&old), &parse(&new), &Rules::new(Level::Full), &Limits::default()).unwrap();
            assert_eq!(differences.len(), 1);
        }
        let took = start.elapsed();
        println!("{PAIRS} pairs of {FIELDS} fields, {}: {took:?}", format.name());
        assert!(took < Duration::from_secs(10), "{took:?}");
    }
}

/// Decoded, resolved and written as JSON, an event takes no longer than decoding it alone takes others. What it took is printed.
#[test]
fn avro_events_are_read_as_fast_as_by_others() {
    use apache_avro::reader::datum::GenericDatumReader;
    use apache_avro::types::Value as Datum;
    use apache_avro::writer::datum::GenericDatumWriter;

    const EVENTS: u32 = 20_000;
    let text = r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"string"},{"name":"customer","type":"string"},
        {"name":"total","type":"double"},{"name":"note","type":["null","string"]},{"name":"lines","type":{"type":"array","items":
        {"type":"record","name":"Line","fields":[{"name":"sku","type":"string"},{"name":"count","type":"int"},{"name":"price","type":"double"}]}}}]}"#;
    let schema = apache_avro::Schema::parse_str(text).unwrap();
    let line = |at: i32| {
        let field = |name: &str, value| (name.to_owned(), value);
        Datum::Record(vec![
            field("sku", Datum::String(format!("sku-{at}"))),
            field("count", Datum::Int(at)),
            field("price", Datum::Double(9.5)),
        ])
    };
    let event = Datum::Record(vec![
        ("id".to_owned(), Datum::String("o-123456".to_owned())),
        ("customer".to_owned(), Datum::String("a customer of ours".to_owned())),
        ("total".to_owned(), Datum::Double(38.25)),
        ("note".to_owned(), Datum::Union(1, Box::new(Datum::String("at the back door".to_owned())))),
        ("lines".to_owned(), Datum::Array((0..5).map(line).collect())),
    ]);
    let bytes = GenericDatumWriter::builder(&schema).build().unwrap().write_value_to_vec(event).unwrap();
    let source = Source::new("order", text);
    let ours = onceward_schema::Decoder::new(Format::Avro, &source, Some(&source), None, &Limits::default()).unwrap();
    let theirs = GenericDatumReader::builder(&schema).build().unwrap();
    let time = |work: &dyn Fn()| {
        let rounds = (0..3).map(|_| {
            let start = Instant::now();
            (0..EVENTS).for_each(|_| work());
            start.elapsed()
        });
        rounds.min().unwrap()
    };
    let by_us = time(&|| assert!(std::hint::black_box(ours.decode(&bytes, &[]).unwrap()).len() > 100));
    let by_them = time(&|| drop(std::hint::black_box(theirs.read_value(&mut bytes.as_slice()).unwrap())));
    println!("{EVENTS} Avro events of {} bytes as JSON: {by_us:?}; apache-avro, decoded alone: {by_them:?}", bytes.len());
    assert!(by_us.as_secs_f64() * 0.7 <= by_them.as_secs_f64(), "{by_us:?} against {by_them:?}");
}
