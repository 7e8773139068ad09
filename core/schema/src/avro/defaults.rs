//! Whether a default fits its type. A reader needs it when an event lacks the field, and a wrong one fails only then.

use serde_json::Value;

use super::model::{AvroSchema, Field, Id, Primitive, Shape};

impl AvroSchema {
    /// Whether a reader can fill the field in.
    pub(super) fn fills(&self, field: &Field) -> bool {
        field.default.is_some() && self.default_fits(field)
    }

    /// True without a default. Any member of a union will do, as since Avro 1.12.
    pub(super) fn default_fits(&self, field: &Field) -> bool {
        // Unions within records within unions could be tried for ever. Whoever is that entangled is not accused of a wrong default.
        let mut tries = 10_000;
        field.default.as_ref().is_none_or(|value| self.fits(field.schema, value, &mut tries))
    }

    /// Goes as deep as the value, which the JSON parser bounds.
    fn fits(&self, id: Id, value: &Value, tries: &mut u32) -> bool {
        let Some(left) = tries.checked_sub(1) else { return true };
        *tries = left;
        match (self.shape(id), value) {
            (Shape::Primitive(primitive), value) => primitive_fits(*primitive, value),
            (Shape::Array(items), Value::Array(values)) => values.iter().all(|value| self.fits(*items, value, tries)),
            (Shape::Map(of), Value::Object(members)) => members.values().all(|value| self.fits(*of, value, tries)),
            (Shape::Union(members), value) => members.iter().any(|member| self.fits(*member, value, tries)),
            (Shape::Enum(enumeration), Value::String(symbol)) => enumeration.symbols.contains(symbol),
            (Shape::Fixed(fixed), Value::String(text)) => is_bytes(text) && text.chars().count() as u64 == fixed.size,
            (Shape::Record(record), Value::Object(members)) => record.fields.iter().all(|field| match members.get(&field.name) {
                Some(value) => self.fits(field.schema, value, tries),
                None => field.default.is_some(),
            }),
            _ => false,
        }
    }
}

fn primitive_fits(primitive: Primitive, value: &Value) -> bool {
    match (primitive, value) {
        (Primitive::Null, Value::Null) | (Primitive::Boolean, Value::Bool(_)) | (Primitive::String, Value::String(_)) => true,
        (Primitive::Int, Value::Number(number)) => number.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
        (Primitive::Long, Value::Number(number)) => number.as_i64().is_some(),
        (Primitive::Float | Primitive::Double, Value::Number(_)) => true,
        (Primitive::Bytes, Value::String(text)) => is_bytes(text),
        _ => false,
    }
}

/// Bytes are written as characters up to U+00FF.
fn is_bytes(text: &str) -> bool {
    text.chars().all(|character| u32::from(character) <= 0xff)
}
