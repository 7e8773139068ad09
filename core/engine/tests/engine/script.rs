//! A script of facts and the orders they bring about.

use onceward_engine::*;

pub(crate) const P: PartitionId = PartitionId(0);
pub(crate) const E: Epoch = Epoch(1);

/// An engine, a clock, and the deliveries handed in so far.
pub(crate) struct Script {
    pub(crate) engine: Engine,
    pub(crate) now: u64,
    pub(crate) slots: Slots<i64>,
}

/// A record to hand in; see [`record`].
#[derive(Clone, Copy)]
pub(crate) struct Record(pub(crate) Fetched);

/// A record of partition 0 whose event id is its offset and whose digest is 0.
pub(crate) fn record(offset: i64, key: u128) -> Record {
    Record(Fetched {
        delivery: DeliveryId { slot: 0, generation: 0 },
        partition: P,
        epoch: E,
        offset: Offset(offset),
        key: Some(KeyHash(key)),
        event: EventHash(u128::from(offset.unsigned_abs()) + 1_000),
        digest: Digest(0),
        bytes: 100,
        policy: PolicyId(0),
        refused: None,
        ignored: false,
    })
}

impl Record {
    pub(crate) fn at(mut self, partition: u32, epoch: u64) -> Self {
        (self.0.partition, self.0.epoch) = (PartitionId(partition), Epoch(epoch));
        self
    }

    pub(crate) fn event(mut self, event: u128, digest: u32) -> Self {
        (self.0.event, self.0.digest) = (EventHash(event), Digest(digest));
        self
    }

    pub(crate) fn no_key(mut self) -> Self {
        self.0.key = None;
        self
    }

    pub(crate) fn bytes(mut self, bytes: u32) -> Self {
        self.0.bytes = bytes;
        self
    }

    pub(crate) fn refused(mut self, rejection: Rejection) -> Self {
        self.0.refused = Some(rejection);
        self
    }

    pub(crate) fn policy(mut self, policy: u16) -> Self {
        self.0.policy = PolicyId(policy);
        self
    }
}

pub(crate) fn settings(policy: Policy) -> EngineSettings {
    EngineSettings { policies: vec![policy], ..EngineSettings::default() }
}

pub(crate) fn assignment() -> Assignment {
    Assignment { partition: P, epoch: E, from: Offset(0), committed: true, oldest: Offset(0), policy: PolicyId(0), ledger: false }
}

impl Script {
    pub(crate) fn new(settings: EngineSettings) -> Self {
        Self { engine: Engine::new(settings), now: 0, slots: Slots::default() }
    }

    /// With partition 0 assigned and caught up.
    pub(crate) fn running(settings: EngineSettings) -> Self {
        let mut script = Self::new(settings);
        script.assign(0, 1);
        script
    }

    pub(crate) fn assign(&mut self, partition: u32, epoch: u64) {
        let (partition, epoch) = (PartitionId(partition), Epoch(epoch));
        let orders = self.tell(Input::Assigned(Assignment { partition, epoch, ..assignment() }));
        assert!(orders.contains(&Effect::CatchUp { partition, epoch, claim: None }));
        assert_eq!(self.tell(Input::CaughtUp { partition, epoch, remembered: None }), []);
    }

    pub(crate) fn feed(&mut self, input: Input) {
        self.engine.handle(Timestamp(self.now), input);
    }

    pub(crate) fn orders(&mut self) -> Vec<Effect> {
        std::iter::from_fn(|| self.engine.next_effect()).collect()
    }

    pub(crate) fn tell(&mut self, input: Input) -> Vec<Effect> {
        self.feed(input);
        self.orders()
    }

    pub(crate) fn tick(&mut self, millis: u64) -> Vec<Effect> {
        self.now += millis;
        self.tell(Input::Tick)
    }

    /// Hands a record in without asking for orders.
    pub(crate) fn hand_in(&mut self, record: Record) -> DeliveryId {
        let delivery = self.slots.insert(record.0.offset.0);
        self.feed(Input::Fetched(Fetched { delivery, ..record.0 }));
        delivery
    }

    pub(crate) fn fetch(&mut self, record: Record) -> (DeliveryId, Vec<Effect>) {
        let id = self.hand_in(record);
        (id, self.orders())
    }

    /// Hands records in and answers their look-ups with "not seen"; they are dispatched where their lanes are open.
    pub(crate) fn fetch_new(&mut self, records: &[Record]) -> (Vec<DeliveryId>, Vec<Effect>) {
        let ids: Vec<DeliveryId> = records.iter().map(|&record| self.hand_in(record)).collect();
        assert_eq!(self.orders(), [Effect::LookUp(ids.clone())]);
        for &delivery in &ids {
            self.feed(Input::LookedUp { delivery, seen: None });
        }
        (ids, self.orders())
    }

    pub(crate) fn seen(&mut self, delivery: DeliveryId, digest: Option<u32>) -> Vec<Effect> {
        self.tell(Input::LookedUp { delivery, seen: digest.map(Digest) })
    }

    pub(crate) fn done(&mut self, delivery: DeliveryId) -> Vec<Effect> {
        self.ended(delivery, Outcome::Done { effects: false })
    }

    pub(crate) fn done_with_effects(&mut self, delivery: DeliveryId) -> Vec<Effect> {
        self.ended(delivery, Outcome::Done { effects: true })
    }

    pub(crate) fn retry(&mut self, delivery: DeliveryId) -> Vec<Effect> {
        self.ended(delivery, Outcome::Retry { after: None })
    }

    pub(crate) fn ended(&mut self, delivery: DeliveryId, outcome: Outcome) -> Vec<Effect> {
        self.tell(Input::Handled { delivery, outcome })
    }

    pub(crate) fn not_started(&mut self, delivery: DeliveryId) -> Vec<Effect> {
        self.tell(Input::NotStarted { delivery })
    }

    pub(crate) fn marked(&mut self, delivery: DeliveryId, result: MarkResult) -> Vec<Effect> {
        self.tell(Input::Marked { delivery, result })
    }

    pub(crate) fn durable(&mut self, delivery: DeliveryId) -> Vec<Effect> {
        self.marked(delivery, MarkResult::Durable)
    }

    pub(crate) fn lettered(&mut self, delivery: DeliveryId) -> Vec<Effect> {
        self.tell(Input::DeadLettered { delivery, letter: Offset(delivery.slot.into()) })
    }

    pub(crate) fn revoke(&mut self, deadline: u64) -> Vec<Effect> {
        self.tell(Input::Revoking { partition: P, epoch: E, deadline: Timestamp(deadline) })
    }

    pub(crate) fn committed(&mut self, next: i64) -> Vec<Effect> {
        self.tell(Input::Committed { partition: P, epoch: E, next: Offset(next) })
    }
}

/// One order to call handlers: each run with the attempt's number of its members.
pub(crate) fn dispatch(runs: &[&[(DeliveryId, u32)]]) -> Effect {
    let mut order = Runs::default();
    for run in runs {
        order.deliveries.extend_from_slice(run);
        order.ends.push(u32::try_from(order.deliveries.len()).unwrap());
    }
    Effect::Dispatch(order)
}

pub(crate) fn forget(deliveries: &[DeliveryId], fate: Fate) -> Effect {
    Effect::Forget(deliveries.iter().map(|&id| (id, fate)).collect())
}

pub(crate) fn commit(next: i64) -> Effect {
    Effect::Commit { partition: P, epoch: E, next: Offset(next) }
}

pub(crate) fn release() -> Effect {
    Effect::Release { partition: P, epoch: E }
}

pub(crate) fn pause() -> Effect {
    Effect::Pause { partition: P, epoch: E }
}

pub(crate) fn resume() -> Effect {
    Effect::Resume { partition: P, epoch: E }
}

/// The letter among some orders.
pub(crate) fn letter(orders: &[Effect]) -> DeadLetter {
    match orders {
        [.., Effect::DeadLetter(letter)] => *letter,
        other => panic!("no letter at the end of {other:?}"),
    }
}
