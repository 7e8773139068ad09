//! `onceward dlt list`: ten thousand letters with one cause are one line.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::Where;
use super::filter::Filter;
use super::groups::{Group, Groups};
use super::place::Letters;
use super::standing::Visit;
use crate::exit::Failure;
use crate::output::{self, Report, Table};

const EXAMPLES: &str = "\
Examples:
  onceward dlt list                              every cause, the most frequent first
  onceward dlt list --topic orders --reason undecodable
  onceward dlt list --dead-letters orders-dlt    letters of another stack, as Spring's
  onceward dlt list --json | jq '.groups[].error'
";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ListArgs {
    /// Everything that stands in the dead-letter topics: settled letters and copies that the ledger does not know, too
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    place: Where,
}

#[derive(Debug, Serialize)]
struct List {
    topics: Vec<String>,
    /// Dead-letter topics without a ledger: everything that stands there is listed.
    without_ledger: Vec<String>,
    letters: u64,
    /// Records that no letter of a ledger points to.
    orphans: u64,
    /// Letters that are not settled and whose records are gone.
    expired: u64,
    /// The largest first.
    groups: Vec<Group>,
}

impl Report for List {
    fn render(&self, to: &mut dyn Write) -> io::Result<()> {
        if self.groups.is_empty() {
            let open = if self.without_ledger.is_empty() { "open " } else { "" };
            return writeln!(to, "no {open}dead letters in {}", output::visible(&self.topics.join(", ")));
        }
        let header = ["count", "open", "held", "done", "keys", "first", "last", "fingerprint", "reason", "topic", "error", "sample"];
        let mut table = Table::new(&header).right(&[0, 1, 2, 3, 4]);
        for group in &self.groups {
            let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            let number = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
            let seconds = |time: &Option<String>| time.as_ref().map_or_else(|| "-".to_owned(), |time| time.replacen(".000Z", "Z", 1));
            let error = match (&group.error, &group.message) {
                (Some(error), Some(message)) => format!("{error}: {}", message.lines().next().unwrap_or_default()),
                (error, message) => text(if error.is_some() { error } else { message }),
            };
            // Who wrote it stands where our letters have their reason.
            let reason = group.reason.clone().or_else(|| group.dialect.map(|dialect| format!("({dialect})")));
            table.row(&[
                group.count.to_string(),
                number(group.open),
                number(group.held),
                number(group.done),
                format!("{}{}", group.keys, if group.keys_capped { "+" } else { "" }),
                seconds(&group.first),
                seconds(&group.last),
                text(&group.fingerprint),
                text(&reason),
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
    let mut visit = Visit::new(&letters, &args.filter, args.all);
    let (mut orphans, mut expired) = (0, 0);
    let mut without_ledger = Vec::new();
    for shelf in &letters.shelves {
        let ledger = letters.ledger(shelf)?;
        let passed = visit.shelf(shelf, ledger.as_ref(), |stored, letter| {
            match ledger.as_ref().zip(letter) {
                Some((ledger, (partition, letter))) => groups.add_known(&stored, ledger, partition, letter),
                None => groups.add(&stored),
            }
            ControlFlow::Continue(())
        })?;
        match &ledger {
            // With `--all` the settled ones were counted as they passed.
            Some(ledger) => groups.settled(shelf.source.as_deref(), ledger),
            None => without_ledger.push(shelf.letters.clone()),
        }
        orphans += passed.orphans;
        expired += passed.expired;
    }
    let groups = groups.finish();
    let letters_count = groups.iter().map(|group| group.count).sum();
    let list = List { topics: letters.topics(), without_ledger, letters: letters_count, orphans, expired, groups };
    if !list.without_ledger.is_empty() {
        let topics = list.without_ledger.join(", ");
        output::note(&format!("no ledger says which letters of {topics} are settled: everything that stands there is listed"));
    }
    if list.orphans > 0 && !args.all {
        output::note(&format!(
            "{} records are no letters of a ledger (copies after a crash, or older than the ledger); --all lists them",
            list.orphans
        ));
    }
    if list.expired > 0 {
        output::note(&format!("{} letters are not settled, and their records are gone: retention deleted them", list.expired));
    }
    output::show(&list, json)?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
    use onceward::letter::Letter;

    use super::super::letter::StoredLetter;
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
        let topics = vec!["orders.billing.dlt".to_owned()];
        let list = List { without_ledger: topics.clone(), topics, letters: 4, orphans: 0, expired: 0, groups: groups.finish() };
        let mut text = Vec::new();
        list.render(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let header: Vec<&str> = text.lines().next().unwrap().split_whitespace().collect();
        let wanted = ["COUNT", "OPEN", "HELD", "DONE", "KEYS", "FIRST", "LAST", "FINGERPRINT", "REASON", "TOPIC", "ERROR", "SAMPLE"];
        assert_eq!(header, wanted);
        let first: Vec<&str> = text.lines().nth(1).unwrap().split_whitespace().collect();
        let wanted = ["3", "-", "-", "-", "2", "1970-01-01T00:00:01Z", "1970-01-01T00:00:03Z", "aa11", "exhausted", "orders"];
        assert_eq!(first[..10], wanted);
        assert!(text.contains("ValueError: no total in order 9 ") && text.contains("id3000"), "{text}");
        assert!(
            !text.contains('\u{1b}') && text.contains("evil\\x1b]0;pwned\\x07") && text.contains("orders.billing.dlt:0:5000"),
            "{text}"
        );
        let json = serde_json::to_value(&list).unwrap();
        assert_eq!((&json["letters"], &json["groups"][0]["count"], &json["groups"][0]["keys"]), (&4.into(), &3.into(), &2.into()));
    }
}
