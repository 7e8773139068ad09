//! How a record says which schema wrote it: a byte 0 and a number of four bytes, or a byte 1 and a global id of sixteen, in front of the value or in a
//! header. A Protobuf value then begins with the place of its message in the file.

use crate::decode::Undecodable;

/// The header that says it instead of the value: then nothing stands in front of the value.
pub const HEADER: &str = "__value_schema_id";

/// Messages within messages that a path may go down.
const DEEPEST: usize = 100;

/// Which schema wrote a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SchemaId {
    /// The registry's number.
    Number(u32),
    /// A global id: 32 hex digits with dashes.
    Guid(String),
}

impl std::fmt::Display for SchemaId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(formatter),
            Self::Guid(guid) => guid.fmt(formatter),
        }
    }
}

/// The schema of a record, and what is left of its value.
///
/// # Errors
/// It does not say.
pub fn read<'a>(value: &'a [u8], header: Option<&[u8]>) -> Result<(SchemaId, &'a [u8]), Undecodable> {
    if let Some(header) = header {
        return match prefix(header) {
            Some((id, [])) => Ok((id, value)),
            _ => Err(Undecodable::new(format!("its header {HEADER} is no schema id"))),
        };
    }
    prefix(value).ok_or_else(|| match value.first() {
        Some(0) if value.len() >= 5 => Undecodable::new("its schema id is negative"),
        None => Undecodable::new("it is empty: it does not say which schema wrote it"),
        Some(0 | 1) => Undecodable::new("it ends in the middle of its schema id"),
        Some(other) => Undecodable::new(format!(
            "it begins with the byte {other} and not with a schema id; if events have none, set framing = \"none\""
        )),
    })
}

fn prefix(bytes: &[u8]) -> Option<(SchemaId, &[u8])> {
    match bytes.split_first()? {
        (0, rest) => {
            let (id, rest) = rest.split_first_chunk()?;
            // Registries number with a signed integer; what is beyond it they answer with anything but "unknown".
            let id = u32::try_from(i32::from_be_bytes(*id)).ok()?;
            Some((SchemaId::Number(id), rest))
        }
        (1, rest) => rest.split_first_chunk().map(|(id, rest)| (SchemaId::Guid(guid(*id)), rest)),
        _ => None,
    }
}

fn guid(bytes: [u8; 16]) -> String {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// The place of a Protobuf message in its file, and what is left of the value.
///
/// # Errors
/// It is cut off, or no place.
pub fn message(value: &[u8]) -> Result<(Vec<u32>, &[u8]), Undecodable> {
    let wrong = || Undecodable::new("the place of its message is cut off, or none");
    let (count, mut rest) = number(value).ok_or_else(wrong)?;
    // The short form of the first message.
    if count == 0 {
        return Ok((vec![0], rest));
    }
    let count = usize::try_from(count).ok().filter(|count| *count <= DEEPEST).ok_or_else(wrong)?;
    let mut path = Vec::with_capacity(count);
    for _ in 0..count {
        let (place, after) = number(rest).ok_or_else(wrong)?;
        path.push(place);
        rest = after;
    }
    Ok((path, rest))
}

/// A zigzag varint that is not negative.
fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let mut value = 0_u64;
    for (place, byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            let number = u32::try_from(value >> 1).ok().filter(|_| value & 1 == 0)?;
            return Some((number, bytes.get(place + 1..)?));
        }
    }
    None
}

/// A value behind the id of the schema that wrote it.
#[must_use]
pub fn write(id: u32, value: &[u8]) -> Vec<u8> {
    let mut framed = Vec::with_capacity(value.len().saturating_add(5));
    framed.push(0);
    framed.extend(id.to_be_bytes());
    framed.extend(value);
    framed
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use super::*;

    #[test]
    fn numbers_global_ids_and_headers_are_told_apart() {
        assert_eq!(read(b"\0\0\0\x01\x02rest", None).unwrap(), (SchemaId::Number(258), &b"rest"[..]));
        let (id, rest) = read(b"\x01\0\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xffrest", None).unwrap();
        assert_eq!((id.to_string().as_str(), rest), ("00112233-4455-6677-8899-aabbccddeeff", &b"rest"[..]));
        assert_eq!(
            read(b"\0data", Some(b"\0\0\0\0\x07")).unwrap(),
            (SchemaId::Number(7), &b"\0data"[..]),
            "with a header, a first 0 is data"
        );
        for (value, header) in
            [(&b""[..], None), (b"\0\0\0\0", None), (b"\x01short", None), (b"{}", None), (b"{}", Some(&b"\0\0\0\0\x07more"[..]))]
        {
            assert!(read(value, header).is_err(), "{value:?}");
        }
        assert_eq!(read(&write(258, b"rest"), None).unwrap(), (SchemaId::Number(258), &b"rest"[..]));
    }

    #[test]
    fn the_place_of_a_message_is_read() {
        assert_eq!(message(b"\0rest").unwrap(), (vec![0], &b"rest"[..]));
        assert_eq!(message(&[4, 2, 4, 9]).unwrap(), (vec![1, 2], &[9][..]));
        for wrong in [&b""[..], &[4, 2], &[1], &[0xff, 0xff, 0xff, 0xff, 0xff, 1], &[0xfe, 0xff, 0xff, 0x0f]] {
            assert!(message(wrong).is_err(), "{wrong:?}");
        }
    }
}
