//! A chain of two services, both killed at random: flights, passed on through an outbox, end in the table that a sequential pass makes.
//!
//! `ONCEWARD_TEST_KILLS` and `ONCEWARD_TEST_SEED` (`cargo xtask faults`) decide how often and where.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

mod evidence;

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use evidence::Evidence;
use onceward_flights::{Aircraft, Differences, Fleet, Flight, SELECT, january, sequential_pass};
use onceward_tests::consumer_child::Link;
use onceward_tests::kafka::{self, Outgoing, Stored};
use rusqlite::{Connection, OpenFlags};

const PARTITIONS: i32 = 4;

/// A service in a process of its own.
struct Service {
    link: Link,
    process: Child,
    starts: u32,
}

impl Service {
    fn start(link: Link) -> Self {
        Self::start_as(link, 1)
    }

    fn start_as(mut link: Link, starts: u32) -> Self {
        link.member = format!("{}-{starts}", link.group);
        link.history = link.inbox.with_extension(format!("{starts}.jsonl"));
        let log = File::options().create(true).append(true).open(link.inbox.with_extension("log")).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_chain_child"))
            .env(Link::VARIABLE, serde_json::to_string(&link).unwrap())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { link, process, starts }
    }

    /// SIGKILL, and again from the beginning.
    fn restart(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        *self = Self::start_as(self.link.clone(), self.starts + 1);
    }

    fn assert_lives(&mut self) {
        let ended = self.process.try_wait().unwrap();
        assert!(ended.is_none(), "{} ended by itself; see {}", self.link.group, self.link.inbox.with_extension("log").display());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // One that has ended can't be killed, and need not be.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Rows of a table, or a sum; 0 before there is one.
fn number(inbox: &Path, sql: &str) -> u64 {
    let Ok(database) = Connection::open_with_flags(inbox, OpenFlags::SQLITE_OPEN_READ_WRITE) else { return 0 };
    database.busy_timeout(kafka::PATIENCE).unwrap();
    database.query_row(sql, [], |row| row.get::<_, Option<i64>>(0)).ok().flatten().unwrap_or(0).unsigned_abs()
}

fn fleet(inbox: &Path) -> Fleet {
    let database = Connection::open(inbox).unwrap();
    let mut rows = database.prepare(SELECT).unwrap();
    let aircraft = rows.query_map([], |row| {
        let number = |at| row.get::<_, i64>(at).map(i64::unsigned_abs);
        Ok((row.get(0)?, Aircraft { flights: number(1)?, miles: number(2)?, last_airport: row.get(3)?, chain: number(4)? }))
    });
    aircraft.unwrap().collect::<Result<_, _>>().unwrap()
}

fn outgoing(flight: &Flight) -> Outgoing {
    Outgoing {
        partition: None,
        key: flight.tailnum.clone().map(String::into_bytes),
        value: Some(serde_json::to_vec(flight).unwrap()),
        headers: vec![("onceward-id".to_owned(), Some(flight.id.clone().into_bytes()))],
    }
}

/// The next pseudo-random number below `limit`.
fn dice(seed: &mut u64, limit: u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % limit
}

/// Each event of the second topic has one id, whatever happened to the relay; and each copy is the same event.
fn every_flight_has_one_id(records: &[Stored], flights: &[Flight]) -> u64 {
    let mut by_flight: HashMap<String, String> = HashMap::new();
    let mut copies = 0;
    for record in records {
        let flight: Flight = serde_json::from_slice(record.value.as_ref().unwrap()).unwrap();
        let id = record.header("onceward-id").expect("every publish has an id");
        match by_flight.insert(flight.id.clone(), id.clone()) {
            Some(before) => {
                assert_eq!(before, id, "{} was published under two ids", flight.id);
                copies += 1;
            }
            None => assert_eq!(record.header("causation-id"), Some(flight.id), "the flow goes on"),
        }
    }
    assert_eq!(by_flight.len(), flights.len(), "every flight was passed on");
    copies
}

#[test]
fn a_chain_of_two_services_killed_at_random_counts_each_flight_once_and_in_order() {
    let brokers = kafka::brokers();
    let setting = |name: &str, otherwise| std::env::var(name).ok().map_or(otherwise, |text| text.parse().unwrap());
    let (mut seed, kills) = (setting("ONCEWARD_TEST_SEED", 1), setting("ONCEWARD_TEST_KILLS", 4_u64));
    let flights: Vec<Flight> = january().unwrap().into_iter().filter(|flight| !flight.is_cancelled() && flight.tailnum.is_some()).collect();
    let (source, target) = (kafka::unique("chain-flights"), kafka::unique("chain-passed"));
    kafka::create(&brokers, &source, PARTITIONS, &[]);
    kafka::create(&brokers, &target, PARTITIONS, &[]);
    let folder = tempfile::Builder::new().prefix("onceward-chain-").tempdir().unwrap().keep();
    let link = |name: &str, source: &str, target: Option<&String>| Link {
        brokers: brokers.clone(),
        group: kafka::unique(name),
        source: source.to_owned(),
        target: target.cloned(),
        inbox: folder.join(format!("{name}.db")),
        history: PathBuf::new(),
        member: String::new(),
    };
    let evidence = Evidence::new(&folder);
    let mut services = [link("first", &source, Some(&target)), link("second", &target, None)].map(Service::start);
    let inboxes = services.each_ref().map(|service| service.link.inbox.clone());
    let passed = || number(&inboxes[0], "SELECT COUNT(*) FROM journal");
    let kept = || number(&inboxes[1], "SELECT SUM(flights) FROM aircraft");
    let (mut sent, mut cut) = (0, 0);
    for round in 0..=kills {
        // A portion for each round, so that there is work left for every kill.
        let until = flights.len() * usize::try_from(round + 1).unwrap() / usize::try_from(kills + 1).unwrap();
        let portion: Vec<Outgoing> = flights[sent..until].iter().map(outgoing).collect();
        let victim = usize::try_from(dice(&mut seed, 2)).unwrap();
        let progress = || if victim == 0 { passed() } else { kept() };
        let before = progress();
        kafka::produce(&brokers, &source, &portion);
        let goal = if round == kills { until as u64 } else { before + 1 + dice(&mut seed, (until - sent) as u64 / 2) };
        sent = until;
        kafka::until("the chain goes on", || {
            services.iter_mut().for_each(Service::assert_lives);
            let reached = if round == kills { kept() >= goal } else { progress() >= goal };
            if !reached {
                std::thread::sleep(Duration::from_millis(5));
            }
            reached.then_some(())
        });
        if round < kills {
            services[victim].restart();
            services.iter().for_each(|service| evidence.offsets(&service.link));
            cut += u64::from(number(&inboxes[0], "SELECT SUM(events) FROM onceward_outbox") > 0);
        }
    }
    kafka::until("the outbox is empty", || (number(&inboxes[0], "SELECT COUNT(*) FROM onceward_outbox") == 0).then_some(()));
    let links = services.each_ref().map(|service| service.link.clone());
    drop(services);
    for link in &links {
        evidence.offsets(link);
        evidence.gather(link);
    }
    evidence.breaks_no_promise();
    let differences = Differences::between(&sequential_pass(&flights), &fleet(&inboxes[1]));
    assert!(differences.is_empty(), "{differences:?}; see {}", folder.display());
    assert_eq!(passed(), flights.len() as u64, "each was handled once by the first");
    let copies = every_flight_has_one_id(&kafka::read_all(&brokers, &target), &flights);
    eprintln!("{kills} kills, {cut} with events in the outbox; {copies} of {} events were sent twice and dropped", flights.len());
    std::fs::remove_dir_all(&folder).unwrap();
    for topic in [source, target] {
        kafka::delete(&brokers, &topic);
    }
}
