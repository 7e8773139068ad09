//! What is over goes from the ledger, in an order in which nothing comes back.

use onceward_engine::ledger::{LetterState, Record, Removed, Verb};
use onceward_engine::*;

use crate::letters::{Owned, claim, command, letter};
use crate::script::{Script, settings};

const HELD: Owned = Owned(0, 1);

fn record(offset: i64, epoch: i64, state: LetterState) -> Removed {
    Removed::Letter { offset: Offset(offset), epoch: Offset(epoch), state, replays: 0, again: 0 }
}

/// A record as it was sent for the second time.
fn again(record: Record) -> Record {
    match record {
        Record::Letter(letter) => Record::Letter(ledger::LetterRecord { again: 1, ..letter }),
        other => other,
    }
}

/// Tombstones are read, in their order; what is ordered then.
fn gone(script: &mut Script, at: &mut i64, records: &[Removed]) -> Vec<Effect> {
    let (partition, epoch) = HELD.id();
    let mut orders = Vec::new();
    for record in records {
        assert_eq!(orders, [], "all of them are awaited");
        *at += 1;
        orders =
            script.tell(Input::Removed(Box::new(RecordGone { partition, epoch, reading: 1, at: Offset(*at), record: record.clone() })));
    }
    orders
}

fn remove(records: &[Removed]) -> Vec<Effect> {
    let (partition, epoch) = HELD.id();
    vec![Effect::Remove { partition, epoch, records: records.to_vec() }]
}

#[test]
fn what_counts_for_nobody_goes_first_then_claims_then_letters_and_their_end_last() {
    let (partition, epoch) = HELD.id();
    let mut script = Script::new(settings(Policy { hold: true, ..Policy::default() }));
    let ledger: Vec<Record> = vec![
        claim(None),
        letter(7, 0, LetterState::Open),
        letter(8, 0, LetterState::Open),
        claim(Some(0)),
        claim(Some(0)),
        letter(9, 0, LetterState::Open),
        command("discard", Verb::Discard, [7].into_iter()),
        letter(7, 3, LetterState::Discarded),
    ];
    let mut at = HELD.takes_over(&mut script, &ledger);
    let ask = Effect::FindOldestLetter { partition, epoch };
    let stale = record(9, 0, LetterState::Open);
    let orders = HELD.catches_up(&mut script);
    assert_eq!(orders, [remove(std::slice::from_ref(&stale)), vec![ask]].concat());
    let refused = [Removed::Claim(Offset(4))];
    assert_eq!(gone(&mut script, &mut at, &[stale]), remove(&refused));
    let first = [Removed::Claim(Offset(0))];
    assert_eq!(gone(&mut script, &mut at, &refused), remove(&first));
    let second = [Removed::Claim(Offset(3))];
    assert_eq!(gone(&mut script, &mut at, &first), remove(&second), "one after the other: each counts only behind the one that it names");
    assert_eq!(gone(&mut script, &mut at, &second), []);
    // Both copies are gone; one of the letters is not settled.
    let oldest = |oldest| Input::OldestLetter { partition, epoch, oldest: Offset(oldest) };
    assert_eq!(script.tell(oldest(7)), [], "its copy is there");
    let open = [record(7, 0, LetterState::Open)];
    assert_eq!(script.tell(oldest(100)), remove(&open));
    let end = [record(7, 3, LetterState::Discarded), Removed::Command("discard".to_owned())];
    assert_eq!(gone(&mut script, &mut at, &open), remove(&end));
    assert_eq!(gone(&mut script, &mut at, &end), []);
    let fold = script.engine.ledger(partition).unwrap();
    assert!(fold.letter_of(Offset(7)).is_none() && fold.letter_of(Offset(8)).is_some());
    assert_eq!(script.tell(oldest(100)), [], "nothing is left to go");
}

#[test]
fn nothing_goes_that_the_committed_offset_has_not_passed() {
    let (partition, epoch) = HELD.id();
    let mut script = Script::new(settings(Policy::default()));
    let ledger = [claim(None), letter(20_000, 0, LetterState::Open), letter(20_000, 0, LetterState::Done)];
    let mut at = HELD.takes_over(&mut script, &ledger);
    HELD.catches_up(&mut script);
    assert_eq!(gone(&mut script, &mut at, &[Removed::Claim(Offset(0))]), []);
    assert_eq!(script.tell(Input::OldestLetter { partition, epoch, oldest: Offset(90_000) }), [], "it is read again after a crash");
}

#[test]
fn who_was_overtaken_by_compaction_reads_the_ledger_anew() {
    let (partition, epoch) = HELD.id();
    let mut script = Script::new(settings(Policy::default()));
    let assignment = Assignment { partition, epoch, from: Offset(3), ledger: true, ..crate::script::assignment() };
    let read = |reading| Effect::ReadLedger { partition, epoch, reading };
    let end = |reading| Input::LedgerEnd { partition, epoch, reading };
    assert_eq!(script.tell(Input::Assigned(assignment)), [read(1)]);
    assert_eq!(HELD.reads(&mut script, 0, claim(None)), []);
    // The one that follows it, at 1, was compacted away before it was read: this one seems to follow nothing.
    assert_eq!(HELD.reads(&mut script, 2, claim(Some(1))), []);
    let mut at = 2;
    assert_eq!(gone(&mut script, &mut at, &[Removed::Claim(Offset(0))]), [read(2)]);
    // What is left of the first reading says nothing, whether the second one has begun or not.
    assert_eq!(HELD.reads(&mut script, 5, claim(Some(2))), []);
    assert_eq!(script.tell(end(1)), []);
    assert_eq!(HELD.reads_in(&mut script, 2, 2, claim(Some(1))), []);
    assert_eq!(HELD.reads(&mut script, 9, claim(Some(2))), []);
    assert_eq!(script.tell(end(1)), [], "the second reading is not at the end");
    assert_eq!(HELD.reads_in(&mut script, 2, 5, claim(Some(2))), []);
    let next = Offset(3);
    assert_eq!(script.tell(end(2)), [Effect::Commit { partition, epoch, next }]);
    let claims = Effect::Claim { partition, epoch, reading: 2, prev: Some(Offset(5)) };
    assert_eq!(script.tell(Input::Committed { partition, epoch, next }), [claims]);
}

/// Compaction and the retention of tombstones left nothing below the place where the first reading stopped.
#[test]
fn a_new_reading_may_begin_where_the_one_before_stopped() {
    let (partition, epoch) = HELD.id();
    let mut script = Script::new(settings(Policy::default()));
    let next = Offset(3);
    script.tell(Input::Assigned(Assignment { partition, epoch, from: next, ledger: true, ..crate::script::assignment() }));
    HELD.reads(&mut script, 0, claim(None));
    assert_eq!(gone(&mut script, &mut 6, &[Removed::Claim(Offset(0))]), [Effect::ReadLedger { partition, epoch, reading: 2 }]);
    assert_eq!(HELD.reads_in(&mut script, 2, 9, claim(Some(5))), []);
    let end = Input::LedgerEnd { partition, epoch, reading: 2 };
    assert_eq!(script.tell(end), [Effect::Commit { partition, epoch, next }], "it is read to its end");
}

#[test]
fn the_answer_to_a_claim_of_an_earlier_reading_is_none_to_the_next_claim() {
    let (partition, epoch) = HELD.id();
    let mut script = Script::new(settings(Policy::default()));
    let next = Offset(3);
    let end = |reading| Input::LedgerEnd { partition, epoch, reading };
    let committed = Input::Committed { partition, epoch, next };
    script.tell(Input::Assigned(Assignment { partition, epoch, from: next, ledger: true, ..crate::script::assignment() }));
    HELD.reads(&mut script, 0, claim(None));
    script.tell(end(1));
    script.tell(committed.clone());
    // The claim is on its way when the reading turns out to be void.
    assert_eq!(gone(&mut script, &mut 3, &[Removed::Claim(Offset(0))]), [Effect::ReadLedger { partition, epoch, reading: 2 }]);
    HELD.reads_in(&mut script, 2, 2, claim(Some(1)));
    script.tell(end(2));
    assert_eq!(script.tell(committed), [Effect::Claim { partition, epoch, reading: 2, prev: Some(Offset(2)) }]);
    assert_eq!(script.tell(Input::ClaimFailed { partition, epoch, reading: 1 }), []);
    assert_eq!(script.tick(1_000), [], "the second claim is not answered, and must not be followed by a third");
}

#[test]
fn of_a_record_that_landed_twice_only_what_does_not_count_is_taken_out() {
    let mut script = Script::new(settings(Policy { hold: true, ..Policy::default() }));
    let open = letter(7, 0, LetterState::Open);
    let ledger = [claim(None), open.clone(), claim(Some(0)), again(open)];
    let mut at = HELD.takes_over(&mut script, &ledger);
    let Record::Letter(late) = &ledger[3] else { panic!("a letter") };
    let stale = late.removed();
    assert_eq!(HELD.catches_up(&mut script), remove(std::slice::from_ref(&stale)));
    assert_eq!(gone(&mut script, &mut at, &[stale]), remove(&[Removed::Claim(Offset(0))]));
    // The letter is still open: a person can settle it.
    let orders = HELD.reads(&mut script, at + 1, command("discard", Verb::Discard, [7].into_iter()));
    assert!(matches!(orders[..], [Effect::Record(Entry { state: LetterState::Discarded, .. })]), "{orders:?}");
}

#[test]
fn a_letter_whose_record_may_land_once_more_is_left_to_the_next_owner() {
    let (partition, epoch) = HELD.id();
    let mut script = Script::new(settings(Policy { hold: true, ..Policy::default() }));
    let ledger = [claim(None), letter(7, 0, LetterState::Open), letter(8, 0, LetterState::Open)];
    let mut at = HELD.takes_over(&mut script, &ledger);
    let claims = [Removed::Claim(Offset(0))];
    assert_eq!(HELD.catches_up(&mut script), remove(&claims));
    assert_eq!(gone(&mut script, &mut at, &claims), []);
    assert_eq!(HELD.reads(&mut script, at + 1, command("discard", Verb::Discard, [7, 8].into_iter())).len(), 2);
    // Of one of them, nobody knows what became of its record: it was written under our claim, and what lands of it would count.
    assert_eq!(script.tell(Input::SentAgain { partition, epoch, offset: Offset(7) }), []);
    HELD.reads(&mut script, at + 2, letter(7, 3, LetterState::Discarded));
    HELD.reads(&mut script, at + 3, letter(8, 3, LetterState::Discarded));
    let orders = script.tell(Input::OldestLetter { partition, epoch, oldest: Offset(100) });
    assert_eq!(orders, remove(&[record(8, 0, LetterState::Open)]), "the other one goes");
}

#[test]
fn a_late_record_that_says_nothing_new_is_not_the_one_that_is_awaited() {
    let mut script = Script::new(settings(Policy { hold: true, ..Policy::default() }));
    let at = HELD.takes_over(&mut script, &[claim(None), letter(7, 0, LetterState::Open)]);
    HELD.catches_up(&mut script);
    let orders = HELD.reads(&mut script, at + 1, command("discard", Verb::Discard, [7].into_iter()));
    assert!(matches!(orders[..], [Effect::Record(Entry { state: LetterState::Discarded, .. })]), "{orders:?}");
    let orders = HELD.reads(&mut script, at + 2, again(letter(7, at, LetterState::Open)));
    assert_eq!(orders, [], "the discard is on its way, and must not be written twice under one key");
}

#[test]
fn a_claim_of_which_nobody_knows_is_not_sent_again_but_another_one_decided_on() {
    let (partition, epoch) = HELD.id();
    let mut script = Script::new(settings(Policy::default()));
    let next = Offset(3);
    script.tell(Input::Assigned(Assignment { partition, epoch, from: next, ledger: true, ..crate::script::assignment() }));
    assert_eq!(script.tell(Input::LedgerEnd { partition, epoch, reading: 1 }), [Effect::Commit { partition, epoch, next }]);
    assert_eq!(script.tell(Input::Committed { partition, epoch, next }), [Effect::Claim { partition, epoch, reading: 1, prev: None }]);
    assert_eq!(script.tell(Input::ClaimFailed { partition, epoch, reading: 1 }), []);
    assert_eq!(script.tick(100), [Effect::Commit { partition, epoch, next }], "the group is asked once more");
    // Now it lands all the same.
    assert_eq!(HELD.reads(&mut script, 0, claim(None)), []);
    let ask = Effect::Commit { partition, epoch, next };
    assert_eq!(script.tell(Input::Committed { partition, epoch, next }), [ask], "the answer is older than that claim");
    let ours = Effect::Claim { partition, epoch, reading: 1, prev: Some(Offset(0)) };
    assert_eq!(script.tell(Input::Committed { partition, epoch, next }), [ours]);
}
