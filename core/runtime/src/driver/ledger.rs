//! Claims, records and letters: the engine's orders about ledgers, and what was read of them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use onceward_engine::ledger::{Claim, LetterRecord, LetterState, Record, Removed};
use onceward_engine::{Entry, Epoch, Input, LedgerRead, LetterPlace, Offset, PartitionId, PolicyId, RecordGone};

use super::Driver;
use crate::archive::{ArchiveFact, LedgerItem, LetterAnswer, Told, Wanted};
use crate::event::one_line;
use crate::kafka::{Batch, SourceOrder};
use crate::ledger::{Key, encode};
use crate::letter::{LedgerRequest, fingerprint};

/// The number of a ledger's first reading in an assignment.
const FIRST: u32 = 1;

/// Letters as they were asked for.
enum Answered {
    Letter(Arc<Batch>, usize),
    /// Everything before it was handed in: so many bytes may be read again.
    Taken(u64),
    Gone(PartitionId, Epoch, Offset),
}

/// Which record of a letter, however often it is sent: partition, source offset, claim, state, failed replays.
type Unread = (PartitionId, Offset, Offset, LetterState, u32);

/// A record that is not acknowledged.
struct Written {
    partition: PartitionId,
    epoch: Epoch,
    /// Of a letter.
    letter: Option<Unread>,
    /// It is sent again, and may land twice.
    again: bool,
}

/// A claim that was not read back: its id is that of the one try.
struct Claiming {
    epoch: Epoch,
    /// After which reading of the ledger it was made.
    reading: u32,
    id: String,
    token: u64,
}

/// What the loop keeps for ledgers.
pub(crate) struct Ledgers {
    /// Who writes.
    member: String,
    /// Where it marks.
    store: String,
    next: u64,
    /// Records that are not acknowledged, by token.
    written: BTreeMap<u64, Written>,
    /// Letters' records that were not read back, by what their keys say.
    unread: BTreeMap<Unread, u64>,
    /// Claims that were not read back.
    claims: BTreeMap<PartitionId, Claiming>,
    /// Claims that were read, by place: a tombstone needs the id.
    read: BTreeMap<PartitionId, BTreeMap<Offset, String>>,
    arrived: VecDeque<Answered>,
}

impl Ledgers {
    pub(crate) fn new(store: String) -> Self {
        let id = uuid::Uuid::now_v7();
        let host = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
        let member = format!("{}/{}/{id}", host.trim(), std::process::id());
        let (written, unread, claims, read) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { member, store, next: 1, written, unread, claims, read, arrived: VecDeque::new() }
    }

    pub(super) fn recorded(&mut self, token: u64) {
        self.written.remove(&token);
    }

    fn token(&mut self, partition: PartitionId, epoch: Epoch, key: &Key) -> u64 {
        let token = self.next;
        self.next += 1;
        let letter = unread(partition, key);
        self.written.insert(token, Written { partition, epoch, letter, again: false });
        token
    }

    /// A letter's record was read. What need not be sent again any more, if that is being done.
    fn read_back(&mut self, partition: PartitionId, key: &Key) -> Option<u64> {
        let token = self.unread.remove(&unread(partition, key)?)?;
        self.written.get(&token).is_some_and(|written| written.again).then_some(token)
    }
}

fn unread(partition: PartitionId, key: &Key) -> Option<Unread> {
    let Key::Letter { offset, epoch, state, replays, .. } = *key else { return None };
    Some((partition, offset, epoch, state, replays))
}

impl Driver {
    /// The first step of an assignment: its ledger is read, or, where letters have no state, the inbox catches up with it.
    pub(crate) fn begin(&mut self, partition: PartitionId, epoch: Epoch) {
        self.read_ledger(partition, epoch, FIRST);
    }

    /// Reads a ledger. A partition whose companions may have none of its number stays as it is until they do, when it is begun with again: fetched
    /// like any other, as far as there is room, and not handled.
    pub(crate) fn read_ledger(&mut self, partition: PartitionId, epoch: Epoch, reading: u32) {
        let Some(entry) = self.partitions.get(partition).filter(|entry| !entry.narrow && entry.epoch == epoch) else { return };
        match self.letters.ledger(&entry.name.topic) {
            Some(ledger) => self.archive.read_ledger(partition, epoch, reading, ledger, entry.name.number),
            None => self.catch_up(partition, epoch),
        }
    }

    pub(crate) fn catch_up(&mut self, partition: PartitionId, epoch: Epoch) {
        if let Some(entry) = self.partitions.get(partition) {
            self.inbox.catch_up(partition, epoch, &entry.name);
        }
    }

    /// Takes a partition over in its ledger. It is known to be ours there when it is read back.
    pub(crate) fn claim(&mut self, partition: PartitionId, epoch: Epoch, reading: u32, prev: Option<Offset>) {
        let id = uuid::Uuid::now_v7().to_string();
        let claim = Claim {
            prev,
            member: self.ledgers.member.clone(),
            generation: -1,
            store: self.ledgers.store.clone(),
            time: self.clock.wall_millis(self.clock.now()),
        };
        let (key, value) = encode(&Record::Claim(claim), &id);
        if let Some(token) = self.send(partition, epoch, key, Some(value)) {
            self.ledgers.claims.insert(partition, Claiming { epoch, reading, id, token });
        }
    }

    /// Nobody knows whether a record was written, and it is not sent again: a claim. The group has to be asked again before the next one.
    pub(super) fn given_up(&mut self, token: u64) {
        let Some(Written { partition, epoch, .. }) = self.ledgers.written.remove(&token) else { return };
        // One that was read back is none that failed, and one before the present one is over.
        if let Some(reading) = self.ledgers.claims.get(&partition).filter(|claim| claim.token == token).map(|claim| claim.reading) {
            self.ledgers.claims.remove(&partition);
            self.engine.handle(self.clock.now(), Input::ClaimFailed { partition, epoch, reading });
        }
    }

    /// A letter's record is about to be sent again. If it was read back meanwhile, it need not be.
    pub(super) fn sent_again(&mut self, token: u64) {
        let Some(written) = self.ledgers.written.get_mut(&token) else { return };
        let Some(letter) = written.letter else { return };
        written.again = true;
        let (partition, epoch) = (written.partition, written.epoch);
        self.engine.handle(self.clock.now(), Input::SentAgain { partition, epoch, offset: letter.1 });
        if !self.ledgers.unread.contains_key(&letter) {
            self.withdraw(token);
        }
    }

    /// A record stands in its ledger: it is not sent again.
    fn withdraw(&mut self, token: u64) {
        self.ledgers.written.remove(&token);
        self.producer.abandon_records(&|pending| pending == token);
    }

    /// Writes a letter's state.
    pub(crate) fn record(&mut self, entry: &Entry) {
        let (mut common, mut told) = (String::new(), None);
        if let Some(delivery) = entry.delivery {
            let why = self.why(delivery, entry.reason, 1);
            common = fingerprint(&why.kind, &why.message, "");
            if self.payloads.get(delivery).is_some_and(|payload| payload.record().meta.replays.is_some()) {
                tracing::error!(
                    target: "onceward", partition = %self.partitions.display(entry.partition), offset = entry.offset.0, reason = ?entry.reason,
                    replays = entry.replays, error_type = %why.kind, error = %one_line(&why.message), fingerprint = %common,
                    "the replay of a dead letter failed: it is open again"
                );
                told = self.failed_again(delivery, entry, &why, &common).map(Box::new);
            }
        }
        if told.is_some()
            && let Some(payload) = entry.delivery.and_then(|delivery| self.payloads.get_mut(delivery))
        {
            payload.told = told;
        }
        let record = LetterRecord {
            offset: entry.offset,
            epoch: entry.claim,
            state: entry.state,
            replays: entry.replays,
            key: entry.key,
            holds: entry.holds,
            letter: entry.letter,
            reason: entry.reason,
            fingerprint: common,
            time: self.clock.wall_millis(self.clock.now()),
            again: 0,
        };
        let (key, value) = encode(&Record::Letter(record), "");
        let unread = unread(entry.partition, &key);
        if let Some(token) = self.send(entry.partition, entry.epoch, key, Some(value)) {
            self.ledgers.unread.extend(unread.map(|unread| (unread, token)));
        }
    }

    /// Takes records out of the ledger. They are known to be out when that is read back.
    pub(crate) fn remove(&mut self, partition: PartitionId, epoch: Epoch, records: &[Removed]) {
        for record in records {
            let key = match record {
                Removed::Letter { offset, epoch, state, replays, again } => {
                    Key::Letter { offset: *offset, epoch: *epoch, state: *state, replays: *replays, again: *again }
                }
                Removed::Command(id) => Key::Command(id.clone()),
                Removed::Claim(at) => {
                    let Some(id) = self.ledgers.read.get(&partition).and_then(|read| read.get(at)) else { continue };
                    Key::Claim(id.clone())
                }
            };
            self.send(partition, epoch, key, None);
        }
    }

    fn send(&mut self, partition: PartitionId, epoch: Epoch, key: Key, value: Option<Vec<u8>>) -> Option<u64> {
        let entry = self.partitions.get(partition).filter(|entry| entry.epoch == epoch)?;
        let ledger = self.letters.ledger(&entry.name.topic)?;
        let (topic, number) = (ledger.to_string(), entry.name.number);
        let token = self.ledgers.token(partition, epoch, &key);
        self.producer.record(LedgerRequest { token, topic, partition: number, key, value });
        Some(token)
    }

    pub(crate) fn find_oldest_letter(&mut self, partition: PartitionId, epoch: Epoch) {
        if let Some(entry) = self.partitions.get(partition).filter(|entry| entry.epoch == epoch)
            && let Some(topic) = self.letters.letters(&entry.name.topic)
        {
            self.archive.find_oldest(partition, epoch, topic, entry.name.number);
        }
    }

    pub(crate) fn fetch_letters(&mut self, letters: &[LetterPlace]) {
        let wanted = letters.iter().filter_map(|place| {
            let entry = self.partitions.get(place.partition)?;
            let policy = self.routes.of_topic(&entry.place.called).next().unwrap_or(PolicyId(0));
            let topic = Arc::clone(self.letters.letters(&entry.name.topic)?);
            Some(Wanted { place: *place, topic, source: Arc::clone(&entry.place), policy })
        });
        self.archive.fetch(wanted.collect());
    }

    /// Another member claimed it. Nearly always the group gave it away, and will say so to us, too.
    pub(crate) fn superseded(&mut self, partition: PartitionId, epoch: Epoch) {
        tracing::warn!(target: "onceward", partition = %self.partitions.display(partition), epoch = epoch.0,
            "another member has claimed this partition: nothing of it is handled here any more. The group will take it from us as well");
        self.over(partition, epoch);
        self.leave_ledger(partition, epoch);
        self.inbox.release(partition, epoch);
        self.source.order(SourceOrder::Disown { partition, epoch });
    }

    /// The group did not take it from us: who claimed it had lost it.
    pub(crate) fn reassign(&mut self, partition: PartitionId, epoch: Epoch) {
        tracing::warn!(target: "onceward", partition = %self.partitions.display(partition), epoch = epoch.0,
            "another member has claimed this partition, but the group did not take it from us: the group is asked, and it is claimed again");
        self.source.order(SourceOrder::Reassign { partition, epoch });
    }

    /// The epoch is over.
    pub(crate) fn leave_ledger(&mut self, partition: PartitionId, epoch: Epoch) {
        self.archive.stop(partition, epoch);
        self.ledgers.read.remove(&partition);
        if self.ledgers.claims.get(&partition).is_some_and(|claim| claim.epoch == epoch) {
            self.ledgers.claims.remove(&partition);
        }
        let before = self.ledgers.written.len();
        let is_over = |written: &Written| (written.partition, written.epoch) == (partition, epoch);
        let gone: Vec<u64> = self.ledgers.written.iter().filter(|(_, written)| is_over(written)).map(|(token, _)| *token).collect();
        self.ledgers.unread.retain(|unread, _| unread.0 != partition);
        if !gone.is_empty() {
            self.producer.abandon_records(&|token| gone.binary_search(&token).is_ok());
            self.ledgers.written.retain(|_, written| !is_over(written));
            tracing::debug!(before, gone = gone.len(), "records of a ledger are left to its next owner");
        }
    }

    pub(crate) fn take_archive(&mut self, fact: ArchiveFact) {
        let now = self.clock.now();
        match fact {
            ArchiveFact::Ledger(items) => {
                for item in items {
                    self.take_ledger(item);
                }
            }
            ArchiveFact::LedgerEnd { partition, epoch, reading } => {
                self.letter_watch.soon();
                self.engine.handle(now, Input::LedgerEnd { partition, epoch, reading });
            }
            ArchiveFact::OldestLetter { partition, epoch, oldest } => {
                self.engine.handle(now, Input::OldestLetter { partition, epoch, oldest });
            }
            ArchiveFact::Letters { batch, answers, bytes } => {
                let batch = Arc::new(batch);
                let answers = answers.into_iter().map(|answer| match answer {
                    LetterAnswer::Letter(index) => Answered::Letter(Arc::clone(&batch), index as usize),
                    LetterAnswer::Gone { partition, epoch, offset } => Answered::Gone(partition, epoch, offset),
                });
                self.ledgers.arrived.extend(answers);
                self.ledgers.arrived.push_back(Answered::Taken(bytes));
            }
            ArchiveFact::Newer { partition, epoch, why } => self.leave_alone(partition, epoch, &why),
            ArchiveFact::Fatal(error) => self.ending.fail(error),
        }
    }

    fn take_ledger(&mut self, item: LedgerItem) {
        let now = self.clock.now();
        let (partition, epoch, reading, at) = (item.partition, item.epoch, item.reading, item.at);
        match item.what {
            Told::Record(record, claim) => {
                let ours = self.ledgers.claims.get(&partition).filter(|ours| ours.epoch == epoch && Some(&ours.id) == claim.as_ref());
                if let Some(made_after) = ours.map(|ours| ours.reading) {
                    // To be read back says more than to be acknowledged: it stands on all replicas, and what came before it was read.
                    self.ledgers.claims.remove(&partition);
                    self.engine.handle(now, Input::Claimed { partition, epoch, reading: made_after, at });
                }
                if let Some(id) = claim {
                    self.ledgers.read.entry(partition).or_default().insert(at, id);
                }
                if let Record::Letter(letter) = &record
                    && let Some(token) = self.ledgers.read_back(partition, &Key::of(letter))
                {
                    self.withdraw(token);
                }
                self.engine.handle(now, Input::Ledger(Box::new(LedgerRead { partition, epoch, reading, at, record })));
            }
            Told::Removed(Key::Claim(id)) => {
                // Whatever stands under the id is gone. None, if compaction took the claim before we read it.
                let read = self.ledgers.read.entry(partition).or_default();
                let places: Vec<Offset> = read.iter().filter(|(_, read)| **read == id).map(|(at, _)| *at).collect();
                for place in places {
                    self.ledgers.read.entry(partition).or_default().remove(&place);
                    self.record_is_gone(partition, epoch, reading, at, Removed::Claim(place));
                }
            }
            Told::Removed(key) => {
                if let Some(record) = key.removed() {
                    self.record_is_gone(partition, epoch, reading, at, record);
                }
            }
        }
    }

    fn record_is_gone(&mut self, partition: PartitionId, epoch: Epoch, reading: u32, at: Offset, record: Removed) {
        self.engine.handle(self.clock.now(), Input::Removed(Box::new(RecordGone { partition, epoch, reading, at, record })));
    }

    /// Hands letters in, in the order in which they were asked for, as far as there is room. Whether there was anything.
    pub(crate) fn feed_letters(&mut self) -> bool {
        let now = self.clock.now();
        let mut fed = false;
        while let Some(next) = self.ledgers.arrived.front() {
            match next {
                Answered::Letter(batch, index) => {
                    let bytes = batch.record(*index).size();
                    if !self.engine.accepts_letter(bytes) {
                        return fed;
                    }
                    // A buffer of its own: letters stay while their key waits, and the batch is not one of the source's.
                    let letter = Arc::new(batch.detach(*index));
                    let fetched = self.payloads.admit_letter(&letter, bytes);
                    self.engine.handle(now, Input::LetterFetched(fetched));
                }
                Answered::Taken(bytes) => self.archive.taken(*bytes),
                Answered::Gone(partition, epoch, offset) => {
                    let (partition, epoch, offset) = (*partition, *epoch, *offset);
                    self.engine.handle(now, Input::LetterGone { partition, epoch, offset });
                }
            }
            self.ledgers.arrived.pop_front();
            fed = true;
        }
        fed
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use super::*;

    const HERE: (PartitionId, Epoch) = (PartitionId(3), Epoch(1));

    fn key(epoch: i64, again: u32) -> Key {
        Key::Letter { offset: Offset(17), epoch: Offset(epoch), state: LetterState::Open, replays: 0, again }
    }

    /// A letter's record is written, and perhaps sent again.
    fn written(again: bool) -> (Ledgers, u64) {
        let mut ledgers = Ledgers::new("s".to_owned());
        let token = ledgers.token(HERE.0, HERE.1, &key(4, 0));
        ledgers.unread.insert(unread(HERE.0, &key(4, 0)).unwrap(), token);
        ledgers.written.get_mut(&token).unwrap().again = again;
        (ledgers, token)
    }

    #[test]
    fn what_is_sent_again_is_withdrawn_when_any_sending_of_it_is_read_back() {
        for sending in [0, 1, 2] {
            let (mut ledgers, token) = written(true);
            assert_eq!(ledgers.read_back(HERE.0, &key(1, sending)), None, "what an earlier owner wrote is another record");
            assert_eq!(ledgers.read_back(HERE.0, &key(4, sending)), Some(token));
            assert_eq!(ledgers.read_back(HERE.0, &key(4, sending)), None, "once");
        }
    }

    #[test]
    fn what_is_read_back_in_time_is_left_to_its_acknowledgement() {
        let (mut ledgers, _) = written(false);
        assert_eq!(ledgers.read_back(HERE.0, &key(4, 0)), None);
        assert!(ledgers.unread.is_empty());
    }
}
