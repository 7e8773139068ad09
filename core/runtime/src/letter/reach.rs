//! Which offsets of a topic lie between two moments.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use super::scan::{leave, open};
use crate::Error;
use crate::kafka::connect::metadata;
use crate::kafka::context::Context;
use crate::kafka::fault;

/// A part of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Which partition.
    pub partition: i32,
    /// Its first offset.
    pub from: i64,
    /// The first offset behind it.
    pub end: i64,
}

/// Per partition, the offsets from the first record at or after one moment up to the first at or after another (milliseconds since
/// 1970), as the brokers find them: what a reset of the group's offsets to the first moment leads to. Without the other, up to the end as
/// it is now.
///
/// # Errors
/// [`Error::Topics`] when the topic does not exist, [`Error::Broker`] when no broker answers or the rights are missing.
pub fn reaches(
    client: &[(String, String)],
    topic: &str,
    (since, until): (i64, Option<i64>),
    timeout: Duration,
) -> Result<Vec<Reach>, Error> {
    let consumer = open(client)?;
    let found = find(&consumer, topic, (since, until), timeout);
    leave(consumer);
    found
}

fn find(consumer: &BaseConsumer<Context>, topic: &str, (since, until): (i64, Option<i64>), timeout: Duration) -> Result<Vec<Reach>, Error> {
    let what = || format!("looking up offsets of {topic}");
    let refused = |error: &KafkaError| {
        let cure =
            error.rdkafka_error_code().and_then(fault::cure).unwrap_or("Check that its brokers are up and that this user may read it");
        fault::broker(what(), error.to_string(), cure)
    };
    let cluster = metadata(consumer.client(), timeout).map_err(|why| fault::broker(what(), why.cause, &why.cure))?;
    let found = cluster.topics().iter().find(|found| found.name() == topic && found.error().is_none());
    let Some(found) = found else {
        return Err(Error::Topics(format!("topic {topic} does not exist, or this user may not see it; correct its name")));
    };
    let partitions: Vec<i32> = found.partitions().iter().map(rdkafka::metadata::MetadataPartition::id).collect();
    let at = |moment: i64| -> Result<Vec<Option<i64>>, Error> {
        let mut asked = TopicPartitionList::new();
        for partition in &partitions {
            asked.add_partition_offset(topic, *partition, Offset::Offset(moment)).map_err(|error| refused(&error))?;
        }
        let answer = consumer.offsets_for_times(asked, timeout).map_err(|error| refused(&error))?;
        let offset = |partition| answer.find_partition(topic, partition).and_then(|place| place.offset().to_raw());
        // Negative: no record is that young.
        Ok(partitions.iter().map(|partition| offset(*partition).filter(|offset| *offset >= 0)).collect())
    };
    let starts = at(since.max(0))?;
    let ends = until.map(|until| at(until.max(0))).transpose()?.unwrap_or_default();
    let mut reaches = Vec::new();
    for (index, (&partition, start)) in partitions.iter().zip(starts).enumerate() {
        let Some(from) = start else { continue };
        let end = match ends.get(index).copied().flatten() {
            Some(end) => end,
            None => consumer.fetch_watermarks(topic, partition, timeout).map_err(|error| refused(&error))?.1,
        };
        if from < end {
            reaches.push(Reach { partition, from, end });
        }
    }
    Ok(reaches)
}
