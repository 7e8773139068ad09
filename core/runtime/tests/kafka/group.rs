//! Two members of one group, in one process.

use std::collections::BTreeSet;
use std::time::Duration;

use onceward::kafka::{SourceFact, SourceOrder};
use onceward_engine::{Epoch, Offset, PartitionId};

use crate::support::{Listener, cluster, fill, settings};

/// Listens until `count` partitions are being revoked.
fn revoking(listener: &mut Listener, count: usize) -> Vec<(PartitionId, Epoch)> {
    let mut found = Vec::new();
    while found.len() < count {
        found.push(listener.until("revocation", |fact| match fact {
            SourceFact::Revoking { partition, epoch } => Some((*partition, *epoch)),
            _ => None,
        }));
    }
    found
}

#[test]
fn a_partition_moves_when_it_is_released_and_not_before() {
    let cluster = cluster("orders", 4);
    fill(&cluster, "orders", 4, 0..100);
    let mut first = Listener::start(settings(&cluster, "g", "orders"));
    first.until_seen(400);
    for number in 0..4 {
        first.commit_at_last(number, 60 + i64::from(number));
    }
    let mut second = Listener::start(settings(&cluster, "g", "orders"));
    let gone = revoking(&mut first, 2);
    // As long as the first one drains, the second one gets nothing.
    while second.next(Duration::from_millis(300)).is_some() {}
    assert!(second.assigned.is_empty(), "{:?}", second.assigned);
    let numbers: BTreeSet<i32> =
        first.assigned.iter().filter(|(_, (id, ..))| gone.iter().any(|(gone, _)| gone == id)).map(|(number, _)| *number).collect();
    // What is drained is committed before it goes.
    for &number in &numbers {
        first.commit_at_last(number, 80);
    }
    for &(partition, epoch) in &gone {
        first.source.order(SourceOrder::Release { partition, epoch });
    }
    // The epoch is over: a commit that comes late is not sent, it would move the group's offset under the next owner's feet.
    let (partition, epoch) = gone[0];
    first.source.order(SourceOrder::Commit { partition, epoch, next: Offset(99) });
    let error = first.until("answer", |fact| match fact {
        SourceFact::Committed { next: Offset(99), error, .. } => Some(error.clone()),
        _ => None,
    });
    assert!(error.is_some());
    second.until_assigned(2);
    assert_eq!(second.assigned.keys().copied().collect::<BTreeSet<_>>(), numbers);
    second.until_seen(40);
    assert!(second.assigned.values().all(|(.., from)| *from == Offset(80)), "it begins where the first one committed");
    second.assert_whole(80, 100);
    // The second one leaves; the first one gets its partitions back under new epochs.
    for &number in &numbers {
        first.assigned.remove(&number);
        first.seen.remove(&number);
        second.commit_at_last(number, 90);
    }
    second.close(Duration::from_secs(10));
    first.until_assigned(4);
    for number in &numbers {
        let (_, epoch, from) = first.assigned[number];
        assert!(gone.iter().all(|(_, earlier)| *earlier < epoch));
        assert_eq!(from, Offset(90));
    }
    first.until_seen(220);
    for number in &numbers {
        assert_eq!(first.seen[number], (90..100).collect::<Vec<_>>());
    }
    first.close(Duration::from_secs(10));
}

#[test]
fn a_driver_that_never_releases_loses_the_partitions() {
    let cluster = cluster("orders", 2);
    let mut hanging = settings(&cluster, "g", "orders");
    hanging.drain = Duration::ZERO;
    let mut first = Listener::start(hanging);
    first.until_assigned(2);
    let mut second = Listener::start(settings(&cluster, "g", "orders"));
    let gone = revoking(&mut first, 1);
    let lost = first.until("loss", |fact| match fact {
        SourceFact::Lost { partition, epoch } => Some((*partition, *epoch)),
        _ => None,
    });
    assert_eq!(lost, gone[0]);
    second.until_assigned(1);
    first.close(Duration::from_secs(10));
    second.close(Duration::from_secs(10));
}
