//! Bytes of unknown meaning: exact in documents, readable on a terminal.

use std::fmt::Write as _;

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::json_text;
use crate::output::{base64, visible, visible_lines};

/// In JSON: `{"utf8": "…"}` where the bytes are UTF-8, else `{"base64": "…"}`. Two keys instead of a bare text, so that a reader never
/// has to guess which of the two it has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match std::str::from_utf8(self.0) {
            Ok(text) => map.serialize_entry("utf8", text)?,
            Err(_) => map.serialize_entry("base64", &base64(self.0))?,
        }
        map.end()
    }
}

/// How a payload is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Form {
    /// JSON if it is JSON, else text if it is text, else hex
    #[default]
    Auto,
    /// Indented JSON
    Json,
    /// Text, with control characters made visible
    Text,
    /// Offsets, hex and printable characters
    Hex,
}

/// One line: a key or a header.
pub(crate) fn short(bytes: Option<&[u8]>) -> String {
    match bytes.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
        None => "(null)".to_owned(),
        Some((_, Ok(text))) => visible(text).into_owned(),
        Some((bytes, Err(_))) => {
            let mut hex = String::from("0x");
            for byte in bytes {
                // Writing to a String can't fail.
                write!(hex, "{byte:02x}").unwrap_or_default();
            }
            hex
        }
    }
}

/// Many lines: a payload.
pub(crate) fn long(bytes: &[u8], form: Form) -> String {
    let text = std::str::from_utf8(bytes);
    match (form, text) {
        (Form::Hex, _) | (Form::Auto, Err(_)) => hex_dump(bytes),
        (Form::Text, _) => visible_lines(&String::from_utf8_lossy(bytes)).into_owned(),
        (Form::Auto | Form::Json, Ok(text)) => visible_lines(&json_text::indented(text).unwrap_or_else(|| text.to_owned())).into_owned(),
        (Form::Json, Err(_)) => visible_lines(&String::from_utf8_lossy(bytes)).into_owned(),
    }
}

/// 16 bytes a line, as `hexdump -C` does.
fn hex_dump(bytes: &[u8]) -> String {
    let mut dump = String::new();
    for (line, chunk) in bytes.chunks(16).enumerate() {
        write!(dump, "{:08x} ", line * 16).unwrap_or_default();
        for place in 0..16 {
            match chunk.get(place) {
                Some(byte) => write!(dump, " {byte:02x}").unwrap_or_default(),
                None => dump.push_str("   "),
            }
        }
        dump.push_str("  ");
        dump.extend(chunk.iter().map(|byte| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' }));
        dump.push('\n');
    }
    dump
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
    use super::*;

    #[test]
    fn documents_keep_every_byte() {
        assert_eq!(serde_json::to_string(&Bytes("Grüße\u{1b}".as_bytes())).unwrap(), r#"{"utf8":"Grüße\u001b"}"#);
        assert_eq!(serde_json::to_string(&Bytes(&[0xff, 0xfe, 0x00])).unwrap(), r#"{"base64":"//4A"}"#);
    }

    #[test]
    fn payloads_are_readable_and_harmless() {
        assert_eq!(long(b"{\"a\":[1,\"\\u001b\"]}", Form::Auto), "{\n  \"a\": [\n    1,\n    \"\\u001b\"\n  ]\n}");
        assert_eq!(long(b"plain\x1b[2J", Form::Auto), "plain\\x1b[2J");
        assert_eq!(long(&[0, 0xff, b'A'], Form::Auto), format!("00000000  00 ff 41{}  ..A\n", " ".repeat(39)));
        assert_eq!((short(None), short(Some(&[0xff])), short(Some(b"a\nb"))), ("(null)".to_owned(), "0xff".to_owned(), "a\\nb".to_owned()));
    }
}
