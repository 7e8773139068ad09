//! Reads the dead-letter topic with a bare client: what is checked must not be read by the code that is checked.

use std::time::{Duration, Instant as Clock};

use onceward::wire::{letter, spring};
use rdkafka::consumer::Consumer as _;
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::{Offset, TopicPartitionList};

use super::broker::Cluster;
use super::failure::{Doing as _, Failure};
use super::instant::Instant;
use super::interrupt::Interrupt;

/// How long reading all letters may take.
const READ: Duration = Duration::from_secs(30);
const GLANCE: Duration = Duration::from_millis(100);

/// One record of the dead-letter topic.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) at: Instant,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Letter {
    /// A header that occurs exactly once.
    pub(super) fn bytes(&self, name: &str) -> Option<&[u8]> {
        let mut found = self.headers.iter().filter(|(header, _)| header == name);
        let (_, value) = found.next()?;
        if found.next().is_some() { None } else { value.as_deref() }
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.bytes(name)?).ok()
    }

    /// Partition and offset of the record that was given up.
    pub(super) fn origin(&self) -> Option<(i32, i64)> {
        let partition = i32::from_be_bytes(self.bytes(spring::PARTITION)?.try_into().ok()?);
        let offset = i64::from_be_bytes(self.bytes(spring::OFFSET)?.try_into().ok()?);
        Some((partition, offset))
    }

    pub(super) fn fingerprint(&self) -> &str {
        self.text(letter::FINGERPRINT).unwrap_or("none")
    }

    pub(super) fn message(&self) -> &str {
        self.text(spring::MESSAGE).unwrap_or("no message")
    }
}

/// All letters, partition by partition.
pub(super) fn read(cluster: &Cluster, interrupt: &Interrupt) -> Result<Vec<Letter>, Failure> {
    let topic = &cluster.names.letters;
    let extent = cluster.extent(topic)?;
    let expected: i64 = extent.iter().map(|(first, next)| next - first).sum();
    let reader = cluster.reader("onceward-demo-check")?;
    let mut assignment = TopicPartitionList::new();
    for partition in (0..).take(extent.len()) {
        assignment.add_partition_offset(topic, partition, Offset::Beginning).doing("name a partition")?;
    }
    reader.assign(&assignment).asking_broker("read the dead letters")?;
    let mut letters: Vec<Letter> = Vec::new();
    let started = Clock::now();
    while (letters.len() as u64) < expected.unsigned_abs() {
        interrupt.check()?;
        if started.elapsed() > READ {
            return Err(Failure::Broker(format!("read only {} of {expected} dead letters within {} s", letters.len(), READ.as_secs())));
        }
        let Some(record) = reader.poll(GLANCE) else { continue };
        let record = record.asking_broker("read the dead letters")?;
        let headers = record.headers().into_iter().flat_map(|headers| headers.iter());
        letters.push(Letter {
            partition: record.partition(),
            offset: record.offset(),
            // A time stamp in milliseconds is cut off: taken at the end of its millisecond, a letter comes after the attempt before it.
            at: Instant(record.timestamp().to_millis().unwrap_or_default().saturating_mul(1_000).saturating_add(999)),
            key: record.key().map(<[u8]>::to_vec),
            value: record.payload().map(<[u8]>::to_vec),
            headers: headers.map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec))).collect(),
        });
    }
    letters.sort_by_key(|letter| (letter.partition, letter.offset));
    Ok(letters)
}
