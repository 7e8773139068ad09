//! Folding a ledger: its records as they stand in Kafka, put into a fold by the function that owners and tools use. No broker.
//!
//! The mixture is that of a ledger some time after a bad night: of a hundred letters of a key, the first is open and the others follow it; most of
//! them are replayed, some fail once more, some are discarded. Now and then the partition moves. The older half was taken out again.

use std::time::Instant;

use onceward::ledger::{Claim, Command, Key, KeyDigest, Ledger, LetterRecord, LetterState, Record, Verb, encode};
use onceward_engine::{Offset, Reason};

use crate::Outcome;
use crate::env::{self, Line};

/// Letters of a key, asked for with one command.
const LETTERS: i64 = 100;

/// Key and value of a stored record.
type Stored = (Vec<u8>, Option<Vec<u8>>);

pub(super) fn run() -> Outcome<()> {
    let started = Instant::now();
    let count = usize::try_from(env::number("COUNT", 1_000_000))?;
    let records = records(count);
    let first = Instant::now();
    let mut ledger = Ledger::named("bench");
    for (at, (key, value)) in (0..).zip(&records) {
        ledger.take(0, at, key, value.as_deref())?;
    }
    let line = Line::new("onceward-fold", records.len() as u64, first, started);
    if ledger.strange().first.is_some() || ledger.letters().next().is_none() {
        return Err("the ledger was not read as it was written".into());
    }
    line.print();
    Ok(())
}

/// A ledger of so many records.
fn records(count: usize) -> Vec<Stored> {
    let mut stored: Vec<Stored> = Vec::with_capacity(count + 1_000);
    let (mut epoch, mut claims, mut group) = (None, 0, 0);
    while stored.len() < count {
        if group % 50 == 0 {
            claims += 1;
            let claim =
                Claim { prev: epoch, member: "host/1/a".to_owned(), generation: -1, store: "s".to_owned(), time: 1_700_000_000_000 };
            epoch = Some(end(&stored));
            put(&mut stored, &Record::Claim(claim), &format!("01890000-0000-7000-8000-{claims:012}"));
        }
        let letters = a_key(&mut stored, group, epoch.unwrap_or(Offset(0)));
        if group % 2 == 0 {
            stored.extend(letters.into_iter().map(|key| (key, None)));
        }
        group += 1;
    }
    stored.truncate(count);
    stored
}

/// The letters of one key, and what becomes of them. The keys of its records, in the order in which they are taken out.
fn a_key(stored: &mut Vec<Stored>, group: i64, epoch: Offset) -> Vec<Vec<u8>> {
    let letter = |number: i64, state: LetterState, replays: u32| {
        let offset = Offset(group * LETTERS + number);
        Record::Letter(LetterRecord {
            offset,
            epoch,
            state,
            replays,
            key: Some(KeyDigest(u128::from(group.unsigned_abs()) << 64 | 1)),
            holds: true,
            letter: offset,
            reason: if number == 0 { Reason::Exhausted } else { Reason::HeldBehind },
            fingerprint: "5f3a0c1d2e4b6a78".to_owned(),
            time: 1_700_000_000_000,
            again: 0,
        })
    };
    let (mut first, mut last) = (Vec::new(), Vec::new());
    for number in 0..LETTERS {
        let state = if number == 0 { LetterState::Open } else { LetterState::Held };
        first.push(put(stored, &letter(number, state, 0), ""));
    }
    let command = Command {
        id: format!("01890000-0000-7000-9000-{group:012}"),
        verb: Verb::Replay,
        letters: (0..LETTERS).map(|number| (Offset(group * LETTERS + number), 0)).collect(),
        force: false,
        rate: None,
        who: "ops@host".to_owned(),
        time: 1_700_000_000_000,
    };
    last.push(put(stored, &Record::Command(command), ""));
    for number in 0..LETTERS {
        let fails = number % 10 == 9;
        if fails {
            first.push(put(stored, &letter(number, LetterState::Open, 1), ""));
        }
        let end = if fails { LetterState::Discarded } else { LetterState::Done };
        last.push(put(stored, &letter(number, end, u32::from(fails)), ""));
    }
    first.append(&mut last);
    first
}

fn end(stored: &[Stored]) -> Offset {
    Offset(i64::try_from(stored.len()).unwrap_or(i64::MAX))
}

fn put(stored: &mut Vec<Stored>, record: &Record, claim: &str) -> Vec<u8> {
    let (key, value): (Key, Vec<u8>) = encode(record, claim);
    let key = key.to_string().into_bytes();
    stored.push((key.clone(), Some(value)));
    key
}
