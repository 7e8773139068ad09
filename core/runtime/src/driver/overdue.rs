//! Handlers that take too long, or whose partition is gone.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use onceward_engine::{Alert, DeliveryId, Epoch, Input, PartitionId};

use super::Driver;
use crate::event::{Cancelled, Chunk, Place, correlation};

/// Beyond so many entries the finished ones in the middle are swept, too.
const MOST: usize = 4_096;

/// Chunks in the executor's hands, oldest first.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    chunks: VecDeque<(u64, Weak<Chunk>)>,
}

impl InFlight {
    pub(crate) fn add(&mut self, number: u64, chunk: &Arc<Chunk>) {
        while self.chunks.front().is_some_and(|oldest| oldest.1.strong_count() == 0) {
            self.chunks.pop_front();
        }
        // One handler that never ends must not keep the numbers of all that came after it.
        if self.chunks.len() >= MOST {
            self.chunks.retain(|entry| entry.1.strong_count() > 0);
        }
        self.chunks.push_back((number, Arc::downgrade(chunk)));
    }

    /// Whoever polls a handler of this assignment looks at it again.
    fn wake(&self, place: &Arc<Place>) {
        for chunk in self.chunks.iter().filter_map(|entry| entry.1.upgrade()) {
            chunk.items.iter().filter(|item| Arc::ptr_eq(chunk.place(item), place)).for_each(|item| item.progress.wake());
        }
    }

    fn find(&self, number: u64) -> Option<Arc<Chunk>> {
        self.chunks.iter().find(|entry| entry.0 == number)?.1.upgrade()
    }
}

impl Driver {
    /// Stops the handler of a delivery, or takes the delivery back if no handler has begun with it.
    pub(crate) fn cancel(&mut self, delivery: DeliveryId) {
        let Some((number, policy)) = self.payloads.get(delivery).map(|payload| (payload.chunk, payload.policy)) else { return };
        let Some(chunk) = self.in_flight.find(number) else { return };
        let Some(index) = chunk.items.iter().position(|item| item.delivery == delivery) else { return };
        // It may have ended, and its outcome waits for another one that blocks. Through the channel, like those before it: order counts.
        if let Some(runner) = self.runners.get(usize::from(policy.0)) {
            runner.tell(&chunk);
        }
        let now = self.clock.now();
        match chunk.items[index].cancel() {
            // Its chunk waits for a worker, or behind a handler that does not let go of one. Whoever stands behind it in its run goes along.
            Cancelled::NotStarted => {
                let end = chunk.ends.iter().map(|&end| end as usize).find(|&end| end > index).unwrap_or(index + 1);
                self.engine.handle(now, Input::NotStarted { delivery });
                for item in &chunk.items[index + 1..end] {
                    if item.cancel() == Cancelled::NotStarted {
                        self.engine.handle(now, Input::NotStarted { delivery: item.delivery });
                    }
                }
            }
            Cancelled::Told => {}
        }
    }

    /// An assignment is over: what its handlers still do counts no more, and those that wait somewhere are stopped.
    pub(crate) fn over(&mut self, partition: PartitionId, epoch: Epoch) {
        if let Some(place) = self.partitions.end(partition, epoch) {
            self.in_flight.wake(&place);
        }
    }

    /// A handler that was told to stop goes on.
    pub(crate) fn stuck(&mut self, alert: Alert) {
        let Alert::Stuck { delivery, millis } = alert else { return };
        let Some(payload) = self.payloads.get(delivery) else { return };
        let batch = self.routes.routes.get(usize::from(payload.policy.0)).is_some_and(|route| route.policy.batch.is_some());
        // All keys of a call are told of; one line is enough.
        if batch && std::mem::replace(&mut self.stuck_call, payload.chunk) == payload.chunk {
            return;
        }
        let record = payload.record();
        let Some(entry) = self.partitions.get(record.meta.partition) else { return };
        tracing::error!(target: "onceward", topic = %entry.name.topic, partition = entry.name.number, offset = record.meta.offset.0,
            correlation_id = %correlation::of(&record, &entry.place.topic, entry.place.partition), running_for_ms = millis,
            "stuck: this handler is past its handler_timeout and can't be stopped, because it does not wait anywhere. Its key waits for it (of a \
             batch: all of its keys), everything else goes on; work that blocks belongs into tokio::task::spawn_blocking");
    }
}
