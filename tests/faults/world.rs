//! The campaign's world: flights in a topic, some of them sent twice, and where everything is kept.

use std::path::PathBuf;

use onceward_flights::Flight;
use onceward_tests::consumer_child::Orders;
use onceward_tests::history::{Spot, Step, Writer};
use onceward_tests::kafka::{self, Outgoing};

use crate::broker::Broker;
use crate::evidence::Evidence;
use crate::member::Member;

pub(crate) const PARTITIONS: i32 = 6;
/// One flight in so many is sent twice.
const TWICE: usize = 100;

pub(crate) struct World {
    pub(crate) broker: Broker,
    pub(crate) flights: Vec<Flight>,
    /// How many records that is.
    pub(crate) sent: usize,
    pub(crate) orders: Orders,
    pub(crate) folder: PathBuf,
    pub(crate) evidence: Evidence,
    members: u32,
    pub(crate) seed: u64,
    pub(crate) kills: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        let csv = std::env::var("ONCEWARD_TEST_FLIGHTS").expect("this test is started by `cargo xtask test` or `cargo xtask faults`");
        let flights = onceward_flights::year(&std::fs::read_to_string(csv).unwrap()).unwrap();
        assert_eq!(flights.len(), 336_776);
        let folder = tempfile::Builder::new().prefix("onceward-faults-").tempdir().unwrap().keep();
        let broker = Broker::start();
        let (topic, group) = (kafka::unique("flights"), kafka::unique("faults"));
        let orders = Orders {
            brokers: broker.address.clone(),
            group,
            topic: topic.clone(),
            inbox: folder.join("inbox.db"),
            history: folder.join("nobody.jsonl"),
            member: "nobody".to_owned(),
            until_end: false,
            gate: folder.join("gate"),
            pace: folder.join("pace"),
            slow_commit: folder.join("slow-commit"),
        };
        kafka::create(&broker.address, &topic, PARTITIONS, &[]);
        let history = Writer::open(&folder.join("parent.jsonl"), "parent").unwrap();
        let records = with_copies(&flights);
        let outgoing: Vec<_> = records.iter().map(|flight| outgoing(flight)).collect();
        let went = kafka::produce(&broker.address, &topic, &outgoing);
        let mut evidence = Evidence::new(orders.clone(), history);
        for ((flight, record), (partition, offset)) in records.iter().zip(&outgoing).zip(&went) {
            evidence.produced(Spot::new(topic.clone(), *partition, *offset), flight, record);
        }
        let number = |name: &str, otherwise| std::env::var(name).ok().map_or(otherwise, |text| text.parse().unwrap());
        let (seed, kills) = (number("ONCEWARD_TEST_SEED", 1), number("ONCEWARD_TEST_KILLS", 5));
        let sent = records.len();
        Self { broker, flights, sent, orders, folder, evidence, members: 0, seed, kills }
    }

    /// Another process of the group, on the same inbox file.
    pub(crate) fn member(&mut self, until_end: bool) -> Member {
        self.members += 1;
        let member = format!("m{:03}", self.members);
        let history = self.folder.join(format!("{member}.jsonl"));
        Member::start(Orders { history, member, until_end, ..self.orders.clone() })
    }

    /// All files of the history.
    pub(crate) fn histories(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl")).collect()
    }

    /// The next pseudo-random number below `limit`: the same for the same seed.
    pub(crate) fn dice(&mut self, limit: u64) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) % limit
    }
}

/// Each hundredth flight comes again, some hundred records later.
fn with_copies(flights: &[Flight]) -> Vec<&Flight> {
    let mut records = Vec::with_capacity(flights.len() + flights.len() / TWICE);
    for (number, flight) in flights.iter().enumerate() {
        records.push(flight);
        if number % TWICE == TWICE - 1 {
            records.extend(flights.get(number.saturating_sub(3 * TWICE)));
        }
    }
    records
}

fn outgoing(flight: &Flight) -> Outgoing {
    Outgoing {
        partition: None,
        key: flight.tailnum.as_ref().map(|tailnum| tailnum.clone().into_bytes()),
        value: Some(serde_json::to_vec(flight).unwrap()),
        headers: vec![
            ("onceward-id".to_owned(), Some(flight.id.clone().into_bytes())),
            ("correlation-id".to_owned(), Some(format!("c/{}", flight.id).into_bytes())),
        ],
    }
}

/// What a produced record looks like in the history.
pub(crate) fn produced(spot: Spot, flight: &Flight, digest: String) -> Step {
    Step::Produced { spot, key: flight.tailnum.clone(), id: flight.id.clone(), digest, aborted: false }
}
