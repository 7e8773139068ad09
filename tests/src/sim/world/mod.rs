//! The world around engines: a clock that jumps, a broker, a store of marks, a dead-letter topic, handlers, and members that come and go.
//!
//! Single-threaded, and a function of its seed. Everything that takes time is an entry of the queue; everything that can go wrong is a
//! chance or a numbered trouble of the [`Plan`]. When the troubles are used up nothing fails any more but handlers that always do, and
//! the world must come to its end: every record resolved, every offset at the end of its log, every partition given back.

mod carry;
mod group;
mod handlers;
mod life;
mod poll;
mod source;
mod store;
mod strays;
mod truth;
mod turn;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use onceward_engine::{DeliveryId, Dependency, Epoch, Input, PolicyId, Sabotage};

use super::check::{Violation, broken};
use super::coverage::Coverage;
use super::kinds::EFFECTS;
use super::plan::{Plan, Trouble};
use super::queue::Queue;
use super::rng::Rng;
use super::scenario::Entry;
use life::{Life, Place};
use source::Log;
use store::Store;

/// Something that happens at its time.
#[derive(Debug)]
enum Happening {
    Answer { life: usize, input: Input, again: bool },
    LookUps { life: usize, ids: Vec<DeliveryId> },
    CatchUp { life: usize, partition: usize, epoch: Epoch },
    Poll { life: usize },
    Tick { life: usize, at: u64 },
    HandlerEnds { life: usize, run: u64 },
    BatchFails { life: usize, runs: Vec<u64> },
    GroupBegins { life: usize },
    GroupEnds { life: usize },
    LetterArrives { life: usize, delivery: DeliveryId, place: Place },
    CommitArrives { life: usize, partition: usize, epoch: Epoch, next: i64 },
    Produce { partition: usize },
    Balance { partition: usize },
    Evict { life: usize, partition: usize, epoch: Epoch },
    Notice { life: usize, partition: usize, epoch: Epoch },
    Operator { partition: usize },
    GiveAgain { partition: usize },
    Restart,
    Trouble(Trouble),
    Over(Dependency),
    Resume { life: usize, policy: u16 },
}

/// How a world ended.
#[derive(Debug)]
pub(crate) struct Ending {
    /// A promise that was broken, and by the engine of which member.
    pub(crate) violation: Option<(usize, Violation)>,
    /// All inputs of all engines.
    pub(crate) inputs: u64,
    pub(crate) coverage: Coverage,
    /// Inputs of the engine that broke the promise.
    pub(crate) log: Vec<Entry>,
}

/// The whole of it.
#[derive(Debug)]
pub(crate) struct World {
    plan: Plan,
    sabotage: Option<Sabotage>,
    rng: Rng,
    now: u64,
    queue: Queue<Happening>,
    logs: Vec<Log>,
    store: Store,
    lives: Vec<Life>,
    /// How often each event was attempted, and how often its statements failed.
    tries: HashMap<u128, u32>,
    failed_effects: HashMap<u128, u32>,
    /// Events that were running when a member died, and how often one died of them alone: the journal.
    suspects: BTreeMap<u128, u32>,
    /// How often a member died of an event alone, whatever happened since: who lived through it may remember.
    deaths: BTreeMap<u128, u32>,
    /// Events whose handler was stopped once: the next time it is quick.
    stopped: HashSet<u128>,
    letters: HashSet<(usize, i64)>,
    /// Found to be a copy only when its mark was written: the bytes are not compared then.
    excused: HashSet<(usize, i64)>,
    down: BTreeSet<Dependency>,
    held_letters: Vec<(usize, DeliveryId, Place)>,
    next_epoch: u64,
    next_run: u64,
    effects_seen: [u64; EFFECTS.len()],
    closing: bool,
    coverage: Coverage,
    inputs: u64,
}

type Step = Result<(), (usize, Violation)>;

impl World {
    pub(crate) fn new(seed: u64, sabotage: Option<Sabotage>) -> Self {
        let plan = Plan::of(seed);
        let logs = source::logs(seed, &plan);
        Self {
            store: Store::new(logs.len()),
            plan,
            sabotage,
            rng: Rng::new(seed, 3),
            now: 0,
            queue: Queue::new(),
            logs,
            lives: Vec::new(),
            tries: HashMap::new(),
            failed_effects: HashMap::new(),
            suspects: BTreeMap::new(),
            deaths: BTreeMap::new(),
            stopped: HashSet::new(),
            letters: HashSet::new(),
            excused: HashSet::new(),
            down: BTreeSet::new(),
            held_letters: Vec::new(),
            next_epoch: 0,
            next_run: 0,
            effects_seen: [0; EFFECTS.len()],
            closing: false,
            coverage: Coverage::default(),
            inputs: 0,
        }
    }

    /// Runs to the end.
    pub(crate) fn run(mut self) -> Ending {
        let violation = self.play().err();
        let log = violation
            .as_ref()
            .and_then(|(life, _)| self.lives.get_mut(*life))
            .map(|life| std::mem::take(&mut life.log))
            .unwrap_or_default();
        Ending { violation, inputs: self.inputs, coverage: self.coverage, log }
    }

    pub(crate) fn settings(&self) -> onceward_engine::EngineSettings {
        self.plan.settings.clone()
    }

    fn play(&mut self) -> Step {
        for _ in 0..self.plan.members {
            self.start();
        }
        for partition in 0..self.logs.len() {
            self.queue.at(1 + partition as u64, Happening::Balance { partition });
            self.queue.at(5, Happening::Produce { partition });
        }
        for (at, trouble) in self.plan.troubles.clone() {
            self.queue.at(at, Happening::Trouble(trouble));
        }
        let mut steps = 0_u32;
        while let Some((at, what)) = self.queue.pop() {
            self.now = self.now.max(at);
            self.happen(what)?;
            self.close_at_the_end()?;
            if self.queue.next_at().is_none_or(|next| next > self.now) {
                for life in 0..self.lives.len() {
                    if self.lives[life].undrained {
                        self.drain(life)?;
                    }
                }
            }
            steps += 1;
            if steps > 60_000 || self.now > 3_600_000 {
                return self.stuck();
            }
            if self.closing && self.logs.iter().all(|log| log.owner.is_none()) {
                return Ok(());
            }
        }
        self.stuck()
    }

    fn stuck(&self) -> Step {
        let open: Vec<_> = self
            .logs
            .iter()
            .enumerate()
            .map(|(p, log)| (p, log.committed, log.end, log.owner))
            .filter(|log| log.1 != Some(log.2) || log.3.is_some())
            .collect();
        // Of those that are not at their end first: their owner's log tells why.
        let stuck = open.iter().filter(|log| log.1 != Some(log.2)).chain(&open);
        let life = stuck.filter_map(|log| log.3).map(|owner| owner.0).next().unwrap_or(0);
        broken(
            "I10",
            format!(
                "everything healed, but nothing ends at {} (closing: {}; partition, committed, end, owner): {open:?}",
                self.now, self.closing
            ),
        )
        .map_err(|v| (life, v))
    }

    fn happen(&mut self, what: Happening) -> Step {
        match what {
            Happening::Answer { life, input, again } => self.answered(life, input, again),
            Happening::LookUps { life, ids } => self.look_ups(life, &ids),
            Happening::CatchUp { life, partition, epoch } => self.catch_up(life, partition, epoch),
            Happening::Poll { life } => self.poll(life),
            // A deadline came before this one after it was set: that tick planned the next.
            Happening::Tick { life, at } if self.lives[life].tick_due != Some(at) => Ok(()),
            Happening::Tick { life, .. } => {
                self.lives[life].tick_due = None;
                self.deliver(life, Input::Tick)
            }
            Happening::HandlerEnds { life, run } => self.handler_ends(life, run),
            Happening::BatchFails { life, runs } => self.batch_fails(life, &runs),
            Happening::GroupBegins { life } => self.group_begins(life),
            Happening::GroupEnds { life } => self.group_ends(life),
            Happening::LetterArrives { life, delivery, place } => self.letter_arrives(life, delivery, place),
            Happening::CommitArrives { life, partition, epoch, next } => self.commit_arrives(life, partition, epoch, next),
            Happening::Produce { partition } => self.produce(partition),
            Happening::Balance { partition } => self.balance(partition),
            Happening::Evict { life, partition, epoch } => self.evict(life, partition, epoch),
            Happening::Notice { life, partition, epoch } => self.notice(life, partition, epoch),
            Happening::Operator { partition } => self.operate(partition),
            Happening::GiveAgain { partition } => self.give_again(partition),
            Happening::Restart => {
                self.start();
                Ok(())
            }
            Happening::Trouble(trouble) => self.trouble(trouble),
            Happening::Over(dependency) => self.over(dependency),
            Happening::Resume { life, policy } => self.deliver(life, Input::Resumed { policy: PolicyId(policy) }),
        }
    }

    /// A moment that is not far.
    fn soon(&mut self) -> u64 {
        self.now + self.rng.within(0, self.plan.latency)
    }
}
