//! Everything that is logged in this process, down to trace: as JSON to look things up, and as text to see what a line break would do.

use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::Value;
use tracing_subscriber::prelude::*;

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[derive(Default)]
struct Captured {
    json: Sink,
    text: Sink,
}

/// Begins to capture, once per process.
pub fn capture() {
    captured();
}

fn captured() -> &'static Captured {
    static CAPTURED: OnceLock<Captured> = OnceLock::new();
    CAPTURED.get_or_init(|| {
        let captured = Captured::default();
        let (json, text) = (captured.json.clone(), captured.text.clone());
        tracing_subscriber::registry()
            .with(tracing_subscriber::fmt::layer().json().with_writer(move || json.clone()))
            .with(tracing_subscriber::fmt::layer().with_ansi(false).with_writer(move || text.clone()))
            .try_init()
            .unwrap();
        captured
    })
}

/// All text lines.
pub fn text() -> String {
    String::from_utf8(captured().text.0.lock().unwrap().clone()).unwrap()
}

/// All lines as they were written as JSON.
pub fn raw() -> String {
    String::from_utf8(captured().json.0.lock().unwrap().clone()).unwrap()
}

/// The lines whose message contains `message` and that are about `topic`, be it in a field or in a span.
pub fn about(topic: &str, message: &str) -> Vec<Value> {
    raw()
        .lines()
        .filter(|line| line.contains(topic))
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| line["fields"]["message"].as_str().is_some_and(|text| text.contains(message)))
        .collect()
}
