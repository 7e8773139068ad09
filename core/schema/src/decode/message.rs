//! A Protobuf message as JSON: fields by the names of the file, numbers as numbers, fields without presence with their defaults.

use std::borrow::Cow;

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, ReflectMessage as _, Value};

use super::undecodable::Undecodable;
use crate::render;

/// As for Avro: names and defaults stand in the text and not in the event.
const LONGER: usize = 64;
const LEAST: usize = 1 << 20;

pub(super) fn render(message: &DynamicMessage, bytes: usize) -> Result<Vec<u8>, Undecodable> {
    let mut text = Text { out: Vec::with_capacity(bytes.saturating_mul(2)), most: bytes.saturating_mul(LONGER).saturating_add(LEAST) };
    text.message(message)?;
    Ok(text.out)
}

struct Text {
    out: Vec<u8>,
    most: usize,
}

impl Text {
    /// The decoder goes no deeper than 100 messages, so neither does this.
    fn message(&mut self, message: &DynamicMessage) -> Result<(), Undecodable> {
        if self.out.len() > self.most {
            return Err(Undecodable::new("it holds so many empty messages that their fields take more room than it does"));
        }
        self.out.push(b'{');
        for field in message.descriptor().fields() {
            if field.supports_presence() && !message.has_field(&field) {
                continue;
            }
            render::text(&mut self.out, field.name());
            self.out.push(b':');
            let value: Cow<'_, Value> = message.get_field(&field);
            self.value(&value, &field)?;
            self.out.push(b',');
        }
        self.close(b'}');
        Ok(())
    }

    fn value(&mut self, value: &Value, field: &FieldDescriptor) -> Result<(), Undecodable> {
        match value {
            Value::Bool(value) => self.out.extend(if *value { &b"true"[..] } else { b"false" }),
            Value::I32(number) => render::whole(&mut self.out, i64::from(*number)),
            Value::I64(number) => render::whole(&mut self.out, *number),
            Value::U32(number) => render::whole(&mut self.out, i64::from(*number)),
            Value::U64(number) => render::value(&mut self.out, &serde_json::Value::from(*number)),
            Value::F32(number) => render::float(&mut self.out, *number),
            Value::F64(number) => render::double(&mut self.out, *number),
            Value::String(text) => render::text(&mut self.out, text),
            Value::Bytes(bytes) => render::bytes(&mut self.out, bytes),
            Value::EnumNumber(number) => self.symbol(*number, &kind(field)),
            Value::Message(message) => self.message(message)?,
            Value::List(values) => {
                self.out.push(b'[');
                for value in values {
                    self.value(value, field)?;
                    self.out.push(b',');
                }
                self.close(b']');
            }
            Value::Map(members) => {
                self.out.push(b'{');
                for (key, value) in members {
                    self.key(key);
                    self.value(value, field)?;
                    self.out.push(b',');
                }
                self.close(b'}');
            }
        }
        Ok(())
    }

    /// A number that the file has no name for stays a number: newer producers know more.
    fn symbol(&mut self, number: i32, kind: &Kind) {
        match kind {
            Kind::Enum(symbols) if let Some(symbol) = symbols.get_value(number) => render::text(&mut self.out, symbol.name()),
            _ => render::whole(&mut self.out, i64::from(number)),
        }
    }

    fn key(&mut self, key: &MapKey) {
        let text = match key {
            MapKey::Bool(key) => key.to_string(),
            MapKey::I32(key) => key.to_string(),
            MapKey::I64(key) => key.to_string(),
            MapKey::U32(key) => key.to_string(),
            MapKey::U64(key) => key.to_string(),
            MapKey::String(key) => return self.name(key),
        };
        self.name(&text);
    }

    fn name(&mut self, name: &str) {
        render::text(&mut self.out, name);
        self.out.push(b':');
    }

    fn close(&mut self, bracket: u8) {
        match self.out.last_mut() {
            Some(last) if *last == b',' => *last = bracket,
            _ => self.out.push(bracket),
        }
    }
}

/// Of a map, the kind of its values.
fn kind(field: &FieldDescriptor) -> Kind {
    match field.kind() {
        Kind::Message(entry) if entry.is_map_entry() => entry.map_entry_value_field().kind(),
        kind => kind,
    }
}
