//! The task that writes: takes everything queued, decides it in one transaction, says what became of it.
//!
//! While one group is under way the next gathers, so nobody has to wait for company: the slower the server, the larger the groups.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use onceward_engine::{Epoch, MarkResult, PartitionId};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_postgres::types::Type;

use super::connect::{Server, Session};
use super::fault::{Fault, classify};
use super::group::{Item, Verdict};
use super::positions::{self, Kept};
use super::reader::jittered;
use super::settings::PostgresSettings;
use super::shared::{Arrival, Ask, Await, Batch, News, QueuedMark, Shared, WRITING};
use crate::inbox::clock::BucketTime;
use crate::inbox::{Identity, InboxFact, Marked};

/// How long the server may take for anything; its own limits are shorter.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// Waits between attempts.
pub(super) const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
const IDLE: Duration = Duration::from_secs(1);
/// Marks that expire with one statement.
const EXPIRE: i64 = 5_000;

/// The writer has to stop: the store is broken, or closing took too long.
pub(super) struct Gone;

/// The writer's state.
pub(super) struct Writer {
    pub(super) settings: PostgresSettings,
    pub(super) server: Arc<Server>,
    pub(super) shared: Arc<Shared>,
    pub(super) session: Option<Session>,
    pub(super) positions: HashMap<PartitionId, Kept>,
    pub(super) time: BucketTime,
    /// A connection was lost within a transaction: nobody knows whether it happened, so what was in it is looked up first.
    pub(super) unsure: bool,
    /// Marks of partitions that another member has taken over, until the group tells us so.
    parked: Vec<QueuedMark>,
    /// Marks whose buckets end here or before are gone.
    expired: i64,
    stop: watch::Receiver<bool>,
    asks: UnboundedSender<Vec<Ask>>,
}

/// What repeated attempts have met so far.
#[derive(Default)]
pub(super) struct Tries {
    count: u64,
    pub(super) busy: u64,
}

impl Writer {
    pub(super) fn new(
        settings: PostgresSettings,
        server: Arc<Server>,
        shared: Arc<Shared>,
        session: Session,
        time: BucketTime,
        stop: watch::Receiver<bool>,
        asks: UnboundedSender<Vec<Ask>>,
    ) -> Self {
        let (session, positions, parked) = (Some(session), HashMap::new(), Vec::new());
        Self { settings, server, shared, session, positions, time, unsure: false, parked, expired: 0, stop, asks }
    }

    /// Runs until the driver's side hangs up. Answers whether everything was written.
    pub(super) async fn run(mut self, batches: &mut UnboundedReceiver<Batch>) -> bool {
        self.serve(batches).await.is_ok()
    }

    async fn serve(&mut self, batches: &mut UnboundedReceiver<Batch>) -> Result<(), Gone> {
        loop {
            match timeout(IDLE, batches.recv()).await {
                Ok(Some(first)) => {
                    let group = self.gather(first, batches);
                    self.process(group).await?;
                }
                Ok(None) => break,
                Err(_) => self.write_positions().await?,
            }
            self.expire().await?;
        }
        self.write_positions().await?;
        // The process ends, or was told that the partition is lost: whoever owns it handles these events again.
        let parked = std::mem::take(&mut self.parked);
        self.report(parked.iter().map(|queued| (queued, Verdict::Dropped)));
        Ok(())
    }

    fn gather(&self, first: Batch, batches: &mut UnboundedReceiver<Batch>) -> Vec<Batch> {
        let mut count = first.marks.len();
        let mut group = vec![first];
        while count < self.settings.group_size
            && let Ok(next) = batches.try_recv()
        {
            count = count.saturating_add(next.marks.len());
            group.push(next);
        }
        group
    }

    async fn process(&mut self, group: Vec<Batch>) -> Result<(), Gone> {
        let (mut marks, mut arrivals, mut awaits) = (Vec::new(), Vec::new(), Vec::new());
        for (flush, batch) in group.into_iter().enumerate() {
            for (partition, epoch, next) in batch.committed {
                if let Some(kept) = self.positions.get_mut(&partition)
                    && kept.epoch == epoch
                    && kept.position.committed != Some(next)
                {
                    kept.position.commit(next);
                    kept.dirty = true;
                }
            }
            marks.extend(batch.marks.into_iter().map(|queued| Item { queued, flush }));
            arrivals.extend(batch.arrivals);
            awaits.extend(batch.awaits);
            self.unpark(&batch.released);
        }
        if !marks.is_empty() {
            let last = marks.last().map_or(0, |item| item.queued.number);
            let verdicts = self.decide(&marks).await?;
            let (mut decided, mut kept_back) = (Vec::new(), Vec::new());
            for (item, verdict) in marks.into_iter().zip(verdicts) {
                match verdict {
                    Verdict::Superseded => kept_back.push(item.queued),
                    verdict => decided.push((item.queued, verdict)),
                }
            }
            self.park(kept_back);
            self.report(decided.iter().map(|(queued, verdict)| (queued, verdict.clone())));
            self.shared.set_durable(last);
        }
        if !arrivals.is_empty() {
            // Claiming loads the row: what no transaction has carried yet would be forgotten.
            self.write_positions().await?;
        }
        for arrival in arrivals {
            self.arrive(arrival).await?;
        }
        self.answer(awaits);
        Ok(())
    }

    /// Another member owns the partition: the group will say so. Until then nothing is reported, or the events would be handled again
    /// and again, each time for nothing.
    fn park(&mut self, marks: Vec<QueuedMark>) {
        for queued in marks {
            self.shared.tell(News::Unmarked { identity: queued.mark.identity, number: queued.number });
            self.parked.push(queued);
        }
    }

    fn unpark(&mut self, released: &[(PartitionId, Epoch)]) {
        if released.is_empty() || self.parked.is_empty() {
            return;
        }
        let over = |queued: &QueuedMark| {
            released.iter().any(|&(partition, epoch)| queued.mark.partition == partition && queued.mark.epoch <= epoch)
        };
        let (dropped, parked): (Vec<_>, Vec<_>) = std::mem::take(&mut self.parked).into_iter().partition(over);
        self.parked = parked;
        self.report(dropped.iter().map(|queued| (queued, Verdict::Dropped)));
    }

    fn report<'a>(&self, decided: impl Iterator<Item = (&'a QueuedMark, Verdict)>) {
        let fatal = self.settings.fatal_constraints;
        let (mut results, mut last) = (Vec::new(), 0);
        for (queued, verdict) in decided {
            let stands =
                matches!((&verdict, queued.mark.identity), (Verdict::Write, _) | (Verdict::Duplicate(_), Identity::Coordinates { .. }));
            if !stands {
                self.shared.tell(News::Unmarked { identity: queued.mark.identity, number: queued.number });
            }
            let (result, error) = match verdict {
                Verdict::Write => (MarkResult::Durable, None),
                Verdict::Dropped | Verdict::Superseded => (MarkResult::Dropped, None),
                Verdict::Duplicate(digest) => (MarkResult::Duplicate { digest }, None),
                Verdict::RolledBack => (MarkResult::RolledBack, None),
                Verdict::Failed(failure) => (MarkResult::EffectFailed { fatal: fatal && failure.constraint }, Some(failure.text)),
            };
            results.push(Marked { delivery: queued.mark.delivery, result, error });
            last = queued.number;
        }
        if !results.is_empty() {
            // Before the fact: who hears it and looks an id up must find it decided.
            self.shared.set_durable(last);
            self.shared.counters.undecided.fetch_sub(results.len() as u64, Ordering::Relaxed);
            self.shared.say(InboxFact::Marked(results));
        }
    }

    async fn arrive(&mut self, arrival: Arrival) -> Result<(), Gone> {
        let Arrival { partition, epoch, name } = arrival;
        let mut tries = Tries::default();
        let (kept, recreated) = loop {
            let asked = match self.session().await {
                Ok(session) => {
                    let claimed = timeout(PATIENCE, positions::claim(&session.client, &self.settings.group, &name, epoch)).await;
                    self.take_back(session, claimed)
                }
                Err(fault) => Err(fault),
            };
            match asked {
                Ok(claimed) => break claimed,
                Err(fault) => self.suffer(fault, &mut tries).await?,
            }
        };
        self.shared.up(WRITING);
        let position = kept.position.clone();
        let remembered = position.committed;
        self.shared.tell(News::Position { partition, epoch, position });
        self.positions.insert(partition, kept);
        self.shared.say(InboxFact::CaughtUp { partition, epoch, remembered, recreated });
        Ok(())
    }

    /// Look-ups that waited for marks. Coordinates are known here; ids are in the database now, or not.
    fn answer(&self, awaits: Vec<Await>) {
        let (mut asks, mut answers) = (Vec::new(), Vec::new());
        for Await { delivery, identity, digest } in awaits {
            match identity {
                Identity::Event(id) => asks.push(Ask { delivery, id: id.0 }),
                Identity::Coordinates { partition, offset } => {
                    let held = self.positions.get(&partition).is_some_and(|kept| kept.position.holds(offset));
                    answers.push((delivery, held.then_some(digest)));
                }
            }
        }
        if !answers.is_empty() {
            self.shared.say(InboxFact::LookedUp(answers));
        }
        if !asks.is_empty() {
            // The reader ends after the writer.
            drop(self.asks.send(asks));
        }
    }

    async fn write_positions(&mut self) -> Result<(), Gone> {
        if self.positions.values().any(|kept| kept.dirty && !kept.superseded) {
            self.decide(&[]).await?;
        }
        Ok(())
    }

    /// Deletes a few of the marks whose time is over. Several members may be at it: they pass over each other's rows.
    async fn expire(&mut self) -> Result<(), Gone> {
        let now = self.time.look(self.settings.clock.as_ref());
        self.shared.counters.suspended.store(self.time.suspended(), Ordering::Relaxed);
        let Some(until) = self.time.expired_until(now) else { return Ok(()) };
        // The last bucket that has ended by then: within one, there is nothing new to look for.
        let until = self.time.bucket(until).saturating_sub(self.settings.retention.as_millis().try_into().unwrap_or(i64::MAX) / 8);
        if until <= self.expired {
            return Ok(());
        }
        let sql = "DELETE FROM onceward_mark WHERE ctid = ANY(ARRAY(SELECT ctid FROM onceward_mark WHERE consumer_group = $1 \
                   AND bucket <= $2 LIMIT $3 FOR UPDATE SKIP LOCKED))";
        let mut tries = Tries::default();
        let gone = loop {
            let asked = match self.session().await {
                Ok(session) => {
                    let group = self.settings.group.as_str();
                    let params: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 3] =
                        [(&group, Type::TEXT), (&until, Type::INT8), (&EXPIRE, Type::INT8)];
                    let deleted = timeout(PATIENCE, session.client.execute_typed(sql, &params)).await;
                    self.take_back(session, deleted)
                }
                Err(fault) => Err(fault),
            };
            match asked {
                Ok(gone) => break gone,
                Err(fault) => self.suffer(fault, &mut tries).await?,
            }
        };
        if gone > 0 {
            let marks = &self.shared.counters.marks;
            marks.store(marks.load(Ordering::Relaxed).saturating_sub(gone), Ordering::Relaxed);
        }
        if gone < EXPIRE.unsigned_abs() {
            self.expired = until;
            self.shared.tell(News::Expired);
        }
        Ok(())
    }

    /// The connection, made again if it was lost.
    pub(super) async fn session(&mut self) -> Result<Session, Fault> {
        if let Some(session) = self.session.take().filter(|session| !session.client.is_closed()) {
            return Ok(session);
        }
        let connecting = timeout(PATIENCE, self.server.connect()).await;
        let session = connecting.map_err(|_| self.silent())?.map_err(|error| classify(&self.server.name, &error))?;
        if std::mem::take(&mut self.unsure) {
            for kept in self.positions.values_mut() {
                let read = timeout(PATIENCE, positions::read_back(&session.client, &self.settings.group, kept)).await;
                let read = read.map_err(|_| Fault::Down(format!("{}: no answer", self.server.name)));
                if let Err(fault) = read.and_then(|read| read.map_err(|error| classify(&self.server.name, &error))) {
                    self.unsure = true;
                    return Err(fault);
                }
            }
        }
        Ok(session)
    }

    fn silent(&self) -> Fault {
        Fault::Down(format!(
            "{}: no answer for {} seconds. Onceward tries again by itself; nothing is lost",
            self.server.name,
            PATIENCE.as_secs()
        ))
    }

    /// Keeps the connection of a request that was answered.
    fn take_back<T>(
        &mut self,
        session: Session,
        answer: Result<Result<T, tokio_postgres::Error>, tokio::time::error::Elapsed>,
    ) -> Result<T, Fault> {
        let answer = answer.map_err(|_| self.silent())?;
        if answer.as_ref().err().is_none_or(|error| error.as_db_error().is_some()) {
            self.session = Some(session);
        }
        answer.map_err(|error| classify(&self.server.name, &error))
    }

    /// Says what is wrong, and waits for the next attempt.
    pub(super) async fn suffer(&mut self, fault: Fault, tries: &mut Tries) -> Result<(), Gone> {
        let wait = match fault {
            Fault::Busy(why) => {
                tries.busy += 1;
                tracing::info!(target: "onceward", inbox = %self.server.name, %why, "the inbox's transaction is repeated");
                if tries.busy > 2 {
                    self.shared.down(WRITING, why);
                }
                Duration::from_millis(20)
            }
            Fault::Down(why) => {
                tracing::warn!(target: "onceward", inbox = %self.server.name, %why, "the inbox can't write");
                self.session = None;
                self.shared.down(WRITING, why);
                BACKOFF.0.saturating_mul(1 << tries.count.min(6)).min(BACKOFF.1)
            }
            Fault::Broken(error) => {
                self.shared.say(InboxFact::Broken(error));
                return Err(Gone);
            }
        };
        tries.count += 1;
        tokio::select! {
            () = tokio::time::sleep(jittered(wait, tries.count.wrapping_add(u64::from(std::process::id())))) => Ok(()),
            _ = self.stop.wait_for(|stop| *stop) => Err(Gone),
        }
    }

    /// Resolves when closing has given up.
    pub(super) fn stopping(&self) -> watch::Receiver<bool> {
        self.stop.clone()
    }
}
