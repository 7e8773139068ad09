//! Amounts of memory as people write them: `64MiB`.

/// Units from the largest to the smallest.
const UNITS: [(&str, u64); 5] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Reads a whole number and a unit.
///
/// Decimal units are refused: half of their readers take `MB` for 1,000,000 bytes and half for 1,048,576.
///
/// # Errors
/// A sentence that says what would be right.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let trimmed = text.trim();
    let digits = trimmed.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = trimmed.split_at(digits);
    if number.is_empty() {
        return Err(format!("{text:?} is not an amount of bytes; write a whole number and a unit: 512KiB, 64MiB or 1GiB"));
    }
    let unit = unit.trim();
    if unit.is_empty() {
        return Err(format!("{text:?} has no unit; write {number}B, {number}KiB, {number}MiB or {number}GiB"));
    }
    let Some((_, size)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        let hint = UNITS
            .iter()
            .find(|(name, _)| unit.len() <= 3 && name.len() == 3 && name[..1].eq_ignore_ascii_case(unit.get(..1).unwrap_or_default()))
            .map_or_else(
                || "the units are B, KiB, MiB, GiB and TiB".to_owned(),
                |(name, size)| format!("write {number}{name} (1 {name} is {size} bytes)"),
            );
        return Err(format!("{unit:?} in {text:?} is not a unit of memory; {hint}"));
    };
    number.parse::<u64>().ok().and_then(|count| count.checked_mul(*size)).ok_or_else(|| format!("{text:?} is more memory than there is"))
}

/// Writes an amount with the largest unit that is exact.
#[must_use]
pub fn format_bytes(bytes: u64) -> String {
    let (unit, size) = UNITS.iter().find(|(_, size)| bytes >= *size && bytes.is_multiple_of(*size)).unwrap_or(&("B", 1));
    format!("{}{unit}", bytes / size)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
    use super::*;

    #[test]
    fn what_people_write_is_read_and_written_back() {
        for (text, bytes) in [("64MiB", 64 << 20), ("1GiB", 1 << 30), ("512KiB", 512 << 10), ("10B", 10), ("0B", 0)] {
            assert_eq!(parse_bytes(text), Ok(bytes));
            assert_eq!(format_bytes(bytes), text);
        }
    }

    #[test]
    fn what_is_no_amount_is_refused_with_what_would_be_right() {
        for (text, hint) in [
            ("64MB", "write 64MiB (1 MiB is 1048576 bytes)"),
            ("64m", "write 64MiB"),
            ("64", "has no unit"),
            ("lots", "64MiB"),
            ("1 page", "the units are"),
            ("99999999TiB", "more memory than there is"),
            ("5é", "the units are"),
        ] {
            let message = parse_bytes(text).unwrap_err();
            assert!(message.contains(hint), "{text}: {message}");
        }
    }
}
