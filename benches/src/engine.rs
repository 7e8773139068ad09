//! The engine alone: one core, no I/O, batches as the driver hands them in.

use std::process::Command;
use std::time::Instant;

use onceward_engine::{
    Assignment, DeliveryId, Digest, Effect, Engine, EngineSettings, Epoch, EventHash, Fetched, Input, KeyHash, MarkResult, Offset, Outcome,
    PartitionId, PolicyId, Slots, Timestamp,
};

const BATCH: u64 = 500;

/// Prints events per second for each number of keys.
pub(crate) fn run(events: u64, keys: Option<u64>) {
    for keys in keys.map_or_else(|| vec![10, 10_000, 1_000_000], |keys| vec![keys]) {
        let started = Instant::now();
        let resolved = drive(events, keys);
        let seconds = started.elapsed().as_secs_f64();
        println!("{{\"engine\":true,\"keys\":{keys},\"events\":{resolved},\"events_per_second\":{:.0}}}", resolved as f64 / seconds);
    }
}

/// Instructions per event, counted by valgrind's callgrind: the difference of two lengths, so that the start does not count.
///
/// `None` where there is no valgrind.
pub(crate) fn instructions(keys: u64) -> Option<u64> {
    const EVENTS: (u64, u64) = (100_000, 300_000);
    let count = |events: u64| {
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(std::env::current_exe().ok()?)
            .args(["engine", "--keys", &keys.to_string(), "--events", &events.to_string()])
            .output()
            .ok()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let line = said.lines().find(|line| line.contains("Collected :"))?;
        line.split_whitespace().last()?.parse::<u64>().ok()
    };
    Some((count(EVENTS.1)?.checked_sub(count(EVENTS.0)?)?) / (EVENTS.1 - EVENTS.0))
}

/// Drives one partition through fetch, look-up, handler, mark and commit. Returns how many were resolved.
fn drive(events: u64, keys: u64) -> u64 {
    let mut settings = EngineSettings { concurrency: 4_096, ..EngineSettings::default() };
    settings.policies[0].run_length = 256;
    let mut engine = Engine::new(settings);
    let (partition, epoch, policy) = (PartitionId(0), Epoch(1), PolicyId(0));
    let assignment = Assignment { partition, epoch, from: Offset(0), committed: false, oldest: Offset(0), policy, ledger: false };
    engine.handle(Timestamp(0), Input::Assigned(assignment));
    engine.handle(Timestamp(0), Input::CaughtUp { partition, epoch, remembered: None });
    let mut slots: Slots<()> = Slots::default();
    let (mut next, mut resolved, mut now, mut state) = (0_u64, 0_u64, 0_u64, 1_u64);
    while resolved < events {
        for _ in 0..BATCH.min(events - next) {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let spread = |value: u64| u128::from(value.wrapping_mul(0x9E37_79B9_7F4A_7C15)) << 64 | u128::from(value);
            let fetched = Fetched {
                delivery: slots.insert(()),
                partition,
                epoch,
                offset: Offset(i64::try_from(next).unwrap_or(i64::MAX)),
                key: Some(KeyHash(spread((state >> 20) % keys))),
                event: EventHash(spread(next + 1)),
                digest: Digest(0),
                bytes: 300,
                policy,
                refused: None,
                ignored: false,
            };
            engine.handle(Timestamp(now), Input::Fetched(fetched));
            next += 1;
        }
        now += 1;
        engine.handle(Timestamp(now), Input::Tick);
        while let Some(effect) = engine.next_effect() {
            resolved += answer(&mut engine, &mut slots, Timestamp(now), effect);
        }
    }
    resolved
}

fn answer(engine: &mut Engine, slots: &mut Slots<()>, now: Timestamp, effect: Effect) -> u64 {
    let each = |engine: &mut Engine, deliveries: &[DeliveryId], input: fn(DeliveryId) -> Input| {
        for &delivery in deliveries {
            engine.handle(now, input(delivery));
        }
    };
    match effect {
        Effect::LookUp(deliveries) => each(engine, &deliveries, |delivery| Input::LookedUp { delivery, seen: None }),
        Effect::Dispatch(runs) => {
            for (delivery, _) in runs.deliveries {
                engine.handle(now, Input::Handled { delivery, outcome: Outcome::Done { effects: false } });
            }
        }
        Effect::Mark(deliveries) => each(engine, &deliveries, |delivery| Input::Marked { delivery, result: MarkResult::Durable }),
        Effect::Commit { partition, epoch, next } => engine.handle(now, Input::Committed { partition, epoch, next }),
        Effect::Forget(fates) => {
            for (delivery, _) in &fates {
                slots.remove(*delivery);
            }
            return fates.len() as u64;
        }
        _ => {}
    }
    0
}
