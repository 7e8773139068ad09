//! What every store keeps to. Each check runs on each store of the test binary that it is part of: see `stores`.

use onceward::inbox::{Identity, InboxFact, LookUp};
use onceward_engine::{Digest, Epoch, EventHash, MarkResult, Offset, PartitionId};

use super::rig::{DAY_MS, at, id, name};
use super::stores::each;

#[test]
fn a_marked_event_is_seen_with_its_digest_and_others_are_not() {
    each(|mut rig, _| {
        rig.keep(1..=50);
        assert_eq!(rig.seen(id(20)), Some(Digest(7)));
        assert_eq!(rig.seen(id(51)), None);
        let extremes = [0, 1, u128::MAX, u128::MAX - 1, 1 << 127].map(|id| Identity::Event(EventHash(id)));
        let marks = extremes.iter().map(|&identity| rig.prepare(identity, 3)).collect();
        assert!(rig.write(marks).iter().all(|result| *result == MarkResult::Durable));
        assert!(extremes.iter().all(|&identity| rig.seen(identity) == Some(Digest(3))));
    });
}

#[test]
fn a_queued_mark_is_never_answered_as_new() {
    each(|mut rig, _| {
        let (mark, delivery) = (rig.prepare(id(1), 5), rig.delivery());
        rig.inbox.mark(mark);
        assert_eq!(rig.inbox.look_up(delivery, id(1), Digest(5)), LookUp::Pending);
        rig.inbox.flush();
        assert_eq!(rig.decided(1).len(), 1);
        match rig.fact() {
            InboxFact::LookedUp(answers) => assert_eq!(answers, vec![(delivery, Some(Digest(5)))]),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn facts_come_in_the_order_of_the_marks() {
    each(|mut rig, _| {
        let mut expected = Vec::new();
        for group in 0..20_u64 {
            for seed in 0..100 {
                let mark = rig.prepare(id(group * 100 + seed), 1);
                expected.push(mark.delivery);
                rig.inbox.mark(mark);
            }
            rig.inbox.flush();
        }
        let decided: Vec<_> = rig.decided(2_000).into_iter().map(|marked| marked.delivery).collect();
        assert_eq!(decided, expected);
    });
}

#[test]
fn a_second_mark_of_an_event_is_a_duplicate_with_the_first_digest() {
    each(|mut rig, _| {
        rig.keep([1]);
        let again = rig.prepare(id(1), 8);
        assert_eq!(rig.write(vec![again]), [MarkResult::Duplicate { digest: Digest(7) }]);
        assert_eq!(rig.seen(id(1)), Some(Digest(7)));
    });
}

#[test]
fn a_mark_of_a_released_epoch_is_dropped_and_leaves_no_trace() {
    each(|mut rig, _| {
        let mut late = rig.prepare(id(1), 1);
        late.epoch = Epoch(4);
        rig.inbox.release(PartitionId(0), Epoch(4));
        assert_eq!(rig.write(vec![late]), [MarkResult::Dropped]);
        assert_eq!(rig.seen(id(1)), None);
        let mut again = rig.prepare(id(1), 1);
        again.epoch = Epoch(5);
        assert_eq!(rig.write(vec![again]), [MarkResult::Durable]);
        assert_eq!(rig.seen(id(1)), Some(Digest(1)));
    });
}

#[test]
fn coordinates_are_known_by_watermark_and_offset() {
    each(|mut rig, _| {
        assert_eq!(rig.catch_up(1, &name(1)), (None, false));
        assert_eq!(rig.seen(at(5)), None);
        let marks = [5, 6, 9].map(|offset| rig.prepare(at(offset), 2)).into_iter().collect();
        assert_eq!(rig.write(marks), [MarkResult::Durable; 3]);
        // The record's own digest comes back: the same place is the same record.
        assert_eq!(rig.seen(at(6)), Some(Digest(99)));
        assert_eq!(rig.seen(at(7)), None);
        rig.inbox.committed(PartitionId(0), Epoch(1), Offset(7));
        let other = rig.prepare(at(12), 2);
        assert_eq!(rig.write(vec![other]), [MarkResult::Durable]);
        assert_eq!(rig.seen(at(0)), Some(Digest(99)));
        assert_eq!(rig.catch_up(2, &name(1)), (Some(Offset(7)), false));
        let held: Vec<i64> = (7..14).filter(|&offset| rig.seen(at(offset)).is_some()).collect();
        assert_eq!(held, [9, 12]);
    });
}

#[test]
fn a_topic_made_again_starts_afresh_and_says_so() {
    each(|mut rig, _| {
        rig.catch_up(1, &name(1));
        let mark = rig.prepare(at(5), 2);
        rig.write(vec![mark]);
        rig.inbox.committed(PartitionId(0), Epoch(1), Offset(6));
        let mark = rig.prepare(at(8), 2);
        rig.write(vec![mark]);
        // A broker that knows no topic ids proves nothing.
        assert_eq!(rig.catch_up(2, &name(0)), (Some(Offset(6)), false));
        assert_eq!(rig.catch_up(3, &name(9)), (None, true));
        assert_eq!(rig.seen(at(5)), None);
        assert_eq!(rig.seen(at(8)), None);
    });
}

#[test]
fn marks_expire_with_their_bucket_and_not_before() {
    each(|mut rig, clock| {
        rig.keep([1]);
        for day in 0..6 {
            clock.advance(DAY_MS);
            rig.keep([100 + day]);
        }
        assert_eq!(rig.seen(id(1)), Some(Digest(7)));
        clock.advance(3 * DAY_MS);
        // The first write lets the store look at its clock, the answer to the second comes after that.
        rig.keep([200]);
        rig.keep([201]);
        assert_eq!(rig.seen(id(1)), None);
        assert_eq!(rig.seen(id(105)), Some(Digest(7)));
    });
}

#[test]
fn a_wall_clock_that_jumps_expires_nothing() {
    each(|mut rig, clock| {
        rig.keep([1]);
        clock.step_wall(400 * DAY_MS);
        clock.advance(10 * DAY_MS);
        rig.keep([2]);
        rig.keep([3]);
        assert!(rig.inbox.stats().expiry_suspended);
        assert_eq!(rig.seen(id(1)), Some(Digest(7)));
        clock.step_wall(-400 * DAY_MS);
        clock.advance(DAY_MS);
        rig.keep([4]);
        rig.keep([5]);
        assert!(!rig.inbox.stats().expiry_suspended);
        assert_eq!(rig.seen(id(1)), None);
    });
}

#[test]
fn no_false_negative_among_200_000_ids_in_groups_of_every_size() {
    each(|mut rig, _| {
        let sizes = [1, 3, 999, 1_000, 8_192, 20_000, 70_000, 2, 99_803];
        let mut next = 0;
        for size in sizes {
            rig.keep(next..next + size);
            next += size;
        }
        assert_eq!(next, 200_000);
        let mut pending = 0_usize;
        for seed in (0..200_000).chain(1_000_000..1_100_000) {
            let delivery = rig.delivery();
            match rig.inbox.look_up(delivery, id(seed), Digest(1)) {
                LookUp::Seen(digest) => assert!(digest == Digest(7) && seed < 200_000),
                LookUp::NotSeen => assert!(seed >= 200_000, "{seed} was lost"),
                LookUp::Pending => pending += 1,
            }
        }
        rig.inbox.flush();
        let mut found = 0;
        while pending > 0 {
            let InboxFact::LookedUp(answers) = rig.fact() else { panic!("expected answers") };
            pending -= answers.len();
            for (delivery, digest) in answers {
                // 200,000 slots were used by the marks; the look-ups follow in order.
                let seed = delivery.slot - 200_001;
                assert_eq!(digest, (seed < 200_000).then_some(Digest(7)), "look-up {seed}");
                found += 1;
            }
        }
        assert!(found < 201_000, "the filter lets too much through: {found}");
    });
}

/// `on_rewind = "reprocess"`, or a group whose offset expired and which starts at the earliest: reading begins below what is remembered.
#[test]
fn a_commit_below_what_is_remembered_makes_nothing_new() {
    each(|mut rig, _| {
        rig.catch_up(1, &name(1));
        let marks = (0..10).map(|offset| rig.prepare(at(offset), 2)).collect();
        assert_eq!(rig.write(marks), [MarkResult::Durable; 10]);
        rig.inbox.committed(PartitionId(0), Epoch(1), Offset(10));
        assert_eq!(rig.catch_up(2, &name(1)), (Some(Offset(10)), false));
        // Read again from 0: copies; after a second the first four of them are committed.
        assert!((0..4).all(|offset| rig.seen(at(offset)).is_some()));
        rig.inbox.committed(PartitionId(0), Epoch(2), Offset(4));
        let new: Vec<i64> = (4..10).filter(|&offset| rig.seen(at(offset)).is_none()).collect();
        assert_eq!(new, Vec::<i64>::new(), "marked events are handled a second time");
    });
}
