//! What a handler records, written by the JVM into memory that both see: a statement or an event to publish costs no call through uniffi, which
//! would take a hundred times as long as the rest. `Scratch.kt` is the other side.
//!
//! Numbers are little-endian. A text is its length and its bytes; null is the length -1.

use onceward_bridge::{Event, Publish, Value};

const NULL: u8 = 0;
const INTEGER: u8 = 1;
const REAL: u8 = 2;
const TEXT: u8 = 3;
const BLOB: u8 = 4;

/// Reads from the front; nothing, where there is less than is asked for.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(front)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn word(&mut self) -> Option<i32> {
        self.array().map(i32::from_le_bytes)
    }

    fn bytes(&mut self) -> Option<Option<Vec<u8>>> {
        let length = self.word()?;
        if length < 0 {
            return Some(None);
        }
        Some(Some(self.take(usize::try_from(length).ok()?)?.to_vec()))
    }

    fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()??).ok()
    }

    fn value(&mut self) -> Option<Value> {
        Some(match self.array::<1>()?[0] {
            NULL => Value::Null,
            INTEGER => Value::Integer(i64::from_le_bytes(self.array()?)),
            REAL => Value::Real(f64::from_le_bytes(self.array()?)),
            TEXT => Value::Text(self.text()?),
            BLOB => Value::Blob(self.bytes()??),
            _ => return None,
        })
    }

    /// As many as the word in front says.
    fn list<T>(&mut self, mut one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = usize::try_from(self.word()?).ok()?;
        // What is not there can't be allocated for: the count is believed as far as there are bytes.
        let mut found = Vec::with_capacity(count.min(self.0.len()));
        for _ in 0..count {
            found.push(one(self)?);
        }
        Some(found)
    }
}

/// Records a statement: rows that it must concern (-1: any number), the statement, its parameters. Nothing, if that is not what is written.
pub(crate) fn effect(event: &Event, written: &[u8]) -> Option<()> {
    let mut reader = Reader(written);
    let (rows, sql, values) = (reader.word()?, reader.text()?, reader.list(Reader::value)?);
    match u64::try_from(rows) {
        Ok(rows) => event.effect_expecting(rows, sql, values),
        Err(_) => event.effect(sql, values),
    }
    Some(())
}

/// Publishes an event when the handler succeeds: topic, key, value, headers, id.
pub(crate) fn publish(event: &Event, written: &[u8]) -> Option<()> {
    event.publish(published(written)?);
    Some(())
}

fn published(written: &[u8]) -> Option<Publish> {
    let mut reader = Reader(written);
    let mut publish = Publish::to(reader.text()?);
    if let Some(key) = reader.bytes()? {
        publish = publish.key(key);
    }
    if let Some(value) = reader.bytes()? {
        publish = publish.value(value);
    }
    for (name, value) in reader.list(|reader| Some((reader.text()?, reader.bytes()?)))? {
        publish = match value {
            Some(value) => publish.header(name, value),
            None => publish.null_header(name),
        };
    }
    match reader.bytes()? {
        Some(id) => Some(publish.id(String::from_utf8(id).ok()?)),
        None => Some(publish),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, missing_docs)]

    use super::*;

    #[test]
    fn whatever_is_cut_off_is_nothing() {
        let mut written = 1_i32.to_le_bytes().to_vec();
        written.extend([TEXT, 2, 0, 0, 0, b'o', b'k']);
        let read = |bytes: &[u8]| Reader(bytes).list(Reader::value);
        assert_eq!(read(&written), Some(vec![Value::Text("ok".to_owned())]));
        for length in 0..written.len() {
            assert_eq!(read(&written[..length]), None, "{length} bytes");
        }
        assert_eq!(read(&i32::MAX.to_le_bytes()), None, "two thousand million values, and none of them there");
    }
}
