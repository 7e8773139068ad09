//! The fold: the counterexamples that a model of the protocol found, one by one, as sequences of ledger records.

use onceward_engine::ledger::{Applied, Claim, Command, Fold, KeyDigest, LetterRecord, LetterState, Record, Removed, Verb};
use onceward_engine::{Offset, Reason};

const KEY: KeyDigest = KeyDigest(7);

fn claim(prev: Option<i64>) -> Record {
    let claim = Claim { prev: prev.map(Offset), member: "m".to_owned(), generation: 1, store: "s".to_owned(), time: 0 };
    Record::Claim(claim)
}

fn letter(offset: i64, epoch: i64, state: LetterState, replays: u32) -> Record {
    Record::Letter(LetterRecord {
        offset: Offset(offset),
        epoch: Offset(epoch),
        state,
        replays,
        key: Some(KEY),
        holds: true,
        letter: Offset(100 + offset),
        reason: Reason::Exhausted,
        fingerprint: "f".to_owned(),
        time: 10 * offset,
        again: 0,
    })
}

fn command(id: &str, verb: Verb, letters: &[(i64, u32)]) -> Record {
    let letters = letters.iter().map(|&(offset, replays)| (Offset(offset), replays)).collect();
    Record::Command(Command { id: id.to_owned(), verb, letters, force: false, rate: None, who: "me".to_owned(), time: 0 })
}

fn gone(offset: i64, epoch: i64, state: LetterState) -> Removed {
    Removed::Letter { offset: Offset(offset), epoch: Offset(epoch), state, replays: 0, again: 0 }
}

fn again(record: Record, again: u32) -> Record {
    match record {
        Record::Letter(letter) => Record::Letter(LetterRecord { again, ..letter }),
        other => other,
    }
}

fn fold(records: &[Record]) -> (Fold, Vec<Applied>) {
    let mut fold = Fold::new();
    let applied = (0..).zip(records).map(|(at, record)| fold.apply(Offset(at), record)).collect();
    (fold, applied)
}

fn state(fold: &Fold, offset: i64) -> Option<LetterState> {
    fold.letter_of(Offset(offset)).map(|letter| letter.record.state)
}

use Applied::{Counts, Past, Refused, Stale};
use LetterState::{Discarded, Done, Held, Open};

#[test]
fn a_late_record_of_an_owner_that_lost_the_partition_holds_no_key() {
    // The new owner has handled offset 0; what the old one wrote about it lands afterwards.
    let (fold, applied) = fold(&[claim(None), claim(Some(0)), letter(0, 0, Open, 0)]);
    assert_eq!(applied, [Counts, Counts, Stale]);
    assert!(!fold.is_held(KEY));
}

#[test]
fn of_two_claims_on_the_same_one_the_first_wins_and_what_the_other_writes_counts_for_nobody() {
    let (fold, applied) = fold(&[claim(None), claim(Some(0)), claim(Some(0)), letter(4, 2, Open, 0), letter(5, 1, Open, 0)]);
    assert_eq!(applied[..3], [Counts, Counts, Refused]);
    assert_eq!(fold.current(), Some(Offset(1)));
    // It writes only after it has read its own claim back as one that counts, so such a record never exists; if it does, its epoch is
    // beyond every claim that counts, and losing it would be worse than keeping it.
    assert_eq!(applied[3..], [Counts, Counts]);
}

#[test]
fn what_is_settled_stays_so_and_replays_only_rise() {
    let (fold, applied) = fold(&[
        claim(None),
        letter(0, 0, Open, 0),
        letter(1, 0, Held, 0),
        letter(0, 0, Open, 1),
        letter(0, 0, Open, 0),
        letter(0, 0, Held, 1),
        letter(0, 0, Done, 1),
        letter(0, 0, Open, 2),
        letter(0, 0, Discarded, 1),
    ]);
    assert_eq!(applied, [Counts, Counts, Counts, Counts, Past, Past, Counts, Past, Past]);
    assert_eq!((state(&fold, 0), state(&fold, 1)), (Some(Done), Some(Held)));
}

#[test]
fn a_key_is_held_until_its_last_letter_is_settled() {
    let mut records = vec![claim(None), letter(0, 0, Open, 0), letter(2, 0, Held, 0)];
    let (half, _) = fold(&records);
    assert_eq!(half.front(KEY).map(|letter| letter.record.offset), Some(Offset(0)));
    records.push(letter(0, 0, Done, 0));
    let (half, _) = fold(&records);
    assert!(half.is_held(KEY), "the follower is not settled");
    assert_eq!(half.front(KEY).map(|letter| letter.record.state), Some(Held));
    records.push(letter(2, 0, Discarded, 0));
    let (all, _) = fold(&records);
    assert!(!all.is_held(KEY));
    assert_eq!(all.held().count(), 0);
    assert_eq!(state(&all, 2), Some(Discarded), "a record that comes again must not be handled");
}

#[test]
fn a_command_means_letters_as_they_stood() {
    let (mut fold, _) = fold(&[claim(None), letter(0, 0, Open, 0), letter(1, 0, Held, 0), command("c", Verb::Replay, &[(0, 0), (1, 0)])]);
    let wanted = |fold: &Fold, offset: i64| fold.letter_of(Offset(offset)).map_or(0, |letter| fold.wanted(letter).count());
    assert_eq!((wanted(&fold, 0), wanted(&fold, 1)), (1, 0), "a follower runs by itself when it is at the front");
    assert_eq!(fold.apply(Offset(4), &command("c", Verb::Replay, &[(0, 0)])), Past, "sent twice, it is one command");
    fold.apply(Offset(5), &letter(0, 0, Open, 1));
    assert_eq!(wanted(&fold, 0), 0, "it failed again: nobody asked for another replay");
    fold.apply(Offset(6), &command("d", Verb::Discard, &[(1, 0), (0, 0)]));
    assert_eq!((wanted(&fold, 0), wanted(&fold, 1)), (1, 1), "a discard means the letter, however often it failed");
    fold.apply(Offset(7), &letter(0, 0, Discarded, 1));
    assert_eq!(wanted(&fold, 0), 0, "what is settled is not settled again");
}

#[test]
fn folding_on_from_the_middle_comes_to_the_same() {
    let records = [claim(None), letter(0, 0, Open, 0), claim(Some(0)), letter(3, 0, Open, 0), letter(3, 2, Open, 0), letter(0, 2, Done, 0)];
    let (whole, _) = fold(&records);
    let mut twice = Fold::new();
    for at in [0, 1, 2, 1, 2, 3, 4, 3, 4, 5_usize] {
        twice.apply(Offset(i64::try_from(at).unwrap()), &records[at]);
    }
    let shown = |fold: &Fold| fold.letters().map(|letter| (letter.record.offset, letter.record.state, letter.since)).collect::<Vec<_>>();
    assert_eq!(shown(&whole), shown(&twice));
    assert_eq!(whole.current(), twice.current());
}

#[test]
fn what_is_removed_from_the_ledger_takes_out_what_it_was_the_last_word_of() {
    let command = command("c", Verb::Replay, &[(1, 0)]);
    let (mut fold, _) = fold(&[claim(None), letter(0, 0, Open, 0), letter(1, 0, Open, 0), letter(0, 0, Done, 0), command]);
    fold.remove(&gone(0, 0, Open));
    fold.remove(&gone(0, 7, Done));
    assert_eq!(
        state(&fold, 0),
        Some(Done),
        "neither what came before nor what an owner wrote that had lost the partition settles anything"
    );
    fold.remove(&gone(0, 0, Done));
    assert_eq!((state(&fold, 0), state(&fold, 1)), (None, Some(Open)));
    fold.remove(&Removed::Command("c".to_owned()));
    assert_eq!(fold.letter_of(Offset(1)).map(|letter| fold.wanted(letter).count()), Some(0));
    assert_eq!(fold.apply(Offset(9), &self::command("c", Verb::Replay, &[(1, 0)])), Counts, "nothing of it is kept: it is a new one");
    fold.remove(&Removed::Command("c".to_owned()));
    fold.remove(&gone(1, 0, Open));
    assert_eq!(state(&fold, 1), None, "its end was compacted away before it was read");
    assert!(!fold.is_held(KEY));
}

#[test]
fn a_record_that_was_sent_again_is_another_one_that_says_the_same() {
    let open = letter(0, 0, Open, 0);
    // One lands under the claim it was written under, the other after the next one.
    let (mut fold, applied) = fold(&[claim(None), again(open.clone(), 1), again(open.clone(), 0), claim(Some(0)), again(open, 2)]);
    assert_eq!(applied, [Counts, Counts, Past, Counts, Stale]);
    for late in [0, 2] {
        fold.remove(&Removed::Letter { offset: Offset(0), epoch: Offset(0), state: Open, replays: 0, again: late });
        assert_eq!(state(&fold, 0), Some(Open), "the one that counts is still there");
    }
    assert!(fold.is_held(KEY));
}
