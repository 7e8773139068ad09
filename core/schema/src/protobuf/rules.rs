//! Which types read each other, by the rules that were asked for.

use std::collections::BTreeSet;

use super::model::{ProtobufSchema, Scalar, Type};
use crate::rules::ProtobufRules;

/// Whether a reader with type `new` understands what was written with type `old`.
pub(super) fn reads(
    rules: ProtobufRules,
    (old_schema, old): (&ProtobufSchema, &Type),
    (new_schema, new): (&ProtobufSchema, &Type),
) -> bool {
    match (old, new) {
        (Type::Message(old), Type::Message(new)) | (Type::Group(old), Type::Group(new)) | (Type::WellKnown(old), Type::WellKnown(new)) => {
            old == new
        }
        (Type::Enum(old), Type::Enum(new)) => {
            old == new
                || match rules {
                    // A registry takes enumerations for numbers.
                    ProtobufRules::Confluent => true,
                    ProtobufRules::Wire | ProtobufRules::WireJson => is_part(old_schema, old, new_schema, new),
                }
        }
        (Type::Scalar(old), Type::Scalar(new)) => old == new || scalars(rules, *old, *new),
        (Type::Enum(_), Type::Scalar(scalar)) | (Type::Scalar(scalar), Type::Enum(_)) => {
            rules == ProtobufRules::Confluent && group(rules, *scalar) == group(rules, Scalar::Int32)
        }
        _ => false,
    }
}

/// Whether a scalar of one type understands another.
pub(super) fn scalars(rules: ProtobufRules, old: Scalar, new: Scalar) -> bool {
    let text = match rules {
        ProtobufRules::Confluent => matches!((old, new), (Scalar::String, Scalar::Bytes) | (Scalar::Bytes, Scalar::String)),
        ProtobufRules::Wire => matches!((old, new), (Scalar::String, Scalar::Bytes)),
        ProtobufRules::WireJson => false,
    };
    old == new || text || group(rules, old) == group(rules, new)
}

/// Types with the same first number are written the same way; with other rules they are also equal in JSON.
fn group(rules: ProtobufRules, scalar: Scalar) -> u8 {
    let json = rules == ProtobufRules::WireJson;
    match scalar {
        Scalar::Int32 | Scalar::Uint32 => 0,
        Scalar::Int64 | Scalar::Uint64 => u8::from(json),
        Scalar::Bool => {
            if json {
                2
            } else {
                0
            }
        }
        Scalar::Sint32 => 3,
        Scalar::Sint64 => {
            if json {
                4
            } else {
                3
            }
        }
        Scalar::Fixed32 | Scalar::Sfixed32 => 5,
        Scalar::Fixed64 | Scalar::Sfixed64 => 6,
        Scalar::Double => 7,
        Scalar::Float => 8,
        Scalar::String => 9,
        Scalar::Bytes => 10,
    }
}

/// Whether every number of one enumeration is known to the other.
fn is_part(old_schema: &ProtobufSchema, old: &str, new_schema: &ProtobufSchema, new: &str) -> bool {
    let (Some(old), Some(new)) = (old_schema.enums.get(old), new_schema.enums.get(new)) else { return false };
    let known: BTreeSet<_> = new.values.keys().collect();
    old.values.keys().all(|number| known.contains(number))
}

/// How many values a number can hold, where that decides whether another type holds them all: width, and whether it has a sign.
pub(super) fn holds(wide: &Type, narrow: &Type) -> bool {
    use Scalar::{Bool, Bytes, Int32, Int64, Sint32, Sint64, String, Uint32, Uint64};
    match (narrow, wide) {
        (Type::Enum(_), Type::Scalar(Int32 | Int64)) => true,
        (Type::Scalar(narrow), Type::Scalar(wide)) => matches!(
            (narrow, wide),
            (Int32 | Uint32, Int64) | (Uint32, Uint64) | (Bool, Int32 | Int64 | Uint32 | Uint64) | (Sint32, Sint64) | (String, Bytes)
        ),
        _ => false,
    }
}
