//! Collects problems and reads single fields.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::duration::millis;
use super::raw::{BytesText, DurationText};
use super::{Problem, format_bytes, format_duration, parse_bytes, parse_duration};

/// The problems found so far. Each reader leaves its target as it is when the field is absent or wrong.
#[derive(Default)]
pub(super) struct Check {
    problems: Vec<Problem>,
}

impl Check {
    pub(super) fn refuse(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.problems.push(Problem::new(path, message));
    }

    pub(super) fn count(&self) -> usize {
        self.problems.len()
    }

    /// Whether nothing was said about a field yet.
    pub(super) fn fine(&self, path: &str) -> bool {
        self.problems.iter().all(|problem| problem.path != path)
    }

    pub(super) fn problems(&mut self) -> &mut Vec<Problem> {
        &mut self.problems
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    pub(super) fn required(&mut self, path: &str, written: Option<&str>, what: &str) -> String {
        let text = written.unwrap_or_default();
        if text.trim().is_empty() {
            self.refuse(path, format!("is {}: {what}", if written.is_none() { "missing" } else { "empty" }));
        }
        text.to_owned()
    }

    /// Reads a text with a meaning of its own.
    pub(super) fn text<T>(
        &mut self,
        parent: &str,
        name: &str,
        written: Option<&str>,
        read: impl Fn(&str) -> Result<T, String>,
        target: &mut T,
    ) {
        match written.map(read) {
            Some(Ok(value)) => *target = value,
            Some(Err(message)) => self.refuse(below(parent, name), message),
            None => {}
        }
    }

    pub(super) fn number(&mut self, parent: &str, name: &str, written: Option<u32>, range: RangeInclusive<u32>, target: &mut u32) {
        match written {
            Some(value) if range.contains(&value) => *target = value,
            Some(value) => self.refuse(below(parent, name), format!("{value} is out of range; write {} to {}", range.start(), range.end())),
            None => {}
        }
    }

    /// Reads a fraction into whole hundredths.
    pub(super) fn hundredths(&mut self, parent: &str, name: &str, written: Option<f64>, range: RangeInclusive<f64>, target: &mut u32) {
        match written {
            // Every range in use ends at 100, so the product is far below the limits of the integer.
            Some(value) if range.contains(&value) => *target = (value * 100.0).round() as u32,
            Some(value) => {
                self.refuse(below(parent, name), format!("{value} is out of range; write {:?} to {:?}", range.start(), range.end()));
            }
            None => {}
        }
    }

    pub(super) fn duration(
        &mut self,
        parent: &str,
        name: &str,
        written: Option<&DurationText>,
        range: RangeInclusive<Duration>,
        target: &mut Duration,
    ) {
        let read = |text: &str| match parse_duration(text)? {
            duration if range.contains(&duration) => Ok(duration),
            _ => Err(format!("{text} is out of range; write {} to {}", format_duration(*range.start()), format_duration(*range.end()))),
        };
        self.text(parent, name, written.map(|text| text.0.as_str()), read, target);
    }

    /// Reads a duration into milliseconds.
    pub(super) fn millis(
        &mut self,
        parent: &str,
        name: &str,
        written: Option<&DurationText>,
        range: RangeInclusive<Duration>,
        target: &mut u64,
    ) {
        let mut duration = Duration::from_millis(*target);
        self.duration(parent, name, written, range, &mut duration);
        *target = millis(duration);
    }

    pub(super) fn bytes(&mut self, parent: &str, name: &str, written: Option<&BytesText>, least: u64, target: &mut u64) {
        let read = |text: &str| match parse_bytes(text)? {
            bytes if bytes >= least => Ok(bytes),
            _ => Err(format!("{text} is too little; write at least {}", format_bytes(least))),
        };
        self.text(parent, name, written.map(|text| text.0.as_str()), read, target);
    }
}

/// The path of a field of ours, whose name never needs quotes.
fn below(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") }
}
