//! Sizes for people.

use onceward::config::format_bytes;

/// To the largest unit of which there is at least ten, rounded down.
pub(crate) fn rounded(bytes: u64) -> String {
    let shift = ((bytes / 10).max(1).ilog2() / 10) * 10;
    format_bytes(bytes >> shift << shift)
}

#[cfg(test)]
mod tests {
    #[test]
    fn two_digits_at_least() {
        for (bytes, text) in
            [(0, "0B"), (9_999, "9999B"), (10_240, "10KiB"), (9 << 20, "9MiB"), (41_653 << 20, "40GiB"), (5_000 << 20, "5000MiB")]
        {
            assert_eq!(super::rounded(bytes), text);
        }
    }
}
