//! Deaths are files that nobody cleared: here they are made by forgetting.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use onceward_engine::{EventHash, PartitionId};

use super::page::{self, Head};
use super::running::Seat;
use super::{Journal, Name, Running};

fn name(offset: i64) -> Name {
    Name { topic: 7, partition: 3, offset, id: (offset % 2 == 0).then_some(EventHash(offset.unsigned_abs().into())) }
}

/// The process dies: what stands in its file stays, and the lock goes.
fn die(journal: Journal, seats: Vec<Seat>, inbox: &Path, number: u32) {
    let file = inbox.with_file_name(format!("i.db-running-{number}"));
    let bytes = std::fs::read(&file).unwrap();
    drop((journal, seats));
    std::fs::write(&file, bytes).unwrap();
}

fn begin(journal: &Journal, offset: i64, alone: bool) -> Seat {
    let seat = Running::seat(&journal.running()).unwrap();
    seat.begin(name(offset), alone);
    seat
}

fn suspects(journal: &mut Journal) -> Vec<(EventHash, u32)> {
    journal.suspects_of(7, 3, PartitionId(0)).into_iter().map(|suspect| (suspect.event, suspect.charges)).collect()
}

fn event(offset: i64) -> EventHash {
    name(offset).event(PartitionId(0))
}

#[test]
fn a_death_in_company_suspects_and_a_death_alone_is_charged() {
    let folder = tempfile::tempdir().unwrap();
    let inbox = folder.path().join("i.db");
    let journal = Journal::open(&inbox, 8).unwrap();
    let seats = vec![begin(&journal, 1, false), begin(&journal, 2, false)];
    die(journal, seats, &inbox, 0);
    let mut journal = Journal::open(&inbox, 8).unwrap();
    assert_eq!(suspects(&mut journal), [(event(1), 0), (event(2), 0)]);
    for death in 1..=3 {
        let seats = vec![begin(&journal, 2, true)];
        die(journal, seats, &inbox, 0);
        journal = Journal::open(&inbox, 8).unwrap();
        assert_eq!(suspects(&mut journal), [(event(1), 0), (event(2), death)]);
    }
    assert_eq!(journal.charges(&name(2)), 3);
}

#[test]
fn the_one_that_began_alone_last_is_charged_unless_somebody_followed() {
    let folder = tempfile::tempdir().unwrap();
    let inbox = folder.path().join("i.db");
    let journal = Journal::open(&inbox, 8).unwrap();
    // Neither of the first two let go, so the third began beside them.
    let seats = vec![begin(&journal, 1, false), begin(&journal, 2, true), begin(&journal, 3, true)];
    die(journal, seats, &inbox, 0);
    let mut journal = Journal::open(&inbox, 8).unwrap();
    assert_eq!(suspects(&mut journal), [(event(1), 0), (event(2), 0), (event(3), 1)]);
    let seats = vec![begin(&journal, 3, true), begin(&journal, 5, false)];
    die(journal, seats, &inbox, 0);
    let mut journal = Journal::open(&inbox, 8).unwrap();
    assert_eq!(suspects(&mut journal)[2..], [(event(3), 1), (event(5), 0)]);
}

#[test]
fn who_ended_is_no_suspect_and_an_end_as_it_should_be_charges_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let inbox = folder.path().join("i.db");
    let journal = Journal::open(&inbox, 8).unwrap();
    drop(begin(&journal, 1, false));
    let seats = vec![begin(&journal, 2, true)];
    journal.close();
    die(journal, seats, &inbox, 0);
    assert_eq!(suspects(&mut Journal::open(&inbox, 8).unwrap()), [(event(2), 0)]);
}

#[test]
fn a_restart_of_the_machine_charges_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let inbox = folder.path().join("i.db");
    let journal = Journal::open(&inbox, 8).unwrap();
    let seats = vec![begin(&journal, 2, true)];
    die(journal, seats, &inbox, 0);
    let file = folder.path().join("i.db-running-0");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[8] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    assert_eq!(suspects(&mut Journal::open(&inbox, 8).unwrap()), [(event(2), 0)]);
}

#[test]
fn another_process_takes_over_and_whoever_answers_is_forgotten_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let inbox = folder.path().join("i.db");
    let dying = Journal::open(&inbox, 8).unwrap();
    let mut living = Journal::open(&inbox, 8).unwrap();
    let mut third = Journal::open(&inbox, 8).unwrap();
    assert_eq!(suspects(&mut living), []);
    let seats = vec![begin(&dying, 1, false), begin(&dying, 2, false)];
    die(dying, seats, &inbox, 0);
    assert_eq!(suspects(&mut living), [(event(1), 0), (event(2), 0)]);
    assert_eq!(suspects(&mut third), [(event(1), 0), (event(2), 0)], "from the file of the one that lives");
    third.acquit(&name(1));
    assert_eq!(suspects(&mut third), [(event(2), 0)], "not from others again");
    let mut back = Journal::open(&inbox, 8).unwrap();
    assert_eq!(suspects(&mut back), [(event(2), 0)], "it is cleared in the files of others");
    assert!(living.suspects_of(7, 4, PartitionId(0)).is_empty(), "another partition");
}

#[test]
fn what_is_no_journal_is_replaced_and_slots_run_out_without_harm() {
    let folder = tempfile::tempdir().unwrap();
    let inbox = folder.path().join("i.db");
    std::fs::write(folder.path().join("i.db-running-0"), "nonsense").unwrap();
    let mut journal = Journal::open(&inbox, 1).unwrap();
    assert_eq!(suspects(&mut journal), []);
    let running = journal.running();
    let seats: Vec<_> = std::iter::from_fn(|| Running::seat(&running)).collect();
    assert!(seats.len() > 1_000);
    drop(seats);
    assert!(Running::seat(&running).is_some());
}

#[test]
fn a_file_of_another_size_is_read_as_what_it_is() {
    let mut file = tempfile::tempfile().unwrap();
    drop(page::make(&mut file, Head { boot: [1, 2], open: true, slots: 2 }).unwrap());
    assert_eq!(page::read(&mut file).unwrap().unwrap().head, Head { boot: [1, 2], open: true, slots: 2 });
    file.set_len(70).unwrap();
    let copy = page::read(&mut file).unwrap().unwrap();
    assert!(copy.running.is_empty() && copy.suspects.is_empty());
}
