//! The ledger as an operator sees it: read from its beginning, folded, and written to.

use std::collections::BTreeMap;

use onceward::ledger::{decode, encode};
use onceward_engine::Offset;
use onceward_engine::ledger::{Command, Fold, LetterState, Record, Verb};
use onceward_tests::consumer_child::Shift;
use onceward_tests::kafka::{self, Outgoing};

fn topic(shift: &Shift) -> String {
    format!("{}.{}.ledger", shift.topic, shift.group)
}

/// The ledgers of all partitions.
pub(crate) fn fold(shift: &Shift) -> BTreeMap<i32, Fold> {
    let mut folds: BTreeMap<i32, Fold> = BTreeMap::new();
    for stored in kafka::read_all(&shift.brokers, &topic(shift)) {
        let (Some(key), Some(value)) = (&stored.key, &stored.value) else { continue };
        let (_, record) = decode(key, value).unwrap();
        folds.entry(stored.partition).or_default().apply(Offset(stored.offset), &record);
    }
    folds
}

/// How many letters are in a state.
pub(crate) fn count(folds: &BTreeMap<i32, Fold>, state: LetterState) -> usize {
    folds.values().flat_map(Fold::letters).filter(|letter| letter.record.state == state).count()
}

/// Wants every open letter handled again; how many that are.
pub(crate) fn replay_all(shift: &Shift) -> usize {
    let mut named = 0;
    for (partition, fold) in fold(shift) {
        let open = fold.letters().filter(|letter| letter.record.state == LetterState::Open);
        let letters: Vec<_> = open.map(|letter| (letter.record.offset, letter.record.replays)).collect();
        if letters.is_empty() {
            continue;
        }
        named += letters.len();
        let id = format!("all-{partition}-{named}");
        let command = Command { id, verb: Verb::Replay, letters, force: false, rate: None, who: "test".to_owned(), time: 0 };
        let (key, value) = encode(&Record::Command(command), "");
        let outgoing =
            Outgoing { partition: Some(partition), key: Some(key.to_string().into_bytes()), value: Some(value), headers: Vec::new() };
        kafka::produce(&shift.brokers, &topic(shift), &[outgoing]);
    }
    named
}
