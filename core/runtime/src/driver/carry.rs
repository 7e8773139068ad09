//! Orders of the engine, carried out.

use std::sync::Arc;

use onceward_engine::{Alert, DeliveryId, Effect, Fate, Input, Runs};

use super::Driver;
use crate::event::{correlation, one_line};
use crate::inbox::{LookUp, Mark};
use crate::kafka::SourceOrder;

/// Events per chunk: enough to make the hand-over cheap, few enough to spread over workers.
const CHUNK: usize = 128;

impl Driver {
    pub(crate) fn look_up(&mut self, deliveries: &[DeliveryId]) {
        // Two passes: the filter's cache misses overlap when nothing stands between them.
        let mut answers = std::mem::take(&mut self.answers);
        for &delivery in deliveries {
            let Some(payload) = self.payloads.get(delivery) else { continue };
            match self.inbox.look_up(delivery, payload.identity, payload.digest) {
                LookUp::NotSeen => answers.push((delivery, None)),
                LookUp::Seen(digest) => answers.push((delivery, Some(digest))),
                LookUp::Pending => {}
            }
        }
        let now = self.clock.now();
        for (delivery, seen) in answers.drain(..) {
            self.engine.handle(now, Input::LookedUp { delivery, seen });
        }
        self.answers = answers;
    }

    /// Hands runs over; all of them in one chunk when one call gets them all.
    pub(crate) fn dispatch(&mut self, runs: &Runs, together: bool) {
        let mut last = None;
        let began = self.tracer.now();
        for run in runs.iter() {
            let Some(payload) = run.first().and_then(|(delivery, _)| self.payloads.get(*delivery)) else { continue };
            let policy = usize::from(payload.policy.0).min(self.runners.len() - 1);
            let chunk = &mut self.chunks[policy];
            if chunk.items.is_empty() {
                chunk.number = self.next_chunk;
                self.next_chunk += 1;
            }
            for &(delivery, attempt) in run {
                let Some(payload) = self.payloads.get_mut(delivery) else { continue };
                let Some(entry) = self.partitions.get(payload.partition) else { continue };
                payload.chunk = chunk.number;
                payload.attempt = attempt;
                payload.begun = if payload.begun == 0 { began } else { payload.begun };
                chunk.push(delivery, attempt, &entry.place, &payload.batch, payload.index);
            }
            chunk.alone = runs.alone;
            chunk.ends.push(u32::try_from(chunk.items.len()).unwrap_or(u32::MAX));
            last = Some(policy);
            if chunk.items.len() >= CHUNK && !together {
                self.send_chunk(policy);
            }
        }
        if let Some(policy) = last.filter(|_| together) {
            self.send_chunk(policy);
        }
    }

    pub(crate) fn send_chunks(&mut self) {
        for policy in 0..self.chunks.len() {
            if !self.chunks[policy].items.is_empty() {
                self.send_chunk(policy);
            }
        }
    }

    fn send_chunk(&mut self, policy: usize) {
        let chunk = std::mem::take(&mut self.chunks[policy]);
        let first_run = self.next_run;
        self.next_run += chunk.ends.len() as u64;
        let chunk = Arc::new(chunk);
        self.in_flight.add(chunk.number, &chunk);
        Arc::clone(&self.runners[policy]).start(chunk, first_run);
    }

    pub(crate) fn mark(&mut self, deliveries: &[DeliveryId]) {
        for &delivery in deliveries {
            let Some(payload) = self.payloads.get_mut(delivery) else { continue };
            let statements = std::mem::take(&mut payload.statements);
            let publishes = payload.publishes.take();
            let run = payload.run;
            let mark = Mark {
                delivery,
                partition: payload.partition,
                epoch: payload.epoch,
                identity: payload.identity,
                digest: payload.digest,
                lane: u128::from(run),
                statements,
                publishes,
            };
            self.inbox.mark(mark);
        }
    }

    pub(crate) fn forget(&mut self, fates: &[(DeliveryId, Fate)]) {
        for &(delivery, fate) in fates {
            self.metrics.resolved(fate);
            if fate != Fate::Abandoned {
                self.acquit(delivery);
            }
            let Some(mut payload) = self.payloads.remove(delivery) else { continue };
            if payload.stranded {
                self.metrics.stranded(-1);
            }
            if payload.begun > 0
                && let Some(entry) = self.partitions.get(payload.partition)
            {
                self.tracer.resolved(&payload, &entry.place, fate);
            }
            if fate == Fate::Lettered {
                // A replay that failed has no reason here: its letter was counted when it was written.
                if let (Some(reason), Some(entry)) = (payload.reason, self.partitions.get(payload.record().meta.partition)) {
                    self.metrics.lettered(&entry.place.topic, reason);
                }
                if let Some(letter) = payload.told.take() {
                    self.alerts.lettered(*letter);
                }
            }
        }
        let abandoned: Vec<DeliveryId> = fates.iter().filter(|(_, fate)| *fate == Fate::Abandoned).map(|(delivery, _)| *delivery).collect();
        if !abandoned.is_empty() {
            self.producer.abandon(&abandoned);
        }
    }

    pub(crate) fn order(&mut self, effect: &Effect) {
        let order = match *effect {
            Effect::Commit { partition, epoch, next } => SourceOrder::Commit { partition, epoch, next },
            Effect::Pause { partition, epoch } => SourceOrder::Pause { partition, epoch },
            Effect::Resume { partition, epoch } => SourceOrder::Resume { partition, epoch },
            Effect::Seek { partition, epoch, to } => SourceOrder::Seek { partition, epoch, to },
            Effect::Release { partition, epoch } => {
                self.inbox.release(partition, epoch);
                self.over(partition, epoch);
                self.leave_ledger(partition, epoch);
                tracing::info!(target: "onceward", partition = %self.partitions.display(partition), epoch = epoch.0, "partition released");
                SourceOrder::Release { partition, epoch }
            }
            _ => return,
        };
        self.source.order(order);
    }

    pub(crate) fn alert(&mut self, alert: Alert) {
        match alert {
            Alert::Rewound { partition, remembered, committed, halted } => {
                let text = format!(
                    "{}: the group's offset is {}, but this inbox remembers {}: somebody moved it back{}",
                    self.partitions.display(partition),
                    committed.0,
                    remembered.0,
                    if halted {
                        ". The partition is halted: set on_rewind = \"reprocess\" to read from there (what is marked is dropped as a copy), or \"skip\" to go on"
                    } else {
                        ""
                    }
                );
                self.report_alert(text, halted);
            }
            Alert::Gap { partition, from, to, halted } if to < from => {
                let text = format!(
                    "{}: the group's offset is {}, but the log ends at {}: it was cut off, the topic was made again, or somebody moved the \
                     group too far. The partition is halted: look for what was lost, set the group's offset with \
                     `kafka-consumer-groups --reset-offsets`, and start again",
                    self.partitions.display(partition),
                    from.0,
                    to.0
                );
                self.report_alert(text, halted);
            }
            Alert::Gap { partition, from, to, halted } => {
                self.metrics.gap(to.0.saturating_sub(from.0));
                let text = format!(
                    "{}: offsets {}..{} were deleted before they were read{}",
                    self.partitions.display(partition),
                    from.0,
                    to.0,
                    if halted {
                        ". The partition is halted: set on_gap = \"continue\" to go on behind them, and check the topic's retention"
                    } else {
                        ""
                    }
                );
                self.report_alert(text, halted);
            }
            Alert::Conflict { delivery } => {
                self.metrics.identity_conflict();
                if let Some(payload) = self.payloads.get(delivery)
                    && let Some(entry) = self.partitions.get(payload.record().meta.partition)
                {
                    let record = payload.record();
                    tracing::warn!(target: "onceward", topic = %entry.name.topic, partition = entry.name.number, offset = record.meta.offset.0,
                        correlation_id = %correlation::of(&record, &entry.place.topic, entry.place.partition),
                        event_id = %one_line(&entry.place.event_id(&record)),
                        "identity conflict: this id came before with other bytes. An event id must be new for each event; an entity's id is none");
                }
            }
            Alert::DrainTimedOut { partition, running } => {
                tracing::warn!(target: "onceward", partition = %self.partitions.display(partition), running,
                    "handlers were still running at the drain deadline; their results are ignored and their events are handled again");
            }
            Alert::Stuck { .. } => self.stuck(alert),
            Alert::ReplayRefused { partition, offset, replays } => {
                tracing::warn!(target: "onceward", partition = %self.partitions.display(partition), offset = offset.0, replays,
                    "a replay is refused: it failed as often as max_replays allows. Mend the handler first, then `onceward dlt replay --force`");
            }
            Alert::LetterGone { partition, offset } => {
                tracing::error!(target: "onceward", partition = %self.partitions.display(partition), offset = offset.0,
                    "a dead letter can't be replayed: the broker deleted it. It stays open until somebody discards it: `onceward dlt discard`");
            }
            Alert::BreakerOpened { .. } | Alert::BreakerClosed { .. } | Alert::BreakerStaysOpen { .. } => self.breaker_alert(alert),
        }
    }

    fn report_alert(&mut self, text: String, halted: bool) {
        if !halted {
            tracing::warn!(target: "onceward", "{text}");
            return;
        }
        tracing::error!(target: "onceward", "{text}");
        self.ending.halted(text);
    }
}
