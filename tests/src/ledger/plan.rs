//! What a seed stands for.

use onceward_engine::{Backoff, Credit, EngineSettings, NullKeys, OnRewind, Order, Policy};

use crate::sim::Rng;

/// Something that goes wrong.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trouble {
    /// A member dies. What it wrote may land later, in any order, or never.
    Crash,
    /// The group moves a partition, with notice.
    Move,
    /// The group takes a partition away; its owner learns of it later.
    Lose,
    /// Somebody who does not own a partition claims it, and the group never hears of that.
    Intrude,
    /// Compaction catches up with some of the ledger.
    Compact,
    /// Retention deletes letters that are settled.
    Expire,
    /// The broker deletes the oldest letters.
    Delete,
}

#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) settings: EngineSettings,
    pub(super) members: usize,
    pub(super) partitions: usize,
    pub(super) records: usize,
    pub(super) keys: u64,
    /// In hundredths.
    pub(super) no_key: u64,
    pub(super) copies: u64,
    /// Events without an id.
    pub(super) by_place: u64,
    pub(super) poison: u64,
    /// Of those, so many are never mended.
    pub(super) hopeless: u64,
    pub(super) effects: u64,
    pub(super) lag: u64,
    pub(super) commit_errors: u64,
    pub(super) claim_errors: u64,
    pub(super) latency: u64,
    /// How often reading a ledger stands still for a while, in hundredths.
    pub(super) stalls: u64,
    /// How often a record of a ledger lands a second time, in hundredths.
    pub(super) again: u64,
    /// When the handler is mended.
    pub(super) mended: u64,
    /// Nothing goes wrong after this.
    pub(super) healed: u64,
    pub(super) troubles: Vec<(u64, Trouble)>,
    /// When operators act before the end.
    pub(super) operators: Vec<u64>,
    pub(super) rate: Option<u32>,
}

impl Plan {
    pub(super) fn of(seed: u64) -> Self {
        let mut rng = Rng::new(seed, 21);
        let r = &mut rng;
        let hold = r.percent(75);
        let policy = Policy {
            order: r.pick(&[Order::Key, Order::Key, Order::Key, Order::Key, Order::Partition]),
            null_keys: r.pick(&[NullKeys::Parallel, NullKeys::Serial]),
            backoff: Backoff { attempts: 1 + u32::from(r.percent(40)), first: r.pick(&[1, 30]), ..Backoff::default() },
            handler_timeout: None,
            run_length: r.pick(&[1, 3, 256]),
            hold,
            max_replays: r.pick(&[1, 2, 5]),
            on_rewind: OnRewind::Reprocess,
            ..Policy::default()
        };
        let settings = EngineSettings {
            policies: vec![policy],
            concurrency: r.pick(&[1, 3, 64]),
            credit: Credit { records: r.pick(&[8, 16, 64, 1_000]), bytes: r.pick(&[1_000, 100_000]) },
            commit_interval: r.pick(&[1, 50, 500]),
            clean_interval: [50, 500, 600_000][usize::try_from(seed % 3).unwrap_or(0)],
            crash_limit: 3,
            seed: r.next(),
            until_end: false,
        };
        let horizon = r.pick(&[500, 3_000, 8_000]);
        let count = r.pick(&[0, 2, 5, 9]);
        let kinds = [Trouble::Crash, Trouble::Crash, Trouble::Move, Trouble::Lose, Trouble::Lose, Trouble::Delete];
        let mut troubles: Vec<_> = (0..count).map(|_| (r.within(0, horizon), r.pick(&kinds))).collect();
        let deletes = r.percent(20);
        troubles.retain(|trouble| deletes || !matches!(trouble.1, Trouble::Delete));
        let mut plan = Self {
            settings,
            members: usize::try_from(r.within(1, 3)).unwrap_or(1),
            partitions: usize::try_from(r.within(1, 2)).unwrap_or(1),
            records: usize::try_from(r.pick(&[3, 8, 30, 60])).unwrap_or(3),
            keys: r.within(1, 4),
            no_key: r.pick(&[0, 0, 20]),
            copies: r.pick(&[0, 0, 15]),
            by_place: [0, 0, 50, 100][usize::try_from(seed / 3 % 4).unwrap_or(0)],
            poison: r.pick(&[5, 15, 40]),
            hopeless: r.pick(&[0, 20]),
            effects: r.pick(&[0, 50]),
            lag: r.pick(&[0, 30, 80]),
            commit_errors: r.pick(&[0, 20]),
            claim_errors: r.pick(&[0, 20]),
            stalls: 0,
            again: Rng::new(seed, 26).pick(&[0, 0, 5, 40]),
            latency: r.pick(&[1, 5, 40, 200]),
            mended: r.within(0, horizon),
            healed: horizon + 1,
            troubles,
            operators: (0..r.pick(&[0, 2, 6])).map(|_| r.within(0, horizon)).collect(),
            rate: r.percent(15).then(|| r.pick(&[2_000, 50_000])),
        };
        if r.percent(20) {
            plan.troubles.push((r.within(0, horizon), Trouble::Intrude));
        }
        if r.percent(50) {
            for _ in 0..r.within(1, 20) {
                plan.troubles.push((r.within(0, horizon + 2_000), r.pick(&[Trouble::Expire, Trouble::Compact])));
            }
            plan.stalls = r.pick(&[0, 10, 40]);
        }
        plan
    }
}
