//! Companion topics on the mock cluster, which can't create topics or describe configurations; the rest is tried on a real broker.

use onceward::Error;
use onceward::kafka::producer_properties;
use onceward::letter::DEFAULT_TEMPLATE;
use onceward::letter::topics::{Needs, Problem, plan};

use crate::support::Cluster;

fn needs<'a>(client: &'a [(String, String)], sources: &'a [String], template: &'a str) -> Needs<'a> {
    Needs { client, group: "billing", sources, template, ledger: None, timeout: std::time::Duration::from_secs(3) }
}

#[test]
fn a_companion_has_as_many_partitions_as_its_source_and_is_no_source() {
    let cluster: Cluster = rdkafka::mocking::MockCluster::new(1).unwrap();
    cluster.create_topic("orders", 4, 1).unwrap();
    cluster.create_topic("orders.billing.dlt", 2, 1).unwrap();
    let client = producer_properties(&cluster.bootstrap_servers(), &[]);
    let sources = ["orders".to_owned()];
    let found = plan(&needs(&client, &sources, DEFAULT_TEMPLATE)).unwrap();
    assert_eq!(found.companions[0].problems, [Problem::TooFewPartitions { found: 2, needed: 4 }]);
    let Err(Error::Topics(text)) = found.check() else { panic!("accepted") };
    assert!(text.contains("--partitions 4"), "{text}");
    let own = plan(&needs(&client, &sources, "{topic}")).unwrap();
    assert_eq!(own.companions[0].problems, [Problem::IsSource { field: "dead_letter.topic" }]);
    assert!(own.check().unwrap_err().to_string().contains("`dead_letter.topic`"));
}

#[test]
fn a_ledger_has_the_name_that_its_template_gives() {
    let cluster: Cluster = rdkafka::mocking::MockCluster::new(1).unwrap();
    cluster.create_topic("orders", 1, 1).unwrap();
    let client = producer_properties(&cluster.bootstrap_servers(), &[]);
    let sources = ["orders".to_owned()];
    let found = plan(&Needs { ledger: Some("books.{group}.{topic}"), ..needs(&client, &sources, DEFAULT_TEMPLATE) }).unwrap();
    let names: Vec<&str> = found.companions.iter().map(|companion| companion.name.as_str()).collect();
    assert_eq!(names, ["orders.billing.dlt", "books.billing.orders"]);
    let own = plan(&Needs { ledger: Some("{topic}"), ..needs(&client, &sources, DEFAULT_TEMPLATE) }).unwrap();
    assert_eq!(own.companions[1].problems, [Problem::IsSource { field: "dead_letter.ledger" }]);
}
