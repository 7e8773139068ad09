//! Leaving the group and ending, by a deadline, whether a broker answers or not.

use std::time::{Duration, Instant};

use super::SourceFact;
use super::poll::Poll;
use super::sys::EventKind;
use super::table::State;
use rdkafka::TopicPartitionList;

impl Poll {
    pub(super) fn close(mut self, deadline: Duration) {
        let deadline = Instant::now() + deadline;
        self.answer_open_rebalance();
        if let Err(error) = self.consumer.close_queue() {
            tracing::debug!(%error, "closing the consumer");
        }
        while !self.consumer.closed() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let Some(event) = self.queue.poll(left.min(Duration::from_millis(20))) else { continue };
            match event.kind() {
                EventKind::Rebalance => {
                    self.lose_all();
                    self.give_everything_back();
                }
                EventKind::Commit => self.committed(&event),
                _ => {}
            }
        }
        self.lose_all();
        self.drop_commits("the consumer closed before the broker answered");
        self.leave(deadline);
    }

    /// librdkafka does not close while it waits for the answer to a rebalance.
    fn answer_open_rebalance(&mut self) {
        if let Some(revoking) = self.rebalance.revoking.take() {
            drop(revoking);
            self.lose_all();
            self.give_everything_back();
        }
        if self.rebalance.assigning.take().is_some()
            && let Err(error) = self.assign(&TopicPartitionList::new())
        {
            tracing::debug!(%error, "refusing the assignment");
        }
    }

    /// Tells of what was not drained; usually nothing.
    fn lose_all(&mut self) {
        let live: Vec<usize> = (0..self.table.slots.len()).filter(|&index| self.table.slots[index].state == State::Revoking).collect();
        self.lose(&live);
    }

    fn give_everything_back(&mut self) {
        let all: Vec<usize> = (0..self.table.slots.len()).collect();
        self.give_back(&all);
    }

    /// Destroys the client on another thread: that may block without limit, and is left behind at the deadline.
    fn leave(self, deadline: Instant) {
        let Self { consumer, queue, asker, waker, sink, .. } = self;
        waker.detach();
        drop(queue);
        let asking = asker.end();
        let (done, finished) = crossbeam_channel::bounded::<()>(1);
        let spawned = std::thread::Builder::new().name("onceward-close".to_owned()).spawn(move || {
            // The last hold on the client must be this one.
            let ended = asking.join();
            drop(consumer);
            if ended.is_ok() && done.send(()).is_err() {
                tracing::debug!("the consumer ended after its deadline");
            }
        });
        match spawned {
            Ok(_) => {
                let left = deadline.saturating_duration_since(Instant::now());
                if finished.recv_timeout(left).is_err() {
                    sink(SourceFact::notice(
                        "the Kafka client did not end in time and is left behind; the group notices by its session timeout",
                    ));
                }
            }
            Err(error) => tracing::error!(%error, "the closing thread did not start"),
        }
        sink(SourceFact::Closed);
    }
}
