//! What a seed stands for: settings, sizes, chances and the list of troubles. Troubles are numbered: when they are used up, the world heals.

use onceward_engine::{
    Backoff, Batching, BreakerRules, Credit, Dependency, EngineSettings, NullKeys, OnConflict, OnGap, OnRewind, Order, Policy,
};

use super::kinds::EFFECTS;
use super::rng::Rng;

/// One thing that goes wrong, or that somebody does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trouble {
    /// A member dies.
    Crash,
    /// A member stops as it should.
    Stop,
    /// The group moves a partition, with notice.
    Move,
    /// The group takes a partition away; its owner learns of it later.
    Lose,
    /// A member is given anew what it still holds.
    GiveAgain,
    /// A dependency is away for so many milliseconds.
    Outage(Dependency, u64),
    /// An operator moves a committed offset back.
    Rewind,
    /// The broker deletes the oldest records.
    Delete,
    /// Somebody suspends a policy for so many milliseconds.
    Suspend(u16, u64),
    /// A fact of the past arrives again, or one that was never true.
    Stray,
}

/// What kind of day it is for what handlers call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Day {
    /// Events fail for reasons of their own.
    Usual,
    /// Every handler of every key fails for a while. Strict: nothing else fails, so nothing may be given up.
    Outage { from: u64, to: u64, strict: bool },
    /// About half of the events fail, for good: bad events, and no outage.
    Stormy,
}

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) settings: EngineSettings,
    pub(crate) day: Day,
    pub(crate) partitions: u32,
    pub(crate) members: usize,
    pub(crate) records: usize,
    pub(crate) keys: u64,
    pub(crate) slow: u64,
    /// In hundredths: chances per record, answer or step.
    pub(crate) copies: u64,
    pub(crate) conflicts: u64,
    pub(crate) no_key: u64,
    pub(crate) refused: u64,
    pub(crate) failing: u64,
    /// Events of which the process dies.
    pub(crate) killers: u64,
    pub(crate) poison: u64,
    /// So many poison events are refused at once.
    pub(crate) rejecting: u64,
    pub(crate) effects: u64,
    pub(crate) failing_effects: u64,
    pub(crate) holes: u64,
    pub(crate) repeats: u64,
    pub(crate) lag: u64,
    pub(crate) commit_errors: u64,
    pub(crate) cancels: u64,
    pub(crate) latency: u64,
    /// Records that nobody wants, and batches that fail as a whole.
    pub(crate) ignored: u64,
    pub(crate) failing_batches: u64,
    pub(crate) troubles: Vec<(u64, Trouble)>,
    /// Die right after the n-th effect of that kind.
    pub(crate) crash_points: Vec<(usize, u64)>,
}

impl Plan {
    pub(crate) fn of(seed: u64) -> Self {
        let mut rng = Rng::new(seed, 1);
        let r = &mut rng;
        let until_end = r.percent(35);
        let settings = EngineSettings {
            policies: (0..r.within(1, 2)).map(|_| policy(r)).collect(),
            concurrency: u32::try_from(r.pick(&[1, 2, 3, 8, 64])).unwrap_or(1),
            credit: Credit { records: u32::try_from(r.pick(&[4, 8, 16, 64, 1_000])).unwrap_or(4), bytes: r.pick(&[400, 1_000, 100_000]) },
            commit_interval: r.pick(&[1, 50, 1_000]),
            clean_interval: 600_000,
            crash_limit: 3,
            seed: r.next(),
            until_end,
        };
        let horizon = r.pick(&[300, 2_000, 20_000]);
        let troubles = troubles(r, horizon);
        let crash_points = (0..r.within(0, 3)).map(|_| (kind(r), r.pick(&[1, 1, 1, 2, 2, 3, 5, 9]))).collect();
        let plan = Self {
            settings,
            day: Day::Usual,
            partitions: u32::try_from(r.within(2, 3)).unwrap_or(2),
            members: usize::try_from(r.within(1, 3)).unwrap_or(1),
            records: usize::try_from(r.within(34, 52)).unwrap_or(34),
            keys: r.within(3, 5),
            slow: r.pick(&[0, 2, 5]),
            copies: r.pick(&[0, 10, 30]),
            conflicts: r.pick(&[0, 5, 30]),
            no_key: r.pick(&[0, 10]),
            refused: r.pick(&[0, 3]),
            killers: 0,
            failing: r.pick(&[0, 10, 25]),
            poison: r.pick(&[0, 2, 8]),
            rejecting: 40,
            effects: r.pick(&[0, 30, 100]),
            failing_effects: r.pick(&[0, 5, 20]),
            holes: r.pick(&[0, 10, 40]),
            repeats: r.pick(&[0, 5, 20]),
            lag: r.pick(&[0, 30, 80]),
            commit_errors: r.pick(&[0, 10, 40]),
            cancels: r.pick(&[0, 2]),
            latency: r.pick(&[1, 5, 40]),
            ignored: 0,
            failing_batches: 0,
            troubles,
            crash_points,
        };
        plan.with_a_day(Rng::new(seed, 4)).with_gates(Rng::new(seed, 5), horizon)
    }

    /// Chooses the day by a stream of its own.
    fn with_a_day(mut self, mut rng: Rng) -> Self {
        let r = &mut rng;
        let from = r.within(0, 400);
        let to = from + r.pick(&[100, 1_000, 8_000]);
        self.day = match r.below(10) {
            0..=2 => Day::Outage { from, to, strict: true },
            3..=5 => Day::Outage { from, to, strict: false },
            6 => Day::Stormy,
            _ => Day::Usual,
        };
        let rules = match self.day {
            Day::Usual => {
                self.killers = r.pick(&[0, 0, 2, 4]);
                self.settings.crash_limit = u32::try_from(r.within(1, 3)).unwrap_or(1);
                return self;
            }
            // Nobody else's failure muddles the picture, so the first one is evidence enough.
            Day::Outage { strict: true, .. } => {
                (self.slow, self.failing, self.failing_effects, self.rejecting) = (0, 0, 0, 100);
                BreakerRules { events: 1, keys: 1, ..rules(r) }
            }
            // What always fails would keep the breaker open for ever when nothing else is left.
            Day::Outage { strict: false, .. } => {
                (self.failing_effects, self.rejecting) = (self.failing_effects.min(5), 100);
                rules(r)
            }
            Day::Stormy => {
                (self.poison, self.failing, self.rejecting) = (50, 0, 0);
                // What is read again after a restart are the bad ones: the good ones are marked.
                (self.troubles, self.crash_points) = (Vec::new(), Vec::new());
                BreakerRules { events: 45, percent: 90, ..rules(r) }
            }
        };
        for policy in &mut self.settings.policies {
            policy.breaker = Some(rules);
            policy.backoff.attempts = policy.backoff.attempts.max(2);
            if matches!(self.day, Day::Outage { strict: true, .. }) {
                policy.backoff.total = 300_000;
            }
        }
        self
    }
}

/// What came later is chosen by a stream of its own, so that older seeds keep their worlds.
impl Plan {
    fn with_gates(mut self, mut rng: Rng, horizon: u64) -> Self {
        let r = &mut rng;
        self.ignored = r.pick(&[0, 0, 5, 30]);
        self.failing_batches = r.pick(&[0, 10, 40]);
        for (index, policy) in self.settings.policies.iter_mut().enumerate() {
            policy.max_rate = r.pick(&[None, None, None, Some(20_000), Some(500_000)]);
            let batching =
                Batching { most: u32::try_from(r.pick(&[1, 3, 100])).unwrap_or(1), parallel: u32::try_from(r.within(1, 2)).unwrap_or(1) };
            policy.batch = r.percent(35).then_some(batching);
            for _ in 0..r.pick(&[0, 0, 1, 3]) {
                let trouble = Trouble::Suspend(u16::try_from(index).unwrap_or(0), r.pick(&[1, 50, 2_000]));
                self.troubles.push((r.within(0, horizon), trouble));
            }
        }
        self
    }
}

/// A breaker that a small world can open.
fn rules(r: &mut Rng) -> BreakerRules {
    let small = |r: &mut Rng, of: &[u64]| u32::try_from(r.pick(of)).unwrap_or(1);
    BreakerRules {
        percent: small(r, &[75, 90, 99]),
        events: small(r, &[2, 3, 5]),
        keys: small(r, &[1, 2, 3]),
        time: r.pick(&[1, 30, 500]),
        probe: r.pick(&[5, 50, 300]),
        successes: small(r, &[1, 2, 3]),
        limit: r.pick(&[100, 1_000, 300_000]),
    }
}

/// An effect to die after; rare ones more often.
fn kind(r: &mut Rng) -> usize {
    let rare = ["Seek", "Cancel", "Finished"].map(|name| EFFECTS.iter().position(|effect| *effect == name).unwrap_or(0));
    if r.percent(25) { r.pick(&rare) } else { r.below(EFFECTS.len()) }
}

fn policy(r: &mut Rng) -> Policy {
    Policy {
        order: r.pick(&[Order::Key, Order::Key, Order::Key, Order::Partition, Order::None]),
        null_keys: r.pick(&[NullKeys::Parallel, NullKeys::Serial]),
        backoff: Backoff {
            attempts: u32::try_from(r.within(1, 4)).unwrap_or(1),
            first: r.pick(&[1, 20, 200]),
            factor_percent: r.pick(&[100, 150, 200]),
            max: r.pick(&[100, 500, 30_000]),
            total: r.pick(&[200, 300_000, 300_000]),
            jitter_percent: r.pick(&[0, 20, 100]),
        },
        run_length: u32::try_from(r.pick(&[1, 3, 256])).unwrap_or(1),
        max_rate: None,
        batch: None,
        hold: false,
        max_replays: 5,
        handler_timeout: r.pick(&[None, Some(50), Some(1_000), Some(60_000)]),
        breaker: Some(BreakerRules::default()),
        on_conflict: r.pick(&[OnConflict::DeadLetter, OnConflict::DeadLetter, OnConflict::Duplicate]),
        on_rewind: r.pick(&[OnRewind::Stop, OnRewind::Reprocess, OnRewind::Skip]),
        on_gap: r.pick(&[OnGap::Stop, OnGap::Continue]),
    }
}

fn troubles(r: &mut Rng, horizon: u64) -> Vec<(u64, Trouble)> {
    let count = r.pick(&[0, 3, 6, 10]);
    let mut list: Vec<_> = (0..count).map(|_| (r.within(0, horizon), trouble(r))).collect();
    list.extend((0..r.within(0, 8)).map(|_| (r.within(0, horizon), Trouble::Stray)));
    list
}

fn trouble(r: &mut Rng) -> Trouble {
    match r.below(11) {
        0 => Trouble::Crash,
        1 => Trouble::Stop,
        2 | 3 => Trouble::Move,
        4 => Trouble::Lose,
        5 => Trouble::GiveAgain,
        6 => Trouble::Outage(Dependency::Inbox, r.pick(&[10, 500])),
        7 => Trouble::Outage(Dependency::Producer, r.pick(&[10, 500])),
        8 | 9 => Trouble::Rewind,
        _ => Trouble::Delete,
    }
}
