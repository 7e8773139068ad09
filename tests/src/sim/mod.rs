//! The simulation of the engine: a seeded world, a checker that shares no code with the engine, a shrinker.
//!
//! [`simulate`] runs seeds and reports; every failure is a number that fails again. [`check`] judges, `world` provokes, [`plan`](Plan)
//! says what a seed stands for.

mod check;
mod coverage;
mod kinds;
mod plan;
mod queue;
mod replay;
mod report;
mod rng;
mod scenario;
mod shrink;
mod world;

pub use check::{State, Verdict, Violation, Watch};
pub use coverage::Coverage;
pub(crate) use queue::Queue;
pub use replay::{Replay, replay};
pub use report::{Failure, Report, run_seed, simulate};
pub(crate) use rng::Rng;
pub use scenario::{Entry, Scenario};
pub use shrink::shrink;
