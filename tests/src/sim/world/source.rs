//! The broker: logs with holes, committed offsets that only the owner may write, and who owns what.

use std::collections::BTreeSet;

use onceward_engine::{Epoch, Rejection};

use crate::sim::plan::Plan;
use crate::sim::rng::Rng;

/// How the handler, and the statements it records, treat an event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Behaviour {
    /// So many attempts fail before one succeeds.
    pub(super) failures: u32,
    pub(super) rejects: Option<Rejection>,
    pub(super) after: Option<u64>,
    pub(super) effects: bool,
    pub(super) failing_effects: u32,
    pub(super) fatal_effects: bool,
    pub(super) takes: u64,
    /// The process dies of it.
    pub(super) kills: bool,
    /// It can't be stopped before it ends.
    pub(super) stubborn: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) offset: i64,
    pub(super) key: Option<u128>,
    pub(super) event: u128,
    pub(super) digest: u32,
    pub(super) bytes: u32,
    pub(super) refused: Option<Rejection>,
    pub(super) ignored: bool,
    pub(super) behaviour: Behaviour,
}

/// One partition on the broker.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) records: Vec<Record>,
    /// How many of them have been produced so far.
    pub(super) produced: usize,
    /// Behind the last record, and behind the markers that follow it.
    pub(super) end: i64,
    pub(super) oldest: i64,
    pub(super) committed: Option<i64>,
    pub(super) owner: Option<(usize, Epoch)>,
    /// What an operator will set the offset to, once nobody owns the partition.
    pub(super) operator: Option<i64>,
    /// Deleted ranges of which a person was told, or that a person accepted.
    pub(super) told: Vec<(i64, i64)>,
    /// Up to here the commits have been checked.
    pub(super) checked: usize,
}

impl Log {
    /// The offset behind everything produced so far.
    pub(super) fn end_now(&self) -> i64 {
        if self.produced == self.records.len() { self.end } else { self.records.get(self.produced).map_or(self.end, |r| r.offset) }
    }

    /// Index of the first record at or behind an offset.
    pub(super) fn index(&self, offset: i64) -> usize {
        self.records.partition_point(|record| record.offset < offset)
    }

    pub(super) fn committed_to_end(&self) -> bool {
        self.produced == self.records.len() && self.committed.is_some_and(|committed| committed >= self.end)
    }
}

/// Writes the logs. Copies go to any partition under any key.
pub(super) fn logs(seed: u64, plan: &Plan) -> Vec<Log> {
    let mut rng = Rng::new(seed, 2);
    let r = &mut rng;
    let mut logs: Vec<Log> = (0..plan.partitions).map(|_| log(r)).collect();
    let mut offsets: Vec<i64> = logs.iter().map(|log| log.oldest).collect();
    let mut known: Vec<(u128, u32)> = Vec::new();
    let mut killers = BTreeSet::new();
    for number in 0..plan.records * logs.len() {
        let partition = r.below(logs.len());
        let offset = offsets[partition];
        offsets[partition] += 1 + if r.percent(plan.holes) { i64::try_from(r.within(1, 3)).unwrap_or(1) } else { 0 };
        let refused = r.percent(plan.refused).then(|| r.pick(&[Rejection::Undecodable, Rejection::Invalid]));
        let (mut event, mut digest) = (1_000 + number as u128, 1);
        if refused.is_none() && r.percent(plan.copies) && !known.is_empty() {
            // Mostly recent ones, so that copies meet in flight.
            let back = if r.percent(70) { r.below(known.len().min(8)) } else { r.below(known.len()) };
            (event, digest) = known[known.len() - 1 - back];
            digest += u32::from(r.percent(plan.conflicts));
        } else if refused.is_none() {
            known.push((event, digest));
        }
        let key = (!r.percent(plan.no_key)).then(|| u128::from(r.within(1, plan.keys)));
        // Now and then one that is larger than the whole budget.
        let beyond = if r.percent(1) { plan.settings.credit.bytes } else { 0 };
        let bytes = u32::try_from(beyond + r.within(1, 100)).unwrap_or(1);
        let mut behaviour = behaviour(r, plan);
        // The same event does the same wherever it comes from.
        if behaviour.kills && event == 1_000 + number as u128 {
            killers.insert(event);
        }
        behaviour.kills = killers.contains(&event);
        logs[partition].records.push(Record { offset, key, event, digest, bytes, refused, ignored: false, behaviour });
    }
    let mut rng = Rng::new(seed, 6);
    for (log, end) in logs.iter_mut().zip(offsets) {
        log.records.iter_mut().for_each(|record| record.ignored = rng.percent(plan.ignored));
        log.end = end;
        log.produced = if plan.settings.until_end { log.records.len() } else { log.records.len() / 2 };
    }
    logs
}

fn log(r: &mut Rng) -> Log {
    Log {
        records: Vec::new(),
        produced: 0,
        end: 0,
        oldest: r.pick(&[0, 0, 7]),
        committed: None,
        owner: None,
        operator: None,
        told: Vec::new(),
        checked: 0,
    }
}

fn behaviour(r: &mut Rng, plan: &Plan) -> Behaviour {
    let poison = r.percent(plan.poison);
    let fails = r.percent(plan.failing);
    let effects = r.percent(plan.effects);
    Behaviour {
        failures: if poison {
            u32::MAX
        } else if fails {
            u32::try_from(r.within(1, 3)).unwrap_or(1)
        } else {
            0
        },
        rejects: (poison && r.percent(plan.rejecting)).then(|| r.pick(&[Rejection::Rejected, Rejection::Undecodable, Rejection::Invalid])),
        after: r.percent(10).then(|| r.within(0, 300)),
        effects,
        failing_effects: if effects && r.percent(plan.failing_effects) { r.pick(&[1, 2, u32::MAX]) } else { 0 },
        fatal_effects: r.percent(30),
        kills: plan.killers > 0 && r.percent(plan.killers),
        stubborn: r.percent(50),
        takes: if r.percent(plan.slow) { r.pick(&[100, 3_000, 40_000]) } else { r.within(0, 8) },
    }
}
