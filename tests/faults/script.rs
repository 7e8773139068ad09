//! What is done to the service, in order. Each step asserts that it hit what it aimed at: a kill that finds nothing in flight proves nothing.

use std::fs::File;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::member::Member;
use crate::world::World;

pub(crate) fn play(world: &mut World) {
    File::create(&world.orders.pace).unwrap();
    let mut member = world.member(false);
    member.until("the first flights are handled", |member| member.done > 1_000);
    member = joined_and_left(world, member);
    member = killed_during_a_group_commit(world, member);
    member = killed_while_a_letter_is_on_its_way(world, member);
    member = killed_while_giving_partitions_back(world, member);
    member = broker_stopped_and_started(world, member);
    for _ in 0..world.kills {
        member = killed_with_records_in_flight(world, member);
    }
    world.evidence.say(onceward_tests::history::Step::Healed);
    std::fs::remove_file(&world.orders.pace).unwrap();
    member.leave();
    // Whatever is left is finished by one that ends by itself.
    world.member(true).finish();
    world.evidence.gather();
}

/// A second process on the same file takes partitions over, works, and leaves in peace.
fn joined_and_left(world: &mut World, mut member: Member) -> Member {
    let mut second = world.member(false);
    second.until("the second member handles flights", |second| second.done > 500);
    member.until("the first member goes on beside it", |_| true);
    second.leave();
    let before = member.done;
    member.until("the first member goes on alone", |member| member.done > before + 500);
    world.evidence.gather();
    member
}

/// One event's statements take seconds inside the transaction; while they do, the database is locked, and that is when it dies.
fn killed_during_a_group_commit(world: &mut World, mut member: Member) -> Member {
    File::create(&world.orders.slow_commit).unwrap();
    member.until("an event with a slow commit is handled", |member| member.slowed.as_ref().is_some_and(|spot| member.has_ended(spot)));
    let database = Connection::open_with_flags(&world.orders.inbox, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
    database.busy_timeout(Duration::ZERO).unwrap();
    // Busy for longer than any ordinary group takes: this is the slow one.
    let mut busy = 0;
    member.until("its transaction is open", |_| {
        busy = if database.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_err() { busy + 1 } else { 0 };
        busy > 50
    });
    drop(database);
    let spot = member.slowed.clone().unwrap();
    member.kill();
    let durable: u32 = crate::evidence::open(&world.orders)
        .query_row("SELECT count(*) FROM journal WHERE part = ? AND record = ?", (spot.partition, spot.offset), |row| row.get(0))
        .unwrap();
    assert_eq!(durable, 0, "the kill was to fall into the transaction, before its commit");
    restarted(world)
}

/// The broker answers nothing; the letter waits for its acknowledgement; the process dies.
fn killed_while_a_letter_is_on_its_way(world: &mut World, mut member: Member) -> Member {
    world.broker.pause();
    member.look();
    let before = member.given_up.len();
    member.until("a flight is given up while the broker is silent", |member| member.given_up.len() > before);
    member.kill();
    world.broker.resume();
    restarted(world)
}

/// Handlers stand still, so that giving partitions back takes as long as it may; in the middle of it the process dies.
fn killed_while_giving_partitions_back(world: &mut World, mut member: Member) -> Member {
    File::create(&world.orders.gate).unwrap();
    member.until("handlers wait at the gate", |member| !member.running.is_empty());
    let revoked = member.revoking;
    let mut second = world.member(false);
    member.until("partitions are being given back", |member| member.revoking > revoked);
    assert!(member.kill() > 0, "handlers were to be running while partitions were given back");
    std::fs::remove_file(&world.orders.gate).unwrap();
    second.until("the other member goes on", |second| second.done > 500);
    world.evidence.gather();
    second
}

fn broker_stopped_and_started(world: &mut World, mut member: Member) -> Member {
    world.broker.stop();
    world.broker.start_again();
    member.look();
    let before = member.done;
    member.until("flights are handled after the broker came back", |member| member.done > before + 20_000);
    world.evidence.gather();
    member
}

fn killed_with_records_in_flight(world: &mut World, mut member: Member) -> Member {
    // Spread over what is left, so that the last kill still finds work.
    let share = world.sent as u64 / (2 * (world.kills + 6));
    let more = 200 + world.dice(share);
    let before = member.done;
    member.until("some more flights are handled", |member| member.done > before + more);
    loop {
        member.freeze();
        if !member.running.is_empty() {
            break;
        }
        member.thaw();
        member.until("a handler runs", |member| !member.running.is_empty());
    }
    assert!(member.kill() > 0, "records were to be in flight");
    restarted(world)
}

/// The state that the dead one left is looked at before the next one touches it.
fn restarted(world: &mut World) -> Member {
    world.evidence.gather();
    let mut member = world.member(false);
    member.until("the restarted service handles flights", |member| member.done > 100);
    member
}
