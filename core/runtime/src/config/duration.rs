//! Durations as people write them: `200ms`, `10s`, `5m`, `1h`, `7d`.

use std::time::Duration;

/// Units from the longest to the shortest, with their milliseconds. `ms` stands before `m` and `s` when suffixes are matched.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads a whole number and a unit.
///
/// # Errors
/// A sentence that says what would be right.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let trimmed = text.trim();
    let digits = trimmed.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = trimmed.split_at(digits);
    if number.is_empty() {
        return Err(format!("{text:?} is not a duration; write a whole number and a unit: 200ms, 10s, 5m, 1h or 7d"));
    }
    let unit = unit.trim();
    if unit.is_empty() {
        return Err(format!("{text:?} has no unit; write {number}ms, {number}s, {number}m, {number}h or {number}d"));
    }
    if unit.starts_with(['.', ',']) {
        return Err(format!("{text:?} is not a whole number; use a smaller unit, as 1500ms for 1.5 seconds"));
    }
    let Some((_, millis)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(format!("{unit:?} in {text:?} is not a unit of time; the units are ms, s, m, h and d"));
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|count| count.checked_mul(*millis))
        .map(Duration::from_millis)
        .ok_or_else(|| format!("{text:?} is too long to be a duration"))
}

/// Writes a duration with the longest unit that is exact, rounded to milliseconds.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let millis = millis(duration);
    let (unit, length) = UNITS.iter().find(|(_, length)| millis >= *length && millis.is_multiple_of(*length)).unwrap_or(&("ms", 1));
    format!("{}{unit}", millis / length)
}

/// Milliseconds, capped: no duration that a person writes comes near the cap.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
    use super::*;

    #[test]
    fn what_people_write_is_read_and_written_back() {
        for (text, millis) in [("200ms", 200), ("10s", 10_000), ("5m", 300_000), ("1h", 3_600_000), ("7d", 604_800_000), ("0ms", 0)] {
            let duration = parse_duration(text).unwrap();
            assert_eq!(duration.as_millis(), millis, "{text}");
            assert_eq!(format_duration(duration), text);
        }
        assert_eq!(format_duration(parse_duration("90000 ms").unwrap()), "90s");
    }

    #[test]
    fn what_is_no_duration_is_refused_with_what_would_be_right() {
        for (text, hint) in [
            ("200", "write 200ms, 200s"),
            ("1.5s", "1500ms for 1.5 seconds"),
            ("ten seconds", "200ms, 10s"),
            ("5min", "the units are ms, s, m, h and d"),
            ("-5s", "whole number and a unit"),
            ("99999999999999999999s", "too long"),
            ("18446744073709551615d", "too long"),
            ("", "whole number"),
        ] {
            let message = parse_duration(text).unwrap_err();
            assert!(message.contains(hint), "{text}: {message}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_duration_survives_being_written(millis in proptest::prelude::any::<u64>()) {
            let duration = Duration::from_millis(millis);
            proptest::prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            proptest::prop_assert!(parse_duration(&text).map_or_else(|why| !why.is_empty(), |_| true));
        }
    }
}
