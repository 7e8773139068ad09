//! Numbers as people write them.

/// `27004` as `27,004`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 letter`, `2 letters`.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// A length as a number of things.
pub(super) fn len(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{count, grouped};

    #[test]
    fn thousands_are_separated() {
        let cases = [(0, "0"), (12, "12"), (999, "999"), (1_000, "1,000"), (27_004, "27,004"), (1_000_000, "1,000,000")];
        for (number, text) in cases {
            assert_eq!(grouped(number), text);
        }
        assert_eq!((count(1, "copy", "copies"), count(2_000, "copy", "copies")), ("1 copy".to_owned(), "2,000 copies".to_owned()));
    }
}
