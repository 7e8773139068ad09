//! Topics that change under a running consumer: a dead-letter topic that is removed, a source that grows.

use std::collections::BTreeSet;

use onceward::{AutoOffsetReset, Consumer, Event, Failure};
use onceward_tests::kafka::{self, Outgoing};
use tokio::sync::oneshot;

use crate::service::{Notes, Service, noting, runtime};

fn numbered(numbers: std::ops::Range<usize>, partition: impl Fn(usize) -> i32) -> Vec<Outgoing> {
    let record = |number: usize| Outgoing {
        partition: Some(partition(number)),
        key: Some(format!("k{number}").into_bytes()),
        value: Some(number.to_string().into_bytes()),
        ..Outgoing::default()
    };
    numbers.map(record).collect()
}

/// Every third event is refused by its handler.
fn is_bad(number: usize) -> bool {
    number.is_multiple_of(3)
}

fn values(brokers: &str, topic: &str) -> BTreeSet<usize> {
    let values = kafka::read_all(brokers, topic).into_iter().map(|letter| String::from_utf8(letter.value.unwrap()).unwrap());
    values.map(|value| value.parse().unwrap()).collect()
}

fn judge(notes: Notes) -> impl Fn(Event) -> std::future::Ready<Result<(), Failure>> + Send + Sync + 'static {
    let note = noting(notes);
    move |event| {
        let number: usize = std::str::from_utf8(event.value().unwrap()).unwrap().parse().unwrap();
        if is_bad(number) { std::future::ready(Err(Failure::reject("every third"))) } else { note(event) }
    }
}

#[test]
fn letters_of_a_removed_topic_arrive_when_it_is_back() {
    let service = Service::new("stranded", 2);
    let letters = format!("{}.{}.dlt", service.topic, service.group);
    let (notes, runtime) = (Notes::default(), runtime());
    // The client believes for so long that a missing topic is only late.
    let app = service.builder().kafka("topic.metadata.propagation.max.ms", "1000").build().unwrap();
    let app = app.on(service.topic.clone(), judge(Notes::clone(&notes)));
    let metrics = app.metrics();
    let stranded = |count: usize| metrics.prometheus().contains(&format!("onceward_stranded_letters {count}\n"));
    let (stop, stopped) = oneshot::channel::<()>();
    let app = runtime.spawn(app.run(async move { drop(stopped.await) }));
    kafka::produce(&service.brokers, &service.topic, &numbered(0..30, |number| (number % 2) as i32));
    kafka::until("everything before is committed", || (service.committed(0) == Some(15) && service.committed(1) == Some(15)).then_some(()));
    assert_eq!(values(&service.brokers, &letters), (0..30).filter(|&number| is_bad(number)).collect());

    kafka::delete(&service.brokers, &letters);
    kafka::produce(&service.brokers, &service.topic, &numbered(30..90, |number| (number % 2) as i32));
    kafka::until("all that is healthy is handled: nobody waits for somebody else's letter", || {
        (notes.lock().unwrap().len() == 60).then_some(())
    });
    kafka::until("the letters are known to be stranded", || stranded(20).then_some(()));
    assert_eq!((service.committed(0), service.committed(1)), (Some(15), Some(16)), "no offset passes a letter that nobody has");

    kafka::create(&service.brokers, &letters, 2, &[]);
    kafka::until("everything is committed", || (service.committed(0) == Some(45) && service.committed(1) == Some(45)).then_some(()));
    assert_eq!(values(&service.brokers, &letters), (30..90).filter(|&number| is_bad(number)).collect(), "none is lost");
    kafka::until("nobody waits any more", || stranded(0).then_some(()));
    drop(stop);
    runtime.block_on(app).unwrap().unwrap();
}

#[test]
fn new_partitions_wait_for_companions_that_somebody_else_has_to_grow() {
    let service = Service::new("narrow", 1);
    let letters = format!("{}.{}.dlt", service.topic, service.group);
    kafka::create(&service.brokers, &letters, 1, &[("max.message.bytes", "2000000"), ("retention.ms", "2592000000")]);
    let (notes, runtime) = (Notes::default(), runtime());
    let app = Consumer::builder()
        .brokers(service.brokers.clone())
        .group(service.group.clone())
        .inbox("memory")
        .auto_offset_reset(AutoOffsetReset::Earliest)
        .kafka("topic.metadata.refresh.interval.ms", "1000")
        // One companion is enough to wait for: the ledger would be another of the same kind.
        .configure(|config| config.dead_letter.get_or_insert_default().replay = Some(false))
        .build()
        .unwrap()
        .on(service.topic.clone(), judge(Notes::clone(&notes)));
    let metrics = app.metrics();
    let (stop, stopped) = oneshot::channel::<()>();
    let app = runtime.spawn(app.run(async move { drop(stopped.await) }));
    kafka::produce(&service.brokers, &service.topic, &numbered(1..2, |_| 0));
    kafka::until("it runs", || (!notes.lock().unwrap().is_empty()).then_some(()));
    kafka::grow(&service.brokers, &service.topic, 2);
    kafka::produce(&service.brokers, &service.topic, &numbered(100..160, |_| 1));
    kafka::until("the new partition is ours, and read", || metrics.prometheus().contains("onceward_in_flight 60\n").then_some(()));
    kafka::produce(&service.brokers, &service.topic, &numbered(11..12, |_| 0));
    kafka::until("the other one goes on", || (notes.lock().unwrap().len() == 2).then_some(()));
    assert_eq!(service.committed(1), None, "nothing of the new one is handled");

    kafka::grow(&service.brokers, &letters, 2);
    let healthy = (100..160).filter(|&number| !is_bad(number)).count();
    kafka::until("all of the new partition is handled", || {
        let new: BTreeSet<_> = notes.lock().unwrap().iter().filter(|note| note.0 > 0).map(|note| note.2.clone()).collect();
        (new.len() == healthy).then_some(())
    });
    let bad: BTreeSet<usize> = (100..160).filter(|&number| is_bad(number)).collect();
    kafka::until("its letters are where they belong", || (values(&service.brokers, &letters) == bad).then_some(()));
    drop(stop);
    runtime.block_on(app).unwrap().unwrap();
}

#[test]
fn new_partitions_are_read_from_their_beginning_and_their_letters_have_a_place() {
    let service = Service::new("grown", 1);
    let (notes, runtime) = (Notes::default(), runtime());
    let app = Consumer::builder()
        .brokers(service.brokers.clone())
        .group(service.group.clone())
        .inbox("memory")
        .auto_offset_reset(AutoOffsetReset::Latest)
        .create_topics(true)
        // For the consumer; letters are in time by themselves.
        .kafka("topic.metadata.refresh.interval.ms", "1000")
        .build()
        .unwrap()
        .on(service.topic.clone(), judge(Notes::clone(&notes)));
    let (stop, stopped) = oneshot::channel::<()>();
    let app = runtime.spawn(app.run(async move { drop(stopped.await) }));
    kafka::until("the first partition is ours", || (kafka::members(&service.brokers, &service.group) == 1).then_some(()));
    kafka::until("it is read", || {
        kafka::produce(&service.brokers, &service.topic, &numbered(1..2, |_| 0));
        (!notes.lock().unwrap().is_empty()).then_some(())
    });

    // Written before the consumer knows of them: to begin at the end would skip them.
    kafka::grow(&service.brokers, &service.topic, 3);
    kafka::produce(&service.brokers, &service.topic, &numbered(100..160, |number| 1 + (number % 2) as i32));
    let healthy = (100..160).filter(|&number| !is_bad(number)).count();
    kafka::until("all of the new partitions is handled", || {
        let new: BTreeSet<_> = notes.lock().unwrap().iter().filter(|note| note.0 > 0).map(|note| note.2.clone()).collect();
        (new.len() == healthy).then_some(())
    });
    let letters = format!("{}.{}.dlt", service.topic, service.group);
    let bad: BTreeSet<usize> = (100..160).filter(|&number| is_bad(number)).collect();
    kafka::until("their letters are in partitions of the same numbers", || (values(&service.brokers, &letters) == bad).then_some(()));
    drop(stop);
    runtime.block_on(app).unwrap().unwrap();
}
