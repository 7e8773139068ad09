//! `cargo xtask test`: everything, in the order in which a mistake is cheapest to find, ended by one line with two numbers.

mod command;
pub(crate) mod kotlin;
pub(crate) mod node;
pub(crate) mod python;
mod report;
mod sdist;
mod suite;

pub(crate) use command::{Options, PythonOptions, python_only, run};
