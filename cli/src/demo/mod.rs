//! `onceward demo`: one month of real flights through every bad day at once, and the proof that nothing was lost, doubled or disordered.
//!
//! The parent process sends the flights, starts the consuming child (this program again), kills it half-way without warning, starts
//! another, and then checks: the table that the handler kept against a plain pass over the file, the dead-letter topic against what was
//! sent, and the sums against each other. Nothing it prints comes from the code under test alone.
//!
//! Reading order: [`run`] → `scenes` (what happens) → `child` (the handler) → `check` (the proof) → `summary` and `story` (what is shown).

mod args;
mod broker;
mod check;
mod child;
mod comeback;
mod evidence;
mod failure;
mod instant;
mod interrupt;
mod letters;
mod logs;
mod numbers;
mod plan;
mod report;
mod scenes;
mod screen;
mod send;
mod story;
mod summary;
mod supervise;
mod table;

pub(crate) use args::DemoArgs;
pub(crate) use scenes::run;
