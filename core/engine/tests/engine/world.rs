//! A small world: two partitions, few keys, copies, poison, failing effects; answers come in any order that its parts allow.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use onceward_engine::*;

use crate::script::record;

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % sides
    }
}

struct World {
    engine: Engine,
    dice: Dice,
    now: u64,
    slots: Slots<Fetched>,
    /// Facts that may arrive now, in any order among these queues, each in its own order.
    mail: Vec<VecDeque<Input>>,
    /// Runs that handlers work on: what is left of each.
    runs: Vec<VecDeque<DeliveryId>>,
    effects: BTreeSet<DeliveryId>,
    busy: BTreeSet<(PartitionId, Option<KeyHash>)>,
    resolved: BTreeMap<(PartitionId, Option<KeyHash>), Offset>,
    ends: BTreeMap<Fate, u32>,
    marked: BTreeSet<EventHash>,
}

/// Runs the world of a seed until it is done; panics where a promise is broken.
pub(crate) fn run(seed: u64) {
    let policy = Policy { run_length: 1 + (seed % 4) as u32, ..Policy::default() };
    let mut world = World {
        engine: Engine::new(EngineSettings { concurrency: 3, policies: vec![policy], seed, until_end: true, ..EngineSettings::default() }),
        dice: Dice(seed),
        now: 0,
        slots: Slots::default(),
        mail: vec![VecDeque::new(); 6],
        runs: Vec::new(),
        effects: BTreeSet::new(),
        busy: BTreeSet::new(),
        resolved: BTreeMap::new(),
        ends: BTreeMap::new(),
        marked: BTreeSet::new(),
    };
    for (partition, epoch) in [(0, 1), (1, 2)] {
        world.engine.handle(
            Timestamp(0),
            Input::Assigned(Assignment { partition: PartitionId(partition), epoch: Epoch(epoch), ..crate::script::assignment() }),
        );
    }
    let (mut offsets, mut fetched) = ([0, 0], 0);
    let mut finished = false;
    for _step in 0..4_000 {
        if fetched < 40 && world.dice.roll(2) == 0 {
            fetched += 1;
            let partition = world.dice.roll(2);
            let offset = &mut offsets[partition as usize];
            *offset += 1 + i64::from(world.dice.roll(5) == 0);
            let mut next = record(*offset, u128::from(world.dice.roll(3)))
                .at(partition as u32, partition + 1)
                .event(u128::from(world.dice.roll(25)), 0)
                .0;
            next.delivery = world.slots.insert(next);
            *world.slots.get_mut(next.delivery).unwrap() = next;
            world.tell(Input::Fetched(next));
            if fetched == 40 {
                for partition in 0..2 {
                    let position = Offset(offsets[partition as usize] + 2);
                    world.tell(Input::ReachedEnd { partition: PartitionId(partition), epoch: Epoch(u64::from(partition) + 1), position });
                }
            }
        }
        world.handlers();
        let from = world.dice.roll(6) as usize;
        if let Some(fact) = world.mail[from].pop_front() {
            world.tell(fact);
        }
        if world.dice.roll(8) == 0 {
            world.now += world.dice.roll(3_000);
            world.tell(Input::Tick);
        }
        if world.dice.roll(3) > 0 {
            while let Some(order) = world.engine.next_effect() {
                finished |= order == Effect::Finished;
                world.carry_out(order);
            }
        }
        if finished {
            break;
        }
    }
    assert!(finished, "seed {seed}: {:?}, {:?}", world.engine.snapshot(), world.ends);
    assert_eq!(world.ends.values().sum::<u32>(), 40, "seed {seed}");
}

impl World {
    fn tell(&mut self, input: Input) {
        self.engine.handle(Timestamp(self.now), input);
    }

    /// One step of one run.
    fn handlers(&mut self) {
        if self.runs.is_empty() {
            return;
        }
        let at = self.dice.roll(self.runs.len() as u64) as usize;
        let delivery = self.runs[at].pop_front().unwrap();
        let outcome = match self.dice.roll(12) {
            0 => Outcome::Retry { after: None },
            1 => Outcome::Reject(Rejection::Rejected),
            2 => Outcome::Cancelled,
            3..6 => Outcome::Done { effects: true },
            _ => Outcome::Done { effects: false },
        };
        if outcome == (Outcome::Done { effects: true }) {
            self.effects.insert(delivery);
        }
        let fetched = *self.slots.get(delivery).unwrap();
        if !matches!(outcome, Outcome::Done { .. }) {
            for delivery in std::mem::take(&mut self.runs[at]) {
                self.tell(Input::NotStarted { delivery });
            }
        }
        if self.runs[at].is_empty() {
            self.runs.swap_remove(at);
            self.busy.remove(&(fetched.partition, fetched.key));
        }
        self.tell(Input::Handled { delivery, outcome });
    }

    fn carry_out(&mut self, order: Effect) {
        match order {
            Effect::CatchUp { partition, epoch, .. } => self.mail[0].push_back(Input::CaughtUp { partition, epoch, remembered: None }),
            Effect::LookUp(ids) => {
                for delivery in ids {
                    let fetched = self.slots.get(delivery).unwrap();
                    let seen = self.marked.contains(&fetched.event).then_some(fetched.digest);
                    let queue = 1 + self.dice.roll(2) as usize;
                    self.mail[queue].push_back(Input::LookedUp { delivery, seen });
                }
            }
            Effect::Dispatch(runs) | Effect::DispatchBatch(runs) => {
                for run in runs.iter() {
                    let head = self.slots.get(run[0].0).unwrap();
                    assert!(self.busy.insert((head.partition, head.key)), "one run per key");
                    for (delivery, attempt) in run {
                        let fetched = self.slots.get(*delivery).unwrap();
                        assert!(!self.marked.contains(&fetched.event), "never handled again once marked");
                        assert!(*attempt <= 5);
                    }
                    self.runs.push(run.iter().map(|member| member.0).collect());
                }
            }
            Effect::Mark(ids) => self.transaction(&ids),
            Effect::DeadLetter(letter) => self.mail[4].push_back(Input::DeadLettered { delivery: letter.delivery, letter: Offset(0) }),
            Effect::Commit { partition, epoch, next } => self.mail[5].push_back(Input::Committed { partition, epoch, next }),
            Effect::Forget(ends) => {
                for (delivery, fate) in ends {
                    let fetched = self.slots.remove(delivery).unwrap();
                    let last = self.resolved.insert((fetched.partition, fetched.key), fetched.offset);
                    assert!(last.is_none_or(|last| last < fetched.offset), "resolved in offset order");
                    assert!(self.marked.contains(&fetched.event) || fate == Fate::Lettered, "only marked events and letters are resolved");
                    *self.ends.entry(fate).or_default() += 1;
                }
            }
            Effect::ReadLedger { .. }
            | Effect::Claim { .. }
            | Effect::Record(_)
            | Effect::FetchLetters(_)
            | Effect::Superseded { .. }
            | Effect::Reassign { .. }
            | Effect::Remove { .. }
            | Effect::FindOldestLetter { .. } => {
                panic!("there is no ledger")
            }
            Effect::Pause { .. }
            | Effect::Resume { .. }
            | Effect::Seek { .. }
            | Effect::Release { .. }
            | Effect::Cancel { .. }
            | Effect::Alert(_)
            | Effect::Finished => {}
        }
    }

    /// One transaction per order, as the writer's: a failing effect takes the later marks of its lane along.
    fn transaction(&mut self, ids: &[DeliveryId]) {
        let mut failed = BTreeSet::new();
        for &delivery in ids {
            let fetched = *self.slots.get(delivery).unwrap();
            let lane = (fetched.partition, fetched.key);
            let result = if failed.contains(&lane) {
                MarkResult::RolledBack
            } else if self.effects.contains(&delivery) && self.dice.roll(4) == 0 {
                failed.insert(lane);
                MarkResult::EffectFailed { fatal: self.dice.roll(4) == 0 }
            } else {
                self.marked.insert(fetched.event);
                MarkResult::Durable
            };
            self.effects.remove(&delivery);
            self.mail[3].push_back(Input::Marked { delivery, result });
        }
    }
}
