//! What is inside of what we ship: crates and C libraries, their versions and licences, as texts for people and as CycloneDX for programs.

mod bundled;
mod crates;
mod sbom;
mod texts;

use std::path::PathBuf;

use crate::failure::Outcome;
use crate::place::Place;

/// Something that is linked into a library or program of ours.
#[derive(Debug)]
pub(crate) struct Part {
    name: String,
    /// Not known of what librdkafka carries inside.
    version: Option<String>,
    /// An SPDX expression.
    licence: String,
    /// A package URL, where a registry has it.
    purl: Option<String>,
    /// Files with the licence's text.
    texts: Vec<PathBuf>,
    /// The licence's text, where its source has no file of it.
    said: Option<&'static str>,
}

/// Writes the licences' texts and the bill of materials of the packages that are built from these crates; says how many parts there are.
pub(crate) fn write(place: &Place, roots: &[&str], texts: &std::path::Path, sbom: &std::path::Path) -> Outcome<usize> {
    let (crates, sources) = crates::linked(place, roots)?;
    let bundled = bundled::within(&sources)?;
    let parts: Vec<Part> = bundled.into_iter().chain(crates).collect();
    texts::write(&parts, texts)?;
    sbom::write(&parts, roots, sbom)?;
    Ok(parts.len())
}
