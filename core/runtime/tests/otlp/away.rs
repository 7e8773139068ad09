//! A collector that hangs, or is not there: events are handled as ever, what is lost is counted, and the end does not wait for long.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use onceward::{AutoOffsetReset, Consumer, Event, Failure};

use crate::support::{Broker, Sent};

const EVENTS: u64 = 400;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_away_costs_spans_and_nothing_else() {
    // Connections are taken by the system and never answered; and a port where nobody listens.
    let hangs = TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for address in [hangs.local_addr().unwrap(), gone] {
        let broker = Broker::start(&["orders"], "g", 1);
        let records = |number| Sent { key: Some("k"), value: "{}".to_owned(), headers: vec![("onceward-id", format!("e{number}"))] };
        broker.send("orders", (0..EVENTS).map(records));
        let app = Consumer::builder()
            .brokers(broker.address())
            .group("g")
            .inbox("memory")
            .auto_offset_reset(AutoOffsetReset::Earliest)
            .otlp(format!("http://{address}"))
            .kafka("session.timeout.ms", "4000")
            .build()
            .unwrap()
            .on("orders", |_: Event| async { Ok::<_, Failure>(()) });
        let metrics = app.metrics();
        let begun = Instant::now();
        let summary = app.run_until_end(std::future::pending()).await.unwrap();
        assert_eq!(summary.handled, EVENTS);
        // Joining the group takes three of them, the flush five.
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
        let line = format!("onceward_spans_dropped_total {}", EVENTS * 2);
        assert!(metrics.prometheus().lines().any(|found| found == line), "{address}: {}", metrics.prometheus());
    }
}
