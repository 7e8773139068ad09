//! The world: time, faults, the group, and what members hear.

use onceward_engine::ledger::Removed;
use onceward_engine::{
    Assignment, DeliveryId, Digest, Entry, Epoch, EventHash, Fetched, Input, KeyHash, Offset, PartitionId, PolicyId, Sabotage, Timestamp,
};

use super::broker::{Log, logs};
use super::judge::Verdict;
use super::member::{Held, Member, Place};
use super::plan::{Plan, Trouble};
use super::store::Store;
use super::{Met, Wrong};
use crate::sim::{Queue, Rng, Violation};

/// A write on its way to the broker.
#[derive(Clone, Debug)]
pub(super) enum Write {
    Letter {
        delivery: DeliveryId,
        index: usize,
    },
    /// And how often it had been sent before.
    Record(Entry, u32),
    /// With an id of the try.
    Claim {
        reading: u32,
        prev: Option<Offset>,
        id: u64,
    },
    Tombstone(Removed),
}

#[derive(Debug)]
pub(super) enum Happening {
    Answer {
        member: usize,
        input: Input,
    },
    Poll {
        member: usize,
    },
    ReadLedger {
        member: usize,
        partition: usize,
        epoch: Epoch,
    },
    Lands {
        member: usize,
        partition: usize,
        epoch: Epoch,
        write: Write,
        late: bool,
    },
    /// Whatever became of its writer.
    LandsAgain {
        member: usize,
        partition: usize,
        epoch: Epoch,
        write: Write,
    },
    LooksUp {
        member: usize,
        ids: Vec<DeliveryId>,
    },
    CatchesUp {
        member: usize,
        partition: usize,
        epoch: Epoch,
    },
    RunGoesOn {
        member: usize,
        run: Vec<DeliveryId>,
        at: usize,
    },
    Marks {
        member: usize,
        ids: Vec<DeliveryId>,
    },
    Commit {
        member: usize,
        partition: usize,
        epoch: Epoch,
        next: i64,
    },
    FetchesLetters {
        member: usize,
    },
    Tick {
        member: usize,
        at: u64,
    },
    Balance {
        partition: usize,
    },
    Notice {
        member: usize,
        partition: usize,
    },
    Reassigned {
        member: usize,
        partition: usize,
        epoch: Epoch,
    },
    Produce {
        partition: usize,
    },
    /// The time to give back what the group asked for is over.
    Overdue {
        member: usize,
        partition: usize,
        epoch: Epoch,
    },
    Trouble(Trouble),
    Operator {
        last: bool,
    },
    Restart,
}

pub(super) struct World {
    pub(super) plan: Plan,
    sabotage: Option<Sabotage>,
    pub(super) wrong: Option<Wrong>,
    pub(super) told: bool,
    pub(super) rng: Rng,
    /// Chance for what lands twice.
    pub(super) copies: Rng,
    /// How many of those are on their way.
    pub(super) unlanded: u64,
    pub(super) now: u64,
    pub(super) queue: Queue<Happening>,
    pub(super) logs: Vec<Log>,
    pub(super) store: Store,
    pub(super) members: Vec<Member>,
    next_epoch: u64,
    pub(super) next_command: u64,
    pub(super) next_claim: u64,
    pub(super) said: Vec<(usize, onceward_engine::ledger::Command)>,
    pub(super) met: Met,
}

impl World {
    pub(super) fn new(seed: u64, sabotage: Option<Sabotage>, told: bool) -> Self {
        let plan = Plan::of(seed);
        Self {
            logs: logs(seed, &plan),
            plan,
            sabotage,
            wrong: None,
            told,
            rng: Rng::new(seed, 23),
            copies: Rng::new(seed, 27),
            unlanded: 0,
            now: 0,
            queue: Queue::new(),
            store: Store::default(),
            members: Vec::new(),
            next_epoch: 0,
            next_command: 0,
            next_claim: 0,
            said: Vec::new(),
            met: Met::default(),
        }
    }

    pub(super) fn run(mut self) -> (Option<Violation>, Met) {
        let verdict = self.play();
        (verdict.err(), self.met)
    }

    fn play(&mut self) -> Verdict {
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
        for at in self.plan.operators.clone() {
            self.queue.at(at, Happening::Operator { last: false });
        }
        self.queue.at(self.plan.healed + 500, Happening::Operator { last: true });
        let mut steps = 0_u32;
        while let Some((at, what)) = self.queue.pop() {
            self.now = self.now.max(at);
            self.happens(what)?;
            if self.queue.next_at().is_none_or(|next| next > self.now) {
                for member in 0..self.members.len() {
                    if self.members[member].undrained {
                        self.drain(member)?;
                    }
                }
            }
            if self.is_over() {
                return Ok(());
            }
            steps += 1;
            if steps > 200_000 || self.now > 10_000_000 {
                break;
            }
        }
        self.stuck()
    }

    fn happens(&mut self, what: Happening) -> Verdict {
        match what {
            Happening::Answer { member, input } => self.deliver(member, input),
            Happening::Poll { member } => self.poll(member),
            Happening::ReadLedger { member, partition, epoch } => self.read_ledger(member, partition, epoch),
            Happening::Lands { member, partition, epoch, write, late } => self.lands(member, partition, epoch, write, late),
            Happening::LandsAgain { member, partition, epoch, write } => {
                self.unlanded -= 1;
                self.lands(member, partition, epoch, write, true)
            }
            Happening::LooksUp { member, ids } => self.looks_up(member, &ids),
            Happening::CatchesUp { member, partition, epoch } => {
                self.deliver(member, Input::CaughtUp { partition: named(partition), epoch, remembered: None })
            }
            Happening::RunGoesOn { member, run, at } => self.run_goes_on(member, run, at),
            Happening::Marks { member, ids } => self.marks(member, &ids),
            Happening::Commit { member, partition, epoch, next } => self.commits(member, partition, epoch, next),
            Happening::FetchesLetters { member } => self.fetches_letters(member),
            Happening::Tick { member, at } if self.members[member].tick_due == Some(at) => {
                self.members[member].tick_due = None;
                self.deliver(member, Input::Tick)
            }
            Happening::Tick { .. } => Ok(()),
            Happening::Balance { partition } => self.balance(partition),
            Happening::Notice { member, partition } => self.notice(member, partition),
            Happening::Reassigned { member, partition, epoch } => self.reassigned(member, partition, epoch),
            Happening::Produce { partition } => {
                let log = &mut self.logs[partition];
                log.produced = (log.produced + 3).min(log.records.len());
                if log.produced < log.records.len() {
                    let at = self.now + self.rng.within(5, 200);
                    self.queue.at(at, Happening::Produce { partition });
                }
                (0..self.members.len()).for_each(|member| self.poll_later(member));
                Ok(())
            }
            Happening::Overdue { member, partition, epoch } => self.judge_drain(member, partition, epoch),
            Happening::Trouble(trouble) => self.trouble(trouble),
            Happening::Operator { last } => {
                self.operate(last);
                Ok(())
            }
            Happening::Restart => {
                self.start();
                Ok(())
            }
        }
    }

    pub(super) fn healed(&self) -> bool {
        self.now > self.plan.healed
    }

    pub(super) fn soon(&mut self) -> u64 {
        self.now + self.rng.within(0, self.plan.latency)
    }

    fn start(&mut self) {
        let mut member = Member::new(&self.plan.settings);
        if let Some(bug) = self.sabotage {
            member.engine.sabotage(bug);
        }
        self.members.push(member);
    }

    pub(super) fn tell(&self, what: impl FnOnce() -> String) {
        if self.told {
            #[allow(clippy::print_stdout, reason = "asked for")]
            {
                println!("{:>6} {}", self.now, what());
            }
        }
    }

    /// Hands a fact to an engine, and carries out what it orders, at once or a little later.
    pub(super) fn deliver(&mut self, member: usize, input: Input) -> Verdict {
        if !self.members[member].alive {
            return Ok(());
        }
        self.met.inputs += 1;
        self.tell(|| format!("m{member} <- {input:?}"));
        self.members[member].engine.handle(Timestamp(self.now), input);
        self.members[member].undrained = true;
        if self.rng.percent(self.plan.lag) { Ok(()) } else { self.drain(member) }
    }

    pub(super) fn drain(&mut self, member: usize) -> Verdict {
        self.members[member].undrained = false;
        while let Some(effect) = self.members[member].engine.next_effect() {
            self.tell(|| format!("m{member} -> {effect:?}"));
            self.carry(member, effect)?;
        }
        if let Some(Timestamp(at)) = self.members[member].engine.next_deadline()
            && self.members[member].tick_due.is_none_or(|due| at < due)
        {
            let at = at.max(self.now);
            self.members[member].tick_due = Some(at);
            self.queue.at(at, Happening::Tick { member, at });
        }
        self.poll_later(member);
        Ok(())
    }

    pub(super) fn held(&mut self, member: usize, partition: usize, epoch: Epoch) -> Option<&mut Held> {
        let member = &mut self.members[member];
        if !member.alive {
            return None;
        }
        member.held.get_mut(&partition).filter(|held| held.epoch == epoch)
    }

    fn balance(&mut self, partition: usize) -> Verdict {
        if self.logs[partition].owner.is_some() {
            return Ok(());
        }
        let able: Vec<usize> = (0..self.members.len()).filter(|&member| self.members[member].alive).collect();
        // A member that still believes to hold it gets it only after it has learnt better.
        let able: Vec<usize> = able.into_iter().filter(|&member| !self.members[member].held.contains_key(&partition)).collect();
        if able.is_empty() {
            let at = self.now + 20;
            self.queue.at(at, Happening::Balance { partition });
            return Ok(());
        }
        let member = self.rng.pick(&able);
        self.assign(member, partition)
    }

    fn assign(&mut self, member: usize, partition: usize) -> Verdict {
        self.logs[partition].owner = Some((member, Epoch(self.next_epoch + 1)));
        self.begin(member, partition)
    }

    /// A member begins with a partition that somebody else had claimed. Whether it owns it, it does not know.
    fn reassigned(&mut self, member: usize, partition: usize, epoch: Epoch) -> Verdict {
        // What the group has asked back is not begun with any more.
        if self.held(member, partition, epoch).is_none_or(|held| !held.disputed || held.asked_back) {
            return Ok(());
        }
        if self.logs[partition].owner == Some((member, epoch)) { self.assign(member, partition) } else { self.begin(member, partition) }
    }

    fn begin(&mut self, member: usize, partition: usize) -> Verdict {
        self.next_epoch += 1;
        let epoch = Epoch(self.next_epoch);
        let log = &self.logs[partition];
        let from = log.committed.unwrap_or(0);
        let committed = log.committed.is_some();
        let held = Held {
            epoch,
            position: from,
            paused: false,
            said_end: None,
            reading: 0,
            ledger: None,
            said_ledger_end: false,
            disputed: false,
            asked_back: false,
            claim: None,
        };
        self.members[member].held.insert(partition, held);
        let assignment = Assignment {
            partition: named(partition),
            epoch,
            from: Offset(from),
            committed,
            oldest: Offset(0),
            policy: PolicyId(0),
            ledger: true,
        };
        self.deliver(member, Input::Assigned(assignment))
    }

    /// A member learns that it has lost a partition.
    fn notice(&mut self, member: usize, partition: usize) -> Verdict {
        let epoch = self.members[member].held.get(&partition).map(|held| held.epoch);
        match epoch.filter(|epoch| self.logs[partition].owner != Some((member, *epoch))) {
            Some(epoch) => self.lose(member, partition, epoch),
            None => Ok(()),
        }
    }

    pub(super) fn lose(&mut self, member: usize, partition: usize, epoch: Epoch) -> Verdict {
        if self.held(member, partition, epoch).is_none() {
            return Ok(());
        }
        self.members[member].held.remove(&partition);
        self.deliver(member, Input::Lost { partition: named(partition), epoch })
    }

    pub(super) fn poll_later(&mut self, member: usize) {
        let one = &self.members[member];
        if one.poll_due || !one.alive {
            return;
        }
        let unread = |(partition, held): (&usize, &Held)| {
            let log = &self.logs[*partition];
            !held.paused && !held.disputed && (held.position < log.end() || held.said_end != Some(log.end()))
        };
        if one.held.iter().any(unread) {
            self.members[member].poll_due = true;
            let at = self.now + self.rng.within(1, 20);
            self.queue.at(at, Happening::Poll { member });
        }
    }

    fn poll(&mut self, member: usize) -> Verdict {
        self.members[member].poll_due = false;
        if !self.members[member].alive {
            return Ok(());
        }
        self.drain(member)?;
        let partitions: Vec<(usize, Epoch)> = self.members[member].held.iter().map(|(partition, held)| (*partition, held.epoch)).collect();
        for (partition, epoch) in partitions {
            let most = self.rng.pick(&[1, 5, 20]);
            for _ in 0..most {
                let Some(held) = self.held(member, partition, epoch).filter(|held| !held.paused && !held.disputed).cloned() else { break };
                let log = &self.logs[partition];
                let index = log.index(held.position);
                if index >= log.produced {
                    break;
                }
                if !self.members[member].engine.accepts(named(partition), 10) {
                    self.deliver(member, Input::Refused { bytes: 10 })?;
                    break;
                }
                let position = log.records[index].offset + 1;
                if let Some(held) = self.held(member, partition, epoch) {
                    held.position = position;
                }
                let fetched = self.fetched(member, Place { partition, index, epoch, replay: false });
                self.deliver(member, Input::Fetched(fetched))?;
            }
            let end = self.logs[partition].end();
            let read = self.logs[partition].index(end);
            let at_end = |held: &Held, log: &Log| log.index(held.position) >= read && held.said_end != Some(end);
            let log = &self.logs[partition];
            let says =
                self.members[member].held.get(&partition).is_some_and(|held| held.epoch == epoch && !held.disputed && at_end(held, log));
            if says {
                if let Some(held) = self.held(member, partition, epoch) {
                    held.position = held.position.max(end);
                    held.said_end = Some(end);
                }
                self.deliver(member, Input::ReachedEnd { partition: named(partition), epoch, position: Offset(end) })?;
            }
        }
        self.drain(member)
    }

    pub(super) fn fetched(&mut self, member: usize, place: Place) -> Fetched {
        let delivery = self.members[member].accept(place);
        let record = self.logs[place.partition].records[place.index];
        Fetched {
            delivery,
            partition: named(place.partition),
            epoch: place.epoch,
            offset: Offset(record.offset),
            key: record.key.map(KeyHash),
            event: EventHash(self.store.event(place, &record)),
            digest: Digest(1),
            bytes: 10,
            policy: PolicyId(0),
            refused: None,
            ignored: false,
        }
    }
}

/// The name of a partition.
pub(super) fn named(partition: usize) -> PartitionId {
    PartitionId(u32::try_from(partition).unwrap_or(u32::MAX))
}
