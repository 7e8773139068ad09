//! Bad days: refused commits, brokers away, wrong names.

use std::time::Duration;

use onceward::Error;
use onceward::kafka::{OffsetReset, Source, SourceFact, SourceOrder};
use onceward_engine::Offset;
use rdkafka::mocking::MockCluster;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use crate::support::{LONG, Listener, cluster, fill, settings};

#[test]
fn a_refused_commit_is_answered_and_the_next_one_goes_through() {
    let cluster = cluster("orders", 1);
    fill(&cluster, "orders", 1, 0..10);
    let mut listener = Listener::start(settings(&cluster, "g", "orders"));
    listener.until_seen(10);
    cluster.request_errors(RDKafkaApiKey::OffsetCommit, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_COMMIT_OFFSET_SIZE]);
    assert!(listener.commit(0, 5).is_some());
    assert_eq!(listener.commit(0, 7), None);
    listener.close(Duration::from_secs(10));
    let mut again = Listener::start(settings(&cluster, "g", "orders"));
    again.until_assigned(1);
    assert_eq!(again.assigned[&0].2, Offset(7));
    again.close(Duration::from_secs(10));
}

#[test]
fn a_second_commit_before_the_answer_is_refused_here() {
    let cluster = cluster("orders", 1);
    fill(&cluster, "orders", 1, 0..10);
    let mut listener = Listener::start(settings(&cluster, "g", "orders"));
    listener.until_seen(10);
    let (partition, epoch, _) = listener.assigned[&0];
    cluster.broker_round_trip_time(1, Duration::from_millis(300)).unwrap();
    listener.source.order(SourceOrder::Commit { partition, epoch, next: Offset(3) });
    listener.source.order(SourceOrder::Commit { partition, epoch, next: Offset(4) });
    let mut answers = Vec::new();
    while answers.len() < 2 {
        answers.push(listener.until("answer", |fact| match fact {
            SourceFact::Committed { next, error, .. } => Some((next.0, error.is_some())),
            _ => None,
        }));
    }
    assert_eq!(answers, [(4, true), (3, false)]);
    listener.close(Duration::from_secs(10));
}

#[test]
fn brokers_that_go_are_reported_once_and_so_is_their_return() {
    let cluster = cluster("orders", 1);
    fill(&cluster, "orders", 1, 0..10);
    let mut listener = Listener::start(settings(&cluster, "g", "orders"));
    listener.until_seen(10);
    cluster.broker_down(1).unwrap();
    listener.until("brokers down", |fact| matches!(fact, SourceFact::BrokersDown { .. }).then_some(()));
    cluster.broker_up(1).unwrap();
    listener.until("brokers up", |fact| match fact {
        SourceFact::BrokersDown { .. } => panic!("said twice"),
        SourceFact::BrokersUp => Some(()),
        _ => None,
    });
    fill(&cluster, "orders", 1, 10..20);
    listener.until_seen(20);
    listener.close(Duration::from_secs(10));
}

#[test]
fn closing_keeps_its_deadline_with_the_brokers_gone() {
    let cluster = cluster("orders", 2);
    fill(&cluster, "orders", 2, 0..10);
    let mut listener = Listener::start(settings(&cluster, "g", "orders"));
    listener.until_seen(20);
    cluster.broker_down(1).unwrap();
    let took = listener.close(Duration::from_secs(2));
    assert!(took < Duration::from_secs(4), "{took:?}");
}

#[test]
fn closing_before_anything_was_assigned_keeps_its_deadline() {
    let cluster = cluster("orders", 1);
    let mut never = settings(&cluster, "g", "orders");
    for (name, value) in &mut never.client {
        if name == "bootstrap.servers" {
            "127.0.0.1:1".clone_into(value);
        }
    }
    let took = Listener::start(never).close(Duration::from_secs(2));
    assert!(took < Duration::from_secs(4), "{took:?}");
}

#[test]
fn a_missing_topic_is_fatal_and_names_the_cure() {
    let cluster: crate::support::Cluster = MockCluster::new(1).unwrap();
    cluster.topic_error("nowhere", RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART).unwrap();
    let mut listener = Listener::start(settings(&cluster, "g", "nowhere"));
    let text = listener.until("fatal", |fact| match fact {
        SourceFact::Fatal(error) => Some(error.to_string()),
        _ => None,
    });
    assert!(text.contains("nowhere") && text.contains("Create the topic"), "{text}");
    listener.close(Duration::from_secs(10));
}

#[test]
fn without_a_committed_offset_the_reset_decides() {
    let cluster = cluster("orders", 1);
    fill(&cluster, "orders", 1, 0..10);
    let mut latest = settings(&cluster, "late", "orders");
    latest.reset = OffsetReset::Latest;
    let mut listener = Listener::start(latest);
    listener.until_assigned(1);
    assert_eq!(listener.assigned[&0].2, Offset(10));
    listener.close(Duration::from_secs(10));
    let mut refuse = settings(&cluster, "refuse", "orders");
    refuse.reset = OffsetReset::Error;
    let mut listener = Listener::start(refuse);
    let text = listener.until("fatal", |fact| match fact {
        SourceFact::Fatal(error) => Some(error.to_string()),
        _ => None,
    });
    assert!(text.contains("orders[0]") && text.contains("auto_offset_reset"), "{text}");
    listener.close(Duration::from_secs(10));
}

#[test]
fn a_committed_offset_beyond_the_log_is_a_gap() {
    let cluster = cluster("orders", 1);
    fill(&cluster, "orders", 1, 0..10);
    let mut listener = Listener::start(settings(&cluster, "g", "orders"));
    listener.until_seen(10);
    assert_eq!(listener.commit(0, 500), None);
    listener.close(Duration::from_secs(10));
    let mut again = Listener::start(settings(&cluster, "g", "orders"));
    let (from, to) = again.until("gap", |fact| match fact {
        SourceFact::Gap { from, to, .. } => Some((from.0, to.0)),
        _ => None,
    });
    assert_eq!((from, to), (500, 10));
    let (partition, epoch, _) = again.assigned[&0];
    again.source.order(SourceOrder::Seek { partition, epoch, to: Offset(0) });
    again.until_seen(10);
    again.assert_whole(0, 10);
    again.close(Duration::from_secs(10));
}

#[test]
fn a_wrong_property_is_an_error_at_start() {
    let cluster = cluster("orders", 1);
    let mut wrong = settings(&cluster, "g", "orders");
    wrong.client.push(("session.timeout.ms".to_owned(), "soon".to_owned()));
    let Err(Error::Broker { cause, cure, .. }) = Source::start(wrong, Box::new(|_| {})) else { panic!("started") };
    assert!(cause.contains("session.timeout.ms") && cure.contains("kafka.*"), "{cause} {cure}");
}

/// Facts are said on the poll thread: a sink that panics is a poll thread that panics.
#[test]
fn a_poll_thread_that_panics_ends_the_run_with_an_error() {
    let cluster = cluster("orders", 1);
    fill(&cluster, "orders", 1, 0..10);
    let (sender, facts) = crossbeam_channel::unbounded();
    let sink = Box::new(move |fact: SourceFact| {
        let fatal = matches!(fact, SourceFact::Batch(_));
        sender.send(fact).unwrap_or_default();
        assert!(!fatal, "a bug, for the test");
    });
    let source = Source::start(settings(&cluster, "g", "orders"), sink).unwrap();
    let mut told = Vec::new();
    while !matches!(told.last(), Some(SourceFact::Closed)) {
        told.push(facts.recv_timeout(LONG).unwrap());
    }
    match &told[told.len() - 2] {
        SourceFact::Fatal(error) => assert!(error.to_string().contains("the poll thread panicked"), "{error}"),
        other => panic!("{other:?}"),
    }
    source.join();
}
