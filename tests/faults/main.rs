//! All flights of 2013 through a service that is killed, joined, left, and cut off from its broker; and what must be true afterwards.
//!
//! `ONCEWARD_TEST_KILLS` and `ONCEWARD_TEST_SEED` (`cargo xtask faults`) decide how hard it is hit.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod broker;
mod evidence;
mod february;
mod member;
mod outage;
mod script;
mod verdict;
mod world;

#[test]
fn all_flights_are_folded_once_and_in_order_whatever_is_killed() {
    let mut world = world::World::new();
    script::play(&mut world);
    verdict::pronounce(&world);
}
