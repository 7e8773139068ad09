//! `onceward held`: keys whose events wait behind a dead letter.

use std::collections::HashMap;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::process::ExitCode;

use clap::Args;
use onceward::ledger::{Letter, LetterState, reason_text};
use onceward::letter::letter_id;
use serde::Serialize;

use super::Where;
use super::bytes::{Bytes, short};
use super::place::Letters;
use super::standing::{Index, parts};
use crate::exit::Failure;
use crate::output::{self, Report, Table, rfc3339};

const EXAMPLES: &str = "\
Examples:
  onceward held                                  every key that waits, the longest first
  onceward held --topic orders --json | jq '.keys[].behind'
";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct HeldArgs {
    /// Keys with open letters behind which nothing waits yet, too
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    place: Where,
}

#[derive(Debug, Serialize)]
struct Held {
    group: String,
    /// Topics without a ledger: nothing is held there.
    without_ledger: Vec<String>,
    /// The longest first.
    keys: Vec<HeldKey>,
}

#[derive(Debug, Serialize)]
struct HeldKey {
    topic: String,
    partition: i32,
    /// `null`: the letter's record is gone, or the key is null.
    #[serde(serialize_with = "as_bytes")]
    key: Option<Vec<u8>>,
    /// Since when the first letter is known.
    since: String,
    /// Letters held behind it.
    behind: u64,
    /// The letter that has to be settled.
    letter_id: String,
    offset: i64,
    state: &'static str,
    fingerprint: String,
    reason: &'static str,
    replays: u32,
    /// Whether somebody asked for it.
    asked: bool,
    #[serde(skip)]
    millis: i64,
}

fn as_bytes<S: serde::Serializer>(key: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
    key.as_deref().map(Bytes).serialize(serializer)
}

impl Report for Held {
    fn render(&self, to: &mut dyn Write) -> io::Result<()> {
        if self.keys.is_empty() {
            return writeln!(to, "no key is held");
        }
        let mut table =
            Table::new(&["behind", "since", "key", "fingerprint", "reason", "replays", "topic", "asked", "letter"]).right(&[0, 5]);
        for key in &self.keys {
            table.row(&[
                key.behind.to_string(),
                key.since.replacen(".000Z", "Z", 1),
                short(key.key.as_deref()),
                key.fingerprint.clone(),
                key.reason.to_owned(),
                key.replays.to_string(),
                format!("{}:{}", key.topic, key.partition),
                if key.asked { "yes" } else { "no" }.to_owned(),
                key.letter_id.clone(),
            ]);
        }
        table.write(to)?;
        let behind: u64 = self.keys.iter().map(|key| key.behind).sum();
        writeln!(to, "\n{} keys, {behind} events behind them; `onceward dlt replay` or `discard` releases them", self.keys.len())
    }
}

pub(crate) fn run(args: &HeldArgs, json: bool) -> Result<ExitCode, Failure> {
    let letters = Letters::find(&args.place)?;
    let mut held = Held { group: letters.group().to_owned(), without_ledger: Vec::new(), keys: Vec::new() };
    for shelf in &letters.shelves {
        let Some(ledger) = letters.ledger(shelf)? else {
            held.without_ledger.push(shelf.letters.clone());
            continue;
        };
        let source = shelf.source.clone().unwrap_or_default();
        let mut fronts: Vec<(i32, &Letter, u64)> = Vec::new();
        for (partition, fold) in ledger.folds() {
            for (_, mut letters) in fold.held() {
                let Some(front) = letters.next() else { continue };
                let behind = letters.filter(|letter| letter.record.state == LetterState::Held).count() as u64;
                if behind > 0 || args.all {
                    fronts.push((partition, front, behind));
                }
            }
        }
        // Keys stand in the letters alone: the ledger has digests.
        let of_fronts = || fronts.iter().map(|(partition, letter, _)| (*partition, *letter));
        let index = Index::of(of_fronts());
        let mut keys: HashMap<(i32, i64), Option<Vec<u8>>> = HashMap::new();
        if !fronts.is_empty() {
            letters.each(&shelf.letters, Some(&parts(of_fronts())), |stored| {
                if let Some(offset) = index.source(&stored) {
                    keys.insert((stored.partition, offset), stored.key);
                }
                ControlFlow::Continue(())
            })?;
        }
        held.keys.extend(fronts.into_iter().map(|(partition, front, behind)| {
            let record = &front.record;
            HeldKey {
                topic: source.clone(),
                partition,
                key: keys.remove(&(partition, record.offset.0)).flatten(),
                since: rfc3339(front.since),
                behind,
                letter_id: letter_id(letters.group(), &source, partition, record.offset.0),
                offset: record.offset.0,
                state: super::standing::state_name(record.state),
                fingerprint: record.fingerprint.clone(),
                reason: reason_text(record.reason),
                replays: record.replays,
                asked: ledger.fold(partition).is_some_and(|fold| fold.wanted(front).next().is_some()),
                millis: front.since,
            }
        }));
    }
    held.keys.sort_by_key(|key| key.millis);
    if !held.without_ledger.is_empty() {
        output::note(&format!("there is no ledger for {}: nothing is held there", held.without_ledger.join(", ")));
    }
    output::show(&held, json)?;
    Ok(ExitCode::SUCCESS)
}
