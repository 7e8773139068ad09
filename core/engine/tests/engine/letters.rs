//! What the owner of a partition does about its ledger and its letters.

use onceward_engine::ledger::{Claim, Command, KeyDigest, LetterRecord, LetterState, Record, Verb};
use onceward_engine::*;

use crate::script::{Script, assignment, record, settings};

/// Where reading of the source partition goes on: behind all letters.
const FROM: i64 = 10_000;

pub(crate) fn claim(prev: Option<i64>) -> Record {
    Record::Claim(Claim { prev: prev.map(Offset), member: "m".to_owned(), generation: 1, store: "s".to_owned(), time: 0 })
}

/// A letter of a key of its own.
pub(crate) fn letter(offset: i64, epoch: i64, state: LetterState) -> Record {
    Record::Letter(LetterRecord {
        offset: Offset(offset),
        epoch: Offset(epoch),
        state,
        replays: 0,
        key: Some(KeyDigest(u128::from(offset.unsigned_abs()) + 1)),
        holds: true,
        letter: Offset(offset),
        reason: Reason::Exhausted,
        fingerprint: String::new(),
        time: 0,
        again: 0,
    })
}

pub(crate) fn command(id: &str, verb: Verb, letters: impl Iterator<Item = i64>) -> Record {
    let letters = letters.map(|offset| (Offset(offset), 0)).collect();
    Record::Command(Command { id: id.to_owned(), verb, letters, force: false, rate: None, who: "me".to_owned(), time: 0 })
}

/// A partition with a ledger: its number, and the number of its assignment.
#[derive(Clone, Copy)]
pub(crate) struct Owned(pub(crate) u32, pub(crate) u64);

impl Owned {
    pub(crate) fn id(self) -> (PartitionId, Epoch) {
        (PartitionId(self.0), Epoch(self.1))
    }

    /// A record of its ledger is read, by the first reading.
    pub(crate) fn reads(self, script: &mut Script, at: i64, record: Record) -> Vec<Effect> {
        self.reads_in(script, 1, at, record)
    }

    pub(crate) fn reads_in(self, script: &mut Script, reading: u32, at: i64, record: Record) -> Vec<Effect> {
        let (partition, epoch) = self.id();
        script.tell(Input::Ledger(Box::new(LedgerRead { partition, epoch, reading, at: Offset(at), record })))
    }

    /// Takes it over with what stands in its ledger, and returns the place of the claim.
    pub(crate) fn takes_over(self, script: &mut Script, ledger: &[Record]) -> i64 {
        let (partition, epoch) = self.id();
        let from = Offset(FROM);
        let orders = script.tell(Input::Assigned(Assignment { partition, epoch, from, ledger: true, ..assignment() }));
        assert_eq!(orders, [Effect::ReadLedger { partition, epoch, reading: 1 }]);
        let mut fold = ledger::Fold::new();
        for (at, record) in (0..).zip(ledger) {
            fold.apply(Offset(at), record);
            assert_eq!(self.reads(script, at, record.clone()), []);
        }
        assert_eq!(script.tell(Input::LedgerEnd { partition, epoch, reading: 1 }), [Effect::Commit { partition, epoch, next: from }]);
        let prev = fold.current();
        assert_eq!(script.tell(Input::Committed { partition, epoch, next: from }), [Effect::Claim { partition, epoch, reading: 1, prev }]);
        let at = i64::try_from(ledger.len()).unwrap();
        assert_eq!(script.tell(Input::Claimed { partition, epoch, reading: 1, at: Offset(at) }), []);
        let claimed = Some(Claimed { at: Offset(at), prev, from });
        let own = claim(prev.map(|prev| prev.0));
        assert_eq!(self.reads(script, at, own), [Effect::CatchUp { partition, epoch, claim: claimed }]);
        at
    }

    pub(crate) fn catches_up(self, script: &mut Script) -> Vec<Effect> {
        let (partition, epoch) = self.id();
        script.tell(Input::CaughtUp { partition, epoch, remembered: None })
    }
}

/// How many letters of each of three partitions are asked for.
fn asked(orders: &[Effect]) -> [usize; 3] {
    let mut count = [0; 3];
    for order in orders {
        if let Effect::FetchLetters(letters) = order {
            letters.iter().for_each(|letter| count[letter.partition.0 as usize] += 1);
        }
    }
    count
}

#[test]
fn the_room_for_letters_is_shared_by_all_partitions_that_have_some() {
    // An eighth of the credit: room for thirty letters.
    let credit = Credit { records: 240, bytes: 1 << 20 };
    let mut script = Script::new(EngineSettings { credit, ..settings(Policy { hold: true, ..Policy::default() }) });
    let owned = [Owned(0, 1), Owned(1, 2), Owned(2, 3)];
    let mut next = [0; 3];
    for (partition, letters) in owned.into_iter().zip([500, 500, 4]) {
        let mut ledger = vec![claim(None)];
        ledger.extend((0..letters).map(|offset| letter(offset, 0, LetterState::Open)));
        next[partition.0 as usize] = partition.takes_over(&mut script, &ledger) + 1;
        assert_eq!(asked(&partition.catches_up(&mut script)), [0; 3], "nobody wants them handled");
    }
    for (partition, letters) in owned.into_iter().zip([500, 500, 4]) {
        let (id, epoch) = partition.id();
        let record = command("all", Verb::Replay, 0..letters);
        let at = Offset(next[partition.0 as usize]);
        script.feed(Input::Ledger(Box::new(LedgerRead { partition: id, epoch, reading: 1, at, record })));
    }
    let mut waiting = Vec::new();
    let mut turns = Vec::new();
    let mut orders = script.orders();
    for _ in 0..80 {
        let counts = asked(&orders);
        if counts != [0; 3] {
            turns.push(counts);
        }
        waiting.extend(
            orders.into_iter().filter_map(|order| if let Effect::FetchLetters(letters) = order { Some(letters) } else { None }).flatten(),
        );
        // While others are read, one that is gone makes too little room for another turn.
        let LetterPlace { partition, epoch, offset, .. } = waiting.remove(0);
        orders = script.tell(Input::LetterGone { partition, epoch, offset });
    }
    let wanted = [[15, 15, 0], [11, 0, 4], [0, 15, 0], [15, 0, 0], [0, 15, 0], [15, 0, 0]];
    assert_eq!(turns, wanted, "who has few letters does not wait for those who have many, and leaves the rest to them");
}

#[test]
fn copies_that_go_back_behind_a_letter_that_failed_again_are_gone() {
    let mut script = Script::new(settings(Policy { hold: true, ..Policy::default() }));
    let owned = Owned(0, 1);
    let (partition, epoch) = owned.id();
    let of_one_key = |offset, state| match letter(offset, 0, state) {
        Record::Letter(letter) => Record::Letter(LetterRecord { key: Some(KeyDigest(1)), ..letter }),
        other => other,
    };
    let mut ledger = vec![claim(None), of_one_key(1, LetterState::Open), of_one_key(2, LetterState::Held)];
    ledger.extend([of_one_key(3, LetterState::Held), of_one_key(4, LetterState::Held)]);
    ledger.push(command("all", Verb::Replay, [1].into_iter()));
    owned.takes_over(&mut script, &ledger);
    assert_eq!(asked(&owned.catches_up(&mut script)), [4, 0, 0]);
    // The first, the third and the fourth carry the same event.
    let ids: Vec<DeliveryId> = [(1, 70), (2, 80), (3, 70), (4, 70)]
        .into_iter()
        .map(|(offset, event)| {
            let fetched = record(offset, 1).event(event, 0).0;
            let delivery = script.slots.insert(offset);
            script.feed(Input::LetterFetched(Fetched { delivery, partition, epoch, ..fetched }));
            delivery
        })
        .collect();
    assert_eq!(script.orders(), [Effect::LookUp(vec![ids[0], ids[1]])]);
    script.seen(ids[0], None);
    script.seen(ids[1], None);
    script.done(ids[0]);
    script.ended(ids[1], Outcome::Reject(Rejection::Rejected));
    let orders = script.durable(ids[0]);
    let gone = Effect::Forget(vec![(ids[2], Fate::Abandoned), (ids[3], Fate::Abandoned)]);
    assert!(orders.contains(&gone), "{orders:?}");
    let delivery = DeliveryId { generation: ids[3].generation + 1, ..ids[3] };
    let fetched = record(FROM, 9).0;
    let orders = script.tell(Input::Fetched(Fetched { delivery, partition, epoch, ..fetched }));
    assert_eq!(orders, [Effect::LookUp(vec![delivery])], "their slots are free");
}

/// The last thing that a run until the end waits for is no delivery: a letter that is gone, or discarded.
#[test]
fn a_run_until_the_end_ends_with_what_became_of_a_letter() {
    for verb in [Verb::Replay, Verb::Discard] {
        let mut script = Script::new(EngineSettings { until_end: true, ..settings(Policy { hold: true, ..Policy::default() }) });
        let owned = Owned(0, 1);
        let (partition, epoch) = owned.id();
        let ledger = [claim(None), letter(1, 0, LetterState::Open), command("it", verb, [1].into_iter())];
        let ours = owned.takes_over(&mut script, &ledger);
        let orders = owned.catches_up(&mut script);
        assert_eq!(script.tell(Input::ReachedEnd { partition, epoch, position: Offset(FROM) }), [], "a letter is wanted");
        let offset = Offset(1);
        let orders = if verb == Verb::Replay { script.tell(Input::LetterGone { partition, epoch, offset }) } else { orders };
        let Some(Effect::Record(entry)) = orders.iter().find(|order| matches!(order, Effect::Record(_))) else { panic!("{orders:?}") };
        let mut record = letter(1, ours, entry.state);
        if let Record::Letter(letter) = &mut record {
            letter.replays = entry.replays;
        }
        let orders = owned.reads(&mut script, ours + 1, record);
        assert!(orders.contains(&Effect::Finished), "{verb:?}: {orders:?}");
    }
}
