//! The simulation of ledgers: owners that lose a partition without knowing, writes of the dead that land late, operators who replay,
//! discard, stop and say everything twice.
//!
//! The other simulation looks closely at what one engine may say. This one looks at what several engines do to one ledger, one inbox
//! and one offset, and judges by what is true outside of them: which events were handled, in which order, and what the ledger says to somebody who
//! folds it.

mod broker;
mod carry;
mod copies;
mod judge;
mod member;
mod operator;
mod plan;
mod read;
mod store;
mod trouble;
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use onceward_engine::Sabotage;

use crate::sim::Violation;
use world::World;

/// What a world met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Met {
    /// Inputs of all engines.
    pub inputs: u64,
    /// Letters that were written, and followers among them.
    pub letters: u64,
    /// Of those, followers.
    pub followers: u64,
    /// Letters that a replay handled.
    pub replayed: u64,
    /// Replays that failed.
    pub failed: u64,
    /// Letters that were discarded.
    pub discarded: u64,
    /// Claims that were refused.
    pub refused_claims: u64,
    /// Owners that read of another one's claim.
    pub superseded: u64,
    /// Claims of somebody who does not own the partition, and was let through.
    pub intruders: u64,
    /// Owners that took their partition up again after such a claim.
    pub reassigned: u64,
    /// Records that were taken out of a ledger.
    pub removed: u64,
    /// Ledgers that had to be read anew, since compaction came in between.
    pub read_again: u64,
    /// Records that counted for nobody.
    pub stale: u64,
    /// Members that died.
    pub crashes: u64,
    /// Letters that were gone.
    pub gone: u64,
    /// Records that landed twice.
    pub copies: u64,
}

impl Met {
    /// By name.
    #[must_use]
    pub fn rows(&self) -> [(&'static str, u64); 16] {
        [
            ("inputs", self.inputs),
            ("letters", self.letters),
            ("followers", self.followers),
            ("replayed", self.replayed),
            ("replays that failed", self.failed),
            ("discarded", self.discarded),
            ("refused claims", self.refused_claims),
            ("superseded owners", self.superseded),
            ("intruders", self.intruders),
            ("reassigned", self.reassigned),
            ("removed records", self.removed),
            ("ledgers read again", self.read_again),
            ("stale records", self.stale),
            ("crashes", self.crashes),
            ("letters gone", self.gone),
            ("records that came twice", self.copies),
        ]
    }

    fn add(&mut self, other: &Self) {
        self.inputs += other.inputs;
        self.letters += other.letters;
        self.followers += other.followers;
        self.replayed += other.replayed;
        self.failed += other.failed;
        self.discarded += other.discarded;
        self.refused_claims += other.refused_claims;
        self.superseded += other.superseded;
        self.intruders += other.intruders;
        self.reassigned += other.reassigned;
        self.removed += other.removed;
        self.read_again += other.read_again;
        self.stale += other.stale;
        self.crashes += other.crashes;
        self.gone += other.gone;
        self.copies += other.copies;
    }
}

/// What many seeds showed.
#[derive(Debug, Default)]
pub struct Report {
    /// Seeds that broke a promise.
    pub failures: Vec<(u64, Violation)>,
    /// What was met.
    pub met: Met,
}

/// Runs one world. With `told`, it prints what happens.
#[must_use]
pub fn run_seed(seed: u64, sabotage: Option<Sabotage>, told: bool) -> (Option<Violation>, Met) {
    World::new(seed, sabotage, told).run()
}

/// What may be wrong outside of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// Letters of events without an id are looked up like those events themselves.
    LettersByPlace,
    /// A letter's record is sent again under the same key.
    OneKey,
    /// A claim is sent again, as it is.
    ClaimsSentAgain,
}

/// Runs one world in which something is wrong outside of the engine.
#[must_use]
pub fn run_seed_with(seed: u64, wrong: Wrong) -> Option<Violation> {
    let mut world = World::new(seed, None, false);
    world.wrong = Some(wrong);
    world.store.letters_by_place = wrong == Wrong::LettersByPlace;
    world.run().0
}

/// Runs `seeds` worlds, the first of them `from`, on all cores.
#[must_use]
pub fn simulate(from: u64, seeds: u64) -> Report {
    let next = AtomicU64::new(0);
    let total = Mutex::new(Report::default());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= seeds {
                        return;
                    }
                    let (violation, met) = run_seed(from + index, None, false);
                    let mut total = total.lock().unwrap();
                    total.met.add(&met);
                    total.failures.extend(violation.map(|violation| (from + index, violation)));
                }
            });
        }
    });
    let mut report = total.into_inner().unwrap();
    report.failures.sort_by_key(|failure| failure.0);
    report
}
