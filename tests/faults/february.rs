//! 8 and 9 February 2013: a blizzard, and more than half of the flights cancelled. A bad day is no outage: the breaker stays closed.

use std::time::Duration;

use onceward::config::raw::Breaker;
use onceward::{AutoOffsetReset, Consumer, Event, Failure, Summary};
use onceward_flights::Flight;
use onceward_tests::kafka::{self, Outgoing};

/// The storm.
const DAYS: [&str; 2] = ["2013-02-08", "2013-02-09"];

fn flights() -> Vec<Flight> {
    let csv = std::env::var("ONCEWARD_TEST_FLIGHTS").expect("this test is started by `cargo xtask test` or `cargo xtask faults`");
    let mut flights = onceward_flights::year(&std::fs::read_to_string(csv).unwrap()).unwrap();
    flights.retain(|flight| DAYS.contains(&flight.day.as_str()));
    // As they were to depart. The source has the cancelled ones of each day at its end, where nothing but bad events would be left: that
    // can't be told from an outage, and the breaker would wait for a success.
    flights.sort_by(|one, next| (&one.day, one.sched).cmp(&(&next.day, next.sched)));
    flights
}

/// All of them through a service with this breaker. How it ended, and how often the breaker opened.
fn run(flights: &[Flight], breaker: Option<Breaker>, fails: fn(&Flight) -> bool) -> Result<(Summary, u64), onceward::Error> {
    let brokers = kafka::brokers();
    let (topic, group) = (kafka::unique("february"), kafka::unique("february"));
    kafka::create(&brokers, &topic, 4, &[]);
    let records: Vec<_> = flights
        .iter()
        .map(|flight| Outgoing {
            partition: None,
            key: flight.tailnum.clone().map(String::into_bytes),
            value: Some(serde_json::to_vec(flight).unwrap()),
            headers: vec![("onceward-id".to_owned(), Some(flight.id.clone().into_bytes()))],
        })
        .collect();
    kafka::produce(&brokers, &topic, &records);
    let app = Consumer::builder()
        .brokers(brokers.clone())
        .group(group)
        .inbox("memory")
        .auto_offset_reset(AutoOffsetReset::Earliest)
        .create_topics(true)
        .configure(|config| config.defaults.get_or_insert_default().breaker = breaker)
        .build()
        .unwrap()
        .on(topic.clone(), move |event: Event| async move {
            let flight: Flight = event.json()?;
            // No word of its being fatal: the handler only notices that the departure is missing.
            if fails(&flight) { Err(std::io::Error::other("it has no departure time").into()) } else { Ok::<_, Failure>(()) }
        });
    let metrics = app.metrics();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let result =
        runtime.block_on(async { tokio::time::timeout(Duration::from_secs(120), app.run_until_end(std::future::pending())).await });
    kafka::delete(&brokers, &topic);
    let text = metrics.prometheus();
    let opened = text.lines().find_map(|line| line.strip_prefix("onceward_breaker_opened_total ")).unwrap().parse().unwrap();
    result.expect("it ends").map(|summary| (summary, opened))
}

#[test]
fn a_storm_that_cancels_half_of_the_flights_is_no_outage() {
    let flights = flights();
    let cancelled = flights.iter().filter(|flight| flight.is_cancelled()).count() as u64;
    assert_eq!((flights.len(), cancelled), (1_614, 865));
    let (summary, opened) = run(&flights, None, Flight::is_cancelled).unwrap();
    assert_eq!(opened, 0, "bad events are not an outage");
    assert_eq!((summary.handled, summary.dead_letters), (flights.len() as u64 - cancelled, cancelled));
}

/// The same flights and the same rules, and everything fails: what the test above relies on can be seen.
#[test]
fn the_same_flights_with_everything_failing_are_one() {
    let limit = Breaker { time: Some("1s".into()), limit: Some("2s".into()), ..Breaker::default() };
    let error = run(&flights(), Some(limit), |_| true).expect_err("it must not reach the end");
    assert!(error.to_string().contains("nearly every event has failed"), "{error}");
}
