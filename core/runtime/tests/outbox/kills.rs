//! SIGKILL between commit and relay, and during the relay: nothing is lost, and no event has two ids.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::mocking::{MockCluster, MockCoordinator};

use crate::support::{Broker, logs};
use crate::world::{LONG, builder, copy, done, expected, once, pending, send, until};

const ADDRESS: &str = "ONCEWARD_TEST_OUTBOX_BROKERS";
const FILE: &str = "ONCEWARD_TEST_OUTBOX_FILE";

/// The broker that leads the target topic, and leads nothing else.
const TARGET: i32 = 2;

fn world(partitions: i32) -> (Broker, tempfile::TempDir) {
    logs();
    let cluster = MockCluster::new(2).unwrap();
    for topic in ["orders", "orders.g.dlt", "orders.g.ledger", "copies"] {
        cluster.create_topic(topic, partitions, 1).unwrap();
        for partition in 0..partitions {
            cluster.partition_leader(topic, partition, Some(if topic == "copies" { TARGET } else { 1 })).unwrap();
        }
    }
    cluster.coordinator(MockCoordinator::Group("g".to_owned()), 1).unwrap();
    (Broker { cluster }, tempfile::tempdir().unwrap())
}

/// A consumer in a process of its own: it ends with this value.
struct Member(Child);

impl Member {
    fn start(broker: &Broker, file: &Path) -> Self {
        let program = std::env::current_exe().unwrap();
        let child = Command::new(program)
            .args(["kills::member", "--exact", "--ignored", "--nocapture"])
            .env(ADDRESS, broker.address())
            .env(FILE, file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // One that was killed can't be killed again.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
#[ignore = "a process of the tests below"]
fn member() {
    let (address, file) = (std::env::var(ADDRESS).unwrap(), std::env::var(FILE).unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let app = builder(&address, Path::new(&file)).build().unwrap().on("orders", copy);
    runtime.block_on(app.run(std::future::pending())).unwrap();
}

/// Looks at the target topic, again and again, without a client of its own for each look: a kill has to come in time.
struct Length(BaseConsumer, i32);

impl Length {
    fn of(broker: &Broker, partitions: i32) -> Self {
        Self(rdkafka::ClientConfig::new().set("bootstrap.servers", broker.address()).create().unwrap(), partitions)
    }

    fn now(&self) -> usize {
        (0..self.1).map(|number| usize::try_from(self.0.fetch_watermarks("copies", number, LONG).unwrap().1).unwrap()).sum()
    }
}

async fn finish(broker: &Broker, file: &Path) {
    let app = builder(&broker.address(), file).build().unwrap().on("orders", copy);
    app.run_until_end(std::future::pending()).await.unwrap();
    assert_eq!(pending(file), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_committed_before_a_kill_is_sent_by_the_next_process() {
    let (broker, folder) = world(3);
    let file = folder.path().join("inbox.db");
    send(&broker, 0..300);
    broker.cluster.broker_down(TARGET).unwrap();
    let member = Member::start(&broker, &file);
    until("the inbox is there", || file.exists()).await;
    until("every order is handled, and nothing sent", || pending_or_none(&file) == Some(600)).await;
    member.kill();
    assert_eq!(done(&file).len(), 300);
    broker.cluster.broker_up(TARGET).unwrap();
    finish(&broker, &file).await;
    let (seen, copies) = once(&broker.read("copies", 600));
    assert_eq!((seen, copies), (expected(300), 0));
    assert_eq!(done(&file).len(), 300, "nothing was handled again");
}

/// The file may be in the making.
fn pending_or_none(file: &Path) -> Option<u64> {
    onceward::inbox::inspect(file).ok().map(|report| report.outbox.iter().map(|waits| waits.pending).sum())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_while_events_are_on_their_way_lose_nothing_and_change_no_id() {
    const ROUNDS: usize = 4;
    const PORTION: usize = 3_000;
    let (broker, folder) = world(3);
    let file = folder.path().join("inbox.db");
    let length = Length::of(&broker, 3);
    let mut cut = 0;
    for round in 0..ROUNDS {
        send(&broker, round * PORTION..(round + 1) * PORTION);
        let before = length.now();
        let member = Member::start(&broker, &file);
        until("some of it is sent", || length.now() > before + 100 * (round + 1)).await;
        member.kill();
        cut += usize::from(pending(&file) > 0);
    }
    assert!(cut > 0, "no kill hit a row on its way: this test would prove nothing");
    finish(&broker, &file).await;
    let sent = length.now();
    let (seen, _) = once(&broker.read("copies", sent));
    assert_eq!(seen, expected(ROUNDS * PORTION));
    assert_eq!(done(&file).len(), ROUNDS * PORTION);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_processes_on_one_file_one_relays_and_the_other_takes_over() {
    let (broker, folder) = world(4);
    let file = folder.path().join("inbox.db");
    send(&broker, 0..1_000);
    let (first, second) = (Member::start(&broker, &file), Member::start(&broker, &file));
    until("the inbox is there", || pending_or_none(&file).is_some()).await;
    until("the first thousand is handled and sent", || done_or_none(&file) == 1_000 && pending(&file) == 0).await;
    let (seen, copies) = once(&broker.read("copies", 2_000));
    assert_eq!((seen, copies), (expected(1_000), 0), "one relays, in the order of commits");
    first.kill();
    send(&broker, 1_000..2_000);
    until("the second thousand is handled and sent", || done_or_none(&file) == 2_000 && pending(&file) == 0).await;
    second.kill();
    let (seen, _) = once(&broker.read("copies", Length::of(&broker, 4).now()));
    assert_eq!(seen, expected(2_000));
}

fn done_or_none(file: &Path) -> usize {
    let connection = rusqlite::Connection::open(file).unwrap();
    connection.query_row("SELECT COUNT(*) FROM done", [], |row| row.get::<_, i64>(0)).map_or(0, |count| usize::try_from(count).unwrap())
}
