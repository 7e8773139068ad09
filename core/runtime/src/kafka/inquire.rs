//! What a tool asks of a cluster before a consumer starts: where its group stands, and which protocol its brokers speak.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::admin::AdminClient;
use rdkafka::client::DefaultClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use super::connect::sign_in;
use super::context::Context;
use super::sys::{EventKind, Queue};
use super::{fault, token};
use crate::Error;
use crate::letter::scan::{leave, open};

/// Between two questions to a coordinator that is not ready.
const PAUSE: Duration = Duration::from_millis(200);

/// Where a group stands in a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Which partition.
    pub partition: i32,
    /// The group's committed offset, if it has one.
    pub committed: Option<i64>,
    /// The oldest offset that is still there.
    pub oldest: i64,
    /// The first offset behind the newest record.
    pub end: i64,
}

/// Where the group of these consumer properties stands in a topic.
///
/// # Errors
/// [`Error::Broker`] when no answer comes in time, or a right is missing.
pub fn standing(client: &[(String, String)], topic: &str, partitions: &[i32], timeout: Duration) -> Result<Vec<Standing>, Error> {
    let consumer = open(client)?;
    let found = stand(&consumer, topic, partitions, timeout).map_err(|error| {
        let cure =
            error.rdkafka_error_code().and_then(fault::cure).unwrap_or("Give the brokers more time, or look at the group coordinator");
        fault::broker(format!("looking up the group's offsets of {topic}"), error.to_string(), cure)
    });
    leave(consumer);
    found
}

fn is_passing(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::{CoordinatorLoadInProgress, CoordinatorNotAvailable, NotCoordinator};
    matches!(code, CoordinatorLoadInProgress | CoordinatorNotAvailable | NotCoordinator)
}

fn stand(consumer: &BaseConsumer<Context>, topic: &str, partitions: &[i32], timeout: Duration) -> Result<Vec<Standing>, KafkaError> {
    let mut asked = TopicPartitionList::new();
    for partition in partitions {
        asked.add_partition(topic, *partition);
    }
    let begun = Instant::now();
    let committed = loop {
        match consumer.committed_offsets(asked.clone(), timeout) {
            // A cluster that has just been asked for its first group is making the topic for it.
            Err(error) if error.rdkafka_error_code().is_some_and(is_passing) && begun.elapsed() < timeout => thread::sleep(PAUSE),
            answer => break answer?,
        }
    };
    partitions
        .iter()
        .map(|&partition| {
            let (oldest, end) = consumer.fetch_watermarks(topic, partition, timeout)?;
            let place = committed.find_partition(topic, partition);
            let committed = place.and_then(|place| if let Offset::Offset(offset) = place.offset() { Some(offset) } else { None });
            Ok(Standing { partition, committed, oldest, end })
        })
        .collect()
}

/// The requests that the brokers answer: lowest and highest version by request number. librdkafka tells them in its debug log only, so an
/// empty answer means that nothing is known.
///
/// # Errors
/// [`Error::Broker`] when the client can't be made or gets no token.
pub fn protocol(client: &[(String, String)], timeout: Duration) -> Result<BTreeMap<i16, (i16, i16)>, Error> {
    let (mut config, endpoint) = token::client_config(client)?;
    config.set("debug", "feature").set_log_level(RDKafkaLogLevel::Debug);
    let client: AdminClient<DefaultClientContext> = config
        .create()
        .map_err(|error| fault::broker("creating the Kafka client", error.to_string(), "Correct the property under `kafka.*`"))?;
    if let Some(endpoint) = endpoint {
        sign_in(client.inner().native_ptr(), &endpoint)?;
    }
    let begun = Instant::now();
    let mut found = BTreeMap::new();
    let Some(queue) = Queue::main(client.inner().native_ptr()) else { return Ok(found) };
    while found.is_empty() && begun.elapsed() < timeout {
        // Any question makes a connection, and each connection begins with this exchange.
        drop(client.inner().fetch_metadata(None, Duration::from_millis(500)));
        while let Some(event) = queue.poll(Duration::ZERO) {
            if event.kind() == EventKind::Log
                && let Some((request, versions)) = event.log().and_then(|(_, _, line)| read(&line))
            {
                found.insert(request, versions);
            }
        }
    }
    Ok(found)
}

/// `…  ApiKey Metadata (3) Versions 0..13`.
fn read(line: &str) -> Option<(i16, (i16, i16))> {
    let (_, rest) = line.split_once("ApiKey ")?;
    let (request, versions) = rest.rsplit_once(") Versions ")?;
    let (lowest, highest) = versions.trim().split_once("..")?;
    Some((request.rsplit_once('(')?.1.parse().ok()?, (lowest.parse().ok()?, highest.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    #[test]
    fn lines_of_the_log_are_read() {
        assert_eq!(super::read("[thrd:a:1/1]: a:1/1:   ApiKey Metadata (3) Versions 0..13"), Some((3, (0, 13))));
        assert_eq!(super::read("ApiKey Unknown-74? (74) Versions 0..1"), Some((74, (0, 1))));
        for line in ["", "ApiKey x", "Feature ApiVersion: ApiVersion (0..0) supported by broker"] {
            assert_eq!(super::read(line), None, "{line}");
        }
    }
}
