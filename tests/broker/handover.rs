//! Two members of Onceward: a handler that finishes after its partition went to somebody else has no say in it any more.
//!
//! `late_commit.rs` shows that the broker would accept its commit.

use std::sync::{Arc, Mutex};

use onceward::{Event, Failure};
use onceward_tests::kafka::{self, Outgoing};
use tokio::sync::{oneshot, watch};

use crate::service::{DRAIN, Notes, Service, noting, runtime};

#[test]
fn a_handler_that_ends_after_the_handover_moves_no_offset() {
    let service = Service::new("handover", 2);
    let records: Vec<_> = (0..200)
        .map(|n| Outgoing { partition: Some(n % 2), key: Some(vec![b'k']), value: Some(b"v".to_vec()), ..Outgoing::default() })
        .collect();
    kafka::produce(&service.brokers, &service.topic, &records);

    let runtime = runtime();
    let (open, gate) = watch::channel(false);
    let started: Arc<Mutex<Vec<(i32, i64)>>> = Arc::default();
    let first = service.builder().drain_deadline(DRAIN).build().unwrap();
    let first = first.on(service.topic.clone(), waiting(gate, Arc::clone(&started)));
    let (stop_first, stopped) = oneshot::channel::<()>();
    let first = runtime.spawn(first.run(async move { drop(stopped.await) }));
    kafka::until("the first member works on both partitions", || (started.lock().unwrap().len() == 2).then_some(()));

    // The second comes, waits in vain for the first to finish, and takes over one partition.
    let notes = Notes::default();
    let second = service.builder().build().unwrap().on(service.topic.clone(), noting(Arc::clone(&notes)));
    let (stop_second, stopped) = oneshot::channel::<()>();
    let second = runtime.spawn(second.run(async move { drop(stopped.await) }));
    let moved = kafka::until("the second member commits all of one partition", || {
        (0..2).find(|partition| service.committed(*partition) == Some(100))
    });

    // Only now the first member's handlers end, the one of the partition that has gone among them.
    open.send(true).unwrap();
    kafka::until("the first member commits all of the other partition", || service.committed(1 - moved).filter(|next| *next == 100));
    assert_eq!(service.committed(moved), Some(100), "the former owner's late result must not move the group's offset back");
    let handled: Vec<_> = notes.lock().unwrap().iter().map(|(partition, offset, _)| (*partition, *offset)).collect();
    assert_eq!(handled, (0..100).map(|offset| (moved, offset)).collect::<Vec<_>>(), "the new owner handles all of it, in order");
    let late: Vec<_> = started.lock().unwrap().iter().filter(|(partition, _)| *partition == moved).copied().collect();
    assert_eq!(late, [(moved, 0)], "the former owner starts nothing more of it");

    drop((stop_first, stop_second));
    runtime.block_on(first).unwrap().unwrap();
    runtime.block_on(second).unwrap().unwrap();
}

/// A handler that notes that it began, and ends once the gate is open.
fn waiting(
    gate: watch::Receiver<bool>,
    started: Arc<Mutex<Vec<(i32, i64)>>>,
) -> impl Fn(Event) -> futures::Handling + Send + Sync + 'static {
    move |event| {
        let (mut gate, started) = (gate.clone(), Arc::clone(&started));
        Box::pin(async move {
            started.lock().unwrap().push((event.partition(), event.offset()));
            gate.wait_for(|open| *open).await?;
            Ok::<(), Failure>(())
        })
    }
}

mod futures {
    use std::pin::Pin;

    use onceward::Failure;

    pub(super) type Handling = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;
}
