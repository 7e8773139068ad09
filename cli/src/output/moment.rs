//! Moments as people type them: a date, a date with a time, or how long ago.

use std::time::SystemTime;

use onceward::config::parse_duration;

/// Milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(pub(crate) i64);

impl Moment {
    /// For command lines.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis());
        Self::parse_at(text, i64::try_from(now).unwrap_or(i64::MAX))
    }

    fn parse_at(text: &str, now: i64) -> Result<Self, String> {
        let ago = parse_duration(text).ok().and_then(|ago| i64::try_from(ago.as_millis()).ok());
        ago.map(|ago| now.saturating_sub(ago)).or_else(|| date_time(text)).map(Self).ok_or_else(|| {
            format!("{text:?} is no time; write 2026-11-17, 2026-11-17T08:30 or 2026-11-17T08:30:00+01:00 (without a zone: UTC), or 36h or 7d for so long ago")
        })
    }
}

/// RFC 3339, where time, seconds, decimals and zone may be missing.
fn date_time(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
    let [year, month, day] = numbers::<3>(date, '-')?;
    let (time, zone) = match time.find(['Z', '+', '-']) {
        Some(at) => time.split_at_checked(at)?,
        None => (time, "Z"),
    };
    let offset = match zone.split_at_checked(1)? {
        ("Z", "") => 0,
        (sign, rest) => {
            let [hours, minutes] = numbers::<2>(rest, ':').filter(|[hours, minutes]| *hours < 24 && *minutes < 60)?;
            (hours * 60 + minutes) * if sign == "+" { 1 } else { -1 }
        }
    };
    let (time, decimals) = time.split_once('.').unwrap_or((time, "0"));
    let [hours, minutes, seconds] =
        numbers::<3>(time, ':').or_else(|| numbers::<2>(time, ':').map(|[hours, minutes]| [hours, minutes, 0]))?;
    let in_range = (1970..=9999).contains(&year) && (1..=12).contains(&month) && (1..=length(year, month)).contains(&day);
    if !in_range || hours > 23 || minutes > 59 || seconds > 59 || decimals.is_empty() || !decimals.bytes().all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    let millis: i64 = format!("{decimals:0<3}").get(..3)?.parse().ok()?;
    Some(((days(year, month, day) * 24 + hours) * 60 + minutes - offset) * 60_000 + seconds * 1_000 + millis)
}

/// Exactly so many numbers, digits only.
fn numbers<const N: usize>(text: &str, between: char) -> Option<[i64; N]> {
    let parsed: Option<Vec<i64>> = text
        .split(between)
        .map(|part| if part.len() <= 4 && part.bytes().all(|byte| byte.is_ascii_digit()) { part.parse().ok() } else { None })
        .collect();
    parsed?.try_into().ok()
}

fn length(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the Gregorian calendar; the year begins in March, so that the leap day is its last.
pub(crate) fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
    use super::Moment;
    use crate::output::rfc3339;

    #[test]
    fn what_people_type() {
        for (text, meant) in [
            ("2026-11-17", "2026-11-17T00:00:00.000Z"),
            ("2026-11-17T08:30", "2026-11-17T08:30:00.000Z"),
            ("2026-11-17 08:30:05", "2026-11-17T08:30:05.000Z"),
            ("2026-11-17T08:30:05.5Z", "2026-11-17T08:30:05.500Z"),
            ("2026-11-17T00:30+01:00", "2026-11-16T23:30:00.000Z"),
            ("2026-11-17T23:30:00.123456-05:30", "2026-11-18T05:00:00.123Z"),
            ("2000-02-29", "2000-02-29T00:00:00.000Z"),
            ("24h", "1970-01-02T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339(Moment::parse_at(text, 172_800_000).unwrap().0), meant, "{text}");
        }
        for text in [
            "",
            "tuesday",
            "2026-11",
            "2026-02-29",
            "2026-13-01",
            "2026-11-17T24:00",
            "2026-11-17T08",
            "2026-11-17T08:30+",
            "T08:30",
            "é",
            "2026-11-17T08:30é",
            "+7d",
        ] {
            let error = Moment::parse_at(text, 0).unwrap_err();
            assert!(error.contains("2026-11-17T08:30"), "{error}");
        }
    }
}
