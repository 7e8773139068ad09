//! `onceward dlt list`: ten thousand letters with one cause are one line.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::letter::StoredLetter;
use super::place::Letters;
use super::{Filter, Where};
use crate::exit::Failure;
use crate::output::{self, Report, Table, rfc3339};

/// Distinct keys are counted up to here: the count tells one poisoned key from many, and memory stays bounded.
const KEYS: usize = 10_000;

const EXAMPLES: &str = "\
Examples:
  onceward dlt list                              every cause, the most frequent first
  onceward dlt list --topic orders --reason undecodable
  onceward dlt list --json | jq '.groups[].error'
";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    place: Where,
}

#[derive(Debug, Serialize)]
struct List {
    topics: Vec<String>,
    letters: u64,
    /// The largest first.
    groups: Vec<Group>,
}

/// Letters with one cause.
#[derive(Debug, Serialize)]
struct Group {
    fingerprint: Option<String>,
    source_topic: Option<String>,
    reason: Option<String>,
    count: u64,
    /// Distinct keys.
    keys: u64,
    /// Whether there are more keys than were counted.
    keys_capped: bool,
    first: Option<String>,
    last: Option<String>,
    error: Option<String>,
    message: Option<String>,
    /// The latest letter: its id, else its place.
    sample: String,
    #[serde(skip)]
    seen: Seen,
}

#[derive(Debug, Default)]
struct Seen {
    keys: HashSet<Option<Vec<u8>>>,
    first: Option<i64>,
    last: Option<i64>,
}

/// What makes letters one group.
type Cause = (Option<String>, Option<String>, Option<String>, Option<String>);

#[derive(Default)]
struct Groups(BTreeMap<Cause, Group>);

impl Groups {
    fn add(&mut self, stored: &StoredLetter) {
        let StoredLetter { key, timestamp, .. } = stored;
        let letter = &stored.letter;
        // Letters of other stacks carry no fingerprint; the type of their error is the next best.
        let kind = if letter.fingerprint.is_some() { None } else { letter.error_type.clone() };
        let cause = (letter.topic.clone(), letter.fingerprint.clone(), letter.reason.clone(), kind);
        let at = letter.last_failed_at.or(*timestamp);
        let sample = letter.id.clone().unwrap_or_else(|| stored.place());
        let group = self.0.entry(cause).or_insert_with(|| Group {
            fingerprint: letter.fingerprint.clone(),
            source_topic: letter.topic.clone(),
            reason: letter.reason.clone(),
            count: 0,
            keys: 0,
            keys_capped: false,
            first: None,
            last: None,
            error: None,
            message: None,
            sample: sample.clone(),
            seen: Seen::default(),
        });
        group.count += 1;
        if group.seen.keys.len() < KEYS {
            group.seen.keys.insert(key.clone());
        } else if !group.seen.keys.contains(key) {
            group.keys_capped = true;
        }
        group.seen.first = [group.seen.first, at].into_iter().flatten().min();
        if group.count == 1 || at >= group.seen.last {
            group.seen.last = at.max(group.seen.last);
            group.error.clone_from(&letter.error_type);
            group.message.clone_from(&letter.message);
            group.sample = sample;
        }
    }

    fn finish(self, topics: Vec<String>) -> List {
        let mut groups: Vec<Group> = self.0.into_values().collect();
        for group in &mut groups {
            group.keys = group.seen.keys.len() as u64;
            group.first = group.seen.first.map(rfc3339);
            group.last = group.seen.last.map(rfc3339);
        }
        groups.sort_by_key(|group| std::cmp::Reverse(group.count));
        List { topics, letters: groups.iter().map(|group| group.count).sum(), groups }
    }
}

impl Report for List {
    fn render(&self, to: &mut dyn Write) -> io::Result<()> {
        if self.groups.is_empty() {
            return writeln!(to, "no dead letters in {}", output::visible(&self.topics.join(", ")));
        }
        let mut table = Table::new(&["count", "keys", "first", "last", "fingerprint", "reason", "topic", "error", "sample"]).right(&[0, 1]);
        for group in &self.groups {
            let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            let seconds = |time: &Option<String>| time.as_ref().map_or_else(|| "-".to_owned(), |time| time.replacen(".000Z", "Z", 1));
            let error = match (&group.error, &group.message) {
                (Some(error), Some(message)) => format!("{error}: {}", message.lines().next().unwrap_or_default()),
                (error, message) => text(if error.is_some() { error } else { message }),
            };
            table.row(&[
                group.count.to_string(),
                format!("{}{}", group.keys, if group.keys_capped { "+" } else { "" }),
                seconds(&group.first),
                seconds(&group.last),
                text(&group.fingerprint),
                text(&group.reason),
                text(&group.source_topic),
                shorten(&error, 60),
                group.sample.clone(),
            ]);
        }
        table.write(to)?;
        let plural = if self.letters == 1 { "" } else { "s" };
        writeln!(to, "\n{} letter{plural}; `onceward dlt show SAMPLE` shows one", self.letters)
    }
}

fn shorten(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest { text.to_owned() } else { text.chars().take(longest - 1).chain(['…']).collect() }
}

pub(crate) fn run(args: &ListArgs, json: bool) -> Result<ExitCode, Failure> {
    let letters = Letters::find(&args.place)?;
    let mut groups = Groups::default();
    letters.each(|letter| {
        if args.filter.admits(&letter) {
            groups.add(&letter);
        }
        ControlFlow::Continue(())
    })?;
    output::show(&groups.finish(letters.topics().to_vec()), json)?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
    use onceward::letter::Letter;

    use super::*;

    fn letter(fingerprint: Option<&str>, key: &str, at: i64, message: &str) -> StoredLetter {
        StoredLetter {
            topic: "orders.billing.dlt".to_owned(),
            offset: at,
            key: Some(key.as_bytes().to_vec()),
            letter: Letter {
                id: fingerprint.map(|_| format!("id{at}")),
                topic: Some("orders".to_owned()),
                fingerprint: fingerprint.map(str::to_owned),
                reason: fingerprint.map(|_| "exhausted".to_owned()),
                error_type: Some("ValueError".to_owned()),
                message: Some(message.to_owned()),
                last_failed_at: Some(at),
                ..Letter::default()
            },
            ..StoredLetter::default()
        }
    }

    #[test]
    fn one_cause_is_one_line_and_hostile_text_is_harmless() {
        let mut groups = Groups::default();
        groups.add(&letter(Some("aa11"), "k1", 2_000, "no total in order 7"));
        groups.add(&letter(Some("aa11"), "k2", 3_000, "no total in order 9\nsecond line"));
        groups.add(&letter(Some("aa11"), "k1", 1_000, "no total in order 8"));
        groups.add(&letter(None, "k\u{1b}[2J", 5_000, "evil\u{1b}]0;pwned\u{7}"));
        let list = groups.finish(vec!["orders.billing.dlt".to_owned()]);
        let mut text = Vec::new();
        list.render(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let header: Vec<&str> = text.lines().next().unwrap().split_whitespace().collect();
        assert_eq!(header, ["COUNT", "KEYS", "FIRST", "LAST", "FINGERPRINT", "REASON", "TOPIC", "ERROR", "SAMPLE"]);
        let first: Vec<&str> = text.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(first[..7], ["3", "2", "1970-01-01T00:00:01Z", "1970-01-01T00:00:03Z", "aa11", "exhausted", "orders"]);
        assert!(text.contains("ValueError: no total in order 9 ") && text.contains("id3000"), "{text}");
        assert!(
            !text.contains('\u{1b}') && text.contains("evil\\x1b]0;pwned\\x07") && text.contains("orders.billing.dlt:0:5000"),
            "{text}"
        );
        let json = serde_json::to_value(&list).unwrap();
        assert_eq!((&json["letters"], &json["groups"][0]["count"], &json["groups"][0]["keys"]), (&4.into(), &3.into(), &2.into()));
    }
}
