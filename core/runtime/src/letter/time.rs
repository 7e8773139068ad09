//! RFC 3339 in UTC with milliseconds, both ways.

const DAY: i64 = 86_400_000;
/// 0000-01-01 and the last millisecond of 9999: what four digits of a year can say.
const RANGE: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;

/// As `2026-11-23T06:07:08.009Z`; instants that four digits of a year can't say become the nearest that they can.
pub(crate) fn rfc3339(millis: i64) -> String {
    let millis = millis.clamp(*RANGE.start(), *RANGE.end());
    let (year, month, day) = civil(millis.div_euclid(DAY));
    let time = millis.rem_euclid(DAY);
    let (hour, minute, second, rest) = (time / 3_600_000, time / 60_000 % 60, time / 1_000 % 60, time % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{rest:03}Z")
}

/// Reads what [`rfc3339`] writes, and nothing else.
pub(super) fn parse(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let shape = b"0000-00-00T00:00:00.000Z";
    let fits = bytes.len() == shape.len()
        && bytes.iter().zip(shape).all(|(byte, shape)| if *shape == b'0' { byte.is_ascii_digit() } else { byte == shape });
    if !fits {
        return None;
    }
    let number = |range: std::ops::Range<usize>| text.get(range).and_then(|digits| digits.parse::<i64>().ok());
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let time = ((number(11..13)? * 60 + number(14..16)?) * 60 + number(17..19)?) * 1_000 + number(20..23)?;
    let days = days(year, month, day)?;
    Some(days * DAY + time)
}

/// Days since 1970 to year, month, day (Howard Hinnant's `civil_from_days`, public domain).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    Some(era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use super::*;

    #[test]
    fn known_instants_and_the_edges() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(951_782_400_123), "2000-02-29T00:00:00.123Z");
        assert_eq!(rfc3339(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(rfc3339(i64::MIN), "0000-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(i64::MAX), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn what_is_written_is_read() {
        for millis in (*RANGE.start()..=*RANGE.end()).step_by(86_399_999_977) {
            assert_eq!(parse(&rfc3339(millis)), Some(millis));
        }
        for text in ["", "1970-01-01T00:00:00Z", "1970-13-01T00:00:00.000Z", "1970-01-01T00:00:00.000+", "é970-01-01T00:00:00.00Z"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
