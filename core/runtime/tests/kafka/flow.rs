//! Reading in order, holding back, pausing, seeking.

use std::time::Duration;

use onceward::kafka::{SourceFact, SourceOrder};
use onceward_engine::Offset;

use crate::support::{Listener, cluster, fill, fill_each, settings};

const PARTITIONS: i32 = 3;
const EACH: i64 = 4_000;
const ALL: usize = 12_000;

#[test]
fn everything_comes_once_in_order_and_then_the_end() {
    let cluster = cluster("orders", PARTITIONS);
    fill(&cluster, "orders", PARTITIONS, 0..EACH);
    let mut listener = Listener::start(settings(&cluster, "g", "orders"));
    let mut ends = 0;
    while ends < PARTITIONS {
        ends += listener.until("end", |fact| match fact {
            SourceFact::ReachedEnd { position, .. } => {
                assert_eq!(*position, Offset(EACH), "the end is behind the last record");
                Some(1)
            }
            SourceFact::Assigned { from, committed, oldest, .. } => {
                assert_eq!((*from, *committed, *oldest), (Offset(0), false, Offset(0)));
                Some(0)
            }
            _ => Some(0),
        });
    }
    // No record comes after the end that it lies before.
    assert_eq!(listener.total(), ALL);
    listener.assert_whole(0, EACH);
    listener.close(Duration::from_secs(10));
}

#[test]
fn a_driver_that_stalls_gets_no_more_than_agreed_and_loses_nothing() {
    let cluster = cluster("orders", PARTITIONS);
    fill(&cluster, "orders", PARTITIONS, 0..EACH);
    let mut listener = Listener::start(settings(&cluster, "g", "orders"));
    listener.until_assigned(PARTITIONS as usize);
    while listener.total() < ALL {
        listener.taking = false;
        // Several times longer than the poll thread waits before it stashes what comes.
        while listener.next(Duration::from_millis(80)).is_some() {}
        assert!(listener.not_taken <= 2, "{} batches ahead", listener.not_taken);
        listener.take_rest();
        let goal = (listener.total() + 1_300).min(ALL);
        listener.until_seen(goal);
    }
    listener.assert_whole(0, EACH);
    listener.close(Duration::from_secs(10));
}

#[test]
fn pausing_skips_nothing_and_repeats_nothing() {
    let cluster = cluster("orders", PARTITIONS);
    fill(&cluster, "orders", PARTITIONS, 0..EACH);
    let mut listener = Listener::start(settings(&cluster, "g", "orders"));
    listener.until_assigned(PARTITIONS as usize);
    let mut round = 0;
    while listener.total() < ALL {
        round += 1;
        let (partition, epoch, _) = listener.assigned[&(round % PARTITIONS)];
        listener.source.order(SourceOrder::Pause { partition, epoch });
        if round % 3 == 0 {
            // Cancelled before it had a price.
            listener.source.order(SourceOrder::Resume { partition, epoch });
        }
        while listener.next(Duration::from_millis(40)).is_some() && listener.total() < ALL {}
        listener.source.order(SourceOrder::Resume { partition, epoch });
        listener.until_seen((listener.total() + 500).min(ALL));
    }
    listener.assert_whole(0, EACH);
    listener.close(Duration::from_secs(10));
}

#[test]
fn a_paused_partition_stays_quiet_while_others_flow() {
    let cluster = cluster("orders", 2);
    let mut listener = Listener::start(settings(&cluster, "g", "orders"));
    listener.until_assigned(2);
    let (partition, epoch, _) = listener.assigned[&0];
    listener.source.order(SourceOrder::Pause { partition, epoch });
    // A seek of the paused partition must not undo it.
    listener.source.order(SourceOrder::Seek { partition, epoch, to: Offset(0) });
    fill(&cluster, "orders", 2, 0..50);
    listener.until_seen(50);
    while listener.next(Duration::from_millis(200)).is_some() {}
    assert_eq!(listener.seen.keys().copied().collect::<Vec<_>>(), [1], "only the partition that is not paused");
    listener.source.order(SourceOrder::Resume { partition, epoch });
    listener.until_seen(100);
    listener.assert_whole(0, 50);
    listener.close(Duration::from_secs(10));
}

#[test]
fn what_was_fetched_before_a_pause_is_kept() {
    let cluster = cluster("orders", 2);
    let mut listener = Listener::start(settings(&cluster, "g", "orders"));
    listener.until_assigned(2);
    let (partition, epoch, _) = listener.assigned[&0];
    listener.source.order(SourceOrder::Pause { partition, epoch });
    fill_each(&cluster, "orders", 0..1, 0..50, 0);
    // One answer of the broker holds what both partitions have, so these can't come before those of the paused one.
    fill_each(&cluster, "orders", 1..2, 0..50, 0);
    listener.until_seen(50);
    fill_each(&cluster, "orders", 1..2, 50..60, 0);
    listener.until_seen(60);
    cluster.broker_down(1).unwrap();
    listener.until("brokers down", |fact| matches!(fact, SourceFact::BrokersDown { .. }).then_some(()));
    listener.source.order(SourceOrder::Resume { partition, epoch });
    listener.until_seen(110);
    cluster.broker_up(1).unwrap();
    // Its end was reached behind those records, and is told behind them.
    listener.source.order(SourceOrder::Pause { partition, epoch });
    fill(&cluster, "orders", 1, 50..70);
    listener.source.order(SourceOrder::Resume { partition, epoch });
    listener.until("end", |fact| match fact {
        SourceFact::ReachedEnd { partition: of, position, .. } => (*of == partition && *position == Offset(70)).then_some(()),
        _ => None,
    });
    assert_eq!(listener.seen[&0], (0..70).collect::<Vec<_>>());
    listener.close(Duration::from_secs(10));
}

#[test]
fn more_than_fits_the_stash_is_left_with_the_broker_and_comes_in_order() {
    // The mock keeps five megabytes of a partition, and a sixteenth of all stashes is one.
    const WIDE: i32 = 16;
    const COUNT: i64 = 30;
    let cluster = cluster("orders", WIDE);
    let mut listener = Listener::start(settings(&cluster, "g", "orders"));
    listener.until_assigned(WIDE as usize);
    let held: Vec<_> = listener.assigned.values().map(|&(partition, epoch, _)| (partition, epoch)).collect();
    for &(partition, epoch) in &held {
        listener.source.order(SourceOrder::Pause { partition, epoch });
    }
    // Three times what all stashes hold.
    fill_each(&cluster, "orders", 0..WIDE, 0..COUNT, 100_000);
    while listener.next(Duration::from_millis(500)).is_some_and(|fact| !matches!(fact, SourceFact::Batch(_))) {}
    assert_eq!(listener.total(), 0, "nothing is handed over while all are paused");
    for &(partition, epoch) in &held {
        listener.source.order(SourceOrder::Resume { partition, epoch });
    }
    listener.until_seen(usize::try_from(COUNT).unwrap() * held.len());
    listener.assert_whole(0, COUNT);
    listener.close(Duration::from_secs(10));
}

#[test]
fn seeking_reads_on_from_there() {
    let cluster = cluster("orders", 1);
    fill(&cluster, "orders", 1, 0..1_000);
    let mut listener = Listener::start(settings(&cluster, "g", "orders"));
    listener.until_seen(1_000);
    let (partition, epoch, _) = listener.assigned[&0];
    listener.source.order(SourceOrder::Seek { partition, epoch, to: Offset(990) });
    listener.until_seen(1_010);
    assert_eq!(listener.seen[&0][1_000..], (990..1_000).collect::<Vec<_>>());
    // An order for an epoch that is over has no effect.
    let over = onceward_engine::Epoch(epoch.0 + 1);
    listener.source.order(SourceOrder::Seek { partition, epoch: over, to: Offset(0) });
    fill(&cluster, "orders", 1, 1_000..1_001);
    listener.until_seen(1_011);
    assert_eq!(listener.seen[&0].last(), Some(&1_000));
    listener.close(Duration::from_secs(10));
}
