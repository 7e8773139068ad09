//! What held keys cost their partition's owner: the state of their letters, and nothing of the events themselves.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

use onceward_engine::ledger::{Claim, KeyDigest, LetterRecord, LetterState, Record};
use onceward_engine::*;

const KEYS: i64 = 100_000;
const PARTITION: PartitionId = PartitionId(0);
const EPOCH: Epoch = Epoch(1);

/// Bytes of this process that are in memory.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4_096
}

fn tell(engine: &mut Engine, input: Input) -> Option<Effect> {
    engine.handle(Timestamp(0), input);
    std::iter::from_fn(|| engine.next_effect()).last()
}

fn read(engine: &mut Engine, at: i64, record: Record) -> Option<Effect> {
    tell(engine, Input::Ledger(Box::new(LedgerRead { partition: PARTITION, epoch: EPOCH, reading: 1, at: Offset(at), record })))
}

fn letter(offset: i64, state: LetterState) -> Record {
    let key = u128::from(u64::try_from(offset % KEYS).unwrap());
    Record::Letter(LetterRecord {
        offset: Offset(offset),
        epoch: Offset(0),
        state,
        replays: 0,
        // Spread as hashes are.
        key: Some(KeyDigest(key.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_0C94_9ECB_FF21))),
        holds: true,
        letter: Offset(offset),
        reason: Reason::Exhausted,
        fingerprint: if state == LetterState::Open { "5f3a09c1d2e4b687".to_owned() } else { String::new() },
        time: offset,
        again: 0,
    })
}

#[test]
fn a_hundred_thousand_held_keys_stay_within_the_promised_memory() {
    let policies = vec![Policy { hold: true, ..Policy::default() }];
    let mut engine = Engine::new(EngineSettings { policies, ..EngineSettings::default() });
    let from = Offset(4 * KEYS);
    let (partition, epoch) = (PARTITION, EPOCH);
    let assignment = Assignment { partition, epoch, from, committed: true, oldest: Offset(0), policy: PolicyId(0), ledger: true };
    tell(&mut engine, Input::Assigned(assignment));
    let claim = |prev| Record::Claim(Claim { prev, member: "m".to_owned(), generation: 1, store: "s".to_owned(), time: 0 });
    read(&mut engine, 0, claim(None));
    let before = resident();
    (0..KEYS).for_each(|offset| drop(read(&mut engine, offset + 1, letter(offset, LetterState::Open))));
    let keys = resident().saturating_sub(before) / KEYS.unsigned_abs();
    (KEYS..4 * KEYS).for_each(|offset| drop(read(&mut engine, offset + 1, letter(offset, LetterState::Held))));
    let followers = resident().saturating_sub(before) / KEYS.unsigned_abs();
    tell(&mut engine, Input::LedgerEnd { partition, epoch, reading: 1 });
    tell(&mut engine, Input::Committed { partition, epoch, next: from });
    tell(&mut engine, Input::Claimed { partition, epoch, reading: 1, at: Offset(from.0 + 1) });
    let order = read(&mut engine, from.0 + 1, claim(Some(Offset(0))));
    assert!(matches!(order, Some(Effect::CatchUp { .. })), "{order:?}");
    let order = tell(&mut engine, Input::CaughtUp { partition, epoch, remembered: None });
    assert!(matches!(order, Some(Effect::Remove { .. })), "it runs, and takes out the claim before: {order:?}");
    let running = resident().saturating_sub(before) / KEYS.unsigned_abs();
    println!("{KEYS} held keys: {keys} bytes each, {followers} with three followers each, {running} at most while they are looked at");
    assert_eq!(engine.ledger(partition).unwrap().held().count(), usize::try_from(KEYS).unwrap());
    assert!(keys < 800 && running < 2_400, "{keys} bytes for a held key, {running} with three followers");
}
