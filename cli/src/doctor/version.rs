//! How old the brokers are, judged by the requests that they answer: Kafka's protocol has no question for a version.

use std::collections::BTreeMap;
use std::time::Duration;

use super::finding::{Diagnosis, Finding};

/// Requests by their numbers in the protocol.
mod request {
    pub(super) const PRODUCE: i16 = 0;
    pub(super) const FETCH: i16 = 1;
    pub(super) const METADATA: i16 = 3;
    pub(super) const DESCRIBE_CLUSTER: i16 = 60;
    pub(super) const LIST_TRANSACTIONS: i16 = 66;
    pub(super) const CONSUMER_GROUP_DESCRIBE: i16 = 69;
    pub(super) const DESCRIBE_TOPIC_PARTITIONS: i16 = 75;
}

type Requests = BTreeMap<i16, (i16, i16)>;

pub(super) fn examine(brokers: &str, client: &[(String, String)], timeout: Duration, diagnosis: &mut Diagnosis) {
    let unknown = |why: String| Finding::warn("version", brokers, why, "look up the brokers' version; it should be 2.8 or later");
    diagnosis.add(match onceward::kafka::protocol(client, timeout) {
        Ok(requests) if !requests.is_empty() => judge(brokers, &requests),
        Ok(_) => unknown("the brokers did not tell which requests they answer".to_owned()),
        Err(error) => unknown(error.to_string()),
    });
}

fn judge(brokers: &str, requests: &Requests) -> Finding {
    let highest = |request: i16| requests.get(&request).map_or(-1, |versions| versions.1);
    // Headers and record batches: the client can't do without.
    if highest(request::PRODUCE) < 3 || highest(request::FETCH) < 4 {
        return Finding::fail(
            "version",
            brokers,
            "older than Kafka 0.11: records there have no headers",
            "upgrade the brokers, to 2.8 or later",
        );
    }
    if highest(request::METADATA) < 10 {
        let message = "older than Kafka 2.8: topics there have no ids";
        return Finding::warn("version", brokers, message, "a topic that is deleted and made again is not noticed; upgrade the brokers");
    }
    Finding::ok("version", brokers, format!("as Kafka {}", guess(requests)))
}

/// The oldest version that answers these requests.
fn guess(requests: &Requests) -> &'static str {
    let has = |request: i16| requests.contains_key(&request);
    // 4.0 took the oldest versions of most requests out.
    if requests.get(&request::FETCH).is_some_and(|versions| versions.0 >= 4) {
        "4.0 or later"
    } else if has(request::DESCRIBE_TOPIC_PARTITIONS) {
        "3.8 or later"
    } else if has(request::CONSUMER_GROUP_DESCRIBE) {
        "3.7 or later"
    } else if has(request::LIST_TRANSACTIONS) {
        "3.0 or later"
    } else if has(request::DESCRIBE_CLUSTER) {
        "2.8 or later"
    } else {
        "2.8, or something that speaks like it"
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
    use super::*;
    use crate::doctor::finding::Verdict;

    #[test]
    fn brokers_are_judged_by_what_they_answer() {
        let old: Requests = [(0, (0, 2)), (1, (0, 3)), (3, (0, 2))].into();
        assert_eq!(judge("b", &old).verdict, Verdict::Fail);
        let without_ids: Requests = [(0, (0, 8)), (1, (0, 11)), (3, (0, 9))].into();
        assert_eq!(judge("b", &without_ids).verdict, Verdict::Warn);
        let three: Requests = [(0, (0, 9)), (1, (0, 13)), (3, (0, 12)), (60, (0, 0)), (66, (0, 0))].into();
        assert_eq!(judge("b", &three).message, "as Kafka 3.0 or later");
        let four: Requests = [(0, (0, 12)), (1, (4, 17)), (3, (0, 13)), (75, (0, 0))].into();
        assert_eq!(judge("b", &four).message, "as Kafka 4.0 or later");
    }
}
