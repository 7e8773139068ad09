//! What the broker does with the commit of a former owner. No Onceward in here: this is the fact that its fence stands on.
//!
//! A broker checks that a commit comes from a member of the group's present generation. It does not check that the member owns the partition.
//! So a late commit, of work that was still running when the partition went to somebody else, moves the group's offset back, and the next
//! owner handles records again. Nobody but the client itself can prevent that.

use std::time::Duration;

use onceward_tests::kafka::{self, Outgoing};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};

#[test]
fn the_classic_protocol_accepts_a_former_owners_commit() {
    accepts_a_former_owners_commit(&[("partition.assignment.strategy", "cooperative-sticky"), ("session.timeout.ms", "6000")]);
}

#[test]
fn the_consumer_protocol_accepts_a_former_owners_commit() {
    accepts_a_former_owners_commit(&[("group.protocol", "consumer")]);
}

fn accepts_a_former_owners_commit(settings: &[(&str, &str)]) {
    let brokers = kafka::brokers();
    let (topic, group) = (kafka::unique("late-commit"), kafka::unique("late-commit"));
    kafka::create(&brokers, &topic, 2, &[]);
    let records: Vec<_> = (0..200).map(|n| Outgoing { partition: Some(n % 2), value: Some(vec![0]), ..Outgoing::default() }).collect();
    kafka::produce(&brokers, &topic, &records);

    let first = member(&brokers, &topic, &group, settings);
    kafka::until("the first member owns both partitions", || polled(&[&first]).then(|| owned(&first)).filter(|owned| owned.len() == 2));
    let second = member(&brokers, &topic, &group, settings);
    let moved = kafka::until("the second member owns one of them", || {
        polled(&[&first, &second]).then(|| (owned(&first), owned(&second))).and_then(|(kept, moved)| match (&kept[..], &moved[..]) {
            ([_], [moved]) => Some(*moved),
            _ => None,
        })
    });

    commit(&second, &topic, moved, 90).unwrap();
    assert_eq!(kafka::committed(&brokers, &group, &topic).get(&moved), Some(&90));

    // The first member finishes late, and is behind. It may have to learn the new generation first; that is not what is asked here.
    kafka::until("the first member's commit is answered", || match commit(&first, &topic, moved, 10) {
        Ok(()) => Some(()),
        Err(error) if stale(&error) => {
            polled(&[&first, &second]);
            None
        }
        Err(error) => panic!("the broker refused the former owner: {error}; then Onceward's fence may be weaker than it has to be"),
    });
    let after = kafka::committed(&brokers, &group, &topic);
    assert_eq!(after.get(&moved), Some(&10), "the broker took the commit of a member that no longer owns the partition");
    drop((first, second));
    kafka::delete(&brokers, &topic);
}

fn member(brokers: &str, topic: &str, group: &str, settings: &[(&str, &str)]) -> BaseConsumer {
    let mut config = kafka::client(brokers);
    config.set("group.id", group).set("enable.auto.commit", "false").set("auto.offset.reset", "earliest");
    config.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let member: BaseConsumer = config.create().unwrap();
    member.subscribe(&[topic]).unwrap();
    member
}

/// Lets every member take part in the group for a moment. Always true, so that it reads well before `then`.
fn polled(members: &[&BaseConsumer]) -> bool {
    members.iter().for_each(|member| {
        if let Some(Err(error)) = member.poll(Duration::from_millis(20)) {
            panic!("a member could not poll: {error}");
        }
    });
    true
}

fn owned(member: &BaseConsumer) -> Vec<i32> {
    member.assignment().unwrap().elements().iter().map(rdkafka::topic_partition_list::TopicPartitionListElem::partition).collect()
}

fn commit(member: &BaseConsumer, topic: &str, partition: i32, next: i64) -> Result<(), KafkaError> {
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(topic, partition, Offset::Offset(next)).unwrap();
    member.commit(&offsets, CommitMode::Sync)
}

fn stale(error: &KafkaError) -> bool {
    let passing = [RDKafkaErrorCode::RebalanceInProgress, RDKafkaErrorCode::IllegalGeneration, RDKafkaErrorCode::StaleMemberEpoch];
    error.rdkafka_error_code().is_some_and(|code| passing.contains(&code))
}
