//! Events as JSON: what is read, what is refused and where, and what strangers may do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::time::{Duration, Instant};

use onceward_schema::{Decoder, Format, Limits, Source};
use serde_json::{Value, json};

fn decoder(format: Format, writer: &str, reader: Option<&str>) -> Decoder {
    let reader = reader.map(|reader| Source::new("reader", reader));
    Decoder::new(format, &Source::new("writer", writer), reader.as_ref(), None, &Limits::default()).unwrap()
}

fn read(decoder: &Decoder, bytes: &[u8]) -> Result<Value, String> {
    let text = decoder.decode(bytes, &[]).map_err(|error| error.to_string())?;
    Ok(serde_json::from_slice(&text).unwrap())
}

const ORDER: &str = r#"{"type":"record","name":"Order","fields":[
    {"name":"id","type":"string"},
    {"name":"count","type":"int"},
    {"name":"note","type":["null","string"],"default":null},
    {"name":"raw","type":"bytes"},
    {"name":"total","type":{"type":"bytes","logicalType":"decimal","precision":6,"scale":2}},
    {"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[{"name":"price","type":"double"}]}}},
    {"name":"state","type":{"type":"enum","name":"State","symbols":["NEW","PAID"]}},
    {"name":"tags","type":{"type":"map","values":"long"}}]}"#;

/// id "a1", count -3, note "é", raw ff fe, total 12.34, one line of 0.5, PAID, {"k": 2^40}.
const EVENT: &[u8] = b"\x04a1\x05\x02\x04\xc3\xa9\x04\xff\xfe\x04\x04\xd2\x02\0\0\0\0\0\0\xe0\x3f\0\x02\x02\x02k\x80\x80\x80\x80\x80\x40\0";

#[test]
fn avro_comes_out_as_people_expect() {
    let expected = json!({"id": "a1", "count": -3, "note": "é", "raw": "//4=", "total": "12.34", "lines": [{"price": 0.5}], "state": "PAID",
        "tags": {"k": 1_i64 << 40}});
    assert_eq!(read(&decoder(Format::Avro, ORDER, None), EVENT).unwrap(), expected);
}

#[test]
fn a_readers_schema_renames_widens_drops_and_fills_in() {
    let reader = r#"{"type":"record","name":"Order","fields":[
        {"name":"number","type":"double","aliases":["count","id"]},
        {"name":"id","type":"string"},
        {"name":"state","type":{"type":"enum","name":"State","symbols":["NEW","OTHER"],"default":"OTHER"}},
        {"name":"note","type":"string"},
        {"name":"more","type":["null","int"],"default":null},
        {"name":"mark","type":"bytes","default":"\u00ff\u00fe"}]}"#;
    let decoder = decoder(Format::Avro, ORDER, Some(reader));
    assert_eq!(
        read(&decoder, EVENT).unwrap(),
        json!({"id": "a1", "number": -3.0, "note": "é", "state": "OTHER", "more": null, "mark": "//4="})
    );
    // The same event without a note: the reader wants a text there.
    let mut without = b"\x04a1\x05\0".to_vec();
    without.extend(&EVENT[7..]);
    assert_eq!(read(&decoder, &without).unwrap_err(), "$.note: null can't be read as string");
}

#[test]
fn a_field_that_an_older_reader_does_not_know_is_passed_over() {
    let reader = r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"string"}]}"#;
    assert_eq!(read(&decoder(Format::Avro, ORDER, Some(reader)), EVENT).unwrap(), json!({"id": "a1"}));
}

#[test]
fn what_can_t_be_read_is_told_with_its_place() {
    let order = decoder(Format::Avro, ORDER, None);
    for (bytes, expected) in [
        (&b""[..], "$.id: it ends in the middle of a value"),
        (b"\x04a1\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "$.count: a number has more than 64 bits"),
        (b"\x04a1\x05\x06", "$.note: a union has no member 3"),
        (b"\x04\xff\xff", "$.id: a text is no UTF-8"),
        (b"\x01", "$.id: a length is negative"),
        (&EVENT[..20], "$.lines[0].price: it ends in the middle of a value"),
        (&[EVENT, b"x"].concat(), "$: 1 bytes are left behind its end: it was written with another schema"),
    ] {
        assert_eq!(read(&order, bytes).unwrap_err(), expected);
    }
    let needy = r#"{"type":"record","name":"Order","fields":[{"name":"who","type":"string"}]}"#;
    let error = read(&decoder(Format::Avro, ORDER, Some(needy)), EVENT).unwrap_err();
    assert_eq!(error, "$: the event has no field `who`, and the schema that reads it no default for it");
}

#[test]
fn bytes_that_announce_the_moon_are_refused_at_once() {
    let began = Instant::now();
    // 2^60 nulls, in a handful of bytes; the same as maps of empty records, nested lists, and a type that holds itself.
    let announced = b"\x80\x80\x80\x80\x80\x80\x80\x80\x20";
    for schema in [
        r#"{"type":"array","items":"null"}"#,
        r#"{"type":"array","items":{"type":"record","name":"E","fields":[]}}"#,
        r#"{"type":"array","items":{"type":"fixed","name":"F","size":0}}"#,
    ] {
        let error = read(&decoder(Format::Avro, schema, None), announced).unwrap_err();
        assert!(error.ends_with("it announces more values than its bytes can hold"), "{error}");
    }
    let bytes = decoder(Format::Avro, r#""bytes""#, None);
    assert!(read(&bytes, announced).unwrap_err().contains("ends in the middle"));
    let fixed = decoder(Format::Avro, r#"{"type":"fixed","name":"F","size":18446744073709551615}"#, None);
    assert!(read(&fixed, b"abc").unwrap_err().contains("ends in the middle"));
    let list = std::thread::Builder::new().stack_size(1 << 20);
    let deep = list
        .spawn(|| {
            let schema = r#"{"type":"record","name":"L","fields":[{"name":"next","type":["null","L"]}]}"#;
            read(&decoder(Format::Avro, schema, None), &[2; 1 << 20]).unwrap_err()
        })
        .unwrap();
    assert!(deep.join().unwrap().ends_with("it is nested too deep"));
    // A default that is repeated for each of many weightless records.
    let long = "x".repeat(10_000);
    let reader = format!(
        r#"{{"type":"array","items":{{"type":"record","name":"E","fields":[{{"name":"a","type":"string","default":"{long}"}}]}}}}"#
    );
    let writer = r#"{"type":"array","items":{"type":"record","name":"E","fields":[]}}"#;
    assert!(read(&decoder(Format::Avro, writer, Some(&reader)), announced).is_err());
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[test]
fn json_is_validated_and_told_with_its_place_but_not_its_values() {
    let schema = r#"{"type":"object","required":["id"],"properties":{"id":{"type":"string"},"lines":{"items":{"properties":{"price":{"type":"number"}}}}}}"#;
    let order = decoder(Format::Json, schema, None);
    assert_eq!(read(&order, br#"{"id":"a","more":1}"#).unwrap(), json!({"id": "a", "more": 1}));
    let wrong = read(&order, br#"{"id":"a","lines":[{"price":1},{"price":"CANARY"}]}"#).unwrap_err();
    assert!(wrong.starts_with("$.lines[1].price: ") && !wrong.contains("CANARY"), "{wrong}");
    let missing = read(&order, br#"{"CANARY":1}"#).unwrap_err();
    assert!(missing.starts_with("$: ") && missing.contains("id") && !missing.contains("CANARY"), "{missing}");
    for broken in [&b"{\"CANARY"[..], b"CANARY", b"\xff", b""] {
        let error = read(&order, broken).unwrap_err();
        assert!(error.contains("line") && !error.contains("CANARY"), "{error}");
    }
    assert!(read(&order, "[".repeat(1_000_000).as_bytes()).is_err());
}

#[test]
fn nothing_is_ever_fetched_and_what_was_handed_in_is_found() {
    let remote = Source::new("remote", r#"{"$ref":"http://127.0.0.1:9/order.json"}"#);
    assert!(Decoder::new(Format::Json, &remote, None, None, &Limits::default()).is_err());
    let file = Source::new("file", r#"{"$ref":"file:///etc/passwd"}"#);
    assert!(Decoder::new(Format::Json, &file, None, None, &Limits::default()).is_err());
    for name in ["money.json", "https://example.com/money.json"] {
        let source =
            Source::new("order", format!(r#"{{"properties":{{"total":{{"$ref":"{name}"}}}}}}"#)).with(name, r#"{"type":"integer"}"#);
        let decoder = Decoder::new(Format::Json, &source, None, None, &Limits::default()).unwrap();
        assert!(read(&decoder, br#"{"total":1}"#).is_ok());
        assert!(read(&decoder, br#"{"total":"x"}"#).is_err(), "{name}");
    }
}

#[test]
fn choices_that_double_at_each_step_are_refused() {
    let mut definitions = String::new();
    for step in 0..60 {
        let next = format!(r##"{{"$ref":"#/$defs/d{}"}}"##, step + 1);
        definitions.push_str(&format!(r#""d{step}":{{"allOf":[{next},{next}]}},"#));
    }
    let schema = format!(r##"{{"$ref":"#/$defs/d0","$defs":{{{definitions}"d60":{{"type":"string"}}}}}}"##);
    let error = Decoder::new(Format::Json, &Source::new("bomb", schema), None, None, &Limits::default()).unwrap_err();
    assert!(error.to_string().contains("steps"), "{error}");
}

const PROTO: &str = r#"syntax = "proto3"; package shop; import "money.proto"; import "google/protobuf/timestamp.proto";
    message Order { string id = 1; int64 count = 2; repeated Line lines = 3; map<string, int32> tags = 4; State state = 5; bytes raw = 6;
        optional string note = 7; Money total = 8; google.protobuf.Timestamp at = 9;
        message Line { double price = 1; } enum State { NEW = 0; PAID = 1; } }
    message Other { bool yes = 1; }"#;

fn proto() -> Source {
    Source::new("order.proto", PROTO).with("money.proto", r#"syntax = "proto3"; package shop; message Money { int64 cents = 1; }"#)
}

#[test]
fn protobuf_comes_out_by_the_names_of_its_file() {
    let decoder = Decoder::new(Format::Protobuf, &proto(), None, None, &Limits::default()).unwrap();
    let bytes = b"\x0a\x02a1\x10\x05\x1a\x09\x09\0\0\0\0\0\0\xe0\x3f\x22\x05\x0a\x01k\x10\x07\x28\x01\x32\x01\xff\x42\x02\x08\x0a\x4a\x02\x08\x09\xf8\x01\x01";
    let expected = json!({"id": "a1", "count": 5, "lines": [{"price": 0.5}], "tags": {"k": 7}, "state": "PAID", "raw": "/w==", "total": {"cents": 10},
        "at": {"seconds": 9, "nanos": 0}});
    assert_eq!(read(&decoder, bytes).unwrap(), expected);
    let text = decoder.decode(b"", &[]).unwrap();
    let empty: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(empty, json!({"id": "", "count": 0, "lines": [], "tags": {}, "state": "NEW", "raw": ""}));
    assert_eq!(&*decoder.decode(b"\x08\x01", &[1]).unwrap(), br#"{"yes":true}"#);
    assert_eq!(&*decoder.decode(b"", &[0, 0]).unwrap(), br#"{"price":0.0}"#);
    assert_eq!(read(&decoder, b"\x28\x09").unwrap()["state"], 9, "newer producers know more names");
    for (bytes, path) in [(&b"\x0a\x7f"[..], &[][..]), (b"\x0a", &[]), (b"", &[9]), (b"", &[0, 9]), (b"\x0a\x01\xff", &[])] {
        assert!(decoder.decode(bytes, path).is_err(), "{bytes:?} {path:?}");
    }
    let named = Decoder::new(Format::Protobuf, &proto(), None, Some("shop.Other"), &Limits::default()).unwrap();
    assert_eq!(&*named.decode(b"\x08\x01", &[]).unwrap(), br#"{"yes":true}"#);
    assert!(Decoder::new(Format::Protobuf, &proto(), None, Some("shop.Nobody"), &Limits::default()).is_err());
}

#[test]
fn protobuf_within_protobuf_ends() {
    let schema = r#"syntax = "proto3"; message L { L next = 1; repeated L more = 2; string a_rather_long_name_for_a_field = 3; }"#;
    let decoder = decoder(Format::Protobuf, schema, None);
    let mut deep = Vec::new();
    for _ in 0..300 {
        let mut outer = vec![0x0a];
        let mut length = deep.len();
        while length >= 0x80 {
            outer.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        outer.push(length as u8);
        outer.extend(&deep);
        deep = outer;
    }
    assert!(read(&decoder, &deep).is_err());
    // Two bytes for each empty message, and many for what it looks like.
    assert!(read(&decoder, &b"\x12\0".repeat(10)).is_ok());
}

#[test]
fn whatever_the_bytes_are_the_answer_is_json_or_an_error() {
    let avro = decoder(Format::Avro, ORDER, None);
    let json = decoder(Format::Json, r#"{"type":"object","properties":{"a":{"pattern":"^(a+)+$"}}}"#, None);
    let proto = Decoder::new(Format::Protobuf, &proto(), None, None, &Limits::default()).unwrap();
    let seeds: [(&Decoder, &[u8]); 3] = [
        (&avro, EVENT),
        (&json, br#"{"a":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","b":[1.5e300,null]}"#),
        (&proto, b"\x0a\x02a1\x10\x05\x1a\x09\x09\0\0\0\0\0\0\xe0\x3f\x22\x05\x0a\x01k\x10\x07\x28\x01\x32\x01\xff"),
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut dice = move |sides: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % sides as u64).unwrap()
    };
    let (mut read_some, mut refused) = (0, 0);
    for (decoder, seed) in seeds {
        for _ in 0..20_000 {
            let mut bytes = seed.to_vec();
            for _ in 0..=dice(3) {
                let at = dice(bytes.len().max(1));
                match dice(4) {
                    0 => bytes.truncate(at),
                    1 => bytes.insert(at.min(bytes.len()), u8::try_from(dice(256)).unwrap()),
                    _ if !bytes.is_empty() => bytes[at] = u8::try_from(dice(256)).unwrap(),
                    _ => {}
                }
            }
            match decoder.decode(&bytes, &[]) {
                Ok(text) => {
                    serde_json::from_slice::<Value>(&text).unwrap_or_else(|error| panic!("{error}: {bytes:?}"));
                    read_some += 1;
                }
                Err(error) => {
                    assert!(error.to_string().len() < 1_000, "{error}");
                    refused += 1;
                }
            }
        }
    }
    assert!(read_some > 1_000 && refused > 1_000, "{read_some} read, {refused} refused");
}
