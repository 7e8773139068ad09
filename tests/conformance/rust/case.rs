//! A case as it is written.

use std::collections::BTreeMap;

use onceward::config::raw;
use onceward::testing::{Rig, SendOptions};
use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    #[serde(rename = "why")]
    _why: String,
    #[serde(default)]
    pub(crate) config: Map<String, Value>,
    #[serde(default)]
    pub(crate) partitions: BTreeMap<String, i32>,
    pub(crate) handlers: Vec<Declared>,
    pub(crate) records: Vec<Record>,
    /// By event id: attempts, each a list of steps.
    pub(crate) behaviour: BTreeMap<String, Vec<Vec<Map<String, Value>>>>,
    #[serde(default = "usual")]
    pub(crate) script: Vec<String>,
    pub(crate) expect: Map<String, Value>,
}

fn usual() -> Vec<String> {
    vec!["send".to_owned(), "run".to_owned()]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Declared {
    pub(crate) topics: Vec<String>,
    #[serde(default)]
    pub(crate) types: Vec<String>,
    #[serde(default)]
    pub(crate) batch: bool,
    #[serde(default)]
    pub(crate) retry: Option<raw::Retry>,
    #[serde(default)]
    pub(crate) fatal: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    topic: String,
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    value: Option<String>,
    #[serde(default)]
    json: Option<Value>,
    #[serde(default)]
    base64: Option<String>,
    #[serde(default)]
    headers: Vec<(String, Option<String>)>,
    #[serde(default)]
    id: Option<String>,
}

impl Record {
    pub(crate) fn send(&self, rig: &Rig) {
        let mut record = SendOptions::new();
        if let Some(key) = &self.key {
            record = record.key(key);
        }
        if let Some(value) = &self.value {
            record = record.value(value);
        }
        if let Some(json) = &self.json {
            record = record.json(json);
        }
        if let Some(text) = &self.base64 {
            record = record.value(bytes(text));
        }
        for (name, value) in &self.headers {
            record = match value {
                Some(value) => record.header(name, value),
                None => record.null_header(name),
            };
        }
        if let Some(id) = &self.id {
            record = record.id(id);
        }
        rig.send(&self.topic, record).unwrap();
    }
}

/// Base64, as in RFC 4648; cases hold only a few bytes of it.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    let digit = |letter: u8| b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".iter().position(|&known| known == letter);
    let bits: Vec<u32> = text.bytes().filter_map(digit).map(|value| u32::try_from(value).unwrap()).collect();
    let whole = bits.chunks(4).flat_map(|chunk| {
        let word = chunk.iter().fold(0_u32, |word, value| (word << 6) | value) << (6 * (4 - chunk.len()));
        word.to_be_bytes()[1..chunk.len()].to_vec()
    });
    whole.collect()
}

#[test]
fn base64_is_read() {
    assert_eq!(bytes("AP8i"), [0, 255, 34]);
    assert_eq!(bytes("TWE="), b"Ma");
}
