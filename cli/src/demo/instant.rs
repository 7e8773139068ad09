//! Time stamps of log lines and letters: RFC 3339 in UTC, read without a calendar library.

use crate::output::days;

/// Microseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Instant(pub(super) i64);

impl Instant {
    pub(super) fn now() -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    /// `2013-01-01T05:17:00.123456Z`, with any number of decimals.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
        let mut date = date.splitn(3, '-').map(str::parse::<i64>);
        let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
        let (time, decimals) = time.split_once('.').unwrap_or((time, ""));
        let mut time = time.splitn(3, ':').map(str::parse::<i64>);
        let (hours, minutes, seconds) = (time.next()?.ok()?, time.next()?.ok()?, time.next()?.ok()?);
        let in_range = (1970..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
        let in_range = in_range && (0..24).contains(&hours) && (0..60).contains(&minutes) && (0..=60).contains(&seconds);
        if !in_range || !decimals.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let micros: i64 = format!("{decimals:0<6}").get(..6)?.parse().ok()?;
        let seconds = ((days(year, month, day) * 24 + hours) * 60 + minutes) * 60 + seconds;
        Some(Self(seconds * 1_000_000 + micros))
    }

    /// `+1.234 s` since another instant.
    pub(super) fn since(self, start: Self) -> String {
        let millis = self.0.saturating_sub(start.0).max(0) / 1_000;
        format!("+{}.{:03} s", millis / 1_000, millis % 1_000)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use super::Instant;

    #[test]
    fn known_moments() {
        assert_eq!(Instant::parse("1970-01-01T00:00:00Z"), Some(Instant(0)));
        assert_eq!(Instant::parse("2000-02-29T12:00:00.5Z"), Some(Instant(951_825_600_500_000)));
        assert_eq!(Instant::parse("2013-01-01T05:17:00.123456Z"), Some(Instant(1_357_017_420_123_456)));
        assert_eq!(Instant::parse("2013-01-01T05:17:00.123456789Z"), Some(Instant(1_357_017_420_123_456)));
        for wrong in ["", "2013-01-01", "2013-01-01T05:17:00", "2013-13-01T05:17:00Z", "2013-01-01T05:17:00.x1Z", "é"] {
            assert_eq!(Instant::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_story_counts_from_its_start() {
        assert_eq!(Instant(3_412_999).since(Instant(1_000_000)), "+2.412 s");
        assert_eq!(Instant(0).since(Instant(1_000_000)), "+0.000 s");
    }
}
