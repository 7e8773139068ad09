//! What is expected, held against what a rig has seen.

use onceward::DeadLetter;
use onceward::inbox::Value as Found;
use onceward::testing::{HeaderList, HeldKey, LogLine, Rig};
use serde_json::{Value, json};

use crate::case::bytes;

pub(crate) fn compare(name: &str, wanted: &Value, rig: &Rig) {
    match name {
        "handled" => assert_eq!(json!(rig.handled()), *wanted),
        "handled_in_any_order" => {
            let mut handled = rig.handled();
            handled.sort();
            assert_eq!(json!(handled), *wanted);
        }
        "attempts" => {
            for (id, count) in wanted.as_object().unwrap() {
                assert_eq!(json!(rig.attempts(id)), *count, "attempts of {id}");
            }
        }
        "letters" => letters(wanted, rig),
        "published" => published(wanted, rig),
        "held" => {
            let key = |key: Option<Vec<u8>>| key.map(|key| String::from_utf8(key).unwrap());
            let one = |held: HeldKey| json!({"topic": held.topic, "partition": held.partition, "key": key(held.key), "letter": held.letter, "behind": held.behind});
            assert_eq!(Value::from_iter(rig.held().into_iter().map(one)), *wanted);
        }
        "sql" => {
            for (query, rows) in wanted.as_object().unwrap() {
                let found: Vec<Vec<Value>> =
                    rig.sql::<Vec<Found>>(query).unwrap().into_iter().map(|row| row.into_iter().map(value).collect()).collect();
                assert_eq!(json!(found), *rows, "{query}");
            }
        }
        "seconds" => {
            let now = rig.now().as_secs_f64();
            assert!(wanted[0].as_f64().unwrap() <= now && now <= wanted[1].as_f64().unwrap(), "{now} s");
        }
        "logs" => {
            for line in wanted.as_array().unwrap() {
                assert!(rig.logs().iter().any(|found| matches(line, found)), "no line {line} in {:#?}", rig.logs());
            }
        }
        "silent" => {
            for word in wanted.as_array().unwrap() {
                let said = serde_json::to_string(&rig.logs()).unwrap();
                assert!(!said.contains(word.as_str().unwrap()), "{word} is in the log");
            }
        }
        _ => panic!("nothing of that name is compared: {name}"),
    }
}

/// What `on_dead_letter` heard.
pub(crate) fn told(wanted: &Value, found: &[DeadLetter]) {
    let (wanted, found) = (wanted.as_array().unwrap(), serde_json::to_value(found).unwrap());
    assert_eq!(found.as_array().unwrap().len(), wanted.len(), "{found}");
    assert!(!found.to_string().contains("SECRET"), "a payload was told: {found}");
    for (wanted, letter) in wanted.iter().zip(found.as_array().unwrap()) {
        for (name, value) in wanted.as_object().unwrap() {
            let fitting = letter[name].as_str().map_or(letter[name] == *value, |text| fits(value, Some(text)));
            assert!(fitting, "{name}: {value} in {letter}");
        }
    }
}

fn letters(wanted: &Value, rig: &Rig) {
    let (wanted, found) = (wanted.as_array().unwrap(), rig.dead_letters());
    assert_eq!(found.len(), wanted.len(), "{found:?}");
    for (wanted, letter) in wanted.iter().zip(&found) {
        for (name, value) in wanted.as_object().unwrap() {
            match name.as_str() {
                "reason" => assert_eq!(letter.reason(), value),
                "attempts" => assert_eq!(json!(letter.attempts()), *value),
                "id" => assert_eq!(letter.event_id(), value),
                "topic" => assert_eq!(letter.position.topic, *value),
                "state" => assert_eq!(letter.state(), value),
                "replays" => assert_eq!(json!(letter.replays), *value),
                _ => part(name, value, letter.key.as_deref(), letter.value.as_deref(), &letter.headers),
            }
        }
    }
}

fn published(wanted: &Value, rig: &Rig) {
    let (wanted, found) = (wanted.as_array().unwrap(), rig.published());
    assert_eq!(found.len(), wanted.len(), "{found:?}");
    for (wanted, published) in wanted.iter().zip(&found) {
        for (name, value) in wanted.as_object().unwrap() {
            match name.as_str() {
                "id" => assert_eq!(published.id, *value),
                "topic" => assert_eq!(published.position.topic, *value),
                _ => part(name, value, published.key.as_deref(), published.value.as_deref(), &published.headers),
            }
        }
    }
}

fn part(name: &str, wanted: &Value, key: Option<&[u8]>, value: Option<&[u8]>, headers: &HeaderList) {
    match name {
        "key" => assert_eq!(key, wanted.as_str().map(str::as_bytes)),
        "base64" => assert_eq!(value, Some(bytes(wanted.as_str().unwrap()).as_slice())),
        "json" => assert_eq!(serde_json::from_slice::<Value>(value.unwrap()).unwrap(), *wanted),
        "headers" => {
            for (header, text) in wanted.as_object().unwrap() {
                assert!(fits(text, headers.text(header)), "{header}: {text} in {headers:?}");
            }
        }
        _ => panic!("nothing of that name is compared: {name}"),
    }
}

fn fits(wanted: &Value, found: Option<&str>) -> bool {
    let Some(found) = found else { return wanted.is_null() };
    if let Some(end) = wanted.get("ends").and_then(Value::as_str) {
        return found.ends_with(end);
    }
    match wanted.get("contains").and_then(Value::as_str) {
        Some(part) => found.contains(part),
        None => wanted == found,
    }
}

fn matches(wanted: &Value, line: &LogLine) -> bool {
    let fields = wanted["fields"].as_object().into_iter().flatten();
    line.message.contains(wanted["contains"].as_str().unwrap())
        && wanted["level"].as_str().is_none_or(|level| line.level == level)
        && (wanted["correlated"].is_null() || line.field("correlation_id").is_some())
        && fields.into_iter().all(|(name, value)| line.field(name) == value.as_str())
}

fn value(found: Found) -> Value {
    match found {
        Found::Null => Value::Null,
        Found::Integer(number) => json!(number),
        Found::Real(number) => json!(number),
        Found::Text(text) => json!(text),
        Found::Blob(bytes) => json!(bytes),
    }
}
