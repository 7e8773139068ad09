//! One number for one cause: letters whose error differs only in ids, numbers and quoted values belong together.

use xxhash_rust::xxh3::xxh3_64;

/// Error messages are not searched further than this.
const CAP: usize = 4 << 10;

/// 16 hex digits: the same for every letter with this error type, this message apart from its variable parts, and this frame.
#[must_use]
pub fn fingerprint(error_type: &str, message: &str, frame: &str) -> String {
    let mut text = String::with_capacity(message.len().min(CAP) + error_type.len() + frame.len() + 2);
    text.push_str(error_type);
    text.push('\n');
    normalise(message, &mut text);
    text.push('\n');
    // Line numbers of a frame move with every change above it.
    normalise(frame, &mut text);
    format!("{:016x}", xxh3_64(text.as_bytes()))
}

/// Replaces what varies: quoted strings, and words that are numbers, hex or uuids.
fn normalise(message: &str, into: &mut String) {
    let mut end = message.len().min(CAP);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    let mut rest = &message[..end];
    while let Some(first) = rest.chars().next() {
        if let Some(length) = quoted(rest, first) {
            into.push('"');
            rest = &rest[length..];
        } else if is_word(first) {
            let length = rest.find(|character| !is_word(character)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(length);
            push_word(word, into);
            rest = after;
        } else {
            into.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || character == '-'
}

/// The length of a quoted string with its quotes. An apostrophe within a word is none, and a quote that nobody closes is none either.
fn quoted(rest: &str, first: char) -> Option<usize> {
    if !matches!(first, '"' | '\'' | '`') {
        return None;
    }
    rest[1..].find(first).map(|length| length + 2)
}

fn push_word(word: &str, into: &mut String) {
    let digits = word.chars().any(|character| character.is_ascii_digit());
    let compact = word.strip_prefix("0x").unwrap_or(word);
    let hex = compact.len() >= 8 && compact.chars().all(|character| character.is_ascii_hexdigit() || character == '-');
    if digits && hex {
        into.push_str("<id>");
    } else if digits {
        // `order17`, `17ms` and `12.5` keep their letters.
        let mut within = false;
        for character in word.chars() {
            let digit = character.is_ascii_digit();
            if !digit {
                into.push(character);
            } else if !within {
                into.push('#');
            }
            within = digit;
        }
    } else {
        into.push_str(word);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use super::*;

    fn same(one: &str, other: &str) {
        assert_eq!(fingerprint("E", one, "f:1"), fingerprint("E", other, "f:22"), "{one} / {other}");
    }

    #[test]
    fn variable_parts_do_not_count() {
        same("order 17 not found", "order 4711 not found");
        same("no row for 0d9a1c5e-7c1f-4c55-9e69-2f6f3f0a1b2c", "no row for 7e57d004-2b97-4e7a-b45f-5387367791cd");
        same("bad value \"x\" in 'dep_time'", "bad value \"some longer, text\" in 'arr'");
        same("at 0x7fff5fbff8c0", "at 0x00000001deadbeef");
        same("took 12.5ms", "took 9.25ms");
    }

    #[test]
    fn what_differs_counts() {
        assert_ne!(fingerprint("E", "connection refused", ""), fingerprint("E", "connection reset", ""));
        assert_ne!(fingerprint("E", "x", ""), fingerprint("F", "x", ""));
        assert_ne!(fingerprint("E", "x", "f"), fingerprint("E", "x", "g"));
        assert_eq!(fingerprint("E", "it's", "").len(), 16);
    }

    #[test]
    fn it_is_stable_over_releases() {
        assert_eq!(fingerprint("ValueError", "no dep_time in flight 1545", "invoice"), "0f95a7b8c55df7d4");
    }
}
