//! Values of events as JSON.

use serde_json::Value;

/// Digits of a decimal are printed one by one; nobody means more bytes than this.
const DECIMAL_BYTES: usize = 128;

pub(crate) fn text(out: &mut Vec<u8>, text: &str) {
    // Writing into memory does not fail, and a text has no part that JSON can't say.
    drop(serde_json::to_writer(&mut *out, text));
}

pub(crate) fn whole(out: &mut Vec<u8>, number: i64) {
    drop(serde_json::to_writer(&mut *out, &number));
}

/// JSON has no word for what is no number; these are Protobuf's.
pub(crate) fn double(out: &mut Vec<u8>, number: f64) {
    match strange(number) {
        Some(word) => text(out, word),
        None => drop(serde_json::to_writer(&mut *out, &number)),
    }
}

/// As short as a float is, and not as long as a double.
pub(crate) fn float(out: &mut Vec<u8>, number: f32) {
    match strange(f64::from(number)) {
        Some(word) => text(out, word),
        None => drop(serde_json::to_writer(&mut *out, &number)),
    }
}

fn strange(number: f64) -> Option<&'static str> {
    match number {
        number if number.is_nan() => Some("NaN"),
        number if number.is_finite() => None,
        number if number > 0.0 => Some("Infinity"),
        _ => Some("-Infinity"),
    }
}

pub(crate) fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    encode(bytes, |letter| out.push(letter));
    out.push(b'"');
}

/// With padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    encode(bytes, |letter| text.push(char::from(letter)));
    text
}

fn encode(bytes: &[u8], mut put: impl FnMut(u8)) {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            put(if place <= chunk.len() { LETTERS[(bits >> (18 - 6 * place)) as usize & 63] } else { b'=' });
        }
    }
}

/// A whole number of any size, two's complement and the largest byte first, with a point before its last `scale` digits. A text, since a
/// number would be rounded by whoever reads it. None when it is too long.
pub(crate) fn decimal(bytes: &[u8], scale: u64) -> Option<String> {
    let scale = usize::try_from(scale).ok().filter(|scale| *scale <= 1_000)?;
    if bytes.len() > DECIMAL_BYTES {
        return None;
    }
    let negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    let mut digits = bytes.to_vec();
    if negative {
        let mut carry = true;
        for byte in digits.iter_mut().rev() {
            (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
        }
    }
    let mut text = Vec::new();
    while digits.iter().any(|digit| *digit != 0) {
        let mut rest = 0_u32;
        for digit in &mut digits {
            let value = rest << 8 | u32::from(*digit);
            *digit = (value / 10) as u8;
            rest = value % 10;
        }
        text.push(b'0' + rest as u8);
    }
    while text.len() <= scale {
        text.push(b'0');
    }
    if scale > 0 {
        text.insert(scale, b'.');
    }
    let is_zero = text.iter().all(|letter| matches!(letter, b'0' | b'.'));
    if negative && !is_zero {
        text.push(b'-');
    }
    text.reverse();
    String::from_utf8(text).ok()
}

/// A value whose text is needed.
pub(crate) fn value(out: &mut Vec<u8>, value: &Value) {
    drop(serde_json::to_writer(&mut *out, value));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_what_others_write() {
        for (bytes, expected) in [(&b""[..], ""), (b"f", "Zg=="), (b"fo", "Zm8="), (b"foo", "Zm9v"), (&[0xff, 0xfe], "//4=")] {
            assert_eq!(base64(bytes), expected);
        }
    }

    #[test]
    fn decimals_are_exact() {
        for (bytes, scale, expected) in [
            (&[0x04, 0xd2][..], 2, "12.34"),
            (&[0xfb, 0x2e], 2, "-12.34"),
            (&[0x00], 2, "0.00"),
            (&[], 0, "0"),
            (&[0x80], 0, "-128"),
            (&[0xff], 3, "-0.001"),
            (&[0x7f; 16], 0, "169473963133173273960190490760135540607"),
        ] {
            assert_eq!(decimal(bytes, scale).as_deref(), Some(expected));
        }
        assert_eq!(decimal(&[1; 129], 0), None);
        assert_eq!(decimal(&[1], 1 << 40), None);
    }
}
