//! Postgres's own binary forms of numbers and times, as text.

/// `numeric`: groups of four decimal digits, a weight, a sign and a scale.
pub(super) fn numeric(raw: &[u8]) -> Option<String> {
    let word = |at: usize| Some(u16::from_be_bytes(raw.get(at * 2..at * 2 + 2)?.try_into().ok()?));
    let (count, weight, sign, scale) = (usize::from(word(0)?), word(1)?.cast_signed(), word(2)?, usize::from(word(3)?));
    match sign {
        0xC000 => return Some("NaN".to_owned()),
        0xD000 => return Some("Infinity".to_owned()),
        0xF000 => return Some("-Infinity".to_owned()),
        _ => {}
    }
    let digit = |group: i32| usize::try_from(group).ok().filter(|&group| group < count).map_or(Some(0), |group| word(4 + group));
    let mut text = String::new();
    if sign == 0x4000 {
        text.push('-');
    }
    for group in 0..=i32::from(weight).max(0) {
        let value = if weight < 0 { 0 } else { digit(group)? };
        text.push_str(&if group == 0 { value.to_string() } else { format!("{value:04}") });
    }
    if scale > 0 {
        let mut fraction = String::new();
        let mut group = i32::from(weight) + 1;
        // A weight below -1 stands for groups of zeroes behind the point.
        for _ in 0..(-1 - i32::from(weight)).max(0) {
            fraction.push_str("0000");
        }
        group = group.max(0);
        while fraction.len() < scale {
            fraction.push_str(&format!("{:04}", digit(group)?));
            group += 1;
        }
        text.push('.');
        text.push_str(fraction.get(..scale)?);
    }
    Some(text)
}

const DAY_MICROS: i64 = 86_400_000_000;
/// Days from 1970-01-01 to 2000-01-01, where Postgres begins to count.
const EPOCH_DAYS: i64 = 10_957;

/// `date`: days since 2000.
pub(super) fn date(days: i64) -> String {
    // Howard Hinnant's civil_from_days.
    let shifted = days.saturating_add(EPOCH_DAYS).saturating_add(719_468);
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let (day, month) =
        (day_of_year - (153 * shifted_month + 2) / 5 + 1, if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 });
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// `time`: microseconds since midnight.
pub(super) fn time(micros: i64) -> String {
    let (seconds, fraction) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    let clock = format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if fraction == 0 { clock } else { format!("{clock}.{fraction:06}") }
}

/// `timestamp`: microseconds since 2000.
pub(super) fn timestamp(micros: i64) -> String {
    match micros {
        i64::MAX => "infinity".to_owned(),
        i64::MIN => "-infinity".to_owned(),
        _ => format!("{}T{}", date(micros.div_euclid(DAY_MICROS)), time(micros.rem_euclid(DAY_MICROS))),
    }
}
