//! What readers see: the README's two commands, and no trace of the machine that something was made on.

use super::files::Source;
use crate::place::Place;

/// The two commands that a newcomer types.
const COMMANDS: [&str; 2] = ["cargo run --release -- demo", "cargo xtask test"];

/// Complains about a README without its commands and about paths of build machines.
pub(super) fn check(place: &Place, files: &[Source], complaints: &mut Vec<String>) {
    match files.iter().find(|file| file.path == "README.md") {
        None => complaints.push("README.md is missing".to_owned()),
        Some(readme) => {
            let absent = COMMANDS.iter().filter(|command| !readme.text.contains(**command));
            complaints.extend(absent.map(|command| format!("README.md does not show `{command}`")));
        }
    }
    // Only the machine that this runs on can be recognised: an example may well speak of somebody's home. A home or a checkout with a very
    // short path would make ordinary text look like a trace.
    let here = [Some(place.root.display().to_string()), std::env::var("HOME").ok(), std::env::var("CARGO_HOME").ok()];
    let traces: Vec<_> =
        here.into_iter().flatten().map(|path| format!("{}/", path.trim_end_matches('/'))).filter(|path| path.len() > 5).collect();
    for file in files.iter().filter(|file| !file.path.starts_with("xtask/src/tidy/")) {
        for (number, line) in file.text.lines().enumerate() {
            if let Some(trace) = traces.iter().find(|trace| line.contains(trace.as_str())) {
                complaints.push(format!("{}:{}: holds a path of somebody's machine ({trace}…)", file.path, number + 1));
            }
        }
    }
}
