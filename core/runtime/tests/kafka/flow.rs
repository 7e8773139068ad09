//! Reading in order, holding back, pausing, seeking.

use std::time::Duration;

use onceward::kafka::{SourceFact, SourceOrder};
use onceward_engine::Offset;

use crate::support::{Listener, cluster, fill, settings};

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
        // Several times longer than the poll thread waits before it pauses everything in librdkafka.
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
    // Both are at their end. The pause is in place once its debounce is over; a seek of the paused partition must not undo it.
    while listener.next(Duration::from_millis(60)).is_some() {}
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
