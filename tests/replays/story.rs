//! What happens, in order. Each step asserts that it met what it aimed at.

use std::fs::File;
use std::time::{Duration, Instant};

use onceward_engine::ledger::LetterState;
use onceward_flights::Flight;
use onceward_tests::consumer_child::Shift;
use onceward_tests::kafka::{self, Outgoing};

use crate::member::Member;
use crate::{ledger, verdict};

const PARTITIONS: i32 = 4;
/// Nothing here takes longer on a machine that works, a session timeout and two rebalances included.
const PATIENCE: Duration = Duration::from_secs(180);

#[test]
fn what_failed_comes_back_in_order_whatever_happens_to_its_owner() {
    let flights = onceward_flights::january().unwrap();
    let folder = tempfile::Builder::new().prefix("onceward-replays-").tempdir().unwrap().keep();
    let shift = Shift {
        brokers: kafka::brokers(),
        group: kafka::unique("replays"),
        topic: kafka::unique("flights"),
        inbox: folder.join("inbox.db"),
        member: String::new(),
        mended: folder.join("mended"),
        pace: folder.join("pace"),
    };
    kafka::create(&shift.brokers, &shift.topic, PARTITIONS, &[]);
    let (before, after) = flights.split_at(flights.len() * 2 / 3);
    send(&shift, before);
    let first = Member::start(&shift, "first");
    let second = Member::start(&shift, "second");
    let third = Member::start(&shift, "third");
    until("what came before is read", || caught_up(&shift, before.len()));
    let folds = ledger::fold(&shift);
    let (open, held) = (ledger::count(&folds, LetterState::Open), ledger::count(&folds, LetterState::Held));
    assert!(open > 100 && held > 1_000, "{open} letters hold {held} followers");

    // Mended, and wanted again, with a producer that goes on and handlers that take their time.
    File::create(&shift.pace).unwrap();
    File::create(&shift.mended).unwrap();
    assert_eq!(ledger::replay_all(&shift), open);
    let producer = {
        let (shift, after) = (shift.clone(), after.to_vec());
        std::thread::spawn(move || after.chunks(300).for_each(|some| send(&shift, some)))
    };
    let done = |shift: &Shift| ledger::count(&ledger::fold(shift), LetterState::Done);
    until("the replay is under way", || done(&shift) > 200);
    let killed_at = done(&shift);
    first.kill();
    let fourth = Member::start(&shift, "fourth");
    until("another owner goes on with the replay", || done(&shift) > killed_at + 300);
    let stopped_at = done(&shift);
    second.signal("STOP");
    until("what the stopped one had is taken over", || done(&shift) > stopped_at + 600);
    // Past its session timeout, so that it comes back as somebody who has lost everything and does not know.
    let stopped = Instant::now();
    until("its session is over", || stopped.elapsed() > Duration::from_secs(8));
    second.signal("CONT");
    producer.join().unwrap();
    std::fs::remove_file(&shift.pace).unwrap();
    until("everything is read and settled", || {
        // A flight that was under way to its letter when the handler was mended is open, and nobody asked for it yet.
        caught_up(&shift, flights.len())
            && (settled(&shift) || {
                ledger::replay_all(&shift);
                false
            })
    });
    for member in [second, third, fourth] {
        member.leave();
    }
    verdict::pronounce(&shift, &flights);
    std::fs::remove_dir_all(&folder).unwrap();
    for topic in [shift.topic.clone(), format!("{}.{}.dlt", shift.topic, shift.group), format!("{}.{}.ledger", shift.topic, shift.group)] {
        kafka::delete(&shift.brokers, &topic);
    }
}

fn settled(shift: &Shift) -> bool {
    ledger::fold(shift).values().flat_map(onceward_engine::ledger::Fold::letters).all(|letter| letter.record.state.is_terminal())
}

fn send(shift: &Shift, flights: &[Flight]) {
    let outgoing: Vec<_> = flights
        .iter()
        .map(|flight| Outgoing {
            partition: None,
            key: flight.tailnum.as_ref().map(|tailnum| tailnum.clone().into_bytes()),
            value: Some(serde_json::to_vec(flight).unwrap()),
            headers: vec![("onceward-id".to_owned(), Some(flight.id.clone().into_bytes()))],
        })
        .collect();
    kafka::produce(&shift.brokers, &shift.topic, &outgoing);
}

fn caught_up(shift: &Shift, sent: usize) -> bool {
    let committed = kafka::committed(&shift.brokers, &shift.group, &shift.topic);
    committed.values().sum::<i64>() == i64::try_from(sent).unwrap()
}

fn until(what: &str, mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < PATIENCE, "waited {PATIENCE:?} for this: {what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}
