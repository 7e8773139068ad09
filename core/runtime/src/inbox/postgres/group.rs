//! One transaction: marks, the effects that commit with them, and positions.
//!
//! Without effects it is one round trip: each statement holds the fence itself, so the commit need not wait for their answers. With
//! effects it is two: which events are marked for the first time must be known before their statements run.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::time::Instant;

use onceward_engine::{Digest, PartitionId};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};
use uuid::Uuid;

use super::connect::Session;
use super::effects::{Failure, Stopped};
use super::fault::{Fault, classify, words};
use super::plan::{Request, in_order};
use super::positions;
use super::reader::digests;
use super::run::run_effects;
use super::shared::QueuedMark;
use super::writer::{Gone, PATIENCE, Tries, Writer};
use crate::inbox::Identity;
use crate::inbox::place::Position;

/// What a request of a transaction is answered with: ids that are new, places that are ours; nothing for most.
type Answer = Result<Vec<(Option<Uuid>, Option<i32>)>, Error>;

/// A mark in a group.
pub(super) struct Item {
    pub(super) queued: QueuedMark,
    /// Which flush it came with: a run is never split, and a failure rolls back later marks of its lane in the same flush.
    pub(super) flush: usize,
}

/// What is to become of a mark.
#[derive(Clone)]
pub(super) enum Verdict {
    Write,
    Dropped,
    /// Another member owns the partition.
    Superseded,
    Duplicate(Digest),
    Failed(Failure),
    RolledBack,
}

/// How an attempt ended.
enum Ended {
    Decided(Vec<Verdict>),
    /// A statement failed: again, event by event, each in a savepoint.
    Replanned,
    /// The commit itself failed on a deferred constraint, which names no event.
    CommitRefused(Failure),
}

/// The ids that a group marks, sorted so that no two groups wait for each other in a circle, and what is written beside them.
#[derive(Default)]
struct Wanted {
    ids: Vec<(Uuid, i32, i32)>,
    /// Partitions of this process, numbered from 1 for the fence.
    places: Vec<PartitionId>,
    positions: HashMap<PartitionId, Position>,
}

/// Marks those ids whose partition is ours, or of which no member was ever assigned the partition here.
const MARK: &str = "WITH ours AS MATERIALIZED (\
        SELECT f.place FROM unnest($5::text[], $6::int4[], $7::int8[]) WITH ORDINALITY AS f(topic, partition, owner, place) \
        JOIN onceward_position p ON p.consumer_group = $1 AND p.topic = f.topic AND p.partition = f.partition AND p.owner = f.owner \
        FOR NO KEY UPDATE OF p), \
    put AS (\
        INSERT INTO onceward_mark(consumer_group, id, digest, bucket) \
        SELECT $1, m.id, m.digest, $8 FROM unnest($2::uuid[], $3::int4[], $4::int4[]) AS m(id, digest, place) \
        WHERE m.place = 0 OR m.place IN (SELECT place FROM ours) ON CONFLICT DO NOTHING RETURNING id) \
    SELECT NULL::uuid, place::int4 FROM ours UNION ALL SELECT id, NULL FROM put";

impl Writer {
    /// Decides marks in one transaction. Without any, positions that lag behind are written.
    pub(super) async fn decide(&mut self, items: &[Item]) -> Result<Vec<Verdict>, Gone> {
        let all: Vec<&Item> = items.iter().collect();
        self.decide_these(&all).await
    }

    async fn decide_these(&mut self, items: &[&Item]) -> Result<Vec<Verdict>, Gone> {
        let (mut tries, mut savepoints) = (Tries::default(), false);
        loop {
            let began = Instant::now();
            let mut stop = self.stopping();
            let ended = match self.session().await {
                Ok(session) => {
                    let attempt = tokio::time::timeout(PATIENCE, self.attempt(&session, items, savepoints));
                    let ended = tokio::select! {
                        ended = attempt => ended.unwrap_or_else(|_| Err(Fault::Down("no answer for 60 seconds".to_owned()))),
                        _ = stop.wait_for(|stop| *stop) => return Err(Gone),
                    };
                    self.settle(session, ended).await
                }
                Err(fault) => Err(fault),
            };
            match ended {
                Ok(Ended::Decided(verdicts)) => {
                    let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
                    self.shared.counters.commit_micros.fetch_add(micros, Ordering::Relaxed);
                    self.shared.counters.commits.fetch_add(1, Ordering::Relaxed);
                    self.shared.up(super::shared::WRITING);
                    return Ok(verdicts);
                }
                Ok(Ended::Replanned) => savepoints = true,
                Ok(Ended::CommitRefused(failure)) => return Box::pin(self.decide_singly(items, Some(&failure))).await,
                Err(fault) => {
                    self.suffer(fault, &mut tries).await?;
                    // Groups of several processes that lock the same rows in different orders: one event at a time locks few.
                    if tries.busy > 3 && items.len() > 1 {
                        return Box::pin(self.decide_singly(items, None)).await;
                    }
                }
            }
        }
    }

    /// A deferred constraint fails at the commit and does not say whose it is: one transaction for each event finds out.
    async fn decide_singly(&mut self, items: &[&Item], failure: Option<&Failure>) -> Result<Vec<Verdict>, Gone> {
        if let (true, Some(failure)) = (items.len() <= 1, failure) {
            return Ok(items.iter().map(|_| Verdict::Failed(failure.clone())).collect());
        }
        let mut verdicts = Vec::with_capacity(items.len());
        let mut failed = HashSet::new();
        for item in items {
            let lane = (item.flush, item.queued.mark.lane);
            if failed.contains(&lane) {
                verdicts.push(Verdict::RolledBack);
                continue;
            }
            let verdict = self.decide_these(&[item]).await?;
            if verdict.iter().any(|verdict| matches!(verdict, Verdict::Failed(_))) {
                failed.insert(lane);
            }
            verdicts.extend(verdict);
        }
        Ok(verdicts)
    }

    /// Keeps the connection, if its state is known.
    async fn settle(&mut self, session: Session, ended: Result<Ended, Fault>) -> Result<Ended, Fault> {
        let keep = match &ended {
            Ok(Ended::Decided(_)) => true,
            // The transaction may be open, or failed, or refused.
            Ok(_) | Err(Fault::Busy(_)) => session.roll_back().await.is_ok(),
            Err(_) => false,
        };
        if keep {
            self.session = Some(session);
        } else {
            self.unsure = true;
        }
        ended
    }

    async fn attempt(&mut self, session: &Session, items: &[&Item], savepoints: bool) -> Result<Ended, Fault> {
        let name = self.server.name.clone();
        let fault = |error: Error| classify(&name, &error);
        let (mut verdicts, wanted) = self.sort_out(items);
        let client = &session.client;
        let effects = savepoints || items.iter().any(|item| !item.queued.mark.statements.is_empty());
        let now = self.time.look(self.settings.clock.as_ref());
        let bucket = self.time.bucket(now);
        let mut requests: Vec<Request<'_, Answer>> =
            vec![Box::pin(async { session.begin().await.map(|()| Vec::new()) }), Box::pin(self.mark(client, &wanted, bucket))];
        if !effects {
            requests.extend(self.finish(client, &wanted));
        }
        let mut answers = in_order(requests).await.into_iter();
        answers.next().transpose().map_err(fault)?;
        let written = answers.next().transpose().map_err(fault)?.unwrap_or_default();
        if !effects && let Some(refused) = ended(answers, &name)? {
            return Ok(refused);
        }
        let fresh: HashSet<Uuid> = written.iter().filter_map(|(id, _)| *id).collect();
        let ours: HashSet<PartitionId> = written
            .iter()
            .filter_map(|(_, place)| wanted.places.get(usize::try_from(*place.as_ref()?).ok()?.checked_sub(1)?).copied())
            .collect();
        self.judge(client, items, &mut verdicts, &wanted, &fresh, &ours).await.map_err(fault)?;
        if effects {
            match run_effects(client, items, &mut verdicts, savepoints).await {
                Ok(true) => {}
                Ok(false) => return Ok(Ended::Replanned),
                Err(Stopped::Store(error)) => return Err(classify(&name, &error)),
                Err(Stopped::Event(_)) => return Ok(Ended::Replanned),
            }
            let stands: HashSet<Uuid> = items
                .iter()
                .zip(&verdicts)
                .filter_map(|(item, verdict)| match (verdict, item.queued.mark.identity) {
                    (Verdict::Write, Identity::Event(id)) => Some(Uuid::from_u128(id.0)),
                    _ => None,
                })
                .collect();
            // Marked before it was known that a statement would fail.
            let back: Vec<Uuid> = fresh.difference(&stands).copied().collect();
            let wanted = Wanted { positions: self.positions_of(items, &verdicts), ..wanted };
            let mut requests: Vec<Request<'_, Answer>> = Vec::new();
            if !back.is_empty() {
                requests.push(Box::pin(self.unmark(client, back)));
            }
            requests.extend(self.finish(client, &wanted));
            if let Some(refused) = ended(in_order(requests).await.into_iter(), &name)? {
                return Ok(refused);
            }
            self.written(&wanted, &ours);
        } else {
            self.written(&wanted, &ours);
        }
        let count = verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Write)).count();
        self.shared.counters.marks.fetch_add(count as u64, Ordering::Relaxed);
        Ok(Ended::Decided(verdicts))
    }

    /// What is known before anything is asked: who is dropped, who is written as far as this process can tell.
    fn sort_out(&self, items: &[&Item]) -> (Vec<Verdict>, Wanted) {
        let released = self.shared.released();
        let (mut wanted, mut seen) = (Wanted::default(), HashSet::new());
        let mut numbers: HashMap<PartitionId, i32> = HashMap::new();
        let mut place = |partition: PartitionId, places: &mut Vec<PartitionId>| {
            *numbers.entry(partition).or_insert_with(|| {
                places.push(partition);
                i32::try_from(places.len()).unwrap_or(i32::MAX)
            })
        };
        let mut verdicts = Vec::with_capacity(items.len());
        for item in items {
            let mark = &item.queued.mark;
            let kept = self.positions.get(&mark.partition);
            verdicts.push(if released.get(&mark.partition).is_some_and(|&over| mark.epoch <= over) {
                Verdict::Dropped
            } else if kept.is_some_and(|kept| kept.superseded) {
                Verdict::Superseded
            } else {
                match mark.identity {
                    // Twice in one group: whether the first is written is not known yet, so the second is handled again later.
                    Identity::Event(id) if !seen.insert(id.0) => Verdict::RolledBack,
                    Identity::Event(id) => {
                        let number = if kept.is_some() { place(mark.partition, &mut wanted.places) } else { 0 };
                        wanted.ids.push((Uuid::from_u128(id.0), mark.digest.0.cast_signed(), number));
                        Verdict::Write
                    }
                    Identity::Coordinates { partition, offset } => match self.positions.get(&partition) {
                        // Coordinates of a partition that never caught up have no row to go to.
                        None => Verdict::Dropped,
                        // Also when a transaction of which nobody knew turns out to have happened, effects and all.
                        Some(kept) if kept.position.holds(offset) => Verdict::Duplicate(mark.digest),
                        Some(_) if !seen.insert(u128::from(partition.0) << 64 | u128::from(offset.0.cast_unsigned()) | 1 << 127) => {
                            Verdict::RolledBack
                        }
                        Some(_) => {
                            place(partition, &mut wanted.places);
                            Verdict::Write
                        }
                    },
                }
            });
        }
        for (&partition, kept) in &self.positions {
            if kept.dirty && !kept.superseded {
                place(partition, &mut wanted.places);
            }
        }
        wanted.ids.sort_unstable();
        wanted.positions = self.positions_of(items, &verdicts);
        (verdicts, wanted)
    }

    /// Rows of partitions that change with this group, or lag behind.
    fn positions_of(&self, items: &[&Item], verdicts: &[Verdict]) -> HashMap<PartitionId, Position> {
        let mut positions: HashMap<PartitionId, Position> = HashMap::new();
        for (item, _) in items.iter().zip(verdicts).filter(|(_, verdict)| matches!(verdict, Verdict::Write)) {
            if let Identity::Coordinates { partition, offset } = item.queued.mark.identity
                && let Some(kept) = self.positions.get(&partition)
            {
                positions.entry(partition).or_insert_with(|| kept.position.clone()).handled.insert(offset.0);
            }
        }
        for (&partition, kept) in self.positions.iter().filter(|(_, kept)| kept.dirty && !kept.superseded) {
            positions.entry(partition).or_insert_with(|| kept.position.clone());
        }
        positions
    }

    async fn mark(&self, client: &Client, wanted: &Wanted, bucket: i64) -> Answer {
        let (mut ids, mut digests, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for (id, digest, place) in &wanted.ids {
            ids.push(*id);
            digests.push(*digest);
            places.push(*place);
        }
        let kept = || wanted.places.iter().filter_map(|partition| self.positions.get(partition));
        let topics: Vec<&str> = kept().map(|kept| kept.name.topic.as_ref()).collect();
        let numbers: Vec<i32> = kept().map(|kept| kept.name.number).collect();
        let owners: Vec<i64> = kept().map(|kept| kept.owner).collect();
        let rows = client
            .query_typed(
                MARK,
                &[
                    (&self.settings.group, Type::TEXT),
                    (&ids, Type::UUID_ARRAY),
                    (&digests, Type::INT4_ARRAY),
                    (&places, Type::INT4_ARRAY),
                    (&topics, Type::TEXT_ARRAY),
                    (&numbers, Type::INT4_ARRAY),
                    (&owners, Type::INT8_ARRAY),
                    (&bucket, Type::INT8),
                ],
            )
            .await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    async fn unmark(&self, client: &Client, ids: Vec<Uuid>) -> Answer {
        let sql = "DELETE FROM onceward_mark WHERE consumer_group = $1 AND id = ANY($2)";
        client.execute_typed(sql, &[(&self.settings.group, Type::TEXT), (&ids, Type::UUID_ARRAY)]).await.map(|_| Vec::new())
    }

    /// Positions and the commit.
    fn finish<'a>(&'a self, client: &'a Client, wanted: &'a Wanted) -> Vec<Request<'a, Answer>> {
        let mut requests: Vec<Request<'a, _>> = Vec::new();
        for (partition, position) in &wanted.positions {
            if let Some(kept) = self.positions.get(partition) {
                let write = positions::write(client, &self.settings.group, kept, position);
                requests.push(Box::pin(async move { write.await.map(|()| Vec::new()) }));
            }
        }
        requests.push(Box::pin(async { client.batch_execute("COMMIT").await.map(|()| Vec::new()) }));
        requests
    }

    /// What the answer to [`MARK`] says of each.
    async fn judge(
        &self,
        client: &Client,
        items: &[&Item],
        verdicts: &mut [Verdict],
        wanted: &Wanted,
        fresh: &HashSet<Uuid>,
        ours: &HashSet<PartitionId>,
    ) -> Result<(), Error> {
        let lost: HashSet<PartitionId> = wanted.places.iter().filter(|place| !ours.contains(place)).copied().collect();
        let known: Vec<Uuid> = wanted.ids.iter().map(|(id, ..)| *id).filter(|id| !fresh.contains(id)).collect();
        let found = if known.is_empty() { None } else { Some(digests(client, &self.settings.group, &known).await?) };
        for (item, verdict) in items.iter().zip(verdicts.iter_mut()).filter(|(_, verdict)| matches!(verdict, Verdict::Write)) {
            let mark = &item.queued.mark;
            if lost.contains(&mark.partition) {
                *verdict = Verdict::Superseded;
            } else if let Identity::Event(id) = mark.identity
                && !fresh.contains(&Uuid::from_u128(id.0))
            {
                // Expired or forgotten between two statements of ours: the next attempt marks it.
                *verdict =
                    found.as_ref().and_then(|found| found.get(&id.0)).map_or(Verdict::RolledBack, |&digest| Verdict::Duplicate(digest));
            }
        }
        Ok(())
    }

    /// The transaction is durable.
    fn written(&mut self, wanted: &Wanted, ours: &HashSet<PartitionId>) {
        for partition in &wanted.places {
            let Some(kept) = self.positions.get_mut(partition) else { continue };
            if !ours.contains(partition) {
                kept.superseded = true;
                tracing::warn!(target: "onceward", inbox = %self.server.name, topic = %kept.name.topic, partition = kept.name.number,
                    "another member has taken this partition over: nothing of it is marked here any more. If the group does not take it \
                     away within a minute, two groups of this name, of different clusters, share the database");
            } else if let Some(position) = wanted.positions.get(partition) {
                kept.position = position.clone();
                kept.dirty = false;
            }
        }
    }
}

/// Whether positions were written and the transaction committed.
fn ended(answers: impl Iterator<Item = Answer>, name: &str) -> Result<Option<Ended>, Fault> {
    for answer in answers {
        let Err(error) = answer else { continue };
        let class = error.code().map(SqlState::code).and_then(|code| code.get(..2));
        if class == Some("23") {
            return Ok(Some(Ended::CommitRefused(Failure { constraint: true, text: format!("at the commit: {}", words(&error)) })));
        }
        return Err(classify(name, &error));
    }
    Ok(None)
}
