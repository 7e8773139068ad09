//! Topics, groups and their offsets.

use std::collections::BTreeMap;

use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::metadata::MetadataTopic;
use rdkafka::{Offset, TopicPartitionList};

use super::{PATIENCE, client, until};

/// Creates a topic with these settings and waits until clients see it.
pub fn create(brokers: &str, topic: &str, partitions: i32, settings: &[(&str, &str)]) {
    let mut new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
    new.config.extend_from_slice(settings);
    let results = wait(admin(brokers).create_topics([&new], &options())).unwrap();
    results.into_iter().for_each(|result| drop(result.unwrap()));
    let seer = reader(brokers, "onceward-tests");
    until("a new topic is seen", || partitions_of(&seer, topic).filter(|seen| *seen == partitions));
}

/// Deletes a topic and waits until it is gone.
pub fn delete(brokers: &str, topic: &str) {
    let results = wait(admin(brokers).delete_topics(&[topic], &options())).unwrap();
    results.into_iter().for_each(|result| drop(result.unwrap()));
    let seer = reader(brokers, "onceward-tests");
    until("a deleted topic is gone", || partitions_of(&seer, topic).is_none().then_some(()));
}

/// Deletes every topic whose name begins so. Brokers are kept between runs, and companions are made by consumers.
pub fn delete_all(brokers: &str, prefix: &str) {
    let metadata = reader(brokers, "onceward-tests").fetch_metadata(None, PATIENCE).unwrap();
    let names: Vec<&str> = metadata.topics().iter().map(MetadataTopic::name).filter(|name| name.starts_with(prefix)).collect();
    // A topic may be gone by itself, and a list of none is an error.
    if !names.is_empty() {
        drop(wait(admin(brokers).delete_topics(&names, &options())).unwrap());
    }
}

/// Deletes the records of a partition before an offset, as retention does.
pub fn delete_records(brokers: &str, topic: &str, partition: i32, before: i64) {
    let mut gone = TopicPartitionList::new();
    gone.add_partition_offset(topic, partition, Offset::Offset(before)).unwrap();
    wait(admin(brokers).delete_records(&gone, &options())).unwrap();
}

/// Gives a topic these settings; all that are not named are the broker's again.
pub fn alter(brokers: &str, topic: &str, settings: &[(&str, &str)]) {
    let resource = ResourceSpecifier::Topic(topic);
    let change = settings.iter().fold(AlterConfig::new(resource), |change, (name, value)| change.set(name, value));
    let results = wait(admin(brokers).alter_configs([&change], &options())).unwrap();
    results.into_iter().for_each(|result| drop(result.unwrap()));
    let seen = || {
        let answer = wait(admin(brokers).describe_configs([&resource], &options())).unwrap().remove(0).unwrap();
        settings.iter().all(|(name, value)| answer.get(name).and_then(|entry| entry.value.as_deref()) == Some(value)).then_some(())
    };
    until("new settings of a topic are seen", seen);
}

/// Gives a topic more partitions and waits until clients see them.
pub fn grow(brokers: &str, topic: &str, partitions: usize) {
    let results = wait(admin(brokers).create_partitions([&NewPartitions::new(topic, partitions)], &options())).unwrap();
    results.into_iter().for_each(|result| drop(result.unwrap()));
    let seer = reader(brokers, "onceward-tests");
    until("a grown topic is seen", || partitions_of(&seer, topic).filter(|seen| usize::try_from(*seen) == Ok(partitions)));
}

/// The group's committed offsets of a topic; partitions without one are left out.
#[must_use]
pub fn committed(brokers: &str, group: &str, topic: &str) -> BTreeMap<i32, i64> {
    let reader = reader(brokers, group);
    let mut asked = TopicPartitionList::new();
    asked.add_partition_range(topic, 0, partitions_of(&reader, topic).unwrap_or(1) - 1);
    let answered = reader.committed_offsets(asked, PATIENCE).unwrap();
    answered
        .elements()
        .iter()
        .filter_map(|element| element.offset().to_raw().filter(|at| *at >= 0).map(|at| (element.partition(), at)))
        .collect()
}

/// Moves an idle group's offset, as an operator does.
pub fn set_committed(brokers: &str, group: &str, topic: &str, partition: i32, next: i64) {
    let mut moved = TopicPartitionList::new();
    moved.add_partition_offset(topic, partition, Offset::Offset(next)).unwrap();
    reader(brokers, group).commit(&moved, CommitMode::Sync).unwrap();
}

/// How many members the group has.
#[must_use]
pub fn members(brokers: &str, group: &str) -> usize {
    let list = reader(brokers, "onceward-tests").fetch_group_list(Some(group), PATIENCE).unwrap();
    list.groups().iter().map(|group| group.members().len()).sum()
}

/// A consumer that joins nothing: it only asks.
pub(super) fn reader(brokers: &str, group: &str) -> BaseConsumer {
    client(brokers).set("group.id", group).set("enable.auto.commit", "false").set("enable.partition.eof", "true").create().unwrap()
}

pub(super) fn partitions_of(reader: &BaseConsumer, topic: &str) -> Option<i32> {
    let metadata = reader.fetch_metadata(Some(topic), PATIENCE).unwrap();
    let topic = metadata.topics().iter().find(|one| one.name() == topic && one.error().is_none())?;
    i32::try_from(topic.partitions().len()).ok().filter(|partitions| *partitions > 0)
}

fn admin(brokers: &str) -> AdminClient<DefaultClientContext> {
    client(brokers).create().unwrap()
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(PATIENCE))
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
