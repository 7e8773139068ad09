//! What schemas of strangers may do to us: nothing but an error, quickly, within a bounded memory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use onceward_schema::{Format, Level, Limits, Rules, Schema, SchemaErrorKind, Source, compare};

/// Generous: a debugger or a busy machine must not fail this; what these tests are afraid of takes hours.
const SOON: Duration = Duration::from_secs(20);

fn parse(format: Format, text: &str) -> Result<Schema, SchemaErrorKind> {
    Schema::parse(format, &Source::new("hostile", text), &Limits::default()).map_err(|error| {
        assert!(error.to_string().len() < 2_000, "an error of {} bytes", error.to_string().len());
        error.kind
    })
}

fn in_time<T>(work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    assert!(start.elapsed() < SOON, "it took {:?}", start.elapsed());
    result
}

/// Compares a schema with itself and with something small, on a stack as small as a worker's.
fn survives(format: Format, text: String) -> bool {
    let thread = std::thread::Builder::new().stack_size(1 << 20);
    let work = move || {
        let Ok(schema) = parse(format, &text) else { return false };
        let small = match format {
            Format::Avro => "\"string\"",
            Format::Json => "{}",
            Format::Protobuf => "syntax = \"proto3\";",
        };
        let small = parse(format, small).unwrap();
        for (old, new) in [(&schema, &schema), (&small, &schema), (&schema, &small)] {
            if let Ok(differences) = compare(old, new, &Rules::new(Level::Full), &Limits::default()) {
                let words: usize = differences.iter().map(|one| one.sentence.len() + one.path.len()).sum();
                assert!(words < 4 << 20, "{words} bytes of words");
            }
        }
        true
    };
    in_time(|| thread.spawn(work).unwrap().join().unwrap())
}

#[test]
fn deep_nesting_is_an_error() {
    for depth in [200, 10_000, 1_000_000] {
        let nested = |open: &str, close: &str, middle: &str| format!("{}{middle}{}", open.repeat(depth), close.repeat(depth));
        assert!(!survives(Format::Avro, nested(r#"{"type":"array","items":"#, "}", "\"int\"")));
        assert!(!survives(Format::Json, nested(r#"{"not":"#, "}", "{}")));
        assert!(!survives(Format::Json, nested("[", "]", "")));
        assert!(!survives(Format::Protobuf, format!("syntax = \"proto3\";{}", nested("message A {", "}", ""))));
        survives(Format::Protobuf, format!("syntax = \"proto3\"; option (x) = {{ {} }};", nested("a: {", "}", "")));
    }
}

#[test]
fn long_chains_of_references_do_not_exhaust_the_stack() {
    let mut avro = String::from("[{\"type\":\"record\",\"name\":\"R0\",\"fields\":[]}");
    let mut json = String::from("{\"$ref\":\"#/$defs/d0\",\"$defs\":{\"end\":{}");
    let mut proto = String::from("syntax = \"proto3\";\n");
    let last = 5_000;
    for at in 1..=last {
        write!(avro, ",{{\"type\":\"record\",\"name\":\"R{at}\",\"fields\":[{{\"name\":\"f\",\"type\":\"R{}\"}}]}}", at - 1).unwrap();
        write!(json, ",\"d{}\":{{\"properties\":{{\"p\":{{\"$ref\":\"#/$defs/d{at}\"}}}}}}", at - 1).unwrap();
        writeln!(proto, "message M{at} {{ M{} m = 1; }}", at - 1).unwrap();
    }
    write!(json, ",\"d{last}\":{{}}}}}}").unwrap();
    avro.push(']');
    proto.push_str("message M0 {}");
    assert!(survives(Format::Avro, avro));
    assert!(survives(Format::Json, json));
    assert!(survives(Format::Protobuf, proto));
}

#[test]
fn references_that_double_at_each_step_are_bounded() {
    let mut json = String::from("{\"$ref\":\"#/$defs/d0\",\"$defs\":{\"d40\":{\"type\":\"string\"}");
    for at in 0..40 {
        let next = at + 1;
        write!(json, ",\"d{at}\":{{\"oneOf\":[{{\"$ref\":\"#/$defs/d{next}\"}},{{\"allOf\":[{{\"$ref\":\"#/$defs/d{next}\"}},{{\"minLength\":{at}}}]}}]}}").unwrap();
    }
    json.push_str("}}");
    assert!(survives(Format::Json, json));
}

/// As deep as combinations may be, and each member differs; on a small stack.
#[test]
fn deep_choices_that_all_differ_are_told_about_on_a_small_stack() {
    let nested = |depth: usize, inner: &str| {
        let mut json = format!("{{\"$ref\":\"#/$defs/d0\",\"$defs\":{{\"d{depth}\":{{\"type\":\"{inner}\"}}");
        for at in 0..depth {
            write!(json, ",\"d{at}\":{{\"oneOf\":[{{\"$ref\":\"#/$defs/d{}\"}},{{\"const\":{at}}}]}}", at + 1).unwrap();
        }
        json + "}}"
    };
    for depth in [10, 22, 23, 24, 60] {
        let work = move || {
            let (old, new) =
                (parse(Format::Json, &nested(depth, "string")).unwrap(), parse(Format::Json, &nested(depth, "array")).unwrap());
            match compare(&old, &new, &Rules::new(Level::Full), &Limits::default()) {
                Ok(differences) => assert!(differences.iter().any(|one| one.verdict == onceward_schema::Verdict::Breaking)),
                Err(error) => assert!(depth > 20 && error.kind == SchemaErrorKind::Limit, "{depth}: {error}"),
            }
        };
        in_time(|| std::thread::Builder::new().stack_size(1 << 20).spawn(work).unwrap().join().unwrap());
    }
}

#[test]
fn choices_within_choices_that_meet_themselves_end() {
    let json = r##"{"oneOf":[{"$ref":"#"},{"type":"array","items":{"$ref":"#"}},{"anyOf":[{"$ref":"#"},{"not":{"$ref":"#"}}]}]}"##;
    assert!(survives(Format::Json, json.to_owned()));
    // And against another one, so that members have to be told about.
    let other = r##"{"oneOf":[{"$ref":"#"},{"type":"array","items":{"$ref":"#"}},{"anyOf":[{"$ref":"#"},{"type":"string"},{"not":{"$ref":"#"}}]}]}"##;
    let (old, new) = (parse(Format::Json, json).unwrap(), parse(Format::Json, other).unwrap());
    for (old, new) in [(&old, &new), (&new, &old)] {
        in_time(|| compare(old, new, &Rules::new(Level::Full), &Limits::default())).unwrap();
    }
    let circle = r##"{"$defs":{"a":{"allOf":[{"$ref":"#/$defs/b"}]},"b":{"allOf":[{"$ref":"#/$defs/a"}]}},"$ref":"#/$defs/a"}"##;
    assert!(survives(Format::Json, circle.to_owned()));
}

#[test]
fn many_of_everything_is_an_error_or_an_answer() {
    let list = |count: usize, item: &dyn Fn(usize) -> String| (0..count).map(item).collect::<Vec<_>>().join(",");
    let symbols = list(50_000, &|at| format!("\"S{at}\""));
    assert!(survives(Format::Avro, format!("{{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[{symbols}]}}")));
    assert!(survives(Format::Json, format!("{{\"enum\":[{symbols}]}}")));
    let members = list(5_000, &|at| format!("{{\"const\":{at}}}"));
    survives(Format::Json, format!("{{\"oneOf\":[{members}]}}"));
    let fields = list(20_000, &|at| format!("{{\"name\":\"f{at}\",\"type\":\"int\"}}"));
    assert!(survives(Format::Avro, format!("{{\"type\":\"record\",\"name\":\"R\",\"fields\":[{fields}]}}")));
    assert_eq!(parse(Format::Json, &format!("[{}]", "[],".repeat(1_000_000))).unwrap_err(), SchemaErrorKind::Limit);
    assert_eq!(parse(Format::Avro, &" ".repeat(5 << 20)).unwrap_err(), SchemaErrorKind::Limit);
    let messages = (0..60_000).map(|at| format!("message M{at}{{}}")).collect::<String>();
    survives(Format::Protobuf, format!("syntax = \"proto3\";{messages}"));
}

#[test]
fn patterns_that_take_for_ever_elsewhere() {
    let old = format!("{{\"type\":\"object\",\"properties\":{{\"{}!\":{{}}}}}}", "a".repeat(30_000));
    let new = r#"{"type":"object","additionalProperties":false,"patternProperties":{"^(a+)+$":{},"(x{1000}){1000}":{},"(?=a)a":{}}}"#;
    let (old, new) = (parse(Format::Json, &old).unwrap(), parse(Format::Json, new).unwrap());
    let differences = in_time(|| compare(&old, &new, &Rules::new(Level::Backward), &Limits::default()).unwrap());
    assert!(differences.iter().all(|one| one.path.len() < 1_000 && one.sentence.len() < 1_000));
    assert!(differences.iter().any(|one| one.kind == onceward_schema::Kind::FieldRemoved && one.breaks.backward), "{differences:#?}");
}

#[test]
fn nothing_is_fetched() {
    for address in
        ["http://127.0.0.1:1/x.json", "file:///etc/passwd", "//169.254.169.254/latest", "../../../../etc/passwd", "/etc/hostname"]
    {
        assert_eq!(
            parse(Format::Json, &format!("{{\"$ref\":\"{address}\"}}")).unwrap_err(),
            SchemaErrorKind::MissingReference,
            "{address}"
        );
        let import = format!("syntax = \"proto3\"; import \"{address}\"; message A {{ b.C c = 1; }}");
        assert!(parse(Format::Protobuf, &import).is_err(), "{address}");
    }
    assert_eq!(parse(Format::Avro, "\"etc.passwd\"").unwrap_err(), SchemaErrorKind::MissingReference);
}

#[test]
fn a_registry_of_references_to_each_other_ends() {
    let mut source = Source::new("loop", r#"{"type":"record","name":"A","fields":[{"name":"b","type":"B"}]}"#);
    for at in 0..200 {
        source =
            source.with(format!("R{at}"), format!(r#"{{"type":"record","name":"R{at}","fields":[{{"name":"f","type":"R{}"}}]}}"#, at + 1));
    }
    let error = in_time(|| Schema::parse(Format::Avro, &source, &Limits::default()).unwrap_err());
    assert!(matches!(error.kind, SchemaErrorKind::MissingReference | SchemaErrorKind::Limit), "{error}");
    let many = (0..300).fold(Source::new("many", "\"int\""), |source, at| source.with(format!("r{at}"), "\"int\""));
    assert_eq!(Schema::parse(Format::Avro, &many, &Limits::default()).unwrap_err().kind, SchemaErrorKind::Limit);
}

#[test]
fn words_of_a_schema_reach_a_report_made_visible() {
    let schema = |name: &str| format!(r#"{{"type":"object","properties":{{"{name}":{{"type":"string"}}}}}}"#);
    let (old, new) = (parse(Format::Json, &schema("\\u001b[2J\\u202e")).unwrap(), parse(Format::Json, "{}").unwrap());
    for difference in compare(&old, &new, &Rules::default(), &Limits::default()).unwrap() {
        let text = format!("{}{}{}", difference.path, difference.sentence, difference.cure.unwrap_or_default());
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
    }
}
