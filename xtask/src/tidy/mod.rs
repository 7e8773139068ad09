//! `cargo xtask tidy`: the house rules that a machine can check.

mod arrows;
mod documents;
mod features;
mod files;
mod shown;
mod sizes;

use std::process::ExitCode;

use crate::failure::{Failure, Outcome};
use crate::place::Place;

/// All rules, all complaints at once.
pub(crate) fn check(place: &Place) -> Outcome<String> {
    let files = files::tracked(place)?;
    let mut complaints = Vec::new();
    let sizes = sizes::check(&files, &mut complaints);
    let arrows = arrows::check(place, &mut complaints)?;
    features::check(place, &mut complaints)?;
    documents::check(place, &files, &mut complaints);
    shown::check(&files, &mut complaints);
    if complaints.is_empty() {
        return Ok(format!("{sizes}; {arrows}"));
    }
    Err(Failure::new(complaints.join("\n   ")))
}

/// The command.
pub(crate) fn command(place: &Place) -> Outcome<ExitCode> {
    println!("{}", check(place)?);
    Ok(ExitCode::SUCCESS)
}
