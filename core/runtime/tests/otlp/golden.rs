//! One run with a retry, a dead letter, a publish that another handler takes, and a trace that nobody wants.

use std::time::Duration;

use onceward::{AutoOffsetReset, Backoff, Consumer, Event, Failure, Publish};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::trace::v1::Span;
use rdkafka::Message as _;
use rdkafka::message::{Headers as _, OwnedMessage};

use crate::collector::{Collector, attribute};
use crate::shown::{hex, signature, tree};
use crate::support::{Broker, Sent};

const WANTED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const UNWANTED: &str = "00-5bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

fn sent(id: &'static str, traceparent: Option<&str>) -> Sent<'static> {
    let mut headers = vec![("onceward-id", id.to_owned()), ("correlation-id", format!("flow-{id}"))];
    headers.extend(traceparent.map(|value| ("traceparent", value.to_owned())));
    Sent { key: Some(id), value: "{}".to_owned(), headers }
}

async fn order(event: Event) -> Result<(), Failure> {
    assert!(event.traceparent().is_some());
    match event.id().as_str() {
        "order-2" => return Err(Failure::reject("no such customer")),
        "order-1" if event.attempt() == 1 => return Err("payment is away".parse::<u8>().unwrap_err().into()),
        _ => event.publish(Publish::to("invoices").key("k").value("{}").id(format!("invoice of {}", event.id()))),
    }
    Ok(())
}

fn header(record: &OwnedMessage, name: &str) -> Vec<String> {
    let headers = record.headers().unwrap();
    headers.iter().filter(|header| header.key == name).map(|header| String::from_utf8(header.value.unwrap().to_vec()).unwrap()).collect()
}

fn of<'a>(spans: &'a [Span], id: &str) -> &'a Span {
    spans.iter().find(|span| attribute(&span.attributes, "messaging.message.id").as_deref() == Some(id)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_and_metrics_are_the_same_in_every_release() {
    let collector = Collector::start();
    let broker = Broker::start(&["orders", "invoices"], "g", 1);
    broker.send("orders", [sent("order-1", Some(WANTED)), sent("order-2", None), sent("order-3", Some(UNWANTED))]);
    let app = Consumer::builder()
        .brokers(broker.address())
        .group("g")
        .inbox("memory")
        .auto_offset_reset(AutoOffsetReset::Earliest)
        .retry(Backoff::new().attempts(3).first(Duration::from_millis(1)))
        .otlp(&collector.address)
        .kafka("session.timeout.ms", "4000")
        .build()
        .unwrap()
        .on("orders", order);
    app.run_until_end(std::future::pending()).await.unwrap();

    let received = collector.received.lock().unwrap();
    assert!(received.scopes.iter().all(|scope| scope == "onceward"));
    assert_eq!(attribute(&received.resource, "service.name").as_deref(), Some("g"), "the group, unless the environment names it");
    assert_eq!(received.spans.len(), 5, "nothing of the trace that nobody wants");
    golden("spans.txt", &format!("{}\n\n{}\n", tree(&received.spans, "order-1"), tree(&received.spans, "order-2")));

    // The producer's trace goes on: through attempts, and into what is published.
    let first = of(&received.spans, "order-1");
    assert_eq!((hex(&first.trace_id).as_str(), hex(&first.parent_span_id).as_str()), (&WANTED[3..35], &WANTED[36..52]));
    let second = received
        .spans
        .iter()
        .find(|span| span.parent_span_id == first.span_id && attribute(&span.attributes, "onceward.attempt").as_deref() == Some("2"));
    let published = broker.read("invoices", 2);
    let context =
        |id: &str| published.iter().find(|record| header(record, "onceward-id") == [id]).map(|record| header(record, "traceparent"));
    let expected = format!("00-{}-{}-01", &WANTED[3..35], hex(&second.unwrap().span_id));
    assert_eq!(context("invoice of order-1"), Some(vec![expected]), "the attempt is the parent of what it published");
    let unwanted = context("invoice of order-3").unwrap();
    assert!(unwanted[0].starts_with(&UNWANTED[..36]) && unwanted[0].ends_with("-00"), "{unwanted:?}");

    // A letter goes on with the trace that began here, and says so once.
    let letter = &broker.read("orders.g.dlt", 1)[0];
    let whole = of(&received.spans, "order-2");
    assert!(whole.parent_span_id.is_empty() && whole.links.is_empty(), "the producer began no trace");
    assert_eq!(header(letter, "traceparent"), [format!("00-{}-{}-01", hex(&whole.trace_id), hex(&whole.span_id))]);

    let mut names: Vec<String> = received.metrics.values().map(signature).collect();
    names.sort();
    golden("metrics.txt", &format!("{}\n", names.join("\n")));
    let Data::Histogram(durations) = received.metrics["messaging.process.duration"].data.clone().unwrap() else { panic!() };
    assert_eq!(durations.data_points.iter().map(|point| point.count).sum::<u64>(), 4, "each handler call was measured");
}

/// Compares with a file beside this one; `BLESS=1` writes it.
fn golden(file: &str, found: &str) {
    let path = format!("{}/tests/golden/otlp-{file}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, found).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    assert!(found == expected, "{path} says\n{expected}\nand the collector received\n{found}");
}

/// Two services: what the second one receives of the first one is in the same trace, at its place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_goes_on_from_service_to_service_and_can_be_linked_instead() {
    for (linked, word) in [(false, "continue"), (true, "link")] {
        let collector = Collector::start();
        let broker = Broker::start(&["orders", "invoices"], "g", 1);
        broker.send("orders", [sent("order-9", Some(WANTED))]);
        for topic in ["orders", "invoices"] {
            let app = Consumer::builder()
                .brokers(broker.address())
                .group("g")
                .inbox("memory")
                .auto_offset_reset(AutoOffsetReset::Earliest)
                .configure(|config| {
                    let table = config.telemetry.get_or_insert_default();
                    table.otlp = Some(collector.address.clone());
                    table.traces = Some(if linked { onceward::config::raw::Traces::Link } else { onceward::config::raw::Traces::Continue });
                })
                .kafka("session.timeout.ms", "4000")
                .build()
                .unwrap();
            let app = if topic == "orders" { app.on(topic, order) } else { app.on(topic, |_: Event| async { Ok::<_, Failure>(()) }) };
            app.run_until_end(std::future::pending()).await.unwrap();
        }
        let received = collector.received.lock().unwrap();
        let (first, then) = (of(&received.spans, "order-9"), of(&received.spans, "invoice of order-9"));
        let attempt = received.spans.iter().find(|span| span.name == "attempt orders").unwrap();
        assert_eq!(then.links[0].span_id, attempt.span_id, "{word}: linked to the attempt that published it");
        assert_eq!(hex(&first.links[0].span_id), WANTED[36..52], "{word}: linked to the producer");
        assert_eq!(hex(&first.trace_id) == WANTED[3..35], !linked, "{word}");
        assert_eq!(first.parent_span_id.is_empty(), linked, "{word}");
        assert_eq!((then.trace_id == first.trace_id, then.parent_span_id == attempt.span_id), (!linked, !linked), "{word}");
    }
}
