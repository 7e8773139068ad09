//! OpenTelemetry's own variables. They belong to a process, so this one starts itself again with them.

use onceward::{AutoOffsetReset, Consumer, Event, Failure};

use crate::collector::{Collector, attribute};
use crate::support::{Broker, Sent};

/// The other process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by the test below, with variables"]
async fn child() {
    let broker = Broker::start(&["orders"], "g", 1);
    let sent = |id: &str, headers: Vec<(&'static str, String)>| Sent {
        key: Some("k"),
        value: "{}".to_owned(),
        headers: [vec![("onceward-id", id.to_owned())], headers].concat(),
    };
    let parent = ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned());
    broker.send("orders", [sent("with a parent", vec![parent]), sent("without", vec![])]);
    let app = Consumer::builder()
        .brokers(broker.address())
        .group("g")
        .inbox("memory")
        .auto_offset_reset(AutoOffsetReset::Earliest)
        .kafka("session.timeout.ms", "4000")
        .build()
        .unwrap()
        .on("orders", |_: Event| async { Ok::<_, Failure>(()) });
    assert_eq!(app.run_until_end(std::future::pending()).await.unwrap().handled, 2);
}

#[test]
fn the_standard_variables_are_honoured() {
    let collector = Collector::start();
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "environment::child", "--ignored", "--nocapture"])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.address)
        .env("OTEL_EXPORTER_OTLP_HEADERS", "api-key=s3cret")
        .env("OTEL_SERVICE_NAME", "shop")
        .env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,service.name=not-this")
        .env("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
        .env("OTEL_TRACES_SAMPLER_ARG", "0")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let received = collector.received.lock().unwrap();
    assert!(received.heads.iter().all(|head| head.contains(&"api-key: s3cret".to_owned())), "{:?}", received.heads);
    let resource = |key| attribute(&received.resource, key);
    assert_eq!(resource("service.name").as_deref(), Some("shop"));
    assert_eq!(resource("deployment.environment.name").as_deref(), Some("test"));
    let ids: Vec<_> = received.spans.iter().filter_map(|span| attribute(&span.attributes, "messaging.message.id")).collect();
    assert_eq!(ids, ["with a parent"], "the sampler follows the parent and takes nothing else");
    assert!(received.metrics.contains_key("onceward.attempts"));
}
