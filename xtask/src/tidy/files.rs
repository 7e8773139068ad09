//! The files of the project: what git tracks, and what it would track if it were added now.

use std::fs;
use std::process::Command;

use crate::failure::Outcome;
use crate::place::Place;
use crate::process;

/// One text file.
pub(super) struct Source {
    /// From the root, with forward slashes.
    pub(super) path: String,
    /// Its content.
    pub(super) text: String,
}

/// All text files, sorted by path. Files that are no text are left out.
pub(super) fn tracked(place: &Place) -> Outcome<Vec<Source>> {
    let mut git = Command::new("git");
    git.current_dir(&place.root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let listed = process::quiet(&mut git)?.stdout;
    let mut paths: Vec<_> = listed.split(|byte| *byte == 0).filter_map(|path| String::from_utf8(path.to_vec()).ok()).collect();
    paths.retain(|path| !path.is_empty());
    paths.sort_unstable();
    paths.dedup();
    // A path that is deleted but not yet committed is still listed; there is nothing in it to check.
    Ok(paths.into_iter().filter_map(|path| fs::read_to_string(place.root.join(&path)).ok().map(|text| Source { path, text })).collect())
}
