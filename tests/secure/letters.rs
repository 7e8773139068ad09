//! A right that is taken away while the consumer runs: letters strand, nothing is lost, and they arrive when it is back.

use onceward::{Event, Failure};
use onceward_tests::kafka::{self, May, On, Outgoing};
use tokio::sync::oneshot;

use crate::cluster::Service;
use crate::logs;

#[test]
fn letters_that_may_not_be_written_any_more_strand_and_arrive_when_they_may() {
    const PRINCIPAL: &str = "User:bob";
    let service = Service::new("withdrawn");
    service.grant(PRINCIPAL, &[]);
    let (open, letters) = (service.cluster.open.as_str(), service.letters());
    let send = |values: &[&str]| {
        let record =
            |value: &&str| Outgoing { key: Some(value.as_bytes().into()), value: Some(value.as_bytes().into()), ..Outgoing::default() };
        kafka::produce(open, &service.topic, &values.iter().map(record).collect::<Vec<_>>());
    };
    let committed = || kafka::committed(open, &service.group, &service.topic).get(&0).copied();
    let written = || kafka::read_all(open, &letters).into_iter().map(|letter| letter.value.unwrap()).collect::<Vec<_>>();

    let app = service.sasl("SCRAM-SHA-512", "bob", "bob-secret").build().unwrap();
    let app = app.on(service.topic.clone(), |event: Event| async move {
        if event.value().is_some_and(|value| value.starts_with(b"poison")) { Err(Failure::reject("as asked")) } else { Ok(()) }
    });
    let metrics = app.metrics();
    let shows = |line: String| metrics.prometheus().lines().any(|found| found == line).then_some(());
    let (stop, stopped) = oneshot::channel::<()>();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let running = runtime.spawn(app.run(async move { drop(stopped.await) }));
    send(&["a", "poison-1", "b"]);
    kafka::until("everything is committed", || (committed() == Some(3)).then_some(()));

    kafka::withdraw(open, PRINCIPAL, (On::Topic, &letters, May::Write));
    send(&["c", "poison-2", "poison-3", "d"]);
    kafka::until("healthy events go on", || shows("onceward_events_handled_total 4".to_owned()));
    kafka::until("both letters are stranded", || shows("onceward_stranded_letters 2".to_owned()));
    kafka::until("what came before them is committed", || (committed() == Some(4)).then_some(()));
    assert_eq!(written(), [b"poison-1"]);
    let logged = logs::all();
    let line = logged.lines().find(|line| line.contains("a dead letter is refused by the broker") && line.contains(&letters)).unwrap();
    assert!(line.contains("WRITE on its dead-letter topic"), "{line}");
    assert!(shows("onceward_paused{reason=\"producer\"} 0".to_owned()).is_some(), "one user's right is no outage");
    assert_eq!(committed(), Some(4), "no offset passes a letter that nobody has");

    kafka::grant(open, PRINCIPAL, &[(On::Topic, &letters, May::Write)]);
    kafka::until("the letters arrive", || (written().len() == 3).then_some(()));
    kafka::until("everything is committed", || (committed() == Some(7)).then_some(()));
    let mut arrived = written();
    arrived.sort();
    assert_eq!(arrived, [b"poison-1", b"poison-2", b"poison-3"], "each once");
    kafka::until("nobody waits any more", || shows("onceward_stranded_letters 0".to_owned()));
    drop(stop);
    runtime.block_on(running).unwrap().unwrap();
}
