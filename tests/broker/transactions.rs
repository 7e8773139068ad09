//! Transactions leave offsets that no consumer ever sees: markers, and the records of aborted ones.

use onceward_tests::kafka;

use crate::service::Service;

#[test]
fn until_end_ends_behind_a_committed_transaction() {
    let service = Service::new("transaction", 1);
    let producer = kafka::producer(&service.brokers, &service.topic);
    kafka::transact(&producer, &service.topic, 0, &["a", "b"], true);
    let (result, handled) = service.run_until_end(service.builder());
    result.unwrap();
    assert_eq!(values(&handled), ["a", "b"]);
    assert!(service.committed(0) >= Some(2), "both are committed: {:?}", service.committed(0));
}

#[test]
fn until_end_ends_behind_an_aborted_transaction() {
    let service = Service::new("transaction", 1);
    let producer = kafka::producer(&service.brokers, &service.topic);
    kafka::transact(&producer, &service.topic, 0, &["a"], true);
    kafka::transact(&producer, &service.topic, 0, &["never"], false);
    let (result, handled) = service.run_until_end(service.builder());
    result.unwrap();
    assert_eq!(values(&handled), ["a"], "an aborted record is never handled");
}

#[test]
fn a_gap_in_the_middle_holds_nothing_up() {
    let service = Service::new("transaction", 1);
    let producer = kafka::producer(&service.brokers, &service.topic);
    kafka::transact(&producer, &service.topic, 0, &["a"], true);
    kafka::transact(&producer, &service.topic, 0, &["never"], false);
    kafka::transact(&producer, &service.topic, 0, &["b"], true);
    let (result, handled) = service.run_until_end(service.builder());
    result.unwrap();
    assert_eq!(values(&handled), ["a", "b"]);
    let last = handled.last().map(|(_, offset, _)| offset + 1);
    assert!(service.committed(0) >= last, "committed {:?}, the last record is before {last:?}", service.committed(0));

    let (result, again) = service.run_until_end(service.builder());
    result.unwrap();
    assert_eq!(values(&again), [] as [&str; 0], "nothing is left for a second run");
}

fn values(handled: &[(i32, i64, String)]) -> Vec<&str> {
    handled.iter().map(|(_, _, value)| value.as_str()).collect()
}
