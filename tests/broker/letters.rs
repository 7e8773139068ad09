//! Letters that are gone when somebody wants them handled again.

use onceward::ledger::LetterState;
use onceward_tests::kafka;

use crate::mended::{LETTERS, Mended};
use crate::service::Service;

/// A poison for each of two keys, each with an event that is held behind it.
fn failed(name: &str) -> (Service, Mended, crate::mended::Running) {
    let (service, mended) = (Service::new(name, 1), Mended::default());
    let running = mended.start(&service, service.builder());
    service.send(0, &["bad-a1", "bad-b1", "good-a2", "good-b2"]);
    kafka::until("all are letters, and the ledger says so", || (service.committed(0) == Some(4)).then_some(()));
    (service, mended, running)
}

#[test]
fn a_letter_that_retention_took_is_said_and_the_replay_of_others_goes_on() {
    let (service, mended, running) = failed("expired");
    // The first letter is that of a1.
    kafka::delete_records(&service.brokers, &service.letters(), 0, 1);
    mended.mend();
    service.replay(0, &[0, 1]);
    kafka::until("the other key is whole again", || (service.state(0, 3) == Some(LetterState::Done)).then_some(()));
    assert_eq!(service.state(0, 1), Some(LetterState::Done));
    assert_ne!(service.state(0, 0), Some(LetterState::Done), "nobody handled it");
    service.send(0, &["good-c1"]);
    kafka::until("live events go on", || mended.values().contains(&"good-c1".to_owned()).then_some(()));
    let handled = mended.values();
    assert_eq!(handled.iter().filter(|value| value.contains("-b")).collect::<Vec<_>>(), ["bad-b1", "good-b2"]);
    assert!(!handled.contains(&"bad-a1".to_owned()));
    running.stop().unwrap();
}

#[test]
fn a_dead_letter_topic_that_is_removed_takes_its_letters_and_nothing_else() {
    let (service, mended, running) = failed("removed");
    kafka::delete(&service.brokers, &service.letters());
    mended.mend();
    service.replay(0, &[0, 1]);
    service.send(0, &["good-c1"]);
    kafka::until("live events go on", || mended.values().contains(&"good-c1".to_owned()).then_some(()));
    // Made again, it is another topic: what stands at the place of a letter is not that letter.
    kafka::create(&service.brokers, &service.letters(), 1, &LETTERS);
    service.send(0, &["good-d1"]);
    kafka::until("live events go on still", || mended.values().contains(&"good-d1".to_owned()).then_some(()));
    running.stop().unwrap();

    let running = mended.start(&service, service.builder());
    service.send(0, &["good-e1"]);
    kafka::until("the next life goes on as well", || mended.values().contains(&"good-e1".to_owned()).then_some(()));
    assert!(!mended.values().iter().any(|value| value.starts_with("bad")), "{:?}", mended.values());
    running.stop().unwrap();
}
