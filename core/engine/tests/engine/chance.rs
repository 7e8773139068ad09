//! Chance against the engine: facts that make no sense never hurt it, and a world that answers in any order is served to the end.

use onceward_engine::*;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

fn fact() -> impl Strategy<Value = (u64, Input)> {
    let id = (0..6_u32, 0..3_u32).prop_map(|(slot, generation)| DeliveryId { slot, generation });
    let place = (0..3_u32, 0..4_u64).prop_map(|(partition, epoch)| (PartitionId(partition), Epoch(epoch)));
    let offset = prop_oneof![8 => 0..12_i64, 1 => Just(i64::MAX), 1 => Just(-1_i64), 1 => Just(i64::MIN)].prop_map(Offset);
    let digest = (0..2_u32).prop_map(Digest);
    let wait = prop_oneof![Just(None), Just(Some(0)), Just(Some(u64::MAX))];
    let rejection = prop_oneof![Just(Rejection::Rejected), Just(Rejection::Invalid)];
    let outcome = prop_oneof![
        4 => any::<bool>().prop_map(|effects| Outcome::Done { effects }),
        2 => wait.prop_map(|after| Outcome::Retry { after }),
        1 => rejection.clone().prop_map(Outcome::Reject),
        1 => Just(Outcome::Cancelled),
    ];
    let result = prop_oneof![
        4 => Just(MarkResult::Durable),
        1 => digest.clone().prop_map(|digest| MarkResult::Duplicate { digest }),
        1 => any::<bool>().prop_map(|fatal| MarkResult::EffectFailed { fatal }),
        1 => Just(MarkResult::RolledBack),
        1 => Just(MarkResult::Dropped),
    ];
    let fetched =
        (id.clone(), place.clone(), offset.clone(), proptest::option::of(0..2_u128), 0..3_u128, digest.clone(), 0..4_u16, any::<u32>())
            .prop_map(|(delivery, (partition, epoch), offset, key, event, digest, policy, bytes)| {
                let refused = (policy == 3).then_some(Rejection::Undecodable);
                let (key, event, policy) = (key.map(KeyHash), EventHash(event), PolicyId(policy));
                Input::Fetched(Fetched {
                    delivery,
                    partition,
                    epoch,
                    offset,
                    key,
                    event,
                    digest,
                    bytes,
                    policy,
                    refused,
                    ignored: policy == PolicyId(2) && offset.0 % 5 == 0,
                })
            });
    let assigned =
        (place.clone(), offset.clone(), any::<bool>(), offset.clone()).prop_map(|((partition, epoch), from, committed, oldest)| {
            Input::Assigned(Assignment { partition, epoch, from, committed, oldest, policy: PolicyId(0), ledger: false })
        });
    let dependency = prop_oneof![Just(Dependency::Inbox), Just(Dependency::Producer)];
    let input = prop_oneof![
        12 => fetched,
        8 => (id.clone(), proptest::option::of(digest)).prop_map(|(delivery, seen)| Input::LookedUp { delivery, seen }),
        8 => (id.clone(), outcome).prop_map(|(delivery, outcome)| Input::Handled { delivery, outcome }),
        2 => id.clone().prop_map(|delivery| Input::NotStarted { delivery }),
        8 => (id.clone(), result).prop_map(|(delivery, result)| Input::Marked { delivery, result }),
        4 => id.prop_map(|delivery| Input::DeadLettered { delivery, letter: Offset(0) }),
        2 => assigned,
        4 => (place.clone(), proptest::option::of(offset.clone())).prop_map(|((partition, epoch), remembered)| Input::CaughtUp { partition, epoch, remembered }),
        2 => (place.clone(), offset.clone()).prop_map(|((partition, epoch), next)| Input::Committed { partition, epoch, next }),
        1 => place.clone().prop_map(|(partition, epoch)| Input::CommitFailed { partition, epoch }),
        1 => (place.clone(), offset.clone()).prop_map(|((partition, epoch), position)| Input::ReachedEnd { partition, epoch, position }),
        1 => (place.clone(), offset.clone(), offset).prop_map(|((partition, epoch), from, to)| Input::Gap { partition, epoch, from, to }),
        1 => (place.clone(), 0..2_000_u64).prop_map(|((partition, epoch), at)| Input::Revoking { partition, epoch, deadline: Timestamp(at) }),
        1 => place.prop_map(|(partition, epoch)| Input::Lost { partition, epoch }),
        1 => dependency.clone().prop_map(|dependency| Input::Down { dependency }),
        2 => dependency.prop_map(|dependency| Input::Up { dependency }),
        2 => Just(Input::Tick),
    ];
    (0..300_u64, input)
}

fn odd_settings(patient: bool) -> EngineSettings {
    let whole = Policy { order: Order::Partition, ..Policy::default() };
    let odd = if patient { Policy { on_gap: OnGap::Continue, on_rewind: OnRewind::Skip, ..whole } } else { whole };
    let backoff =
        Backoff { attempts: u32::MAX, first: u64::MAX, factor_percent: u32::MAX, max: u64::MAX, total: u64::MAX, jitter_percent: 200 };
    let huge = Policy { backoff, null_keys: NullKeys::Serial, run_length: 0, on_conflict: OnConflict::Duplicate, ..Policy::default() };
    let credit = Credit { records: 3, bytes: u64::MAX };
    EngineSettings { policies: vec![odd, huge], concurrency: 0, credit, until_end: true, ..EngineSettings::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_facts_panics_and_none_loses_count(facts in proptest::collection::vec((fact(), 0..3_u8), 0..120), bug in 0..60_usize, patient: bool) {
        let mut engine = Engine::new(odd_settings(patient));
        let bug = Sabotage::ALL.get(bug).copied();
        if let Some(bug) = bug {
            engine.sabotage(bug);
        }
        let mut now = 0;
        for ((millis, input), drain) in facts {
            now += millis;
            engine.handle(Timestamp(now), input);
            let mut orders = 0;
            while drain == 0 && engine.next_effect().is_some() {
                orders += 1;
                prop_assert!(orders < 1_000, "orders come to an end");
            }
            if drain == 0 {
                prop_assert!(engine.next_deadline().is_none_or(|at| at > Timestamp(now)), "what is due was done");
            }
        }
        for partition in 0..3 {
            for epoch in 0..4 {
                engine.handle(Timestamp(now), Input::Lost { partition: PartitionId(partition), epoch: Epoch(epoch) });
            }
        }
        let left = engine.snapshot();
        prop_assert_eq!((left.records, left.bytes, left.running, left.waiting, left.partitions, left.halted), (0, 0, 0, 0, 0, 0));
        prop_assert_eq!(engine.next_deadline(), None);
    }
}

#[test]
fn a_world_that_answers_in_any_order_is_served_to_the_end() {
    for seed in 0..3_000 {
        crate::world::run(seed);
    }
}
